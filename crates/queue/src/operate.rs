//! What operators do: one script a command, whoever brings it (the command line, the control stream, a service).
//!
//! Invariants, whatever a command meets:
//!
//! - A command is one step: it checks, moves the job, notes itself on the record (`last_operation`, `last_operation_by`,
//!   `last_operation_at`) and in `events` (`by`, `note`), or it changes nothing and says why. Asked again, it answers
//!   that it is so already and writes nothing. One of the control stream is taken off it in the same step.
//! - It takes a job out of whatever hands it is in by raising the fence. A worker that claimed it and has not begun can't
//!   begin (`begin_submit`: stale), so its slot comes back; a look under way settles nothing; a claim whose answer was lost
//!   is nobody's (`recover_claims`). What was submitted is never taken back: only a generation is written by a stale
//!   worker, and it is always written (`record_generation`): as the job's own where it has none, else beside it.
//! - So a job that is `submitting` is not moved at all. A wish to cancel it stays on the record, and whoever brings the
//!   end of the submit (its answer, its worker's settlement, the end of its lease, an answer that comes late) carries it out in
//!   the same step. Nobody's POST is forgotten for it, and policy sends none again.
//! - Only `retry` and `resolve` as `resubmit` lead to another POST, one each (`asked_again`). They leave `attempts` and
//!   `intent` as they are: a journal compares them, so it sees that Redis knows of every POST before, and the next attempt has
//!   a number of its own, and with it a slot. No generation leaves the record for them.
//! - A pause that an operator made ends by `resume` alone: no worker's answer shortens it, ends it, or counts for it.
//!
//! A worker of a version without these scripts forgets a wish to cancel when it settles the submit (the claim of a newer
//! one cancels the job then), doesn't know a pause of the whole queue, and ends an operator's pause of an account with a good answer to
//! a job that was under way when that began. Pause again when such workers are gone.

use std::time::Duration;

use gammaq_job::{BadCommand, Command, Resolution, Scope};
use redis::{Script, ScriptInvocation};

use crate::script::{
    CANCEL_JOB, PAUSE_ACCOUNT, PAUSE_QUEUE, REFUSE_COMMAND, REPOLL_JOB, RESOLVE_JOB, RESUME_ACCOUNT,
    RETRY_JOB,
};
use crate::{Error, Queue, ms, value};

/// What `cancel_job` and `retry_job` are sent; see their headers.
#[cfg(test)]
pub(crate) const JOB_ARGV: &str = "events_cap ttl_ms worker by entry id";
/// What `resolve_job` is sent.
#[cfg(test)]
pub(crate) const RESOLVE_ARGV: &str =
    "events_cap ttl_ms worker by entry id as generation_id timeout_ms agent_timeout_ms";
/// What `repoll_job` is sent.
#[cfg(test)]
pub(crate) const REPOLL_ARGV: &str = "events_cap ttl_ms worker by entry id timeout_ms agent_timeout_ms";
/// What `pause_account` and `resume_account` are sent.
#[cfg(test)]
pub(crate) const ACCOUNT_ARGV: &str = "events_cap ttl_ms worker by entry account";
/// What `pause_queue` is sent.
#[cfg(test)]
pub(crate) const QUEUE_ARGV: &str = "events_cap ttl_ms worker by entry paused";
/// What `refuse_command` is sent.
#[cfg(test)]
pub(crate) const REFUSE_ARGV: &str = "events_cap ttl_ms worker by entry id why";

/// Who asks, and how.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    /// The person or program, as records and events are to name it; [`gammaq_job::command::name_of`] makes it fit.
    pub by: &'a str,
    /// The worker that carries it out; empty where none does.
    pub worker: &'a str,
    /// The command's id in the control stream; empty where it isn't one.
    pub entry: &'a str,
}

impl<'a> Asker<'a> {
    /// Somebody who asks by themselves.
    pub const fn direct(by: &'a str) -> Self {
        Self {
            by,
            worker: "",
            entry: "",
        }
    }
}

/// From now to a new deadline, where the job's caller named none.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// For generations and templates.
    pub classic: Duration,
    /// For agent jobs.
    pub agent: Duration,
}

/// What came of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Done.
    Done,
    /// Remembered: it is carried out as soon as it can be.
    Noted,
    /// It was so before; nothing was changed.
    Already,
    /// It makes no sense as things are; nothing was changed.
    Refused,
    /// There is no such job or account.
    Missing,
    /// Another worker carried out this entry of the control stream.
    Gone,
}

impl Outcome {
    /// The word in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Noted => "noted",
            Self::Already => "already",
            Self::Refused => "refused",
            Self::Missing => "missing",
            Self::Gone => "gone",
        }
    }

    /// Whether things are now as they were wished.
    pub const fn is_good(self) -> bool {
        matches!(self, Self::Done | Self::Noted | Self::Already)
    }
}

/// The answer to a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What came of it.
    pub outcome: Outcome,
    /// The same in one line, with what happens next, or why nothing does.
    pub text: String,
}

impl Queue {
    /// Carries out a command. Safe to repeat.
    ///
    /// # Errors
    /// By reaction; see [`Error`]. After [`Error::Unanswered`] it may have been carried out. [`Error::NewerSchema`] where
    /// the layout is newer than this code: nothing was done.
    pub async fn operate(
        &self,
        asker: &Asker<'_>,
        command: &Command,
        timeouts: &Timeouts,
    ) -> Result<Answer, Error> {
        let (script, args) = match command {
            Command::Cancel(id) => (&*CANCEL_JOB, vec![id.to_string()]),
            Command::Retry(id) => (&*RETRY_JOB, vec![id.to_string()]),
            Command::Resolve(id, resolution) => {
                let (word, generation) = match resolution {
                    Resolution::Generation(generation) => ("generation", generation.as_str()),
                    Resolution::Resubmit => ("resubmit", ""),
                    Resolution::Fail => ("fail", ""),
                };
                let mut args = vec![id.to_string(), word.to_owned(), generation.to_owned()];
                args.extend(timeouts.in_ms());
                (&*RESOLVE_JOB, args)
            }
            Command::Repoll(id) => {
                let mut args = vec![id.to_string()];
                args.extend(timeouts.in_ms());
                (&*REPOLL_JOB, args)
            }
            Command::Pause(Scope::Account(name)) => (&*PAUSE_ACCOUNT, vec![name.to_string()]),
            Command::Resume(Scope::Account(name)) => (&*RESUME_ACCOUNT, vec![name.to_string()]),
            Command::Pause(Scope::Queue) => (&*PAUSE_QUEUE, vec!["1".to_owned()]),
            Command::Resume(Scope::Queue) => (&*PAUSE_QUEUE, vec!["0".to_owned()]),
        };
        let mut call = self.asked(script, asker);
        for arg in &args {
            call.arg(arg);
        }
        self.answer(&call).await
    }

    /// Takes a command that can't be used off the control stream, and says why in `events`.
    ///
    /// # Errors
    /// As [`Queue::operate`].
    pub async fn refuse_command(&self, asker: &Asker<'_>, bad: &BadCommand) -> Result<Answer, Error> {
        let mut call = self.asked(&REFUSE_COMMAND, asker);
        call.arg(bad.id.as_ref().map_or("", |id| id.as_str()))
            .arg(&bad.why);
        self.answer(&call).await
    }

    fn asked<'a>(&self, script: &'a Script, asker: &Asker<'_>) -> ScriptInvocation<'a> {
        let mut call = self.call(script);
        call.arg(asker.worker)
            .arg(gammaq_job::command::name_of(asker.by))
            .arg(asker.entry);
        call
    }

    async fn answer(&self, call: &ScriptInvocation<'_>) -> Result<Answer, Error> {
        let parts = value::texts(self.invoke(call).await?)?;
        let [word, text, moves @ ..] = parts.as_slice() else {
            return Err(Error::Refused(
                "an operator's script answered too little".to_owned(),
            ));
        };
        for told in moves {
            self.moves.told(told);
        }
        let outcome = match word.as_str() {
            "done" => Outcome::Done,
            "noted" => Outcome::Noted,
            "already" => Outcome::Already,
            "refused" => Outcome::Refused,
            "missing" => Outcome::Missing,
            "gone" => Outcome::Gone,
            "newer" => return Err(self.newer_schema().await),
            other => {
                return Err(Error::Refused(format!("an operator's script answered {other}")));
            }
        };
        Ok(Answer {
            outcome,
            text: text.clone(),
        })
    }
}

impl Timeouts {
    fn in_ms(&self) -> [String; 2] {
        [self.classic, self.agent].map(|time| ms(time).to_string())
    }
}
