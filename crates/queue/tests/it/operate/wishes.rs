//! A wish to cancel that comes while the job is being submitted: carried out when the answer is there, whatever it is.

use gammaq_job::{ErrorKind, State};
use gammaq_queue::claim::{ClaimRequest, OnAmbiguous};
use gammaq_queue::operate::Outcome;
use gammaq_queue::settle::{Settled, Verb};
use gammaq_queue::submit::Recorded;
use gammaq_queue::{Policy, operate::Answer};

use super::{BY, attach, cancel, resubmit, retry};
use crate::bench::{Bench, LONG, SETTLE, asking, error_field, millis, settlement};
use crate::older::Older;

impl Bench {
    /// A job `a` whose POST is under way, and that is wanted no more.
    async fn unwanted(&self) -> gammaq_queue::claim::Claimed {
        self.add("a").await;
        let job = self.submitting("A", LONG).await;
        let Answer { outcome, text } = self.operate(&cancel("a")).await;
        assert_eq!(outcome, Outcome::Noted, "{text}");
        assert!(text.contains("as soon as the answer is there"), "{text}");
        assert_eq!(
            (
                self.state("a").await.as_str(),
                self.field("a", "cancel_requested_by").await.as_str()
            ),
            ("submitting", BY)
        );
        job
    }

    async fn is_cancelled(&self, generation: &str, said: &str) {
        let job = self.look_at(&["a"]).await.jobs.remove("a").unwrap();
        assert_eq!(job.state(), State::Cancelled, "{job:?}");
        assert_eq!(
            (job.get("generation_id"), job.get("cancel_requested")),
            (generation, "")
        );
        let error = self.queue.result("a").await.unwrap().unwrap().error.unwrap();
        assert_eq!(error.kind, ErrorKind::Cancelled);
        assert!(
            error.message.contains(said) && error.message.contains(BY),
            "{}",
            error.message
        );
        let event = self.newest().await;
        assert_eq!((event.state.as_str(), event.by.as_str()), ("cancelled", BY));
        assert!(
            event.note.contains("while it was being submitted"),
            "{}",
            event.note
        );
        assert!(self.claim("Z", 9).await.is_empty(), "nothing more is done for it");
    }
}

#[tokio::test]
async fn accepted_it_is_cancelled_with_its_generation() {
    let bench = Bench::start().await;
    let job = bench.unwanted().await;
    assert_eq!(bench.record("A", &job, "made").await, Recorded::Generating);
    bench.is_cancelled("made", "credits are spent all the same").await;
    assert_eq!(bench.count("budget:default").await, 1, "its POST counts");
    assert_eq!(bench.record("A", &job, "made").await, Recorded::Known);
    bench.is_cancelled("made", "credits are spent all the same").await;
}

#[tokio::test]
async fn certainly_not_accepted_it_is_cancelled_and_its_slot_comes_back() {
    for delay in [0, 5_000] {
        let bench = Bench::start().await;
        let job = bench.unwanted().await;
        assert_eq!(
            bench.end("A", &job, Verb::Requeue(millis(delay))).await,
            Settled::Done
        );
        bench.is_cancelled("", "nothing was spent").await;
        assert_eq!(bench.count("budget:default").await, 0);
    }
}

#[tokio::test]
async fn refused_it_failed_and_the_wish_is_over() {
    let bench = Bench::start().await;
    let job = bench.unwanted().await;
    let mut told = settlement(&job, Verb::Fail);
    told.fields = vec![error_field(ErrorKind::Refused)];
    assert_eq!(bench.settle("A", told).await, Settled::Done);
    let job = bench.look_at(&["a"]).await.jobs.remove("a").unwrap();
    assert_eq!((job.state(), job.get("cancel_requested")), (State::Failed, ""));
    // Asked for again, it is submitted again.
    bench.done(&retry("a")).await;
    let job = bench.submitting("B", LONG).await;
    assert_eq!(bench.record("B", &job, "made").await, Recorded::Generating);
    assert_eq!(bench.state("a").await, "generating");
}

/// Parked it is an operator's; an answer that comes late is not looked at.
#[tokio::test]
async fn parked_it_keeps_the_wish_until_somebody_decides() {
    let late = Bench::start().await;
    let job = late.unwanted().await;
    let mut told = settlement(&job, Verb::Park);
    told.fields = vec![error_field(ErrorKind::Ambiguous)];
    assert_eq!(late.settle("A", told).await, Settled::Done);
    assert_eq!(late.state("a").await, "ambiguous");
    late.look_at(&["a"]).await;
    assert_eq!(late.record("A", &job, "made").await, Recorded::Generating);
    late.is_cancelled("made", "credits are spent all the same").await;

    for (command, state) in [(attach("a", "found"), "generating"), (resubmit("a"), "queued")] {
        let decided = Bench::start().await;
        let job = decided.unwanted().await;
        assert_eq!(decided.end("A", &job, Verb::Park).await, Settled::Done);
        decided.done(&command).await;
        assert_eq!(decided.field("a", "cancel_requested").await, "");
        assert_eq!(decided.state("a").await, state);
        decided.look_at(&["a"]).await;
        assert_eq!(decided.claim_one("B").await.id, "a", "and goes on");
    }
}

/// Policy says to submit again, and the caller to let it be: nothing more is sent.
#[tokio::test]
async fn unclear_under_the_policy_to_submit_again_it_is_cancelled_and_says_so() {
    const SAID: &str = "whether Gamma accepted its last submit is not known";
    let bench = Bench::start().await;
    let job = bench.unwanted().await;
    assert_eq!(
        bench.end("A", &job, Verb::Resubmit(millis(5))).await,
        Settled::Done
    );
    bench.is_cancelled("", SAID).await;
    let result = bench.queue.result("a").await.unwrap().unwrap();
    assert!(result.warnings.iter().any(|it| it.contains(SAID)), "{result:?}");
    assert_eq!(bench.count("budget:default").await, 1, "its POST may count");
    // Its answer comes late: kept, since it was paid for.
    assert_eq!(bench.record("A", &job, "late").await, Recorded::Kept);
    assert_eq!(
        (bench.state("a").await, bench.field("a", "generation_id").await),
        ("cancelled".to_owned(), "late".to_owned())
    );
}

#[tokio::test]
async fn its_worker_died() {
    for (again, end) in [(0, "ambiguous"), (1, "cancelled")] {
        let bench = Bench::start().await;
        bench.unwanted().await;
        bench.hurry("a").await;
        let on_ambiguous = OnAmbiguous::Resubmit(again);
        let request = ClaimRequest {
            on_ambiguous,
            want: 9,
            ..asking("B")
        };
        let claim = bench.queue.claim_jobs(&request).await.unwrap();
        assert!(claim.jobs.is_empty(), "{claim:?}");
        assert_eq!(bench.state("a").await, end);
        bench.look_at(&["a"]).await;
    }
}

/// A second submit, as policy had it, while the first one's generation came late.
#[tokio::test]
async fn a_generation_of_an_earlier_submit_is_known_by_then() {
    for end in ["settled", "answered", "died"] {
        let bench = Bench::start().await;
        bench.add("a").await;
        let first = bench.submitting("A", LONG).await;
        assert_eq!(
            bench.end("A", &first, Verb::Resubmit(millis(0))).await,
            Settled::Done
        );
        let second = bench.submitting("B", LONG).await;
        assert_eq!(bench.record("A", &first, "one").await, Recorded::Kept);
        assert_eq!(bench.operate(&cancel("a")).await.outcome, Outcome::Noted);
        match end {
            "settled" => {
                let settled = bench.end("B", &second, Verb::Requeue(millis(0))).await;
                assert_eq!(settled, Settled::Done);
            }
            "answered" => assert_eq!(bench.record("B", &second, "two").await, Recorded::Extra),
            _ => {
                bench.hurry("a").await;
                assert!(bench.claim("C", 9).await.is_empty());
            }
        }
        bench.is_cancelled("one", "credits are spent all the same").await;
    }
}

/// A worker of the release before forgets the wish. The job is not submitted again for that.
#[tokio::test]
async fn a_worker_of_an_earlier_version_forgets_it_and_the_next_claim_does_not() {
    let bench = Bench::start().await;
    let job = bench.unwanted().await;
    let older = Older::new(&bench.queue, &bench.raw, Policy::default());
    let told = settlement(&job, Verb::Requeue(millis(0)));
    assert_eq!(older.settle("A", &SETTLE, &told).await, Settled::Done);
    assert_eq!(bench.state("a").await, "queued");
    bench.add("b").await;
    assert_eq!(bench.claim_one("B").await.id, "b");
    bench.is_cancelled("", "nothing was spent").await;
}
