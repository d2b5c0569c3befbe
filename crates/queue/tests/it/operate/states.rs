//! Each command in each state, and once more.

use gammaq_job::{Command, ErrorKind, State};
use gammaq_queue::Error;
use gammaq_queue::operate::{Asker, Outcome};
use gammaq_queue::settle::{Settled, Verb};

use super::{BY, TIMEOUTS, attach, cancel, give_up, id, repoll, resubmit, retry};
use crate::bench::{Bench, LONG, error_field, settlement};

/// The commands about a job.
fn commands(job: &str) -> [Command; 6] {
    [
        cancel(job),
        retry(job),
        attach(job, "found"),
        resubmit(job),
        give_up(job),
        repoll(job),
    ]
}

impl Bench {
    /// A job `a` that came into this state as workers bring it there.
    pub(super) async fn job_in(&self, state: State) {
        self.add("a").await;
        match state {
            State::Queued => {}
            State::Submitting => drop(self.submitting("A", LONG).await),
            State::Generating => drop(self.generating("A", "made").await),
            State::Exporting => {
                self.generating("A", "made").await;
                let look = self.claim_one("A").await;
                assert_eq!(self.end("A", &look, Verb::Export).await, Settled::Done);
            }
            State::Ambiguous => {
                let job = self.submitting("A", LONG).await;
                let mut told = settlement(&job, Verb::Park);
                told.fields = vec![error_field(ErrorKind::Ambiguous)];
                assert_eq!(self.settle("A", told).await, Settled::Done);
            }
            State::Completed | State::Failed | State::TimedOut => {
                self.generating("A", "made").await;
                let look = self.claim_one("A").await;
                let (verb, kind) = match state {
                    State::Completed => (Verb::Complete, None),
                    State::Failed => (Verb::Fail, Some(ErrorKind::GenerationFailed)),
                    _ => (Verb::TimeOut, Some(ErrorKind::TimedOut)),
                };
                let mut told = settlement(&look, verb);
                told.fields.extend(kind.map(error_field));
                assert_eq!(self.settle("A", told).await, Settled::Done);
            }
            State::Cancelled => {
                self.done(&cancel("a")).await;
                // What these tests ask for comes after it.
                let forgotten = ["HDEL", "@job:a", "last_operation", "last_operation_by"];
                self.cmd::<u64>(&forgotten).await;
            }
        }
        assert_eq!(self.state("a").await, state.as_str());
    }
}

/// What a command does in a state: where the job then stands, or why it stays; and what the same says once more.
type Row = (Command, State, Result<State, &'static str>, Outcome);

fn rows() -> Vec<Row> {
    use Outcome::{Already, Refused};
    use State::{
        Ambiguous, Cancelled, Completed, Exporting, Failed, Generating, Queued, Submitting, TimedOut,
    };
    let mut rows: Vec<Row> = Vec::new();
    let mut row = |command: Command, from, to, again| rows.push((command, from, to, again));
    for state in [Queued, Generating, Exporting] {
        row(cancel("a"), state, Ok(Cancelled), Already);
    }
    row(cancel("a"), Submitting, Ok(Submitting), Already);
    row(cancel("a"), Cancelled, Err("cancelled already"), Already);
    row(cancel("a"), Ambiguous, Err("resolve it instead"), Refused);
    for state in [Completed, Failed, TimedOut] {
        row(cancel("a"), state, Err("nothing to cancel"), Refused);
    }
    for state in [Failed, Cancelled] {
        row(retry("a"), state, Ok(Queued), Already);
    }
    for state in [Queued, Submitting, Generating, Exporting] {
        row(retry("a"), state, Err("nothing to retry"), Refused);
    }
    row(retry("a"), Completed, Err("enqueue it under another id"), Refused);
    row(retry("a"), TimedOut, Err("repoll it instead"), Refused);
    row(retry("a"), Ambiguous, Err("resolve it instead"), Refused);
    row(attach("a", "found"), Ambiguous, Ok(Generating), Already);
    row(resubmit("a"), Ambiguous, Ok(Queued), Already);
    row(give_up("a"), Ambiguous, Ok(Failed), Already);
    for state in State::ALL.into_iter().filter(|it| *it != Ambiguous) {
        for command in [attach("a", "found"), resubmit("a"), give_up("a")] {
            row(command, state, Err("only a parked job is resolved"), Refused);
        }
    }
    row(repoll("a"), TimedOut, Ok(Generating), Already);
    for state in [Generating, Exporting] {
        row(repoll("a"), state, Err("looked at as ever"), Already);
    }
    row(repoll("a"), Queued, Err("not submitted yet"), Refused);
    row(repoll("a"), Submitting, Err("its POST is under way"), Refused);
    row(repoll("a"), Completed, Err("its deck is there"), Refused);
    row(repoll("a"), Failed, Err("retry it for one more"), Refused);
    row(repoll("a"), Cancelled, Err("it was cancelled"), Refused);
    row(repoll("a"), Ambiguous, Err("resolve it first"), Refused);
    rows
}

#[tokio::test]
async fn each_command_in_each_state_and_once_more() {
    let rows = rows();
    assert_eq!(rows.len(), commands("a").len() * State::ALL.len());
    let first = Bench::start().await;
    for (n, (command, from, to, again)) in rows.into_iter().enumerate() {
        let bench = first.beside(&format!("row-{n}")).await;
        bench.job_in(from).await;
        let about = format!("{command:?} of a job that is {from}");
        let before = bench.look_at(&["a"]).await.jobs;
        let events = bench.queue.newest_events(99).await.unwrap().len();
        let answer = bench.operate(&command).await;
        let after = bench.look_at(&["a"]).await.jobs;
        match to {
            Ok(state) => {
                let wished = if state == from {
                    Outcome::Noted
                } else {
                    Outcome::Done
                };
                assert_eq!(answer.outcome, wished, "{about}: {}", answer.text);
                assert_eq!(after["a"].state(), state, "{about}");
                let job = &after["a"];
                let noted = (job.get("last_operation"), job.get("last_operation_by"));
                let word = command.op();
                assert!(noted.0.starts_with(word) && noted.1 == BY, "{about}: {noted:?}");
                assert!(job.number("last_operation_at") > 0, "{about}");
                let event = bench.newest().await;
                let told = (event.from.as_str(), event.state.as_str(), event.by.as_str());
                assert_eq!(told, (from.as_str(), state.as_str(), BY), "{about}");
                assert!(event.note.starts_with(word), "{about}: {}", event.note);
            }
            Err(why) => {
                let kept = [Outcome::Refused, Outcome::Already].contains(&answer.outcome);
                assert!(kept && answer.text.contains(why), "{about}: {answer:?}");
                assert!(answer.text.starts_with("job a is "), "{about}: {}", answer.text);
                assert_eq!(before["a"].fields, after["a"].fields, "{about} changed something");
                assert_eq!(before["a"].result, after["a"].result, "{about} changed something");
                assert_eq!(
                    bench.queue.newest_events(99).await.unwrap().len(),
                    events,
                    "{about} was told"
                );
            }
        }
        // Once more: the same wish changes nothing, and nothing is told.
        let events = bench.queue.newest_events(99).await.unwrap().len();
        let repeated = bench.operate(&command).await;
        assert_eq!(repeated.outcome, again, "{about}, again: {}", repeated.text);
        let kept = bench.look_at(&["a"]).await.jobs;
        assert_eq!(after["a"].fields, kept["a"].fields, "{about}, again");
        assert_eq!(after["a"].result, kept["a"].result, "{about}, again");
        assert_eq!(bench.queue.newest_events(99).await.unwrap().len(), events);
    }
}

#[tokio::test]
async fn what_is_not_there_or_can_not_be_read_is_left_alone() {
    let bench = Bench::start().await;
    bench.cmd::<()>(&["SET", "@job:text", "x"]).await;
    bench.cmd::<u64>(&["HSET", "@job:half", "id", "half"]).await;
    bench.cmd::<u64>(&["HSET", "@job:torn", "state", "failed"]).await;
    bench.add("newer").await;
    bench.cmd::<u64>(&["HSET", "@job:newer", "v", "2"]).await;
    let before = bench.queue.newest_events(99).await.unwrap();
    for (job, outcome, said) in [
        ("nobody", Outcome::Missing, "there is no job nobody"),
        ("half", Outcome::Missing, "there is no job half"),
        ("text", Outcome::Refused, "no readable record"),
        ("torn", Outcome::Refused, "broken: see `gammaq doctor`"),
        ("newer", Outcome::Refused, "a newer version"),
    ] {
        for command in commands(job) {
            let answer = bench.operate(&command).await;
            assert_eq!(answer.outcome, outcome, "{command:?}: {}", answer.text);
            assert!(answer.text.contains(said), "{command:?}: {}", answer.text);
        }
    }
    assert_eq!(bench.queue.newest_events(99).await.unwrap(), before);
    assert_eq!(bench.state("newer").await, "queued");

    // A key of another type, made by hand, must not leave a move half made.
    bench.add("a").await;
    bench.cmd::<()>(&["SET", "@cancelled", "x"]).await;
    let answer = bench.operate(&cancel("a")).await;
    assert!(
        answer.outcome == Outcome::Refused && answer.text.contains("doctor"),
        "{answer:?}"
    );
    assert_eq!(bench.state("a").await, "queued");
    bench.cmd::<u64>(&["DEL", "@cancelled"]).await;

    bench.cmd::<()>(&["SET", "@schema", "2"]).await;
    for command in commands("a") {
        let asker = Asker::direct(BY);
        let refused = bench
            .queue
            .operate(&asker, &command, &TIMEOUTS)
            .await
            .unwrap_err();
        assert!(matches!(refused, Error::NewerSchema { .. }), "{refused}");
    }
    assert_eq!(bench.state("a").await, "queued");
    bench.cmd::<()>(&["SET", "@schema", "1"]).await;
    bench.done(&Command::Cancel(id("a"))).await;
}
