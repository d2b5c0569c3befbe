//! The end of a step: what the queue does next with each job.

use std::time::Duration;

use redis::ScriptInvocation;

use crate::script::{KEEP_JOBS, MAX_ITEMS, SETTLE_JOBS};
use crate::{Error, Queue, ms, value};

/// What the script is sent; see its header.
#[cfg(test)]
pub(crate) const ARGV: &str = "events_cap ttl_ms worker keep_requests first_ms most_ms trouble_ms trouble_most_ms \
                               spread_ms late_ms late_for_ms kept_ms count item...";

/// What `keep_jobs` is sent; see its header.
#[cfg(test)]
pub(crate) const KEEP_ARGV: &str = "events_cap ttl_ms worker kept_ms clean item...";

/// The first pause of an account after 401, 402 or no credits; it doubles up to [`TROUBLE_MOST`].
const TROUBLE_FIRST: Duration = Duration::from_secs(60);
/// The longest pause after account trouble.
const TROUBLE_MOST: Duration = Duration::from_secs(3600);

/// What holds for every settlement of a worker.
#[derive(Debug, Clone, Copy)]
pub struct SettlePolicy {
    /// Whether a completed job keeps its request.
    pub keep_requests: bool,
    /// The first pause after a 429 without `Retry-After`.
    pub pause_first: Duration,
    /// The longest of them.
    pub pause_most: Duration,
    /// Over what time looks come back after a pause.
    pub spread: Duration,
    /// How often a timed-out job is looked at.
    pub late_interval: Duration,
    /// For how long.
    pub late_for: Duration,
    /// How long after the time of its next look a job is held that its worker keeps ([`Verb::Keep`]): other workers have it
    /// so much later where this one dies.
    pub kept_for: Duration,
}

/// What the queue does with a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Look again after this time.
    Again(Duration),
    /// The same by this worker, which keeps the job under its fence meanwhile; what it keeps it has to let go where
    /// [`Queue::read_recalls`] says so.
    Keep(Duration),
    /// Gamma certainly accepted nothing: back in line, after this time; the slot comes back.
    Requeue(Duration),
    /// Whether Gamma accepted is not known: an operator decides.
    Park,
    /// The same, and the policy is to submit again after this time; the slot stays charged.
    Resubmit(Duration),
    /// Over, without a deck.
    Fail,
    /// The deck is there, and files of it are not yet: a step for them follows at once.
    Export,
    /// Over, with the deck.
    Complete,
    /// Still pending after the deadline.
    TimeOut,
    /// A late look was the last one.
    Rest,
    /// Handed back untouched.
    Release,
}

/// What a step says of an account that it tried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// It wasn't one, or the step says nothing of the account.
    None,
    /// The account works: its pause is over.
    Good,
    /// Gamma was not reached: the next job tries.
    Open,
}

/// A pause for submits and polls of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// `rate_limited`, `unauthorized`, `out_of_credits`.
    pub reason: &'static str,
    /// For how long, where Gamma said so; else it doubles.
    pub fixed: Option<Duration>,
}

/// One job to settle.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// The job.
    pub id: String,
    /// The hold under which the step ran.
    pub fence: u64,
    /// What to do.
    pub verb: Verb,
    /// What it says of a paused account.
    pub probe: Probe,
    /// A pause that starts with it.
    pub pause: Option<Pause>,
    /// `0.0..1.0`, for the pause's spread.
    pub jitter: f64,
    /// For `events`.
    pub note: String,
    /// Fields of the record.
    pub fields: Vec<(&'static str, String)>,
    /// Fields of the account.
    pub account_fields: Vec<(&'static str, String)>,
}

/// What became of a settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// Done.
    Done,
    /// Done, and the job is still this worker's: the answer to [`Verb::Keep`], but where the account has to wait.
    Kept,
    /// The job was no longer this worker's, or this settlement ran before.
    Stale,
    /// There is no such job.
    Missing,
}

impl Queue {
    /// Settles jobs, each by itself. Safe to run twice: the second time is stale, or kept as the first time.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn settle_jobs(
        &self,
        worker: &str,
        policy: &SettlePolicy,
        items: &[Settlement],
    ) -> Result<Vec<Settled>, Error> {
        let mut outcomes = vec![Settled::Kept; items.len()];
        let all = items.iter().enumerate();
        let (mut plain, others): (Vec<_>, Vec<_>) = all.partition(|(_, item)| kept(item).is_some());
        let is_clean = |item| kept(item).is_some_and(|(_, _, clean)| clean);
        // So that how many there are says which they are.
        plain.sort_by_key(|(_, item)| !is_clean(item));
        for chunk in plain.chunks(MAX_ITEMS) {
            let mut call = self.call(&KEEP_JOBS);
            call.arg(worker).arg(ms(policy.kept_for));
            call.arg(chunk.iter().filter(|(_, item)| is_clean(item)).count());
            for (_, item) in chunk {
                if let Some((wait, polls, _)) = kept(item) {
                    call.arg(&item.id).arg(item.fence).arg(ms(wait)).arg(polls);
                }
            }
            let answer = value::list(self.invoke(&call).await?)?;
            for pair in answer.chunks_exact(2) {
                let at = usize::try_from(value::number(&pair[0])).unwrap_or(0);
                let Some((at, _)) = at.checked_sub(1).and_then(|at| chunk.get(at)) else {
                    return Err(Error::Refused(format!("keep_jobs answered of item {at}")));
                };
                outcomes[*at] = settled(&value::text(&pair[1]))?;
            }
        }
        for chunk in others.chunks(MAX_ITEMS) {
            let mut call = self.call(&SETTLE_JOBS);
            call.arg(worker).arg(u8::from(policy.keep_requests));
            call.arg(ms(policy.pause_first)).arg(ms(policy.pause_most));
            call.arg(ms(TROUBLE_FIRST))
                .arg(ms(TROUBLE_MOST))
                .arg(ms(policy.spread));
            call.arg(ms(policy.late_interval))
                .arg(ms(policy.late_for))
                .arg(ms(policy.kept_for))
                .arg(chunk.len());
            chunk.iter().for_each(|(_, item)| add(&mut call, item));
            let words = value::texts(self.invoke(&call).await?)?;
            for (word, (at, _)) in words.iter().zip(chunk) {
                outcomes[*at] = settled(self.moves.told(word))?;
            }
            if words.len() < chunk.len() {
                return Err(Error::Refused("settle_jobs answered too little".to_owned()));
            }
        }
        Ok(outcomes)
    }
}

fn settled(word: &str) -> Result<Settled, Error> {
    Ok(match word {
        "ok" => Settled::Done,
        "kept" => Settled::Kept,
        "stale" => Settled::Stale,
        "missing" => Settled::Missing,
        other => return Err(Error::Refused(format!("a settlement answered {other}"))),
    })
}

/// Whether a settlement says nothing but that a look found nothing new: how many looks there were, and whether it says that
/// there is no trouble any more, or leaves that out.
fn nothing_new(item: &Settlement) -> Option<(&str, bool)> {
    let plain = item.probe == Probe::None && item.pause.is_none() && item.note.is_empty();
    if !plain || !item.account_fields.is_empty() {
        return None;
    }
    match item.fields.as_slice() {
        [("polls", polls)] => Some((polls, false)),
        [
            ("polls", polls),
            ("poll_failures", failures),
            ("last_error", error),
        ] if failures == "0" && error.is_empty() => Some((polls, true)),
        _ => None,
    }
}

/// The wait, the looks, and whether the record says of no trouble, where `keep_jobs` does.
fn kept(item: &Settlement) -> Option<(Duration, &str, bool)> {
    let Verb::Keep(wait) = item.verb else { return None };
    nothing_new(item).map(|(polls, says_so)| (wait, polls, !says_so))
}

fn add(call: &mut ScriptInvocation<'_>, item: &Settlement) {
    if let (Verb::Again(delay), Some((polls, true))) = (item.verb, nothing_new(item)) {
        call.arg(&item.id).arg(item.fence);
        call.arg("pending").arg(ms(delay)).arg(polls);
        return;
    }
    let (verb, delay) = match item.verb {
        Verb::Again(delay) => ("again", delay),
        Verb::Keep(delay) => ("keep", delay),
        Verb::Requeue(delay) => ("requeue", delay),
        Verb::Park => ("park", Duration::ZERO),
        Verb::Resubmit(delay) => ("resubmit", delay),
        Verb::Fail => ("fail", Duration::ZERO),
        Verb::Export => ("export", Duration::ZERO),
        Verb::Complete => ("complete", Duration::ZERO),
        Verb::TimeOut => ("time_out", Duration::ZERO),
        Verb::Rest => ("rest", Duration::ZERO),
        Verb::Release => ("release", Duration::ZERO),
    };
    let probe = match item.probe {
        Probe::None => "",
        Probe::Good => "good",
        Probe::Open => "open",
    };
    call.arg(&item.id)
        .arg(item.fence)
        .arg(verb)
        .arg(ms(delay))
        .arg(probe);
    let fixed = item
        .pause
        .as_ref()
        .and_then(|pause| pause.fixed)
        .map(|time| ms(time).to_string());
    call.arg(item.pause.as_ref().map_or("", |pause| pause.reason))
        .arg(fixed.unwrap_or_default());
    call.arg(item.jitter.clamp(0.0, 1.0)).arg(&item.note);
    for fields in [&item.fields, &item.account_fields] {
        call.arg(fields.len() * 2);
        for (name, value) in fields {
            call.arg(*name).arg(value);
        }
    }
}
