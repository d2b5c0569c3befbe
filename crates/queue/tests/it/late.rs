//! A generation is recorded in whatever state its job is by then: it was paid for.

use gammaq_job::{ErrorKind, JobResult};
use gammaq_queue::settle::{Settled, Verb};
use gammaq_queue::submit::Recorded;

use crate::bench::{Bench, LONG, asking, error_field, millis, settlement};
use gammaq_queue::claim::{ClaimRequest, Claimed, OnAmbiguous};

impl Bench {
    /// A job whose worker `A` was taken for dead while it submitted, under the policy to submit again.
    async fn taken_for_dead(&self, again: u32) -> Claimed {
        self.add("a").await;
        let old = self.submitting("A", LONG).await;
        self.hurry("a").await;
        let on_ambiguous = OnAmbiguous::Resubmit(again);
        let request = ClaimRequest {
            on_ambiguous,
            submits: 0,
            not_after: u64::MAX,
            ..asking("B")
        };
        assert!(self.queue.claim_jobs(&request).await.unwrap().jobs.is_empty());
        old
    }

    async fn told(&self) -> JobResult {
        self.queue.result("a").await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn a_parked_job_is_polled_after_all() {
    let bench = Bench::start().await;
    let old = bench.taken_for_dead(0).await;
    assert_eq!(bench.state("a").await, "ambiguous");
    assert_eq!(bench.told().await.error.unwrap().kind, ErrorKind::Ambiguous);
    assert_eq!(bench.record("A", &old, "g").await, Recorded::Generating);
    let note = bench.queue.newest_events(1).await.unwrap()[0].note.clone();
    assert_eq!(note, "the answer came late");
    assert_eq!(bench.queue.result_text("a").await.unwrap(), None);
    assert_eq!(
        (bench.field("a", "error").await, bench.count("ambiguous").await),
        (String::new(), 0)
    );
    assert_eq!(bench.record("A", &old, "g").await, Recorded::Known);
    assert_eq!(bench.stat("submitted").await, 1);
    let look = bench.claim_one("B").await;
    assert_eq!((look.generation_id.as_str(), look.fence > old.fence), ("g", true));
    assert_eq!(bench.end("B", &look, Verb::Complete).await, Settled::Done);
}

#[tokio::test]
async fn a_job_that_waits_for_its_second_submit_is_not_submitted_again() {
    let bench = Bench::start().await;
    let old = bench.taken_for_dead(1).await;
    assert_eq!(bench.queue.pending_ids("default", 0, 9).await.unwrap(), ["a"]);
    assert_eq!(bench.record("A", &old, "g").await, Recorded::Generating);
    assert_eq!(bench.count("pending:default").await, 0);
    // Its one POST is charged, once.
    assert_eq!(bench.count("budget:default").await, 1);
    assert_eq!(bench.claim_one("B").await.generation_id, "g");
}

#[tokio::test]
async fn one_that_waits_in_the_schedule_is_not_submitted_again_either() {
    let bench = Bench::start().await;
    bench.add("a").await;
    let job = bench.submitting("A", LONG).await;
    assert_eq!(bench.end("A", &job, Verb::Resubmit(LONG)).await, Settled::Done);
    assert!(bench.score("due", "a").await.is_some());
    assert_eq!(bench.record("A", &job, "g").await, Recorded::Generating);
    assert_eq!(bench.claim_one("B").await.generation_id, "g");
}

#[tokio::test]
async fn whoever_claimed_it_meanwhile_can_not_begin() {
    let bench = Bench::start().await;
    let old = bench.taken_for_dead(1).await;
    let new = bench.claim_one("B").await;
    assert_eq!((new.attempts, new.resubmits), (1, 1));
    assert_eq!(bench.count("budget:default").await, 2);
    assert_eq!(bench.record("A", &old, "g").await, Recorded::Generating);
    assert_eq!(bench.begin("B", &new).await, gammaq_queue::submit::Begun::Stale);
    assert_eq!(bench.end("B", &new, Verb::Release).await, Settled::Stale);
    assert_eq!(
        bench
            .queue
            .renew_leases("B", LONG, &[("a".to_owned(), new.fence)])
            .await
            .unwrap(),
        ["a"]
    );
    assert_eq!(bench.count("budget:default").await, 1);
    assert_eq!(bench.claim_one("C").await.generation_id, "g");
}

/// `B` sends the second POST just now: the first generation is kept, and is the job's whatever becomes of `B`'s.
async fn second_post(bench: &Bench) -> Claimed {
    let old = bench.taken_for_dead(1).await;
    let new = bench.submitting("B", LONG).await;
    assert_eq!(bench.record("A", &old, "first").await, Recorded::Kept);
    assert_eq!(bench.record("A", &old, "first").await, Recorded::Known);
    assert_eq!(bench.state("a").await, "submitting");
    assert_eq!(bench.field("a", "generation_id").await, "first");
    new
}

#[tokio::test]
async fn two_generations_of_one_job_are_both_said() {
    let bench = Bench::start().await;
    let new = second_post(&bench).await;
    assert_eq!(bench.record("B", &new, "second").await, Recorded::Extra);
    assert_eq!(bench.record("B", &new, "second").await, Recorded::Known);
    assert_eq!(bench.field("a", "extra_generation_id").await, "second");
    assert_eq!(
        (
            bench.stat("extra_generations").await,
            bench.field("a", "slot").await
        ),
        (1, String::new())
    );
    let look = bench.claim_one("C").await;
    assert_eq!(look.generation_id, "first");
    assert_eq!(bench.end("C", &look, Verb::Complete).await, Settled::Done);
    // A third, on a job that is over, is told to whoever asks for the result, and keeps it no longer.
    bench.cmd::<u64>(&["PEXPIRE", "@result:a", "50000"]).await;
    assert_eq!(bench.record("A", &new, "third").await, Recorded::Extra);
    let text = bench.queue.result_text("a").await.unwrap().unwrap();
    assert!(text.contains(r#""extraGenerationId":"second,third""#), "{text}");
    assert!(bench.cmd::<i64>(&["PTTL", "@result:a"]).await <= 50_000);
    assert_eq!(bench.told().await.generation_id.as_deref(), Some("first"));
}

#[tokio::test]
async fn whatever_comes_of_the_second_post_the_first_generation_is_looked_at() {
    for verb in [Verb::Requeue(LONG), Verb::Park, Verb::Resubmit(LONG), Verb::Fail] {
        let bench = Bench::start().await;
        let new = second_post(&bench).await;
        let mut end = settlement(&new, verb);
        end.fields = vec![error_field(ErrorKind::Refused)];
        assert_eq!(bench.settle("B", end).await, Settled::Done, "{verb:?}");
        let look = bench.claim_one("C").await;
        assert_eq!(
            (look.generation_id.as_str(), look.slot.as_str()),
            ("first", ""),
            "{verb:?}"
        );
        assert_eq!(bench.field("a", "error").await, "");
        // The slot comes back only where nothing was accepted for certain.
        let charged = if matches!(verb, Verb::Requeue(_)) { 1 } else { 2 };
        assert_eq!(bench.count("budget:default").await, charged, "{verb:?}");
    }
    let bench = Bench::start().await;
    second_post(&bench).await;
    bench.hurry("a").await;
    let claim = bench.claim_for("C", 9, LONG).await;
    let jobs = if claim.jobs.is_empty() {
        assert!(
            claim.next_at.unwrap() <= claim.now,
            "the look is left, and not said: {claim:?}"
        );
        bench.claim("C", 9).await
    } else {
        claim.jobs
    };
    assert_eq!(jobs[0].generation_id, "first");
}

#[tokio::test]
async fn a_job_that_generates_something_else_keeps_it() {
    let bench = Bench::start().await;
    bench.add("a").await;
    let job = bench.generating("A", "first").await;
    assert_eq!(bench.record("B", &job, "second").await, Recorded::Extra);
    assert_eq!(bench.record("B", &job, "second").await, Recorded::Known);
    assert_eq!(bench.claim_one("C").await.generation_id, "first");
    assert_eq!(bench.queue.result_text("a").await.unwrap(), None);
}

#[tokio::test]
async fn jobs_that_are_over_keep_what_was_paid_for() {
    for (verb, state) in [(Verb::Complete, "completed"), (Verb::TimeOut, "timed_out")] {
        let bench = Bench::start().await;
        bench.add("a").await;
        let job = bench.generating("A", "first").await;
        let look = bench.claim_one("A").await;
        assert_eq!(bench.end("A", &look, verb).await, Settled::Done);
        let ttl: i64 = bench.cmd(&["PTTL", "@result:a"]).await;
        assert_eq!(bench.record("B", &job, "second").await, Recorded::Extra);
        assert_eq!(
            (bench.state("a").await.as_str(), bench.told().await.state.as_str()),
            (state, state)
        );
        assert_eq!(bench.cmd::<i64>(&["PTTL", "@result:a"]).await < 0, ttl < 0);
    }
    let bench = Bench::start().await;
    bench.add("a").await;
    let job = bench.submitting("A", LONG).await;
    let mut refused = settlement(&job, Verb::Fail);
    refused.fields = vec![error_field(ErrorKind::Refused)];
    assert_eq!(bench.settle("A", refused).await, Settled::Done);
    bench.cmd::<u64>(&["PEXPIRE", "@result:a", "50000"]).await;
    assert_eq!(bench.record("A", &job, "g").await, Recorded::Kept);
    assert_eq!(bench.record("A", &job, "g").await, Recorded::Known);
    assert_eq!(bench.told().await.generation_id.as_deref(), Some("g"));
    // Not longer than its record.
    assert!(bench.cmd::<i64>(&["PTTL", "@result:a"]).await <= 50_000);
    assert_eq!(bench.state("a").await, "failed");
}

#[tokio::test]
async fn a_generation_without_a_job_stands_in_the_events() {
    let bench = Bench::start().await;
    bench.add("a").await;
    let job = bench.submitting("A", LONG).await;
    bench.cmd::<u64>(&["DEL", "@job:a"]).await;
    assert_eq!(bench.record("A", &job, "lost-one").await, Recorded::Missing);
    let events = bench.queue.newest_events(1).await.unwrap();
    assert!(
        events[0].note.contains("lost-one") && events[0].id == "a",
        "{events:?}"
    );
    // The POST is over all the same.
    let slot = bench.score("budget:default", &job.slot).await.unwrap();
    assert!(slot <= bench.queue.time().await.unwrap());
    bench.cmd::<()>(&["SET", "@job:a", "of another type"]).await;
    assert_eq!(bench.record("A", &job, "lost-one").await, Recorded::Missing);
    assert_eq!(
        bench.end("A", &job, Verb::Again(millis(0))).await,
        Settled::Missing
    );
}

/// The first submit's answer takes a job out of `ambiguous`, where its second one had brought it: that may have been
/// paid for as well, and then nobody knows the generation.
#[tokio::test]
async fn an_earlier_answer_does_not_hide_that_the_last_submit_is_unclear() {
    let bench = Bench::start().await;
    let old = bench.taken_for_dead(1).await;
    let new = bench.submitting("B", LONG).await;
    assert_eq!(bench.end("B", &new, Verb::Park).await, Settled::Done);
    assert_eq!(bench.record("A", &old, "first").await, Recorded::Generating);
    let note = bench.queue.newest_events(1).await.unwrap()[0].note.clone();
    assert!(note.contains("the last one too is not known"), "{note}");
    // Events go; the record keeps it, and a later warning doesn't take its place.
    let warnings = bench.field("a", "warnings").await;
    assert_eq!(warnings, serde_json::json!([note]).to_string());
}
