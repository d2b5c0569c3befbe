//! After a pause one job tries the account out before the others follow.

use gammaq_queue::claim::{Claimed, Step};
use gammaq_queue::settle::{Probe, Settled, Verb};
use gammaq_queue::submit::{Begun, Recorded};

use crate::bench::{Bench, LONG, SETTLE, generation, limited, millis, settlement};
use crate::pause::QUICK;

impl Bench {
    /// Two looks and two submits of an account that was paused until just now.
    async fn after_a_pause(&self) {
        self.looks(3).await;
        self.add("a").await;
        self.add("b").await;
        let jobs = self.claim("setup", 1).await;
        self.settle_by(&QUICK, "setup", limited(&jobs[0], Verb::Again(LONG), None))
            .await;
        self.past(self.paused_until("default").await).await;
    }

    async fn end_probe(&self, worker: &str, job: &Claimed, probe: Probe) {
        let item = gammaq_queue::settle::Settlement {
            probe,
            ..settlement(job, Verb::Again(LONG))
        };
        assert_eq!(self.settle(worker, item).await, Settled::Done);
    }
}

#[tokio::test]
async fn one_goes_first_and_its_good_answer_lets_all_follow() {
    let bench = Bench::start().await;
    bench.after_a_pause().await;
    let first = bench.claim("A", 9).await;
    assert_eq!((first.len(), first[0].probe), (1, true));
    let claim = bench.claim_for("B", 9, LONG).await;
    assert!(
        claim.jobs.is_empty() && claim.next_at.unwrap() > claim.now,
        "{claim:?}"
    );
    assert!(claim.next_at.unwrap() <= claim.now + 1_000);
    bench.end_probe("A", &first[0], Probe::Good).await;
    let fields: Vec<Option<String>> = bench
        .cmd(&[
            "HMGET",
            "@account:default",
            "paused_until",
            "pause_reason",
            "pause_level",
            "probe_until",
        ])
        .await;
    assert_eq!(fields, [None, None, None, None]);
    // The submits at once; the looks when they stand in the schedule again.
    let next = bench.claim("B", 9).await;
    assert_eq!(next.iter().filter(|job| job.step == Step::Submit).count(), 2);
    assert!(next.iter().all(|job| !job.probe));
}

#[tokio::test]
async fn a_generation_is_a_good_answer_too() {
    let bench = Bench::start().await;
    bench.add("a").await;
    bench.add("b").await;
    let jobs = bench.claim("A", 1).await;
    bench
        .settle_by(&QUICK, "A", limited(&jobs[0], Verb::Requeue(millis(0)), None))
        .await;
    bench.past(bench.paused_until("default").await).await;
    let probe = bench.claim("A", 9).await;
    assert_eq!(
        (probe.len(), probe[0].probe, probe[0].step),
        (1, true, Step::Submit)
    );
    assert_eq!(bench.begin("A", &probe[0]).await, Begun::Yes);
    let mut made = generation(&probe[0], "g");
    made.first_look = LONG;
    assert_eq!(
        bench.queue.record_generation("A", &made).await.unwrap(),
        Recorded::Generating
    );
    let next = bench.claim_one("A").await;
    assert_eq!((next.id.as_str(), next.probe), ("b", false));
}

#[tokio::test]
async fn one_that_learnt_nothing_makes_room_for_the_next() {
    let bench = Bench::start().await;
    bench.after_a_pause().await;
    let first = bench.claim("A", 9).await.remove(0);
    bench.end_probe("A", &first, Probe::Open).await;
    // Within a second: Gamma was not reached, so there is no hurry.
    let claim = bench.claim_for("B", 9, LONG).await;
    let second = if claim.jobs.is_empty() {
        assert!(claim.next_at.unwrap() <= claim.now + 1_000, "{claim:?}");
        bench.past(claim.next_at.unwrap()).await;
        bench.claim("B", 9).await
    } else {
        claim.jobs
    };
    assert_eq!((second.len(), second[0].probe), (1, true));
    assert_ne!(second[0].id, first.id);
}

#[tokio::test]
async fn one_that_is_refused_pauses_again_for_longer() {
    let bench = Bench::start().await;
    bench.after_a_pause().await;
    let first = bench.claim("A", 9).await.remove(0);
    let told = limited(&first, Verb::Again(millis(0)), None);
    let before = bench.settle_by(&SETTLE, "A", told).await;
    let took = bench.paused_until("default").await - before;
    assert!((10_000..20_000).contains(&took), "{took}");
    assert!(bench.claim("B", 9).await.is_empty());
}

#[tokio::test]
async fn one_that_is_lost_is_replaced_after_its_lease() {
    let bench = Bench::start().await;
    bench.after_a_pause().await;
    let lost = bench.claim_for("dead", 9, millis(60)).await;
    assert_eq!((lost.jobs.len(), lost.jobs[0].probe), (1, true));
    let claim = bench.claim_for("B", 9, LONG).await;
    if claim.now < lost.now + 60 {
        assert!(claim.jobs.is_empty());
        assert!(claim.next_at.unwrap() <= lost.now + 60, "{claim:?}");
    }
    bench.past(lost.now + 60).await;
    let next = bench.claim("B", 9).await;
    assert_eq!((next.len(), next[0].probe), (1, true));
}
