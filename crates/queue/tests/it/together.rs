//! Submits that many make at the same time go together, and each has its own answer.

use std::future::Future;

use gammaq_queue::submit::{Begun, Recorded};
use gammaq_queue::{Error, Queue};
use tokio::task::JoinSet;

use crate::bench::{Bench, LONG, SOON, generation};

const JOBS: usize = 30;

/// Carries out `one` for all numbers at once, and answers what each came to, in order.
async fn all<T: Send + 'static, F>(queue: &Queue, one: impl Fn(Queue, usize) -> F) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for number in 0..JOBS {
        let one = one(queue.clone(), number);
        tasks.spawn(async move { (number, one.await) });
    }
    let mut answers = tasks.join_all().await;
    answers.sort_by_key(|(number, _)| *number);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

async fn calls(bench: &Bench) -> u64 {
    bench.carried_out().await.get("evalsha").copied().unwrap_or(0)
}

#[tokio::test]
async fn each_has_its_own_answer_in_a_few_calls() {
    let bench = Bench::start().await;
    bench.account("odd", 5, SOON).await;
    for number in 0..JOBS {
        let (id, account) = (
            format!("j{number:02}"),
            if number == 3 { "odd" } else { "default" },
        );
        bench
            .add_fields(&[
                ("request", crate::bench::REQUEST),
                ("id", &id),
                ("account", account),
            ])
            .await;
    }
    let mut jobs = bench.claim("A", JOBS).await;
    jobs.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(jobs.len(), JOBS);
    // One whose budget is not what it should be, one of another hold, one that nobody waits for.
    bench.cmd::<()>(&["SET", "@budget:odd", "mine"]).await;
    bench.cmd::<()>(&["HSET", "@job:j05", "fence", "9"]).await;
    // The scripts are known from here on.
    assert_eq!(bench.begin("A", &jobs[0]).await, Begun::Yes);
    bench.record("A", &jobs[0], "g00").await;
    bench.cmd::<()>(&["CONFIG", "RESETSTAT"]).await;

    let begun = all(&bench.queue, |queue, number| {
        let job = jobs[number].clone();
        let not_after = if number == 7 {
            job.claimed_at - 1
        } else {
            u64::MAX >> 12
        };
        async move {
            let begun = queue.begin_submit("A", &job.id, job.fence, not_after, LONG, "http://gamma");
            begun.await
        }
    })
    .await;
    assert!(calls(&bench).await <= 2, "{:?}", bench.carried_out().await);
    for (number, answer) in begun.iter().enumerate() {
        let expected = match (number, answer) {
            (0 | 5, answer) => matches!(answer, Ok(Begun::Stale)),
            (3, answer) => matches!(answer, Err(Error::Refused(why)) if why.contains("WRONGTYPE")),
            (7, answer) => matches!(answer, Ok(Begun::Late)),
            (_, answer) => matches!(answer, Ok(Begun::Yes)),
        };
        assert!(expected, "{number}: {answer:?}");
    }
    for (number, job) in jobs.iter().enumerate() {
        let state = match number {
            0 => "generating",
            3 | 5 | 7 => "queued",
            _ => "submitting",
        };
        assert_eq!(bench.state(&job.id).await, state, "{number}");
    }
    assert_eq!(bench.stat("begun").await, JOBS as u64 - 3);

    bench.cmd::<u64>(&["DEL", "@job:j09"]).await;
    bench.cmd::<()>(&["CONFIG", "RESETSTAT"]).await;
    let made = all(&bench.queue, |queue, number| {
        let job = jobs[number].clone();
        async move {
            let id = format!("g{number:02}");
            queue.record_generation("A", &generation(&job, &id)).await
        }
    })
    .await;
    assert!(calls(&bench).await <= 2, "{:?}", bench.carried_out().await);
    for (number, answer) in made.iter().enumerate() {
        let expected = match (number, answer) {
            (0, answer) => matches!(answer, Ok(Recorded::Known)),
            (3, answer) => matches!(answer, Err(Error::Refused(_))),
            (9, answer) => matches!(answer, Ok(Recorded::Missing)),
            (_, answer) => matches!(answer, Ok(Recorded::Generating)),
        };
        assert!(expected, "{number}: {answer:?}");
        if ![3, 9].contains(&number) {
            let id = format!("g{number:02}");
            assert_eq!(bench.field(&jobs[number].id, "generation_id").await, id);
        }
    }
}

#[tokio::test]
async fn in_a_full_redis_none_of_them_begins() {
    let bench = Bench::start().await;
    for number in 0..JOBS {
        bench.add(&format!("j{number:02}")).await;
    }
    let jobs = bench.claim("A", JOBS).await;
    assert_eq!(bench.begin("A", &jobs[0]).await, Begun::Yes);
    bench.fill().await;
    let begun = all(&bench.queue, |queue, number| {
        // The first writes nothing: it was begun already.
        let job = jobs[number].clone();
        async move {
            let begun = queue.begin_submit("A", &job.id, job.fence, u64::MAX >> 12, LONG, "http://gamma");
            begun.await
        }
    })
    .await;
    for (number, answer) in begun.iter().enumerate().skip(1) {
        assert!(matches!(answer, Err(Error::Full(_))), "{number}: {answer:?}");
    }
    for job in &jobs[1..] {
        assert_eq!(bench.state(&job.id).await, "queued");
    }
    // What was begun is recorded all the same.
    assert_eq!(bench.record("A", &jobs[0], "made").await, Recorded::Generating);
}
