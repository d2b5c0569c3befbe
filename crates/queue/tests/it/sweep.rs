//! `sweep_jobs`: takes what is gone and too old, and nothing that lives.

use std::time::Duration;

use gammaq_queue::Policy;
use gammaq_queue::settle::{Settled, Verb};
use gammaq_testkit::eventually;

use crate::bench::{Bench, SOON};

fn short() -> Policy {
    Policy {
        results_ttl: Duration::from_millis(30),
        ..Policy::default()
    }
}

#[tokio::test]
async fn entries_of_expired_records_go() {
    let bench = Bench::with(short()).await;
    bench.add_fields(&[("request", "nonsense"), ("id", "a")]).await;
    eventually(SOON, "the record has expired", || async {
        bench.queue.record("a").await.unwrap().is_none()
    })
    .await;
    assert_eq!(bench.queue.sweep_jobs(10).await.unwrap(), 1);
    assert_eq!(bench.queue.sweep_jobs(10).await.unwrap(), 0);
    assert_eq!(bench.count("failed").await, 0);
}

#[tokio::test]
async fn what_is_looked_at_or_parked_stays_however_old() {
    let bench = Bench::with(short()).await;
    bench.add("looked-at").await;
    bench.generating("A", "g").await;
    let job = bench.claim_one("A").await;
    assert_eq!(bench.end("A", &job, Verb::TimeOut).await, Settled::Done);
    bench.add("parked").await;
    let jobs = bench.claim("A", 9).await;
    let parked = jobs.iter().find(|job| job.id == "parked").unwrap();
    bench.begin("A", parked).await;
    assert_eq!(bench.end("A", parked, Verb::Park).await, Settled::Done);
    let now = bench.queue.time().await.unwrap();
    bench.past(now + 40).await;
    assert_eq!(bench.queue.sweep_jobs(10).await.unwrap(), 0);
    assert_eq!(bench.state("looked-at").await, "timed_out");
    assert_eq!(bench.state("parked").await, "ambiguous");
}

/// The time that results are kept was made shorter: records written before have the longer one.
#[tokio::test]
async fn what_is_older_than_results_may_be_goes_with_its_result() {
    let bench = Bench::start().await;
    for id in ["old", "new"] {
        bench.add_fields(&[("request", "nonsense"), ("id", id)]).await;
    }
    let week = Policy::default().results_ttl.as_millis() as u64;
    let old = bench.queue.time().await.unwrap() - week;
    bench
        .cmd::<u64>(&["ZADD", "@failed", &old.to_string(), "old"])
        .await;
    assert_eq!(bench.queue.sweep_jobs(10).await.unwrap(), 1);
    assert!(bench.queue.record("old").await.unwrap().is_none());
    assert!(bench.queue.result_text("old").await.unwrap().is_none());
    assert_eq!(bench.state("new").await, "failed");
}
