//! One more submit, and one more look: what stays on the record, and what doesn't.

use gammaq_job::{ErrorKind, State};
use gammaq_queue::accept::Accepted;
use gammaq_queue::operate::Outcome;
use gammaq_queue::settle::{Settled, Verb};
use gammaq_queue::submit::Recorded;

use super::{attach, cancel, give_up, pause, repoll, resubmit, resume, retry};
use crate::bench::{Bench, LONG, REQUEST, error_field, settlement};

impl Bench {
    /// The generation failed: Gamma said so to a look.
    async fn fails(&self, generation: &str) {
        self.generating("A", generation).await;
        let look = self.claim_one("A").await;
        let mut told = settlement(&look, Verb::Fail);
        told.fields = vec![
            error_field(ErrorKind::GenerationFailed),
            ("credits_deducted", "7".to_owned()),
        ];
        assert_eq!(self.settle("A", told).await, Settled::Done);
    }
}

#[tokio::test]
async fn retry_keeps_what_tells_the_posts_apart_and_every_generation() {
    let bench = Bench::start().await;
    bench.add("a").await;
    let mut intents = Vec::new();
    for (n, generation) in ["one", "two", "three"].into_iter().enumerate() {
        bench.fails(generation).await;
        let before = bench.look_at(&["a"]).await.jobs.remove("a").unwrap();
        intents.push(before.get("intent").to_owned());
        bench.done(&retry("a")).await;
        let after = bench.look_at(&["a"]).await.jobs.remove("a").unwrap();
        for kept in [
            "attempts",
            "intent",
            "seq",
            "created_at",
            "fingerprint",
            "request",
            "base_url",
        ] {
            assert_eq!(after.get(kept), before.get(kept), "{kept}");
        }
        assert_eq!(after.number("attempts"), n as u64 + 1);
        assert_eq!(after.number("asked_again"), n as u64 + 1);
        assert!(after.number("fence") > before.number("fence"));
        for gone in [
            "generation_id",
            "error",
            "credits_deducted",
            "finished_at",
            "deadline",
        ] {
            assert_eq!(after.get(gone), "", "{gone}");
        }
    }
    assert_eq!(bench.field("a", "extra_generation_id").await, "one,two,three");
    intents.dedup();
    assert_eq!(intents.len(), 3, "each POST has a name of its own: {intents:?}");
    // Each charged a slot of its own.
    assert_eq!(bench.count("budget:default").await, 3);
    bench.generating("B", "four").await;
    let look = bench.claim_one("B").await;
    assert_eq!(bench.end("B", &look, Verb::Complete).await, Settled::Done);
    let result = bench.queue.result("a").await.unwrap().unwrap();
    assert_eq!(
        (result.state, result.generation_id.as_deref()),
        (State::Completed, Some("four"))
    );
    let text = bench.queue.result_text("a").await.unwrap().unwrap();
    assert!(
        text.contains("\"extraGenerationId\":\"one,two,three\""),
        "nothing is paid twice in silence: {text}"
    );
    bench.look_at(&["a"]).await;
}

/// A generation that is kept is not taken for a new one when its worker reports it once more.
#[tokio::test]
async fn an_old_answer_that_is_repeated_after_a_retry_changes_nothing() {
    let bench = Bench::start().await;
    bench.add("a").await;
    let sent = bench.submitting("A", LONG).await;
    assert_eq!(bench.record("A", &sent, "one").await, Recorded::Generating);
    bench.done(&cancel("a")).await;
    bench.done(&retry("a")).await;
    assert_eq!(bench.record("A", &sent, "one").await, Recorded::Known);
    assert_eq!(bench.state("a").await, "queued");
    assert_eq!(bench.end("A", &sent, Verb::Fail).await, Settled::Stale);
    bench.look_at(&["a"]).await;
}

#[tokio::test]
async fn without_its_request_or_a_key_there_is_no_further_submit() {
    let bench = Bench::start().await;
    bench.job_in(State::Failed).await;
    bench.cmd::<u64>(&["HDEL", "@job:a", "request"]).await;
    let answer = bench.operate(&retry("a")).await;
    assert!(
        answer.outcome == Outcome::Refused && answer.text.contains("kept no more"),
        "{answer:?}"
    );

    bench.add_fields(&[("request", "nonsense"), ("id", "bad")]).await;
    let answer = bench.operate(&retry("bad")).await;
    assert!(
        answer.outcome == Outcome::Refused && answer.text.contains("correct it"),
        "{answer:?}"
    );

    // Nobody has a key for its account, until somebody has.
    let fields = [
        ("request", REQUEST.as_bytes()),
        ("id", b"far"),
        ("account", b"far"),
    ];
    bench.queue.append(&fields).await.unwrap();
    let entries = bench
        .queue
        .read_inbox("intake", 9, crate::bench::millis(1))
        .await
        .unwrap();
    let item = crate::bench::item(&entries[0], false);
    assert_eq!(
        bench.queue.accept_jobs("intake", &[item]).await.unwrap(),
        [Accepted::Failed]
    );
    let answer = bench.operate(&retry("far")).await;
    assert!(
        answer.outcome == Outcome::Refused && answer.text.contains("account far"),
        "{answer:?}"
    );
    bench.account("far", 5, LONG).await;
    bench.done(&retry("far")).await;
    assert_eq!(bench.claim_one("A").await.id, "far");

    // And so where it is parked.
    let other = bench.beside("other").await;
    other.job_in(State::Ambiguous).await;
    other.cmd::<u64>(&["HDEL", "@job:a", "request"]).await;
    assert_eq!(other.operate(&resubmit("a")).await.outcome, Outcome::Refused);
    other.done(&give_up("a")).await;
    let error = other.queue.result("a").await.unwrap().unwrap().error.unwrap();
    assert_eq!(error.kind, ErrorKind::GaveUp);
    assert!(error.message.contains("ops@desk"), "{}", error.message);
}

#[tokio::test]
async fn a_generation_that_the_job_had_before_can_be_its_own_again() {
    let bench = Bench::start().await;
    bench.job_in(State::Ambiguous).await;
    bench
        .cmd::<u64>(&["HSET", "@job:a", "extra_generation_id", "one,two,three"])
        .await;
    let submitted = bench.stat("submitted").await;
    bench.done(&attach("a", "two")).await;
    let ids = (
        bench.field("a", "generation_id").await,
        bench.field("a", "extra_generation_id").await,
    );
    assert_eq!(ids, ("two".to_owned(), "one,three".to_owned()));
    assert_eq!(bench.stat("submitted").await, submitted, "it was counted before");
    let look = bench.claim_one("A").await;
    assert_eq!(look.generation_id, "two");
}

#[tokio::test]
async fn a_new_deadline_is_the_callers_or_that_of_its_kind() {
    for (kind, timeout, expected) in [
        ("generation", "", 300_000),
        ("agent", "", 2_400_000),
        ("generation", "77", 77_000),
        ("agent", "77", 77_000),
    ] {
        let bench = Bench::start().await;
        bench.job_in(State::TimedOut).await;
        bench
            .cmd::<u64>(&["HSET", "@job:a", "kind", kind, "timeout", timeout])
            .await;
        let before = bench.queue.time().await.unwrap();
        bench.done(&repoll("a")).await;
        let after = bench.queue.time().await.unwrap();
        let deadline: u64 = bench.field("a", "deadline").await.parse().unwrap();
        assert!(
            (before + expected..=after + expected).contains(&deadline),
            "{kind} {timeout}: {} after now",
            deadline - before
        );
        // Looked at from now on, and no more by late looks.
        let look = bench.claim_one("A").await;
        assert_eq!((look.state, look.late_until), (State::Generating, 0));
        assert_eq!(bench.field("a", "late_until").await, "");
        bench.look_at(&["a"]).await;
    }
}

/// One that was looked at for the last time is kept for a while only, until somebody asks for one more look.
#[tokio::test]
async fn a_job_whose_late_looks_are_over_is_looked_at_again() {
    let bench = Bench::start().await;
    bench.job_in(State::TimedOut).await;
    bench.hurry("a").await;
    let look = bench.claim_one("A").await;
    assert_eq!(bench.end("A", &look, Verb::Rest).await, Settled::Done);
    bench.look_at(&["a"]).await;
    bench.done(&repoll("a")).await;
    bench.look_at(&["a"]).await;
    let look = bench.claim_one("A").await;
    assert_eq!(bench.end("A", &look, Verb::Complete).await, Settled::Done);
    bench.look_at(&["a"]).await;
}

/// Where nothing new starts, operators can still decide: that is when they have to.
#[tokio::test]
async fn a_full_redis_takes_every_command() {
    let first = Bench::start().await;
    let cases = [
        (State::Queued, cancel("a"), "cancelled"),
        (State::Generating, cancel("a"), "cancelled"),
        (State::Failed, retry("a"), "queued"),
        (State::Ambiguous, attach("a", "found"), "generating"),
        (State::Ambiguous, resubmit("a"), "queued"),
        (State::Ambiguous, give_up("a"), "failed"),
        (State::TimedOut, repoll("a"), "generating"),
    ];
    let mut benches = Vec::new();
    for (n, (from, command, to)) in cases.into_iter().enumerate() {
        let bench = first.beside(&format!("full-{n}")).await;
        bench.job_in(from).await;
        benches.push((bench, command, to));
    }
    first.fill().await;
    for (bench, command, to) in &benches {
        bench.done(command).await;
        assert_eq!(bench.state("a").await, *to, "{command:?}");
        for command in [pause("default"), resume("default"), pause("*"), resume("*")] {
            bench.done(&command).await;
        }
    }
    first.cmd::<()>(&["CONFIG", "SET", "maxmemory", "0"]).await;
    for (bench, ..) in &benches {
        bench.look_at(&["a"]).await;
    }
}
