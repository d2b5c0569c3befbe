//! The control stream: a command runs once, whoever dies, and its outcome is told.

use gammaq_job::{BadCommand, Command, State};
use gammaq_queue::operate::{Answer, Asker, Outcome};
use gammaq_queue::settle::{Settled, Verb};

use super::{TIMEOUTS, cancel, pause, resume, retry};
use crate::bench::Bench;

impl Bench {
    /// Appends a command.
    async fn append(&self, command: &Command) -> String {
        self.queue.append_command(&command.to_fields()).await.unwrap()
    }

    /// A worker carries out an entry of the stream.
    async fn carry_out(&self, worker: &str, entry: &str, command: &Command) -> Answer {
        let by = format!("control:{entry}");
        let asker = Asker {
            by: &by,
            worker,
            entry,
        };
        self.queue.operate(&asker, command, &TIMEOUTS).await.unwrap()
    }

    async fn commands_left(&self) -> u64 {
        self.cmd(&["XLEN", "@control"]).await
    }
}

#[tokio::test]
async fn it_is_carried_out_once_and_taken_off_in_the_same_step() {
    let bench = Bench::start().await;
    bench.job_in(State::Failed).await;
    let entry = bench.append(&retry("a")).await;
    let read = bench.queue.commands(9).await.unwrap();
    assert_eq!(read.len(), 1);
    assert_eq!(Command::read(&read[0].fields), Ok(retry("a")));
    assert_eq!(bench.commands_left().await, 1);
    assert_eq!(
        bench.carry_out("A", &entry, &retry("a")).await.outcome,
        Outcome::Done
    );
    assert_eq!(bench.commands_left().await, 0);
    let event = bench.newest().await;
    assert_eq!(
        (event.worker.as_str(), event.by.as_str(), event.state.as_str()),
        ("A", format!("control:{entry}").as_str(), "queued")
    );
    assert!(
        event.note.starts_with(&format!("control {entry}: retry: ")),
        "{}",
        event.note
    );

    // The job fails once more, and then the worker that took the command for undone tries it again.
    let job = bench.submitting("A", crate::bench::LONG).await;
    assert_eq!(bench.end("A", &job, Verb::Fail).await, Settled::Done);
    let events = bench.queue.newest_events(99).await.unwrap();
    assert_eq!(
        bench.carry_out("B", &entry, &retry("a")).await.outcome,
        Outcome::Gone
    );
    assert_eq!(bench.state("a").await, "failed", "one retry was asked for");
    assert_eq!(bench.queue.newest_events(99).await.unwrap(), events);
}

#[tokio::test]
async fn what_changes_nothing_is_told_too() {
    let bench = Bench::start().await;
    bench.job_in(State::Completed).await;
    for (command, outcome, said) in [
        (
            cancel("a"),
            Outcome::Refused,
            "refused: job a is completed: nothing to cancel",
        ),
        (
            cancel("nobody"),
            Outcome::Missing,
            "missing: there is no job nobody",
        ),
        (
            pause("nobody"),
            Outcome::Missing,
            "missing: there is no account nobody",
        ),
        (pause("*"), Outcome::Done, "the queue is paused"),
        (
            pause("*"),
            Outcome::Already,
            "already: the queue is paused already",
        ),
    ] {
        let entry = bench.append(&command).await;
        bench.queue.commands(9).await.unwrap();
        assert_eq!(bench.carry_out("A", &entry, &command).await.outcome, outcome);
        let event = bench.newest().await;
        assert_eq!(
            event
                .note
                .strip_prefix(&format!("control {entry}: "))
                .map(|it| &it[..said.len()]),
            Some(said)
        );
        assert_eq!(event.id, command.id().map_or("", |id| id.as_str()));
        assert_eq!((event.state.as_str(), bench.commands_left().await), ("", 0));
    }
    // One that can't be used.
    let entry = bench
        .queue
        .append_command(&[("op", "cancle"), ("id", "a")])
        .await
        .unwrap();
    let read = bench.queue.commands(9).await.unwrap();
    let bad: BadCommand = Command::read(&read[0].fields).unwrap_err();
    let asker = Asker {
        by: "someone",
        worker: "A",
        entry: &entry,
    };
    for outcome in [Outcome::Refused, Outcome::Gone] {
        let answer = bench.queue.refuse_command(&asker, &bad).await.unwrap();
        assert_eq!(answer.outcome, outcome);
    }
    let event = bench.newest().await;
    assert!(
        event
            .note
            .contains("op: \"cancle\" is not allowed; cancel, retry"),
        "{event:?}"
    );
    assert_eq!((event.id.as_str(), event.by.as_str()), ("a", "someone"));
    assert_eq!(bench.commands_left().await, 0);
}

/// Whoever comes to a command has seen the end of all before it.
#[tokio::test]
async fn they_are_read_from_the_beginning_by_every_worker() {
    let bench = Bench::start().await;
    assert!(bench.queue.commands(9).await.unwrap().is_empty(), "no stream yet");
    let first = bench.append(&pause("*")).await;
    let second = bench.append(&resume("*")).await;
    // A worker that read them and died takes nothing along.
    for count in [1, 9] {
        assert_eq!(bench.queue.commands(count).await.unwrap()[0].id, first);
    }
    assert_eq!(
        bench.carry_out("A", &first, &pause("*")).await.outcome,
        Outcome::Done
    );
    let left = bench.queue.commands(9).await.unwrap();
    assert_eq!((left.len(), left[0].id.as_str()), (1, second.as_str()));
    assert_eq!(
        bench.carry_out("B", &first, &pause("*")).await.outcome,
        Outcome::Gone
    );
    assert_eq!(
        bench.carry_out("B", &second, &resume("*")).await.outcome,
        Outcome::Done
    );
    assert!(bench.queue.queue_pause().await.unwrap().is_empty());
    bench.cmd::<()>(&["SET", "@control", "x"]).await;
    let refused = bench.queue.commands(9).await.unwrap_err();
    assert!(matches!(refused, gammaq_queue::Error::Refused(_)), "{refused}");
}
