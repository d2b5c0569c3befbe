//! `settle_jobs`: every verb from every state, by its holder alone, once.

use gammaq_job::State;
use gammaq_queue::settle::{Settled, Verb};
use gammaq_queue::submit::{Begun, Recorded};

use crate::bench::{Bench, LONG, millis, settlement};
use gammaq_queue::claim::{Claimed, Step};

const VERBS: [Verb; 10] = [
    Verb::Again(LONG),
    Verb::Requeue(LONG),
    Verb::Park,
    Verb::Resubmit(LONG),
    Verb::Fail,
    Verb::Export,
    Verb::Complete,
    Verb::TimeOut,
    Verb::Rest,
    Verb::Release,
];

impl Bench {
    /// A job held by `A` in this state.
    async fn held(&self, id: &str, state: State) -> Claimed {
        self.add(id).await;
        let job = self.claim_one("A").await;
        if state == State::Queued {
            return job;
        }
        assert_eq!(self.begin("A", &job).await, Begun::Yes);
        if state == State::Submitting {
            return job;
        }
        assert_eq!(self.record("A", &job, id).await, Recorded::Generating);
        let look = self.claim_one("A").await;
        if state == State::TimedOut {
            assert_eq!(self.end("A", &look, Verb::TimeOut).await, Settled::Done);
            self.hurry(id).await;
            return self.claim_one("A").await;
        }
        if state == State::Exporting {
            assert_eq!(self.end("A", &look, Verb::Export).await, Settled::Done);
            let step = self.claim_one("A").await;
            assert_eq!((step.step, step.state), (Step::Export, State::Exporting));
            return step;
        }
        look
    }
}

#[tokio::test]
async fn every_verb_moves_from_its_states_alone_and_only_once() {
    use State::{Ambiguous, Completed, Exporting, Failed, Generating, Queued, Submitting, TimedOut};
    let legal = |from: State, verb: Verb| match (from, verb) {
        (Queued | Submitting, Verb::Requeue(_))
        | (Submitting, Verb::Resubmit(_))
        | (Queued, Verb::Release) => Some(Queued),
        (Submitting, Verb::Park) => Some(Ambiguous),
        (Queued | Submitting | Generating, Verb::Fail) => Some(Failed),
        (Generating | Exporting | TimedOut, Verb::Complete) => Some(Completed),
        (Generating | TimedOut, Verb::Export) => Some(Exporting),
        (Generating, Verb::TimeOut) => Some(TimedOut),
        (TimedOut, Verb::Rest) => Some(TimedOut),
        (Generating | Exporting | TimedOut, Verb::Again(_) | Verb::Release) => Some(from),
        _ => None,
    };
    let bench = Bench::start().await;
    let mut n = 0;
    for from in [Queued, Submitting, Generating, Exporting, TimedOut] {
        for verb in VERBS {
            n += 1;
            let id = format!("j{n}");
            let job = bench.held(&id, from).await;
            let to = legal(from, verb);
            let before = bench.queue.record(&id).await.unwrap();
            assert_eq!(bench.end("B", &job, verb).await, Settled::Stale);
            let outcome = bench.end("A", &job, verb).await;
            let after = bench.queue.record(&id).await.unwrap();
            if let Some(to) = to {
                assert_eq!(outcome, Settled::Done, "{from} {verb:?}");
                assert_eq!(after.clone().unwrap().state(), Some(to), "{from} {verb:?}");
                assert!(from == to || gammaq_job::state::is_legal(Some(from), to));
                assert_eq!(after.clone().unwrap().get("worker"), None);
            } else {
                assert_eq!((outcome, &after), (Settled::Stale, &before), "{from} {verb:?}");
            }
            if to.is_some() {
                assert_eq!(
                    bench.end("A", &job, verb).await,
                    Settled::Stale,
                    "{from} {verb:?} twice"
                );
                assert_eq!(
                    bench.queue.record(&id).await.unwrap(),
                    after,
                    "{from} {verb:?} twice"
                );
            }
            // Out of the way of the next one.
            bench.cmd::<u64>(&["ZREM", "@due", &id]).await;
            bench.cmd::<u64>(&["ZREM", "@pending:default", &id]).await;
        }
    }
}

#[tokio::test]
async fn each_of_a_batch_is_settled_by_itself() {
    let bench = Bench::start().await;
    for id in ["a", "b", "c"] {
        bench.add(id).await;
    }
    let jobs = bench.claim("A", 3).await;
    bench.cmd::<u64>(&["DEL", "@job:b"]).await;
    let mut items: Vec<_> = jobs.iter().map(|job| settlement(job, Verb::Release)).collect();
    items.push(items[0].clone());
    items[2].fence += 1;
    let outcomes = bench
        .queue
        .settle_jobs("A", &crate::bench::SETTLE, &items)
        .await
        .unwrap();
    assert_eq!(
        outcomes,
        [Settled::Done, Settled::Missing, Settled::Stale, Settled::Stale]
    );
    assert_eq!(bench.queue.pending_ids("default", 0, 9).await.unwrap(), ["a"]);
}

#[tokio::test]
async fn more_than_a_calls_worth_is_settled() {
    let bench = Bench::start().await;
    bench.account("default", 5_000, LONG).await;
    let request: &[(&str, &[u8])] = &[("request", crate::bench::REQUEST.as_bytes())];
    bench.queue.append_many(&vec![request; 1_500]).await.unwrap();
    assert_eq!(
        bench.accept_waiting().await.len() + bench.accept_waiting().await.len(),
        1_500
    );
    let mut jobs = bench.claim("A", 1_000).await;
    jobs.extend(bench.claim("A", 1_000).await);
    assert_eq!(jobs.len(), 1_500);
    let held: Vec<_> = jobs.iter().map(|job| (job.id.clone(), job.fence)).collect();
    assert!(
        bench
            .queue
            .renew_leases("A", LONG, &held)
            .await
            .unwrap()
            .is_empty()
    );
    let items: Vec<_> = jobs.iter().map(|job| settlement(job, Verb::Release)).collect();
    let outcomes = bench
        .queue
        .settle_jobs("A", &crate::bench::SETTLE, &items)
        .await
        .unwrap();
    assert_eq!(outcomes, vec![Settled::Done; 1_500]);
    assert_eq!(
        (
            bench.count("pending:default").await,
            bench.count("budget:default").await
        ),
        (1_500, 0)
    );
}

/// A late look that finds the deck ends in a result that says so.
#[tokio::test]
async fn a_deck_that_came_late_is_taken() {
    let bench = Bench::start().await;
    let job = bench.held("a", State::TimedOut).await;
    assert!(job.late_until > job.claimed_at);
    assert_eq!(bench.end("A", &job, Verb::Complete).await, Settled::Done);
    assert_eq!(bench.field("a", "late").await, "1");
    assert_eq!(
        (bench.count("timed_out").await, bench.count("completed").await),
        (0, 1)
    );
    assert_eq!(
        bench.queue.result("a").await.unwrap().unwrap().state,
        State::Completed
    );
}

#[tokio::test]
async fn a_delay_is_waited_for() {
    let bench = Bench::start().await;
    let look = bench.held("a", State::Generating).await;
    let now = bench.queue.time().await.unwrap();
    assert_eq!(
        bench.end("A", &look, Verb::Again(millis(40))).await,
        Settled::Done
    );
    let due = bench.score("due", "a").await.unwrap();
    assert!(due >= now + 40);
    let claim = bench.claim_for("A", 9, LONG).await;
    assert!(
        !claim.jobs.is_empty() || claim.next_at == Some(due) && claim.now < due,
        "{claim:?}"
    );
}

#[tokio::test]
async fn a_job_whose_request_is_gone_fails_and_gives_its_slot_back() {
    let bench = Bench::start().await;
    bench.add("a").await;
    bench.cmd::<u64>(&["HDEL", "@job:a", "request"]).await;
    let job = bench.claim_one("A").await;
    assert!(job.request.is_empty());
    assert_eq!(bench.end("A", &job, Verb::Fail).await, Settled::Done);
    assert_eq!(
        (
            bench.state("a").await.as_str(),
            bench.count("budget:default").await
        ),
        ("failed", 0)
    );
    assert_eq!((bench.count("failed").await, bench.count("due").await), (1, 0));
}
