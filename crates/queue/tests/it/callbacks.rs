//! Callbacks: put on their schedule in the step that ends the job, handed out until somebody says what became of them.

use std::time::Duration;

use gammaq_job::State;
use gammaq_job::command::{Command, Resolution};
use gammaq_queue::Policy;
use gammaq_queue::accept::Accepted;
use gammaq_queue::callbacks::{Callback, CallbackRequest, CallbackSettled, Told};
use gammaq_queue::operate::{Asker, Outcome, Timeouts};
use gammaq_queue::read::pages::{CallbackList, Filter};
use gammaq_queue::settle::{Settled, Verb};

use crate::bench::{Bench, LONG, REQUEST, millis};

pub(crate) const URL: &str = "https://example.com/hook?token=t";
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);

impl Bench {
    pub(crate) async fn add_with_callback(&self, id: &str) {
        let fields = [("request", REQUEST), ("id", id), ("callback", URL)];
        assert_eq!(self.add_fields(&fields).await, Accepted::Queued);
    }

    pub(crate) async fn callbacks_for(&self, worker: &str, lease: Duration) -> Vec<Callback> {
        let request = CallbackRequest {
            worker,
            want: 9,
            lease,
            retry_for: DAY,
            not_after: u64::MAX,
            per_host: 9,
            busy: &[],
        };
        self.queue.claim_callbacks(&request).await.unwrap().callbacks
    }

    pub(crate) async fn callbacks(&self, worker: &str) -> Vec<Callback> {
        self.callbacks_for(worker, LONG).await
    }

    pub(crate) async fn tell(&self, worker: &str, callback: &Callback, told: Told) -> CallbackSettled {
        self.queue
            .settle_callback(worker, callback, DAY, &told)
            .await
            .unwrap()
    }

    /// A job with a callback that completed.
    pub(crate) async fn completed(&self, id: &str) {
        self.add_with_callback(id).await;
        self.generating("A", &format!("g-{id}")).await;
        let look = self.claim_one("A").await;
        assert_eq!(self.end("A", &look, Verb::Complete).await, Settled::Done);
    }

    pub(crate) async fn of(&self, id: &str, field: &str) -> String {
        let record = self.queue.record(id).await.unwrap();
        let value = record.as_ref().and_then(|it| it.get(field));
        value.unwrap_or_default().to_owned()
    }

    pub(crate) async fn ask_operator(&self, command: &Command) -> Outcome {
        let timeouts = Timeouts {
            classic: LONG,
            agent: LONG,
        };
        let answer = self
            .queue
            .operate(&Asker::direct("ops"), command, &timeouts)
            .await;
        answer.unwrap().outcome
    }

    pub(crate) async fn listed(&self, list: CallbackList) -> Vec<String> {
        let filter = Filter {
            callback: Some(list),
            ..Filter::default()
        };
        let page = self.queue.jobs(&filter, None, 9).await.unwrap();
        page.jobs.into_iter().map(|job| job.id).collect()
    }
}

pub(crate) fn again(wait: Duration) -> Told {
    Told::Again(wait, "status 503".to_owned())
}

#[tokio::test]
async fn every_final_state_is_told_and_no_other() {
    let bench = Bench::start().await;
    bench.completed("completed").await;
    bench
        .add_fields(&[("request", "nonsense"), ("id", "rejected"), ("callback", URL)])
        .await;
    bench.add_with_callback("cancelled").await;
    assert_eq!(
        bench
            .ask_operator(&Command::Cancel("cancelled".parse().unwrap()))
            .await,
        Outcome::Done
    );
    bench.add_with_callback("refused").await;
    let job = bench.submitting("A", LONG).await;
    assert_eq!(bench.end("A", &job, Verb::Fail).await, Settled::Done);
    bench.add_with_callback("late").await;
    bench.generating("A", "g-late").await;
    let look = bench.claim_one("A").await;
    assert_eq!(bench.end("A", &look, Verb::TimeOut).await, Settled::Done);
    // Parked, queued, generating; and one that asks for nothing.
    bench.add_with_callback("parked").await;
    let job = bench.submitting("A", LONG).await;
    assert_eq!(bench.end("A", &job, Verb::Park).await, Settled::Done);
    bench
        .add_fields(&[("request", "nonsense"), ("id", "silent")])
        .await;
    bench.add_with_callback("generating").await;
    bench.generating("A", "g").await;
    bench.add_with_callback("queued").await;

    let mut told: Vec<(String, State)> = Vec::new();
    for callback in bench.callbacks("A").await {
        assert_eq!((callback.url.as_str(), callback.attempts), (URL, 0));
        let result: serde_json::Value = serde_json::from_str(&callback.result).unwrap();
        assert_eq!(result["state"], callback.state.as_str());
        assert_eq!(bench.of(&callback.id, "callback_status").await, "due");
        told.push((callback.id, callback.state));
    }
    told.sort();
    let expected = [
        ("cancelled", State::Cancelled),
        ("completed", State::Completed),
        ("late", State::TimedOut),
        ("refused", State::Failed),
        ("rejected", State::Failed),
    ];
    assert_eq!(told, expected.map(|(id, state)| (id.to_owned(), state)));

    // What an operator gives up is over, too.
    let parked = "parked".parse().unwrap();
    assert_eq!(
        bench
            .ask_operator(&Command::Resolve(parked, Resolution::Fail))
            .await,
        Outcome::Done
    );
    let callbacks = bench.callbacks("A").await;
    assert_eq!(callbacks.len(), 1);
    assert_eq!((&*callbacks[0].id, callbacks[0].state), ("parked", State::Failed));
}

#[tokio::test]
async fn one_that_nobody_settled_is_handed_out_again_under_the_same_message_id() {
    let bench = Bench::start().await;
    bench.completed("a").await;
    let first = bench.callbacks_for("dead", millis(30)).await.remove(0);
    assert!(first.message_id.starts_with("msg_") && !first.message_id.contains('.'));
    assert!(bench.callbacks("B").await.is_empty(), "held by another");
    bench.past(bench.score("callbacks", "a").await.unwrap()).await;
    let second = bench.callbacks("B").await.remove(0);
    assert_eq!(second.message_id, first.message_id);
    assert!(second.fence > first.fence);
    // Who was late says nothing any more, whatever it is.
    for told in [
        Told::Delivered,
        again(Duration::ZERO),
        Told::Failed("410".to_owned()),
    ] {
        assert_eq!(bench.tell("dead", &first, told).await, CallbackSettled::Stale);
    }
    assert_eq!(
        bench.tell("A", &second, Told::Delivered).await,
        CallbackSettled::Stale
    );
    assert_eq!(
        bench.tell("B", &second, Told::Delivered).await,
        CallbackSettled::Delivered
    );
    assert_eq!(
        bench.tell("B", &second, Told::Delivered).await,
        CallbackSettled::Stale
    );
    assert!(bench.callbacks("B").await.is_empty());
    assert_eq!(bench.of("a", "callback_status").await, "delivered");
    assert_eq!(bench.of("a", "callback_attempts").await, "1");
    assert_eq!(bench.state("a").await, "completed");
}

#[tokio::test]
async fn trouble_is_planned_again_until_its_time_is_over() {
    let bench = Bench::start().await;
    bench.completed("a").await;
    let callback = bench.callbacks("A").await.remove(0);
    assert_eq!(
        bench.tell("A", &callback, again(millis(20))).await,
        CallbackSettled::Again
    );
    // Its answer was lost: nothing is planned twice.
    assert_eq!(
        bench.tell("A", &callback, again(LONG)).await,
        CallbackSettled::Stale
    );
    assert_eq!(bench.of("a", "callback_error").await, "status 503");
    let at = bench.score("callbacks", "a").await.unwrap();
    bench.past(at).await;
    let callback = bench.callbacks("A").await.remove(0);
    assert_eq!(callback.attempts, 1);
    // Who asks for more than there is gets what there is.
    assert_eq!(
        bench.tell("A", &callback, again(2 * DAY)).await,
        CallbackSettled::Again
    );
    let since: u64 = bench.of("a", "callback_since").await.parse().unwrap();
    assert_eq!(
        bench.score("callbacks", "a").await,
        Some(since + DAY.as_millis() as u64)
    );
    let long_ago = (since - DAY.as_millis() as u64).to_string();
    bench
        .cmd::<u64>(&["HSET", "@job:a", "callback_since", &long_ago])
        .await;
    bench.cmd::<u64>(&["ZADD", "@callbacks", "0", "a"]).await;
    let callback = bench.callbacks("A").await.remove(0);
    assert_eq!(
        bench.tell("A", &callback, again(millis(20))).await,
        CallbackSettled::Failed
    );
    assert_eq!(bench.of("a", "callback_status").await, "failed");
    assert_eq!(bench.listed(CallbackList::Failed).await, ["a"]);
    assert!(bench.listed(CallbackList::Due).await.is_empty());
    let gauges = bench.queue.gauges(&["default"]).await.unwrap();
    assert_eq!((gauges.callbacks, gauges.callback_failed), (Some(0), Some(1)));

    // By hand, as the runbook has it: the same message once more, and it is listed as due meanwhile.
    bench.cmd::<u64>(&["ZADD", "@callbacks", "0", "a"]).await;
    let once_more = bench.callbacks("A").await.remove(0);
    assert_eq!(once_more.message_id, callback.message_id);
    assert!(bench.listed(CallbackList::Failed).await.is_empty());
    assert_eq!(bench.listed(CallbackList::Due).await, ["a"]);
    assert_eq!(
        bench.tell("A", &once_more, Told::Delivered).await,
        CallbackSettled::Delivered
    );
    assert_eq!(bench.of("a", "callback_attempts").await, "4");
    assert_eq!(bench.of("a", "callback_error").await, "");
    let events = bench.queue.newest_events(9).await.unwrap();
    let notes: Vec<&str> = events.iter().map(|event| event.note.as_str()).collect();
    for note in [
        "callback not delivered: status 503; tried again",
        "callback given up at attempt 3: status 503",
        "callback delivered at attempt 4",
    ] {
        assert_eq!(notes.iter().filter(|it| **it == note).count(), 1, "{notes:?}");
    }
}

#[tokio::test]
async fn a_job_that_goes_on_is_not_told_of_and_its_next_end_is_another_message() {
    let bench = Bench::start().await;
    for (id, by_command) in [("retried", true), ("by-an-older-version", false)] {
        bench.add_with_callback(id).await;
        let job = bench.submitting("A", LONG).await;
        assert_eq!(bench.end("A", &job, Verb::Fail).await, Settled::Done);
        let first = bench.callbacks("A").await.remove(0);
        bench.cmd::<u64>(&["ZADD", "@callbacks", "0", id]).await;
        if by_command {
            assert_eq!(
                bench.ask_operator(&Command::Retry(id.parse().unwrap())).await,
                Outcome::Done
            );
        } else {
            bench
                .cmd::<u64>(&["HSET", &format!("@job:{id}"), "state", "queued"])
                .await;
            bench.cmd::<u64>(&["ZREM", "@failed", id]).await;
            bench.cmd::<u64>(&["ZADD", "@pending:default", "1", id]).await;
            bench.cmd::<u64>(&["ZADD", "@accounts", "0", "default"]).await;
        }
        assert!(bench.callbacks("A").await.is_empty(), "{id}");
        assert_eq!(bench.score("callbacks", id).await, None);
        // The attempt that was under way brings nothing back.
        for told in [again(Duration::ZERO), Told::Failed("410".to_owned())] {
            assert_eq!(bench.tell("A", &first, told).await, CallbackSettled::Stale);
        }
        assert_eq!(bench.score("callback_failed", id).await, None);
        let job = bench.submitting("A", LONG).await;
        assert_eq!(bench.end("A", &job, Verb::Fail).await, Settled::Done);
        let second = bench.callbacks("A").await.remove(0);
        assert_ne!(second.message_id, first.message_id);
        assert_eq!(
            bench.tell("A", &second, Told::Delivered).await,
            CallbackSettled::Delivered
        );
    }
}

#[tokio::test]
async fn a_late_deck_is_told_after_the_timeout_that_was() {
    let bench = Bench::start().await;
    bench.add_with_callback("a").await;
    bench.generating("A", "g").await;
    let look = bench.claim_one("A").await;
    assert_eq!(bench.end("A", &look, Verb::TimeOut).await, Settled::Done);
    let timed_out = bench.callbacks("A").await.remove(0);
    bench.hurry("a").await;
    let look = bench.claim_one("B").await;
    assert_eq!(bench.end("B", &look, Verb::Complete).await, Settled::Done);
    assert_eq!(
        bench.tell("A", &timed_out, Told::Delivered).await,
        CallbackSettled::Stale,
        "the news is another by now"
    );
    let completed = bench.callbacks("A").await.remove(0);
    assert_eq!(completed.state, State::Completed);
    assert_ne!(completed.message_id, timed_out.message_id);
}

#[tokio::test]
async fn what_is_still_to_be_told_outlives_results_and_goes_with_them_afterwards() {
    let bench = Bench::with(Policy {
        results_ttl: millis(30),
        ..Policy::default()
    })
    .await;
    bench.completed("told").await;
    bench.completed("untold").await;
    bench.add_with_callback("rested").await;
    bench.generating("A", "g-rested").await;
    let look = bench.claim_one("A").await;
    assert_eq!(bench.end("A", &look, Verb::TimeOut).await, Settled::Done);
    bench.hurry("rested").await;
    let look = bench.claim_one("A").await;
    assert_eq!(bench.end("A", &look, Verb::Rest).await, Settled::Done);
    let now = bench.queue.time().await.unwrap();
    bench.past(now + 60).await;
    assert_eq!(bench.queue.sweep_jobs(10).await.unwrap(), 0);
    for callback in bench.callbacks("A").await {
        assert!(!callback.result.is_empty(), "{}", callback.id);
        let told = if callback.id == "told" {
            Told::Delivered
        } else {
            again(Duration::ZERO)
        };
        bench.tell("A", &callback, told).await;
    }
    assert_eq!(bench.queue.sweep_jobs(10).await.unwrap(), 1);
    assert!(bench.queue.record("told").await.unwrap().is_none());
    for id in ["untold", "rested"] {
        assert!(bench.queue.record(id).await.unwrap().is_some(), "{id}");
        assert!(bench.queue.result(id).await.unwrap().is_some(), "{id}");
        let left: i64 = bench.cmd(&["PTTL", &format!("@job:{id}")]).await;
        assert!(left > 24 * 3_600_000, "{id}: {left}");
    }

    // What is left of a record that is gone, and another job of its id.
    bench.cmd::<u64>(&["DEL", "@job:untold", "@result:untold"]).await;
    bench
        .cmd::<u64>(&["ZADD", "@callback_failed", "1", "untold"])
        .await;
    assert_eq!(bench.queue.sweep_jobs(10).await.unwrap(), 1);
    for schedule in ["callbacks", "callback_failed"] {
        assert_eq!(bench.score(schedule, "untold").await, None, "{schedule}");
    }
    bench.cmd::<u64>(&["ZADD", "@callbacks", "0", "again"]).await;
    bench.add("again").await;
    assert_eq!(bench.score("callbacks", "again").await, None);
}
