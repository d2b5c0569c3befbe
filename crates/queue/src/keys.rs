//! Every key of a queue, with its Redis type. Nothing else makes a key in Rust; in Lua it is `prelude.lua`.

use gammaq_job::{QueueName, State};

/// The keys of one queue: all begin `prefix:{queue}:`, so they lie in one slot of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    base: String,
}

impl Keys {
    /// The keys of `queue` under `prefix`.
    pub fn new(prefix: &QueueName, queue: &QueueName) -> Self {
        Self {
            base: format!("{prefix}:{{{queue}}}:"),
        }
    }

    /// What every key begins with, and the one key that scripts are given.
    pub fn base(&self) -> &str {
        &self.base
    }

    fn at(&self, name: &str) -> String {
        format!("{}{name}", self.base)
    }

    /// Stream: requests that no worker has taken in yet; consumer group `workers`.
    pub fn inbox(&self) -> String {
        self.at("inbox")
    }

    /// Hash: the whole record of a job.
    pub fn job(&self, id: &str) -> String {
        self.at(&format!("job:{id}"))
    }

    /// String: the result of a job as JSON.
    pub fn result(&self, id: &str) -> String {
        self.at(&format!("result:{id}"))
    }

    /// Sorted set: jobs that wait for their account's next slot, by priority and then by arrival.
    pub fn pending(&self, account: &str) -> String {
        self.at(&format!("pending:{account}"))
    }

    /// Sorted set: account → the earliest time at which it may submit; only accounts with pending jobs.
    pub fn accounts(&self) -> String {
        self.at("accounts")
    }

    /// Sorted set: the name of every account that a worker registered, all with the score 0.
    pub fn account_names(&self) -> String {
        self.at("account_names")
    }

    /// Sorted set: what workers have to let go of the jobs that they keep between looks, with the time of that.
    pub fn recalls(&self) -> String {
        self.at("recalls")
    }

    /// Hash: what is known of an account.
    pub fn account(&self, name: &str) -> String {
        self.at(&format!("account:{name}"))
    }

    /// Sorted set: the submits charged to an account within its window.
    pub fn budget(&self, account: &str) -> String {
        self.at(&format!("budget:{account}"))
    }

    /// Sorted set: job → the time of its next step, or the end of its lease.
    pub fn due(&self) -> String {
        self.at("due")
    }

    /// Sorted set: the jobs that ended, or were parked, in `state`, by the time of arrival.
    pub fn index(&self, state: State) -> String {
        self.at(state.as_str())
    }

    /// Sorted set: job → until when the links on its record are good.
    pub fn links(&self) -> String {
        self.at("links")
    }

    /// Sorted set: jobs whose caller is to be told of their end → the next attempt, or the end of its lease.
    pub fn callbacks(&self) -> String {
        self.at("callbacks")
    }

    /// Sorted set: jobs whose callback was given up, by the time of that.
    pub fn callback_failed(&self) -> String {
        self.at("callback_failed")
    }

    /// Stream: one entry a change, capped.
    pub fn events(&self) -> String {
        self.at("events")
    }

    /// Stream: operators' commands.
    pub fn control(&self) -> String {
        self.at("control")
    }

    /// Hash: who paused the whole queue, and when; not there while it isn't paused.
    pub fn paused(&self) -> String {
        self.at("paused")
    }

    /// Sorted set: worker → its last heartbeat.
    pub fn workers(&self) -> String {
        self.at("workers")
    }

    /// Hash: one worker.
    pub fn worker(&self, id: &str) -> String {
        self.at(&format!("worker:{id}"))
    }

    /// Hash: counters since the queue was made.
    pub fn stats(&self) -> String {
        self.at("stats")
    }

    /// Hash: what was spent on a day (`yyyy-mm-dd`): `credits:<account>` and `submits:<account>`.
    pub fn spent(&self, date: &str) -> String {
        self.at(&format!("spent:{date}"))
    }

    /// String: the version of the layout.
    pub fn schema(&self) -> String {
        self.at("schema")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_as_documented() {
        let name = |text: &str| QueueName::new(text).unwrap();
        let keys = Keys::new(&name("gammaq"), &name("main"));
        let all = [
            keys.inbox(),
            keys.job("a"),
            keys.result("a"),
            keys.pending("x"),
            keys.accounts(),
            keys.account_names(),
            keys.account("x"),
            keys.budget("x"),
            keys.due(),
            keys.recalls(),
            keys.index(State::TimedOut),
            keys.index(State::Ambiguous),
            keys.links(),
            keys.callbacks(),
            keys.callback_failed(),
            keys.events(),
            keys.control(),
            keys.paused(),
            keys.workers(),
            keys.worker("w"),
            keys.stats(),
            keys.spent("2026-01-31"),
            keys.schema(),
        ];
        let expected = "inbox job:a result:a pending:x accounts account_names account:x budget:x due recalls timed_out ambiguous links callbacks callback_failed events \
                        control paused workers worker:w stats spent:2026-01-31 schema";
        let expected: Vec<String> = expected
            .split_whitespace()
            .map(|k| format!("gammaq:{{main}}:{k}"))
            .collect();
        assert_eq!(all.to_vec(), expected);
    }
}
