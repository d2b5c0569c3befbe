//! Between the steps of workers: a job that is in somebody's hands.

use gammaq_queue::settle::{Settled, Verb};
use gammaq_queue::submit::{Begun, Recorded};

use super::{attach, cancel, give_up, repoll, resubmit, retry};
use crate::bench::{Bench, LONG, millis};
use gammaq_job::State;

/// Claimed, but not begun: nothing is sent, and the slot comes back.
#[tokio::test]
async fn a_claimed_job_that_is_cancelled_is_not_begun() {
    let bench = Bench::start().await;
    bench.add("a").await;
    let held = bench.claim_one("A").await;
    assert_eq!(bench.count("budget:default").await, 1);
    let text = bench.done(&cancel("a")).await;
    assert!(text.contains("nothing was spent"), "{text}");
    bench.look_at(&["a"]).await;
    assert_eq!(bench.count("budget:default").await, 0, "its slot is back");
    assert_eq!(bench.begin("A", &held).await, Begun::Stale);
    assert_eq!(bench.end("A", &held, Verb::Release).await, Settled::Stale);
    let pair = [("a".to_owned(), held.fence)];
    let renewed = bench.queue.renew_leases("A", LONG, &pair).await.unwrap();
    assert_eq!(renewed, ["a"], "no longer its worker's");
    let all = 0..=u64::MAX >> 12;
    assert_eq!(
        bench.queue.recover_claims("A", all, &[]).await.unwrap(),
        (0, false)
    );
    assert!(bench.claim("B", 9).await.is_empty());
    bench.look_at(&["a"]).await;
}

/// A slot that was charged to the last job of a budget lets the next one go at once.
#[tokio::test]
async fn the_slot_of_a_cancelled_job_is_the_next_ones() {
    let bench = Bench::start().await;
    bench.account("default", 1, LONG).await;
    bench.add("a").await;
    bench.add("b").await;
    bench.claim_one("A").await;
    assert!(bench.claim("A", 9).await.is_empty());
    bench.done(&cancel("a")).await;
    assert_eq!(bench.claim_one("A").await.id, "b");
}

#[tokio::test]
async fn a_job_that_waits_in_line_or_for_its_time_is_out_of_it() {
    let bench = Bench::start().await;
    bench.add("a").await;
    let later = (bench.queue.time().await.unwrap() + 60_000).to_string();
    let fields = [
        ("request", crate::bench::REQUEST),
        ("id", "b"),
        ("run_at", &later),
    ];
    bench.add_fields(&fields).await;
    bench.done(&cancel("a")).await;
    bench.done(&cancel("b")).await;
    bench.look_at(&["a", "b"]).await;
    assert_eq!(
        (bench.count("pending:default").await, bench.count("due").await),
        (0, 0)
    );
    // Back in line at once: its own time is over then.
    bench.done(&retry("b")).await;
    assert_eq!(bench.claim_one("A").await.id, "b");
}

/// A look that is under way settles nothing any more, whatever it saw.
#[tokio::test]
async fn a_look_under_way_counts_no_more() {
    for (from, command, to) in [
        (State::Generating, cancel("a"), "cancelled"),
        (State::TimedOut, repoll("a"), "generating"),
    ] {
        let bench = Bench::start().await;
        bench.job_in(from).await;
        bench.hurry("a").await;
        let look = bench.claim_one("B").await;
        bench.done(&command).await;
        assert_eq!(bench.end("B", &look, Verb::Complete).await, Settled::Stale);
        assert_eq!(bench.state("a").await, to);
        bench.look_at(&["a"]).await;
    }
}

/// The turn to try a paused account out goes to the next job.
#[tokio::test]
async fn a_job_that_tries_an_account_out_gives_its_turn_back() {
    let bench = Bench::start().await;
    bench.add("a").await;
    bench.add("b").await;
    bench
        .cmd::<u64>(&[
            "HSET",
            "@account:default",
            "pause_reason",
            "rate_limited",
            "paused_until",
            "1",
        ])
        .await;
    let probe = bench.claim_one("A").await;
    assert!(probe.probe && probe.id == "a");
    bench.done(&cancel("a")).await;
    bench.cmd::<u64>(&["ZADD", "@accounts", "1", "default"]).await;
    let next = bench.claim_one("A").await;
    assert!(next.probe && next.id == "b", "{next:?}");
}

/// A worker that was taken for dead has an answer after all, whatever was decided meanwhile.
#[tokio::test]
async fn an_answer_that_comes_late_is_kept_whatever_was_decided() {
    for (command, late, state, own, extra) in [
        (give_up("a"), Recorded::Kept, "failed", "late", ""),
        (
            attach("a", "found"),
            Recorded::Extra,
            "generating",
            "found",
            "late",
        ),
        (attach("a", "late"), Recorded::Known, "generating", "late", ""),
        // Nothing was sent yet, so nothing has to be.
        (resubmit("a"), Recorded::Generating, "generating", "late", ""),
    ] {
        let bench = Bench::start().await;
        bench.add("a").await;
        let sent = bench.submitting("A", LONG).await;
        bench.hurry("a").await;
        assert!(bench.claim("B", 9).await.is_empty());
        assert_eq!(bench.state("a").await, "ambiguous");
        bench.done(&command).await;
        bench.look_at(&["a"]).await;
        assert_eq!(bench.record("A", &sent, "late").await, late, "{command:?}");
        let found = (
            bench.state("a").await,
            bench.field("a", "generation_id").await,
            bench.field("a", "extra_generation_id").await,
        );
        assert_eq!(
            found,
            (state.to_owned(), own.to_owned(), extra.to_owned()),
            "{command:?}"
        );
        let snapshot = bench.look_at(&["a"]).await;
        // Its one POST is charged, once.
        assert_eq!(snapshot.budget["default"].len(), 1, "{command:?}");
        assert_eq!(bench.end("A", &sent, Verb::Park).await, Settled::Stale);
    }
}

/// The second POST is under way when the answer to the first comes.
#[tokio::test]
async fn an_answer_to_the_first_post_while_the_second_is_under_way() {
    let bench = Bench::start().await;
    bench.job_in(State::Ambiguous).await;
    bench.done(&resubmit("a")).await;
    let second = bench.submitting("B", LONG).await;
    let mut first = second.clone();
    (first.fence, first.slot) = (1, second.slot.replace(".1", ".0"));
    assert_ne!(first.slot, second.slot, "each POST has a slot of its own");
    assert_eq!(bench.record("A", &first, "one").await, Recorded::Kept);
    assert_eq!(bench.record("B", &second, "two").await, Recorded::Extra);
    let ids = (
        bench.field("a", "generation_id").await,
        bench.field("a", "extra_generation_id").await,
    );
    assert_eq!(ids, ("one".to_owned(), "two".to_owned()));
    assert_eq!(bench.state("a").await, "generating");
    bench.look_at(&["a"]).await;
}

/// What ended is kept for a while; back in line it is kept without an end, and so is what an index that is swept held.
#[tokio::test]
async fn a_job_that_is_back_does_not_expire() {
    let policy = gammaq_queue::Policy {
        results_ttl: millis(1_500),
        ..gammaq_queue::Policy::default()
    };
    let bench = Bench::with(policy).await;
    bench.job_in(State::Failed).await;
    bench.done(&retry("a")).await;
    let now = bench.queue.time().await.unwrap();
    bench.past(now + 1_600).await;
    assert_eq!(bench.queue.sweep_jobs(99).await.unwrap(), 0);
    assert_eq!(bench.state("a").await, "queued");
    bench.look_at(&["a"]).await;
}
