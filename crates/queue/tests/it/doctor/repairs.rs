//! What the doctor mends, and that nothing else changes.

use std::sync::Arc;

use gammaq_queue::Policy;
use gammaq_queue::doctor::Mended;
use gammaq_testkit::eventually;
use tokio::task::JoinSet;

use super::corruptions::CORRUPTIONS;
use super::{corrupt, examine, people, sound, words};
use crate::bench::{Bench, LONG, SOON};

/// Every corruption: what can be mended is mended by one round, and the rest is left as it is.
#[tokio::test]
async fn what_is_mended_is_found_no_more() {
    let first = Arc::new(Bench::on(sound().await, Policy::default()).await);
    let mut cases = JoinSet::new();
    for (n, (commands, _)) in CORRUPTIONS.iter().enumerate() {
        let first = Arc::clone(&first);
        cases.spawn(async move {
            let bench = first.beside(&format!("mend-{n}")).await;
            people(&bench).await;
            corrupt(&bench, commands).await;
            let before = examine(&bench).await;
            let budget: Vec<String> = budget_of(&bench).await;
            for finding in &before.findings {
                let wanted = if finding.mendable {
                    Mended::Done
                } else {
                    Mended::Refused
                };
                assert_eq!(
                    bench.queue.mend(finding, "doctor").await.unwrap(),
                    wanted,
                    "{finding:?}"
                );
            }
            let after = examine(&bench).await;
            let left: Vec<_> = before.findings.iter().filter(|it| !it.mendable).collect();
            let left: Vec<_> = left.iter().map(|it| it.what.as_str()).collect();
            assert_eq!(words(&after), left, "{commands}: {:#?}", after.findings);
            assert_eq!(
                budget_of(&bench).await,
                budget,
                "{commands}: slots never come back by this"
            );
            // Twice is once.
            for finding in before
                .findings
                .iter()
                .filter(|it| it.mendable && !it.subject.is_empty())
            {
                let again = bench.queue.mend(finding, "doctor").await.unwrap();
                let always =
                    finding.key.ends_with(":accounts") || finding.what.as_str().starts_with("result_");
                assert!(again == Mended::Gone || always, "{finding:?}");
            }
        });
    }
    cases.join_all().await;
}

async fn budget_of(bench: &Bench) -> Vec<String> {
    bench.cmd(&["ZRANGE", "@budget:default", "0", "-1"]).await
}

async fn mend_all(bench: &Bench) {
    for finding in examine(bench).await.mendable() {
        assert_eq!(bench.queue.mend(finding, "doctor").await.unwrap(), Mended::Done);
    }
}

#[tokio::test]
async fn a_waiting_job_is_put_back_into_its_old_place_and_submitted_once() {
    let bench = Bench::on(sound().await, Policy::default()).await;
    for id in ["a", "b", "c"] {
        bench.add(id).await;
    }
    corrupt(&bench, "ZREM @pending:default b").await;
    mend_all(&bench).await;
    let line: Vec<String> = bench.cmd(&["ZRANGE", "@pending:default", "0", "-1"]).await;
    assert_eq!(line, ["a", "b", "c"]);
    let claimed = bench.claim("A", 10).await;
    assert_eq!(crate::bench::ids(&claimed), ["a", "b", "c"]);
    let told = bench.queue.newest_events(10).await.unwrap();
    let mended: Vec<_> = told
        .iter()
        .filter(|it| it.note == "mended: queued_nowhere")
        .collect();
    assert_eq!((mended.len(), mended[0].id.as_str()), (1, "b"));
}

/// The worker may still be waiting for the answer: parking has to come later than that.
#[tokio::test]
async fn a_submit_in_no_schedule_is_parked_in_the_end_and_never_sent_again() {
    let bench = Bench::on(sound().await, Policy::default()).await;
    bench.add("a").await;
    let job = bench.submitting("A", LONG).await;
    corrupt(&bench, "ZREM @due a").await;
    mend_all(&bench).await;
    let (due, now) = (
        bench.score("due", "a").await.unwrap(),
        bench.queue.time().await.unwrap(),
    );
    assert!(due > now + 3_500_000, "{due} at {now}");
    // Its answer comes: nothing was in the way of it.
    assert_eq!(
        bench.record("A", &job, "gen-a").await,
        gammaq_queue::submit::Recorded::Generating
    );

    let bench = bench.beside("other").await;
    bench.add("b").await;
    bench.submitting("A", LONG).await;
    corrupt(&bench, "ZREM @due b;HSET @job:b intent_at 1").await;
    mend_all(&bench).await;
    eventually(SOON, "b is parked", || async {
        bench.claim("B", 10).await;
        match bench.state("b").await.as_str() {
            "ambiguous" => Ok(()),
            other => Err(other.to_owned()),
        }
    })
    .await;
}

/// A job that moved since it was found is left alone.
#[tokio::test]
async fn what_is_no_longer_so_is_not_mended() {
    let bench = Bench::on(sound().await, Policy::default()).await;
    bench.add("a").await;
    corrupt(&bench, "ZREM @pending:default a").await;
    let report = examine(&bench).await;
    let finding = report.mendable().next().unwrap();
    corrupt(&bench, "HSET @job:a state cancelled").await;
    assert_eq!(bench.queue.mend(finding, "doctor").await.unwrap(), Mended::Gone);
    assert_eq!(bench.score("pending:default", "a").await, None);
}

/// Nobody would have called: what is mended is handed out, as the message that it was.
#[tokio::test]
async fn a_callback_in_no_schedule_is_made_after_all() {
    let bench = Bench::on(sound().await, Policy::default()).await;
    bench.completed("a").await;
    let message = bench.of("a", "callback_id").await;
    corrupt(&bench, "ZREM @callbacks a").await;
    assert!(bench.callbacks("A").await.is_empty());
    mend_all(&bench).await;
    let callbacks = bench.callbacks("A").await;
    assert_eq!((callbacks.len(), &callbacks[0].message_id), (1, &message));
    // One that waits for another attempt goes on waiting.
    bench
        .tell("A", &callbacks[0], crate::callbacks::again(LONG))
        .await;
    let at = bench.score("callbacks", "a").await;
    corrupt(&bench, "ZREM @callbacks a").await;
    mend_all(&bench).await;
    assert_eq!(bench.score("callbacks", "a").await, at);
}
