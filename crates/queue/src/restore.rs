//! What Redis knows of a job's POSTs, and how it is told of one that it forgot.

use std::collections::BTreeSet;
use std::time::Duration;

use gammaq_job::{Kind, State};

use crate::script::RESTORE_SUBMIT;
use crate::{Error, Queue, ms, value};

/// What the script is sent; see its header.
#[cfg(test)]
pub(crate) const ARGV: &str = "events_cap ttl_ms worker id seq created_at attempts known intent slot sent_at until \
                               base_url generation_id delay_ms timeout_ms error probe";

/// The name under which `begin_submit` writes an attempt on the record: no two attempts have the same.
pub fn intent_name(worker: &str, fence: u64, not_after: u64) -> String {
    format!("{worker}#{fence}#{not_after}")
}

/// How a job stands with its POSTs, as Redis has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The job.
    pub id: String,
    /// Where it stands; `None` where the record is broken.
    pub state: Option<State>,
    /// Its number among all jobs of the queue.
    pub seq: u64,
    /// When it was accepted, Unix milliseconds.
    pub created_at: u64,
    /// POSTs begun, as far as Redis knows.
    pub attempts: u32,
    /// The name of the last of them, see [`intent_name`].
    pub intent: String,
    /// The entry that it came from.
    pub entry_id: String,
    /// What it asks for.
    pub fingerprint: String,
    /// Whose budget.
    pub account: String,
    /// Which endpoints.
    pub kind: Kind,
    /// The caller's own timeout.
    pub timeout: Option<Duration>,
    /// Every generation that stands on the record.
    pub generations: BTreeSet<String>,
}

/// The fields of a record that make a [`Standing`].
const FIELDS: [&str; 12] = [
    "state",
    "seq",
    "created_at",
    "attempts",
    "intent",
    "entry_id",
    "fingerprint",
    "account",
    "kind",
    "timeout",
    "generation_id",
    "extra_generation_id",
];

impl Standing {
    /// `None` where there is no record at all.
    fn of(id: &str, fields: &[Option<String>]) -> Option<Self> {
        if fields.iter().all(Option::is_none) {
            return None;
        }
        let field = |name: &str| {
            let at = FIELDS.iter().position(|it| *it == name);
            at.and_then(|at| fields.get(at)?.as_deref()).unwrap_or_default()
        };
        let generations = field("extra_generation_id")
            .split(',')
            .chain([field("generation_id")]);
        Some(Self {
            id: id.to_owned(),
            state: field("state").parse().ok(),
            seq: field("seq").parse().unwrap_or(0),
            created_at: field("created_at").parse().unwrap_or(0),
            attempts: field("attempts").parse().unwrap_or(0),
            intent: field("intent").to_owned(),
            entry_id: field("entry_id").to_owned(),
            fingerprint: field("fingerprint").to_owned(),
            account: field("account").to_owned(),
            kind: field("kind").parse().unwrap_or_default(),
            timeout: field("timeout").parse().ok().map(Duration::from_secs),
            generations: generations
                .filter(|id| !id.is_empty())
                .map(str::to_owned)
                .collect(),
        })
    }
}

/// A POST that Redis forgot.
#[derive(Debug, Clone)]
pub struct Forgotten<'a> {
    /// The job as it was read; one that changed since is left alone.
    pub standing: &'a Standing,
    /// How many attempts Redis knows of from now on.
    pub known: u32,
    /// The name of the last of them.
    pub intent: &'a str,
    /// The POST's place in the budget.
    pub slot: &'a str,
    /// When it was begun, Unix milliseconds by Redis's clock.
    pub sent_at: u64,
    /// The latest time at which it can reach Gamma.
    pub until: u64,
    /// Where it went.
    pub base_url: &'a str,
    /// What it made, if that is known.
    pub generation_id: Option<&'a str>,
    /// Until the first look.
    pub first_look: Duration,
    /// From now to the deadline.
    pub timeout: Duration,
    /// What the record says where no generation is known: an error as JSON.
    pub error: &'a str,
    /// Whether the job was claimed to try a paused account out.
    pub probe: bool,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restored {
    /// The job has its generation and is looked at.
    Generating,
    /// The job is parked.
    Parked,
    /// The job isn't as it was read: nothing was written.
    Changed,
    /// There is no such job.
    Missing,
}

impl Queue {
    /// How these jobs stand with their POSTs, in one round trip; `None` where there is no record.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn standings(&self, ids: &[String]) -> Result<Vec<Option<Standing>>, Error> {
        let read = self.fields_of(ids, &FIELDS).await?;
        Ok(ids
            .iter()
            .zip(read)
            .map(|(id, fields)| Standing::of(id, &fields))
            .collect())
    }

    /// Tells Redis of a POST for a job that it holds as queued. Safe to run twice.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn restore_submit(&self, worker: &str, forgotten: &Forgotten<'_>) -> Result<Restored, Error> {
        let seen = forgotten.standing;
        let mut call = self.call(&RESTORE_SUBMIT);
        call.arg(worker)
            .arg(&seen.id)
            .arg(seen.seq)
            .arg(seen.created_at)
            .arg(seen.attempts);
        call.arg(forgotten.known)
            .arg(forgotten.intent)
            .arg(forgotten.slot)
            .arg(forgotten.sent_at);
        call.arg(forgotten.until)
            .arg(forgotten.base_url)
            .arg(forgotten.generation_id.unwrap_or_default());
        call.arg(ms(forgotten.first_look))
            .arg(ms(forgotten.timeout))
            .arg(forgotten.error)
            .arg(u8::from(forgotten.probe));
        let word = value::text(&self.invoke(&call).await?);
        Ok(match word.as_str() {
            "generating" => {
                self.moves.count(Some(State::Queued), State::Generating);
                Restored::Generating
            }
            "ambiguous" => {
                self.moves.count(Some(State::Queued), State::Ambiguous);
                Restored::Parked
            }
            "changed" => Restored::Changed,
            "missing" => Restored::Missing,
            other => return Err(Error::Refused(format!("restore_submit answered {other}"))),
        })
    }
}
