//! Pauses of an account: how long they are, what they hold back, and what not.

use gammaq_queue::claim::{ClaimRequest, Claimed};
use gammaq_queue::settle::{Pause, Probe, SettlePolicy, Settled, Settlement, Verb};

use crate::bench::{Bench, LONG, REQUEST, SETTLE, asking, ids, limited, millis, settlement};

pub(crate) const QUICK: SettlePolicy = SettlePolicy {
    pause_first: millis(30),
    pause_most: millis(200),
    ..SETTLE
};

impl Bench {
    pub(crate) async fn paused_until(&self, account: &str) -> u64 {
        let value: Option<u64> = self
            .cmd(&["HGET", &format!("@account:{account}"), "paused_until"])
            .await;
        value.unwrap_or(0)
    }

    pub(crate) async fn settle_by(&self, policy: &SettlePolicy, worker: &str, item: Settlement) -> u64 {
        let before = self.queue.time().await.unwrap();
        let outcomes = self.queue.settle_jobs(worker, policy, &[item]).await.unwrap();
        assert_eq!(outcomes, [Settled::Done]);
        before
    }

    /// Jobs that generate, with a look due at once.
    pub(crate) async fn looks(&self, count: usize) {
        let request: &[(&str, &[u8])] = &[("request", REQUEST.as_bytes())];
        self.queue.append_many(&vec![request; count]).await.unwrap();
        self.accept_waiting().await;
        for job in self.claim("setup", count).await {
            self.begin("setup", &job).await;
            self.record("setup", &job, &job.id).await;
        }
    }
}

/// Ends the pause now, as if its time had passed, and claims what tries the account out.
async fn probe(bench: &Bench, worker: &str) -> Claimed {
    bench
        .cmd::<u64>(&["HSET", "@account:default", "paused_until", "1"])
        .await;
    bench.cmd::<u64>(&["ZADD", "@accounts", "1", "default"]).await;
    let job = bench.claim_one(worker).await;
    assert!(job.probe);
    job
}

#[tokio::test]
async fn without_retry_after_it_doubles_while_it_goes_on_and_begins_anew_after_a_good_answer() {
    let bench = Bench::start().await;
    bench.add("a").await;
    let mut job = bench.submitting("A", LONG).await;
    for expected in [5_000, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000] {
        let told = limited(&job, Verb::Requeue(millis(0)), None);
        let before = bench.settle_by(&SETTLE, "A", told).await;
        let took = bench.paused_until("default").await - before;
        assert!(
            (expected..expected + 5_000).contains(&took),
            "{took} of {expected}"
        );
        let reason: String = bench.cmd(&["HGET", "@account:default", "pause_reason"]).await;
        assert_eq!(reason, "rate_limited");
        job = probe(&bench, "A").await;
        bench.begin("A", &job).await;
    }
    bench.record("A", &job, "g").await;
    assert_eq!(bench.paused_until("default").await, 0);
    let look = bench.claim_one("A").await;
    assert!(!look.probe);
    let told = limited(&look, Verb::Again(millis(0)), None);
    let before = bench.settle_by(&SETTLE, "A", told).await;
    let took = bench.paused_until("default").await - before;
    assert!((5_000..10_000).contains(&took), "{took}");
}

#[tokio::test]
async fn the_longest_is_held_and_jitter_only_adds() {
    let bench = Bench::start().await;
    bench.looks(1).await;
    let look = bench.claim_one("A").await;
    let mut told = limited(&look, Verb::Again(millis(0)), None);
    told.jitter = 1.0;
    bench
        .cmd::<u64>(&["HSET", "@account:default", "pause_level", "500"])
        .await;
    let before = bench.settle_by(&SETTLE, "A", told).await;
    let took = bench.paused_until("default").await - before;
    assert!((330_000..331_000).contains(&took), "{took}");
}

#[tokio::test]
async fn answers_that_come_while_it_is_paused_do_not_double_it() {
    let bench = Bench::start().await;
    bench.looks(3).await;
    let jobs = bench.claim("A", 3).await;
    bench
        .settle_by(&SETTLE, "A", limited(&jobs[0], Verb::Again(millis(0)), None))
        .await;
    let until = bench.paused_until("default").await;
    bench
        .settle_by(&SETTLE, "A", limited(&jobs[1], Verb::Again(millis(0)), None))
        .await;
    assert_eq!(bench.paused_until("default").await, until);
    assert_eq!(bench.stat("pauses").await, 1);
    assert_eq!(
        bench
            .cmd::<String>(&["HGET", "@account:default", "pause_level"])
            .await,
        "1"
    );
    // But `Retry-After` is Gamma's own word, where it is longer.
    let before = bench
        .settle_by(
            &SETTLE,
            "A",
            limited(&jobs[2], Verb::Again(millis(0)), Some(LONG)),
        )
        .await;
    assert!(bench.paused_until("default").await >= before + 60_000);
}

#[tokio::test]
async fn retry_after_wins_and_a_shorter_one_does_not_shorten_a_pause() {
    let bench = Bench::start().await;
    bench.looks(3).await;
    let jobs = bench.claim("A", 3).await;
    let mut told = limited(&jobs[0], Verb::Again(millis(0)), Some(millis(1_234)));
    told.jitter = 1.0;
    let before = bench.settle_by(&SETTLE, "A", told).await;
    let took = bench.paused_until("default").await - before;
    assert!((1_234..2_000).contains(&took), "{took}");
    for (job, fixed) in [(&jobs[1], LONG), (&jobs[2], millis(1))] {
        bench
            .settle_by(&SETTLE, "A", limited(job, Verb::Again(millis(0)), Some(fixed)))
            .await;
        assert!(bench.paused_until("default").await >= before + 60_000);
    }
}

#[tokio::test]
async fn account_trouble_pauses_for_a_minute_at_first() {
    let bench = Bench::start().await;
    bench.add("a").await;
    let job = bench.submitting("A", LONG).await;
    let mut told = settlement(&job, Verb::Requeue(millis(0)));
    told.pause = Some(Pause {
        reason: "out_of_credits",
        fixed: None,
    });
    told.account_fields = vec![("credits_remaining", "0".to_owned())];
    let before = bench.settle_by(&QUICK, "A", told).await;
    let took = bench.paused_until("default").await - before;
    assert!((60_000..61_000).contains(&took), "{took}");
    let view = bench.queue.account("default").await.unwrap();
    assert_eq!(
        (view.pending, view.fields["pause_reason"].as_str()),
        (1, "out_of_credits")
    );
    assert_eq!(view.fields["credits_remaining"], "0");
    let events = bench.queue.newest_events(9).await.unwrap();
    assert!(
        events
            .iter()
            .any(|event| event.note.contains("paused until") && event.note.contains("out_of_credits"))
    );
}

#[tokio::test]
async fn a_paused_account_hands_out_nothing_and_the_others_do_not_notice() {
    let bench = Bench::start().await;
    bench.account("other", 9, LONG).await;
    bench.looks(2).await;
    let look = bench.claim("A", 1).await.remove(0);
    bench
        .settle_by(&SETTLE, "A", limited(&look, Verb::Again(millis(0)), None))
        .await;
    bench.add("a").await;
    bench.add_to("other", "b").await;
    let until = bench.paused_until("default").await;
    let claim = bench.claim_for("A", 9, LONG).await;
    assert_eq!(ids(&claim.jobs), ["b"]);
    let claim = bench.claim_for("A", 9, LONG).await;
    assert!(claim.jobs.is_empty());
    assert_eq!(claim.next_at, Some(until));
    assert_eq!(bench.queue.pending_ids("default", 0, 9).await.unwrap(), ["a"]);
    assert_eq!(bench.count("due").await, 3);
}

/// Each look waits for the end of the pause, and then they come back over a while: also those that are put off
/// one at a time.
#[tokio::test]
async fn looks_that_waited_come_back_spread() {
    let bench = Bench::start().await;
    bench.looks(60).await;
    let spread = millis(1_000_000);
    let policy = SettlePolicy { spread, ..SETTLE };
    let held = bench.claim("A", 20).await;
    for job in &held {
        bench
            .settle_by(&policy, "A", limited(job, Verb::Again(millis(0)), None))
            .await;
    }
    let until = bench.paused_until("default").await;
    let request = ClaimRequest {
        want: 9,
        spread,
        ..asking("A")
    };
    assert!(bench.queue.claim_jobs(&request).await.unwrap().jobs.is_empty());
    let due: Vec<(String, f64)> = bench.cmd(&["ZRANGE", "@due", "0", "-1", "WITHSCORES"]).await;
    let after: Vec<u64> = due.iter().map(|(_, at)| *at as u64).collect();
    assert_eq!(after.len(), 60);
    assert!(
        after.iter().all(|at| (until..=until + 1_000_000).contains(at)),
        "{after:?}"
    );
    for (what, some) in [("settled", &held[..]), ("claimed", &[])] {
        let among = |id: &String| held.iter().any(|job| job.id == *id);
        let mut times: Vec<u64> = due
            .iter()
            .filter(|(id, _)| among(id) != some.is_empty())
            .map(|(_, at)| *at as u64 - until)
            .collect();
        let count = times.len();
        times.sort_unstable();
        times.dedup();
        assert!(
            times.len() > count * 3 / 4,
            "{what}: {} times for {count} looks",
            times.len()
        );
        assert!(
            times[0] < 300_000 && times[times.len() - 1] > 700_000,
            "{what}: {times:?}"
        );
    }
}

#[tokio::test]
async fn a_stale_answer_pauses_nothing() {
    let bench = Bench::start().await;
    bench.looks(1).await;
    let old = bench.claim_one("A").await;
    bench.hurry(&old.id).await;
    bench.claim_one("B").await;
    let mut told = limited(&old, Verb::Again(millis(0)), Some(LONG));
    told.probe = Probe::Good;
    assert_eq!(bench.settle("A", told).await, Settled::Stale);
    assert_eq!(bench.paused_until("default").await, 0);
}
