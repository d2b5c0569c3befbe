//! `begin_submit` and `renew_leases`: nothing is begun without a hold, a slot and time.

use gammaq_queue::settle::{Settled, Verb};
use gammaq_queue::submit::Begun;

use crate::bench::{Bench, LONG, limited, millis};

#[tokio::test]
async fn the_intent_is_written_once() {
    let bench = Bench::start().await;
    bench.add("a").await;
    let job = bench.claim_one("A").await;
    assert_eq!(
        (job.fence, job.attempts, job.request.as_str()),
        (1, 0, crate::bench::REQUEST)
    );
    assert_eq!(bench.begin("A", &job).await, Begun::Yes);
    assert_eq!(bench.state("a").await, "submitting");
    assert_eq!(bench.field("a", "attempts").await, "1");
    assert!(!bench.field("a", "intent_at").await.is_empty());
    assert_eq!(bench.begin("A", &job).await, Begun::Stale);
    assert_eq!(bench.field("a", "attempts").await, "1");
}

#[tokio::test]
async fn neither_another_worker_nor_an_old_hold_begins() {
    let bench = Bench::start().await;
    bench.add("a").await;
    let job = bench.claim_one("A").await;
    assert_eq!(bench.begin("B", &job).await, Begun::Stale);
    assert_eq!(bench.end("A", &job, Verb::Release).await, Settled::Done);
    assert_eq!(bench.begin("A", &job).await, Begun::Stale);
    let again = bench.claim_one("A").await;
    assert_eq!(again.fence, job.fence + 1);
    assert_eq!(bench.begin("A", &job).await, Begun::Stale);
    assert_eq!(bench.begin("A", &again).await, Begun::Yes);
    bench.cmd::<u64>(&["DEL", "@job:a"]).await;
    assert_eq!(bench.begin("A", &again).await, Begun::Stale);
}

#[tokio::test]
async fn what_nobody_waits_for_any_more_is_not_begun() {
    let bench = Bench::start().await;
    bench.add("a").await;
    let job = bench.claim_one("A").await;
    let begun = bench
        .queue
        .begin_submit("A", "a", job.fence, job.claimed_at - 1, LONG, "http://gamma")
        .await;
    assert_eq!(begun.unwrap(), Begun::Late);
    assert_eq!(bench.state("a").await, "queued");
}

#[tokio::test]
async fn a_pause_that_came_between_keeps_the_others_back() {
    let bench = Bench::start().await;
    bench.add("a").await;
    bench.add("b").await;
    let jobs = bench.claim("A", 2).await;
    assert_eq!(bench.begin("A", &jobs[0]).await, Begun::Yes);
    let told = limited(&jobs[0], Verb::Requeue(millis(0)), Some(LONG));
    assert_eq!(bench.settle("A", told).await, Settled::Done);
    assert_eq!(bench.begin("A", &jobs[1]).await, Begun::Paused);
    assert_eq!(bench.end("A", &jobs[1], Verb::Release).await, Settled::Done);
    assert_eq!(
        bench.queue.pending_ids("default", 0, 9).await.unwrap(),
        ["a", "b"]
    );
    assert_eq!(bench.count("budget:default").await, 0);
}

/// A late repetition of any step finds that its worker holds the job no more.
#[tokio::test]
async fn each_step_of_an_old_hold_is_refused() {
    let bench = Bench::start().await;
    bench.add("a").await;
    let old = bench.claim_for("A", 1, millis(1)).await.jobs.pop().unwrap();
    bench.past(old.claimed_at + 1).await;
    let job = bench.claim_one("B").await;
    assert_eq!(job.id, "a");
    assert!(job.fence > old.fence);
    for verb in [Verb::Release, Verb::Requeue(millis(0)), Verb::Fail, Verb::Park] {
        assert_eq!(bench.end("A", &old, verb).await, Settled::Stale, "{verb:?}");
    }
    assert_eq!(bench.begin("A", &old).await, Begun::Stale);
    let held = [("a".to_owned(), old.fence)];
    assert_eq!(bench.queue.renew_leases("A", LONG, &held).await.unwrap(), ["a"]);
    assert_eq!(bench.begin("B", &job).await, Begun::Yes);
    assert_eq!(bench.end("A", &old, Verb::Fail).await, Settled::Stale);
    assert_eq!(bench.state("a").await, "submitting");
}

#[tokio::test]
async fn a_hold_is_renewed_and_a_lost_one_is_said() {
    let bench = Bench::start().await;
    for id in ["a", "b", "gone", "odd"] {
        bench.add(id).await;
    }
    let jobs = bench.claim_for("A", 4, millis(1_000)).await.jobs;
    bench.cmd::<u64>(&["DEL", "@job:gone", "@job:odd"]).await;
    bench.cmd::<()>(&["SET", "@job:odd", "x"]).await;
    let mut held: Vec<_> = jobs.iter().map(|job| (job.id.clone(), job.fence)).collect();
    held[1].1 += 1;
    held.push(("never".to_owned(), 1));
    held.rotate_right(2);
    let lost = bench.queue.renew_leases("A", LONG, &held).await.unwrap();
    assert_eq!(lost, ["odd", "never", "b", "gone"]);
    assert!(bench.score("due", "a").await.unwrap() >= jobs[0].claimed_at + 60_000);
    assert_eq!(bench.score("due", "b").await, Some(jobs[0].claimed_at + 1_000));
    assert_eq!(bench.count("due").await, 4);
}
