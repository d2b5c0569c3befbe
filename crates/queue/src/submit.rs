//! The two scripts around the paid call: the intent before it, the generation after it.

use std::time::Duration;

use gammaq_job::State;

use crate::script::{BEGIN_SUBMIT, RECORD_GENERATION};
use crate::{Error, Queue, ms, value};

/// What `begin_submit` is sent; see its header.
#[cfg(test)]
pub(crate) const BEGIN_ARGV: &str = "events_cap ttl_ms worker id fence not_after lease_ms base_url queue_id";
/// What `record_generation` is sent; see its header.
#[cfg(test)]
pub(crate) const RECORD_ARGV: &str =
    "events_cap ttl_ms worker id fence generation_id delay_ms timeout_ms probe account slot field...";

/// Whether a submit may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// The intent is written: send the POST.
    Yes,
    /// The queue lost its data since it was begun with, see [`Queue::begin_life`].
    Reset,
    /// The job is no longer this worker's.
    Stale,
    /// The script ran later than anyone waits for it.
    Late,
    /// Its account was paused meanwhile.
    Paused,
}

/// What became of a generation that was reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// The job generates and is looked at from now on.
    Generating,
    /// It was recorded before.
    Known,
    /// Kept on a job that is over, or that another worker submits just now.
    Kept,
    /// The job has another generation: this one was paid for too.
    Extra,
    /// There is no such job: the generation stands in `events` alone.
    Missing,
}

/// A generation to record.
#[derive(Debug, Clone)]
pub struct Generation<'a> {
    /// The job.
    pub id: &'a str,
    /// The fence under which it was submitted.
    pub fence: u64,
    /// Gamma's id.
    pub generation_id: &'a str,
    /// Until the first look.
    pub first_look: Duration,
    /// From now to the deadline.
    pub timeout: Duration,
    /// Whether the submit tried out a paused account.
    pub probe: bool,
    /// Whose budget.
    pub account: &'a str,
    /// The submit's place in the budget.
    pub slot: &'a str,
    /// More fields of the record.
    pub fields: &'a [(&'static str, String)],
}

impl Queue {
    /// Writes the intent. `not_after` is Redis's time, Unix milliseconds, after which nothing is begun.
    ///
    /// # Errors
    /// [`Error::Full`] in a full Redis. After [`Error::Unanswered`] the intent may be written, after
    /// [`Error::NotDurable`] it is, and may be lost again. Send nothing then.
    pub async fn begin_submit(
        &self,
        worker: &str,
        id: &str,
        fence: u64,
        not_after: u64,
        lease: Duration,
        base_url: &str,
    ) -> Result<Begun, Error> {
        let mut call = self.call(&BEGIN_SUBMIT);
        call.arg(worker)
            .arg(id)
            .arg(fence)
            .arg(not_after)
            .arg(ms(lease))
            .arg(base_url)
            .arg(self.mark());
        let began = |answer: &redis::Value| match answer {
            redis::Value::Array(parts) => parts.first().map(value::text).as_deref() == Some("ok"),
            _ => false,
        };
        let answer = value::texts(self.invoke_durably(&call, began).await?)?;
        Ok(match answer.first().map(String::as_str) {
            Some("ok") => {
                self.moves.count(Some(State::Queued), State::Submitting);
                Begun::Yes
            }
            Some("reset") => Begun::Reset,
            Some("stale") => Begun::Stale,
            Some("late") => Begun::Late,
            Some("paused") => Begun::Paused,
            _ => return Err(Error::Refused(format!("begin_submit answered {answer:?}"))),
        })
    }

    /// Records a generation, whatever the job's state: it was paid for. Safe to run twice.
    ///
    /// # Errors
    /// By reaction; see [`Error`]. Repeat it until it succeeds.
    pub async fn record_generation(
        &self,
        worker: &str,
        generation: &Generation<'_>,
    ) -> Result<Recorded, Error> {
        let mut call = self.call(&RECORD_GENERATION);
        call.arg(worker)
            .arg(generation.id)
            .arg(generation.fence)
            .arg(generation.generation_id);
        call.arg(ms(generation.first_look))
            .arg(ms(generation.timeout))
            .arg(u8::from(generation.probe));
        call.arg(generation.account).arg(generation.slot);
        for (name, value) in generation.fields {
            call.arg(*name).arg(value);
        }
        // Each of its answers is a write, so that the proof is one of this generation.
        let word = value::text(&self.invoke_durably(&call, |_| true).await?);
        Ok(match self.moves.told(&word) {
            "ok" => Recorded::Generating,
            "known" => Recorded::Known,
            "recorded" => Recorded::Kept,
            "extra" => Recorded::Extra,
            "missing" => Recorded::Missing,
            other => return Err(Error::Refused(format!("record_generation answered {other}"))),
        })
    }
}
