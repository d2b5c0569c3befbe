//! The two scripts around the paid call: the intent before it, the generation after it.

use std::time::Duration;

use crate::script::{BEGIN_SUBMIT, RECORD_GENERATION};
use crate::{Error, Queue, ms, together, value};

/// What `begin_submit` is sent; see its header.
#[cfg(test)]
pub(crate) const BEGIN_ARGV: &str = "events_cap ttl_ms queue_id item...";
/// What `record_generation` is sent; see its header.
#[cfg(test)]
pub(crate) const RECORD_ARGV: &str = "events_cap ttl_ms item...";

/// Submits of many jobs go together.
#[derive(Debug, Default)]
pub(crate) struct Together {
    begun: together::Together,
    made: together::Together,
}

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
    /// The job generates and is looked at from now on, by whoever claims it. The fence was raised, here and below.
    Generating,
    /// The same, and it is still this worker's, under the next fence.
    Held {
        /// When a look that says pending ends it, Redis's time in Unix milliseconds.
        deadline: u64,
    },
    /// It was recorded before.
    Known,
    /// Put on a job that is over, or that another worker submits just now.
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
    /// How long after the time of the first look its worker still holds the job, to look at it without a claim. Zero: not at all, and no
    /// more where that was asked for before. `None`: whoever holds it goes on.
    pub kept: Option<Duration>,
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
        let item = vec![
            worker.to_owned(),
            id.to_owned(),
            fence.to_string(),
            not_after.to_string(),
            ms(lease).to_string(),
            base_url.to_owned(),
        ];
        let run = async |items: Vec<Vec<String>>| {
            let mut call = self.call(&BEGIN_SUBMIT);
            call.arg(self.mark()).arg(&items);
            value::texts(self.invoke_durably(&call, together::is_ok).await?)
        };
        let answer = self.together.begun.ask(item, run).await?;
        Ok(match self.moves.told(&answer) {
            "ok" => Begun::Yes,
            "reset" => Begun::Reset,
            "stale" => Begun::Stale,
            "late" => Begun::Late,
            "paused" => Begun::Paused,
            other => return Err(Error::Refused(format!("begin_submit answered {other}"))),
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
        let mut item = vec![
            worker.to_owned(),
            generation.id.to_owned(),
            generation.fence.to_string(),
            generation.generation_id.to_owned(),
            ms(generation.first_look).to_string(),
            ms(generation.timeout).to_string(),
            u8::from(generation.probe).to_string(),
            generation.account.to_owned(),
            generation.slot.to_owned(),
            generation.kept.map(|it| ms(it).to_string()).unwrap_or_default(),
            (generation.fields.len() * 2).to_string(),
        ];
        for (name, value) in generation.fields {
            item.extend([(*name).to_owned(), value.clone()]);
        }
        // Each of its answers is a write, so that the proof is one of this generation.
        let run = async |items: Vec<Vec<String>>| {
            let mut call = self.call(&RECORD_GENERATION);
            call.arg(&items);
            value::texts(self.invoke_durably(&call, |_| true).await?)
        };
        let answer = self.together.made.ask(item, run).await?;
        Ok(match self.moves.told(&answer) {
            "ok" => Recorded::Generating,
            "kept" => Recorded::Held {
                deadline: answer
                    .split(' ')
                    .nth(1)
                    .and_then(|it| it.parse().ok())
                    .ok_or_else(|| Error::Refused(format!("record_generation answered {answer}")))?,
            },
            "known" => Recorded::Known,
            "recorded" => Recorded::Kept,
            "extra" => Recorded::Extra,
            "missing" => Recorded::Missing,
            other => return Err(Error::Refused(format!("record_generation answered {other}"))),
        })
    }
}
