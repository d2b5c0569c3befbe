//! Operators' commands: in each state, repeated, between the steps of workers, and by the control stream.

mod again;
mod commands;
mod hands;
mod pauses;
mod states;
mod wishes;

use std::collections::BTreeSet;
use std::time::Duration;

use gammaq_job::{AccountName, Command, GenerationId, JobId, Resolution, Scope};
use gammaq_queue::events::Event;
use gammaq_queue::operate::{Answer, Asker, Outcome, Timeouts};

use crate::bench::Bench;
use crate::snapshot::Snapshot;

/// Who asks in these tests.
const BY: &str = "ops@desk";
const TIMEOUTS: Timeouts = Timeouts {
    classic: Duration::from_secs(300),
    agent: Duration::from_secs(2_400),
};

fn id(text: &str) -> JobId {
    JobId::new(text).unwrap()
}

fn cancel(job: &str) -> Command {
    Command::Cancel(id(job))
}

fn retry(job: &str) -> Command {
    Command::Retry(id(job))
}

fn attach(job: &str, generation: &str) -> Command {
    Command::Resolve(
        id(job),
        Resolution::Generation(GenerationId::new(generation).unwrap()),
    )
}

fn resubmit(job: &str) -> Command {
    Command::Resolve(id(job), Resolution::Resubmit)
}

fn give_up(job: &str) -> Command {
    Command::Resolve(id(job), Resolution::Fail)
}

fn repoll(job: &str) -> Command {
    Command::Repoll(id(job))
}

fn scope(account: &str) -> Scope {
    match account {
        "*" => Scope::Queue,
        name => Scope::Account(AccountName::new(name).unwrap()),
    }
}

fn pause(account: &str) -> Command {
    Command::Pause(scope(account))
}

fn resume(account: &str) -> Command {
    Command::Resume(scope(account))
}

impl Bench {
    async fn operate(&self, command: &Command) -> Answer {
        self.queue
            .operate(&Asker::direct(BY), command, &TIMEOUTS)
            .await
            .unwrap()
    }

    /// Carries a command out that is possible.
    async fn done(&self, command: &Command) -> String {
        let answer = self.operate(command).await;
        assert_eq!(answer.outcome, Outcome::Done, "{command:?}: {}", answer.text);
        answer.text
    }

    /// The whole queue, checked, with these jobs.
    async fn look_at(&self, jobs: &[&str]) -> Snapshot {
        let ids: BTreeSet<String> = jobs.iter().map(ToString::to_string).collect();
        let snapshot = Snapshot::of(&self.queue, &self.raw, &ids, &["default"]).await;
        snapshot.check().unwrap();
        snapshot
    }

    async fn newest(&self) -> Event {
        self.queue.newest_events(1).await.unwrap().remove(0)
    }
}
