//! A job stays with the worker that submitted it until after its first look, under a fence of its own; and nothing that is said late, or
//! twice, takes a hold that isn't meant.

use gammaq_job::command::Command;
use gammaq_queue::claim::Claimed;
use gammaq_queue::operate::{Asker, Timeouts};
use gammaq_queue::settle::{Settled, Verb};
use gammaq_queue::submit::{Begun, Generation, Recorded};

use crate::bench::{Bench, LONG, generation, millis};
use crate::kept::{POLICY, WAIT, kept};

impl Bench {
    async fn record_made(&self, made: &Generation<'_>) -> Recorded {
        self.queue.record_generation("A", made).await.unwrap()
    }

    /// Nobody holds it, and it is due at the time that its record says.
    async fn assert_anybodys(&self, id: &str) {
        assert_eq!(self.field(id, "worker").await, "");
        let next_at = self.field(id, "next_at").await;
        assert_eq!(self.cmd::<String>(&["ZSCORE", "@due", id]).await, next_at);
    }
}

/// What the submit of `job` brought, by a worker that keeps it.
fn made<'a>(job: &'a Claimed, generation_id: &'a str) -> Generation<'a> {
    Generation {
        first_look: millis(WAIT),
        kept: Some(POLICY.kept_for),
        ..generation(job, generation_id)
    }
}

#[tokio::test]
async fn who_submitted_it_has_it_until_after_its_first_look_and_then_anybody() {
    let bench = Bench::start().await;
    bench.add("a").await;
    let job = bench.submitting("A", LONG).await;
    let recorded = bench.record_made(&made(&job, "g")).await;
    let Recorded::Held { deadline } = recorded else {
        panic!("{recorded:?}");
    };
    assert_eq!(bench.field("a", "deadline").await, deadline.to_string());
    let fields = ["state", "worker", "fence", "slot", "generation_id"];
    for (name, value) in fields.iter().zip(["generating", "A", "2", "", "g"]) {
        assert_eq!(bench.field("a", name).await, value, "{name}");
    }
    let next_at: u64 = bench.field("a", "next_at").await.parse().unwrap();
    let due: u64 = bench.cmd(&["ZSCORE", "@due", "a"]).await;
    assert_eq!(due, next_at + 60);
    // It runs once more, or a journal says so too: nothing changes.
    let journal = Generation {
        kept: None,
        ..made(&job, "g")
    };
    for again in [made(&job, "g"), journal] {
        let again = bench.record_made(&again).await;
        assert_eq!(again, Recorded::Known);
    }
    assert_eq!(bench.cmd::<u64>(&["ZSCORE", "@due", "a"]).await, due);
    assert_eq!(bench.field("a", "worker").await, "A");
    // What belongs to the submit comes late, and says nothing any more.
    for verb in [Verb::Park, Verb::Requeue(LONG), Verb::Fail, Verb::Release] {
        assert_eq!(bench.end("A", &job, verb).await, Settled::Stale, "{verb:?}");
    }
    assert_eq!(bench.begin("A", &job).await, Begun::Stale);
    // Its first look; then its worker dies.
    let look = looks_at(job);
    assert_eq!(bench.tell_look(kept(&look, 1)).await, Settled::Kept);
    bench.hurry("a").await;
    let heir = bench.claim_one("B").await;
    assert_eq!((heir.polls, heir.fence), (1, look.fence + 1));
    assert_eq!(bench.tell_look(kept(&look, 2)).await, Settled::Stale);
}

/// The hold of a job that was submitted goes on under the next fence.
fn looks_at(job: Claimed) -> Claimed {
    Claimed {
        fence: job.fence + 1,
        ..job
    }
}

#[tokio::test]
async fn who_heard_no_answer_and_asks_again_holds_it_no_more() {
    let bench = Bench::start().await;
    bench.add("a").await;
    let job = bench.submitting("A", LONG).await;
    bench.record_made(&made(&job, "g")).await;
    let again = Generation {
        kept: Some(millis(0)),
        ..made(&job, "g")
    };
    for _ in 0..2 {
        let recorded = bench.record_made(&again).await;
        assert_eq!(recorded, Recorded::Known);
        bench.assert_anybodys("a").await;
    }
    // It runs late, when somebody else has the job, and when its own worker has it again.
    bench.hurry("a").await;
    let heir = bench.claim_one("B").await;
    bench.record_made(&again).await;
    assert_eq!(bench.field("a", "worker").await, "B");
    assert_eq!(bench.end("B", &heir, Verb::Release).await, Settled::Done);
    bench.hurry("a").await;
    let own = bench.claim_one("A").await;
    bench.record_made(&again).await;
    assert_eq!(bench.field("a", "worker").await, "A");
    assert_eq!(bench.tell_look(kept(&own, 1)).await, Settled::Kept);
}

/// The simulation found it (seed 90): a record that gives the job to whoever comes first runs once more when its worker has claimed and
/// kept the job.
#[tokio::test]
async fn a_record_that_runs_late_takes_no_hold_of_a_claim_away() {
    let bench = Bench::start().await;
    bench.add("a").await;
    let job = bench.submitting("A", LONG).await;
    assert_eq!(bench.record("A", &job, "g").await, Recorded::Generating);
    let own = bench.claim_one("A").await;
    assert_eq!(bench.tell_look(kept(&own, 1)).await, Settled::Kept);
    let due: u64 = bench.cmd(&["ZSCORE", "@due", "a"]).await;
    assert_eq!(bench.record("A", &job, "g").await, Recorded::Known);
    assert_eq!(bench.field("a", "worker").await, "A");
    assert_eq!(bench.cmd::<u64>(&["ZSCORE", "@due", "a"]).await, due);
}

#[tokio::test]
async fn under_a_fence_that_a_failover_gave_out_twice_nobody_keeps_it() {
    let bench = Bench::start().await;
    bench.add("a").await;
    let job = bench.submitting("B", LONG).await;
    // A had the same fence in a past that Redis lost, and comes with its generation.
    assert_eq!(bench.record_made(&made(&job, "g")).await, Recorded::Generating);
    bench.assert_anybodys("a").await;
}

#[tokio::test]
async fn a_submitted_job_that_is_let_go_comes_at_its_time_and_is_not_taken_for_a_claim_that_was_lost() {
    let bench = Bench::start().await;
    bench.add("a").await;
    let job = bench.submitting("A", LONG).await;
    bench.record_made(&made(&job, "g")).await;
    let next_at = bench.field("a", "next_at").await;
    // Between the keeper's hands and the settler's.
    let lost = bench
        .queue
        .recover_claims("A", 0..=u64::MAX >> 12, &[])
        .await
        .unwrap();
    assert_eq!(lost, (0, false));
    assert_eq!(bench.end("A", &looks_at(job), Verb::Release).await, Settled::Done);
    assert_eq!(bench.cmd::<String>(&["ZSCORE", "@due", "a"]).await, next_at);
    assert_eq!(bench.field("a", "worker").await, "");
}

#[tokio::test]
async fn nobody_keeps_what_is_not_wanted_any_more_or_was_given_up() {
    let bench = Bench::start().await;
    bench.add("unwanted").await;
    let job = bench.submitting("A", LONG).await;
    let timeouts = Timeouts {
        classic: LONG,
        agent: LONG,
    };
    let cancel = Command::Cancel("unwanted".parse().unwrap());
    let asker = Asker::direct("ops");
    bench.queue.operate(&asker, &cancel, &timeouts).await.unwrap();
    let recorded = bench.record_made(&made(&job, "g")).await;
    assert_eq!(recorded, Recorded::Generating);
    assert_eq!(bench.field("unwanted", "state").await, "cancelled");
    assert_eq!(bench.field("unwanted", "worker").await, "");

    bench.add("late").await;
    let job = bench.submitting("A", LONG).await;
    assert_eq!(bench.end("A", &job, Verb::Park).await, Settled::Done);
    let recorded = bench.record_made(&made(&job, "h")).await;
    assert_eq!(recorded, Recorded::Generating);
    bench.assert_anybodys("late").await;
}
