//! Pauses that an operator makes: nothing that Gamma answers ends them.

use gammaq_queue::claim::{ClaimRequest, OnAmbiguous};
use gammaq_queue::operate::Outcome;
use gammaq_queue::settle::{Pause, Probe, Settled, Verb};
use gammaq_queue::submit::{Begun, Recorded};
use gammaq_queue::{Policy, claim::Step};

use super::{BY, cancel, pause, resume, retry};
use crate::bench::{Bench, LONG, asking, ids, limited, millis, settlement};
use crate::older::Older;

/// Looks that a pause of an operator puts off come back within this, milliseconds.
const HELD: u64 = 15_000;

impl Bench {
    async fn of_account(&self, field: &str) -> String {
        let value: Option<String> = self.cmd(&["HGET", "@account:default", field]).await;
        value.unwrap_or_default()
    }

    /// Whether the account is paused by an operator, and for how long.
    async fn is_held(&self) -> bool {
        let year = 365 * 86_400_000;
        self.of_account("pause_reason").await == "operator"
            && self.paused_until("default").await > self.queue.time().await.unwrap() + year
    }
}

#[tokio::test]
async fn a_paused_account_sends_nothing_and_keeps_its_places() {
    let bench = Bench::start().await;
    bench.account("other", 9, LONG).await;
    bench.looks(1).await;
    bench.add("a").await;
    bench.add_to("other", "b").await;
    let text = bench.done(&pause("default")).await;
    assert!(text.contains("until it is resumed"), "{text}");
    assert!(bench.is_held().await);
    assert_eq!(bench.of_account("paused_by").await, BY);
    let event = bench.newest().await;
    assert!(
        event.by == BY && event.note.contains("account default paused"),
        "{event:?}"
    );
    let before = bench.queue.newest_events(99).await.unwrap();
    let again = bench.operate(&pause("default")).await;
    assert!(
        again.outcome == Outcome::Already && again.text.contains(BY),
        "{again:?}"
    );
    assert_eq!(bench.queue.newest_events(99).await.unwrap(), before);

    let claim = bench.claim_for("A", 9, LONG).await;
    assert_eq!(ids(&claim.jobs), ["b"]);
    // It is asked about again soon, and so is the look that was put off.
    assert!(claim.next_at.unwrap() <= claim.now + HELD, "{claim:?}");
    let due: Vec<(String, f64)> = bench.cmd(&["ZRANGE", "@due", "0", "0", "WITHSCORES"]).await;
    assert!(due[0].1 as u64 <= claim.now + HELD, "{due:?}");
    assert_eq!(bench.queue.pending_ids("default", 0, 9).await.unwrap(), ["a"]);
}

#[tokio::test]
async fn what_was_claimed_before_is_not_begun_and_comes_back() {
    let bench = Bench::start().await;
    bench.add("a").await;
    let held = bench.claim_one("A").await;
    bench.done(&pause("default")).await;
    assert_eq!(bench.begin("A", &held).await, Begun::Paused);
    assert_eq!(bench.end("A", &held, Verb::Release).await, Settled::Done);
    assert_eq!(bench.count("budget:default").await, 0);
    bench.look_at(&["a"]).await;
    assert!(bench.claim("A", 9).await.is_empty());
}

/// Whatever an answer says of the account that was under way when it was paused.
#[tokio::test]
async fn no_answer_ends_it_or_makes_it_shorter() {
    let trouble = |reason, fixed| Some(Pause { reason, fixed });
    for (told_pause, probe) in [
        (None, Probe::Good),
        (None, Probe::Open),
        (trouble("rate_limited", None), Probe::None),
        (trouble("rate_limited", Some(millis(1))), Probe::Open),
        (trouble("unauthorized", None), Probe::Open),
    ] {
        let bench = Bench::start().await;
        bench.looks(1).await;
        let look = bench.claim_one("A").await;
        bench.done(&pause("default")).await;
        let until = bench.paused_until("default").await;
        let mut told = settlement(&look, Verb::Again(millis(0)));
        (told.pause, told.probe) = (told_pause.clone(), probe);
        assert_eq!(bench.settle("A", told).await, Settled::Done);
        assert!(bench.is_held().await, "{told_pause:?} {probe:?}");
        assert_eq!(bench.paused_until("default").await, until);
        let now = bench.queue.time().await.unwrap();
        let due = bench.score("due", &look.id).await.unwrap();
        assert!(
            due <= now + HELD,
            "its look is not put off for ever: {}",
            due - now
        );
    }
    // A generation of the job that tried the account out.
    let bench = Bench::start().await;
    bench.add("a").await;
    let mut job = bench.submitting("A", LONG).await;
    job.probe = true;
    bench.done(&pause("default")).await;
    assert_eq!(bench.record("A", &job, "made").await, Recorded::Generating);
    assert!(bench.is_held().await);
}

#[tokio::test]
async fn resumed_one_job_goes_first() {
    let bench = Bench::start().await;
    bench.looks(2).await;
    bench.add("a").await;
    bench.done(&pause("default")).await;
    assert!(bench.claim("A", 9).await.is_empty());
    let text = bench.done(&resume("default")).await;
    assert!(text.contains("one job goes first"), "{text}");
    let again = bench.operate(&resume("default")).await;
    assert_eq!(again.outcome, Outcome::Already, "{}", again.text);
    // The looks that were put off came back, within a second.
    let now = bench.queue.time().await.unwrap();
    let due: Vec<(String, f64)> = bench.cmd(&["ZRANGE", "@due", "0", "-1", "WITHSCORES"]).await;
    assert_eq!(due.len(), 2);
    assert!(due.iter().all(|(_, at)| *at as u64 <= now + 1_000), "{due:?}");
    // A look whose time came already may be among them.
    let claimed = bench.claim("A", 9).await;
    let probe = claimed.into_iter().find(|job| job.step == Step::Submit).unwrap();
    assert!(probe.probe && probe.id == "a");
    bench.past(now + 1_000).await;
    assert!(bench.claim("A", 9).await.is_empty(), "the others wait for it");
    bench.begin("A", &probe).await;
    bench.record("A", &probe, "made").await;
    assert_eq!(bench.of_account("pause_reason").await, "");
    for id in bench.queue.due_ids(0, 9).await.unwrap() {
        bench.hurry(&id).await;
    }
    assert_eq!(bench.claim("A", 9).await.len(), 3);
    assert_eq!(bench.operate(&resume("default")).await.outcome, Outcome::Already);
}

#[tokio::test]
async fn resumed_too_early_it_pauses_again_by_itself() {
    let bench = Bench::start().await;
    bench.add("a").await;
    bench.done(&pause("default")).await;
    bench.done(&resume("default")).await;
    let probe = bench.claim_one("A").await;
    bench.begin("A", &probe).await;
    let mut told = limited(&probe, Verb::Requeue(millis(0)), Some(LONG));
    told.probe = Probe::Open;
    assert_eq!(bench.settle("A", told).await, Settled::Done);
    assert_eq!(bench.of_account("pause_reason").await, "rate_limited");
    assert_eq!(bench.of_account("paused_by").await, "");
    // A pause that Gamma made is ended the same way.
    bench.done(&resume("default")).await;
    assert!(bench.claim_one("A").await.probe);
    // And an operator's takes its place, however long it was.
    bench
        .cmd::<u64>(&["HSET", "@account:default", "pause_reason", "out_of_credits"])
        .await;
    bench.done(&pause("default")).await;
    assert!(bench.is_held().await);
}

/// A worker of the release before puts looks off to the end of the pause.
#[tokio::test]
async fn looks_that_were_put_off_for_years_come_back_with_resume() {
    let bench = Bench::start().await;
    bench.looks(3).await;
    bench.done(&pause("default")).await;
    let older = Older::new(&bench.queue, &bench.raw, Policy::default());
    let request = ClaimRequest {
        want: 9,
        on_ambiguous: OnAmbiguous::Park,
        ..asking("old")
    };
    assert!(older.claim_jobs(&request).await.jobs.is_empty());
    let far: u64 = bench
        .cmd(&[
            "ZCOUNT",
            "@due",
            &(bench.queue.time().await.unwrap() + LONG.as_millis() as u64 * 9).to_string(),
            "+inf",
        ])
        .await;
    assert_eq!(far, 3);
    bench.done(&resume("default")).await;
    let now = bench.queue.time().await.unwrap();
    for id in bench.queue.due_ids(0, 9).await.unwrap() {
        assert!(bench.score("due", &id).await.unwrap() <= now + 1_000, "{id}");
    }
}

#[tokio::test]
async fn accounts_that_nobody_knows_are_not_made() {
    let bench = Bench::start().await;
    for command in [pause("nobody"), resume("nobody")] {
        let answer = bench.operate(&command).await;
        assert!(
            answer.outcome == Outcome::Missing && answer.text.contains("no account nobody"),
            "{answer:?}"
        );
    }
    assert_eq!(bench.cmd::<u64>(&["EXISTS", "@account:nobody"]).await, 0);
    let answer = bench.operate(&resume("default")).await;
    assert!(
        answer.outcome == Outcome::Already && answer.text.contains("is not paused"),
        "{answer:?}"
    );
}

/// No word of an operator gives a key back.
#[tokio::test]
async fn a_pause_for_want_of_a_key_is_not_ended_by_hand() {
    let bench = Bench::start().await;
    let far = (bench.queue.time().await.unwrap() + 60_000).to_string();
    let fields = ["pause_reason", "no_key", "paused_until", &far];
    bench
        .cmd::<u64>(&[&["HSET", "@account:default"], &fields[..]].concat())
        .await;
    let answer = bench.operate(&resume("default")).await;
    assert!(
        answer.outcome == Outcome::Refused && answer.text.contains("no API key"),
        "{answer:?}"
    );
    assert_eq!(bench.of_account("pause_reason").await, "no_key");
}

#[tokio::test]
async fn a_paused_queue_submits_nothing_and_looks_at_what_is_paid_for() {
    let bench = Bench::start().await;
    bench.looks(1).await;
    bench.add("a").await;
    let held = bench.claim_for("A", 9, LONG).await.jobs;
    assert_eq!(held.len(), 2);
    let (look, submit) = (&held[0], &held[1]);
    bench.done(&pause("*")).await;
    let paused = bench.queue.queue_pause().await.unwrap();
    assert_eq!(paused["by"], BY);
    assert!(paused["at"].parse::<u64>().unwrap() > 0);
    assert_eq!(bench.operate(&pause("*")).await.outcome, Outcome::Already);

    assert_eq!(bench.begin("A", submit).await, Begun::Paused);
    assert_eq!(bench.end("A", submit, Verb::Release).await, Settled::Done);
    assert_eq!(bench.end("A", look, Verb::Again(millis(0))).await, Settled::Done);
    let claim = bench.claim_for("A", 9, LONG).await;
    assert_eq!(ids(&claim.jobs), [look.id.as_str()], "looks go on");
    // Nothing to hand out: it isn't asked again at once.
    let claim = bench.claim_for("B", 9, LONG).await;
    assert!(
        claim.jobs.is_empty() && claim.next_at.is_none_or(|at| at > claim.now),
        "{claim:?}"
    );
    // Entries are taken in, and commands carried out.
    bench.add("b").await;
    bench.done(&cancel("b")).await;
    bench.done(&retry("b")).await;
    bench.look_at(&["a", "b"]).await;

    let text = bench.done(&resume("*")).await;
    assert!(text.contains("accounts that are paused stay so"), "{text}");
    assert!(bench.queue.queue_pause().await.unwrap().is_empty());
    assert_eq!(bench.operate(&resume("*")).await.outcome, Outcome::Already);
    let claim = bench.claim_for("B", 9, LONG).await;
    assert_eq!(ids(&claim.jobs), ["a", "b"]);
    assert!(!claim.jobs[0].probe, "nothing is wrong with the accounts");
    let notes: Vec<_> = bench.queue.newest_events(99).await.unwrap();
    let told = notes
        .iter()
        .filter(|event| event.by == BY && event.note.contains("the queue is"));
    assert_eq!(told.count(), 2);
}
