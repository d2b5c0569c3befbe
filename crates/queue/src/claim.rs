//! Claims: a worker takes as many jobs as it has room for.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use gammaq_job::{ExportFormat, Files, Kind, State};
use redis::Value;

use crate::script::{CLAIM_JOBS, MAX_ITEMS};
use crate::{Error, Queue, ms, value};

/// What the script is sent; see its header.
#[cfg(test)]
pub(crate) const ARGV: &str = "events_cap ttl_ms worker want lease_ms on_ambiguous max_resubmits spread_ms looks submits not_after queue_id foreign...";

macro_rules! fields {
    ($count:literal: $($name:ident)+) => {
        /// The fields of the record that a claimed job carries, in the script's order.
        #[cfg(test)]
        pub(crate) const FIELDS: [&str; $count] = [$(stringify!($name)),+];

        struct Fields {
            $($name: String),+
        }

        impl Fields {
            /// Those that are missing at the end are empty.
            fn read(parts: &mut impl Iterator<Item = Value>) -> Self {
                Self { $($name: next(parts)),+ }
            }
        }
    };
}

fields! {
    23: state account kind generation_id base_url polls poll_failures deadline exports late_until created_at traceparent
    warnings attempts timeout resubmits submit_failures slot gamma_id files pdf_url pptx_url png_url
}

/// What becomes of a submit whose outcome isn't known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnAmbiguous {
    /// It waits for an operator.
    Park,
    /// It is submitted again, at most so often; Gamma may be paid twice for it.
    Resubmit(u32),
}

/// What a worker asks for.
#[derive(Debug, Clone, Copy)]
pub struct ClaimRequest<'a> {
    /// Who asks.
    pub worker: &'a str,
    /// The most jobs, 1 to 1,000.
    pub want: usize,
    /// How long they are held.
    pub lease: Duration,
    /// What becomes of submits of dead workers.
    pub on_ambiguous: OnAmbiguous,
    /// Over what time the looks that waited for a pause come back.
    pub spread: Duration,
    /// The most looks.
    pub looks: usize,
    /// The most submits.
    pub submits: usize,
    /// Redis's time, Unix milliseconds, after which nothing is claimed: nobody waits for the answer any more.
    pub not_after: u64,
    /// Accounts to leave to other workers.
    pub foreign: &'a [String],
}

/// What a worker got.
#[derive(Debug)]
pub struct Claim {
    /// Redis's time, Unix milliseconds.
    pub now: u64,
    /// When there will be something to do next, if that is known.
    pub next_at: Option<u64>,
    /// How many jobs stand in the schedule.
    pub due_count: u64,
    /// How late the oldest step was.
    pub oldest_late: Duration,
    /// The queue lost its data since it was begun with, see [`Queue::begin_life`]: no submit was handed out.
    pub reset: bool,
    /// Jobs that were met for the first time and left alone: their records are of a newer version than this code.
    pub newer: u64,
    /// The jobs.
    pub jobs: Vec<Claimed>,
}

/// What to do with a claimed job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Send its request.
    Submit,
    /// Look at its generation.
    Look,
    /// Go on with its files: the deck is there.
    Export,
}

/// A job in a worker's hands. Times are Unix milliseconds by Redis's clock.
#[derive(Clone)]
pub struct Claimed {
    /// The job.
    pub id: String,
    /// This hold's number: every write is compared with it.
    pub fence: u64,
    /// What to do.
    pub step: Step,
    /// Whether it tries out an account that was paused.
    pub probe: bool,
    /// The request, for a submit.
    pub request: String,
    /// Redis's time of the claim.
    pub claimed_at: u64,
    /// How long ago its time was, for a look.
    pub late: Duration,
    /// Where it stands.
    pub state: State,
    /// Whose key.
    pub account: String,
    /// POSTs begun before this one.
    pub attempts: u32,
    /// Which endpoints.
    pub kind: Kind,
    /// Formats wanted.
    pub exports: Vec<ExportFormat>,
    /// Gamma's name for the generation, for a look.
    pub generation_id: String,
    /// Where it was submitted.
    pub base_url: String,
    /// Looks so far.
    pub polls: u64,
    /// Looks in a row that brought no answer.
    pub poll_failures: u32,
    /// When a look that says pending ends it.
    pub deadline: u64,
    /// When it was accepted.
    pub created_at: u64,
    /// W3C trace context.
    pub traceparent: String,
    /// Until when a timed-out job is looked at.
    pub late_until: u64,
    /// Submits made again by policy.
    pub resubmits: u32,
    /// The caller's own timeout.
    pub timeout: Option<Duration>,
    /// Submits in a row that never reached Gamma.
    pub submit_failures: u32,
    /// Warnings so far.
    pub warnings: Vec<String>,
    /// Its place in the budget.
    pub slot: String,
    /// Gamma's name for the deck, which exports are asked for by.
    pub gamma_id: String,
    /// How far its files are.
    pub files: Files,
    /// Links to files, which open them for whoever holds them: never to be shown.
    pub links: BTreeMap<ExportFormat, String>,
}

/// Shows neither the request nor what else a caller wrote.
impl fmt::Debug for Claimed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claimed")
            .field("id", &self.id)
            .field("fence", &self.fence)
            .field("step", &self.step)
            .field("state", &self.state)
            .field("account", &self.account)
            .field("generation_id", &self.generation_id)
            .finish_non_exhaustive()
    }
}

impl Queue {
    /// Takes jobs. Where the answer is lost, they come back by themselves when their lease ends.
    ///
    /// # Errors
    /// By reaction; see [`Error`]. [`Error::NewerSchema`] where the layout is newer by now: nothing was claimed.
    pub async fn claim_jobs(&self, request: &ClaimRequest<'_>) -> Result<Claim, Error> {
        let (word, most) = match request.on_ambiguous {
            OnAmbiguous::Park => ("park", 0),
            OnAmbiguous::Resubmit(most) => ("resubmit", most),
        };
        let mut call = self.call(&CLAIM_JOBS);
        call.arg(request.worker)
            .arg(request.want.clamp(1, MAX_ITEMS))
            .arg(ms(request.lease))
            .arg(word)
            .arg(most);
        call.arg(ms(request.spread))
            .arg(request.looks)
            .arg(request.submits)
            .arg(request.not_after)
            .arg(self.mark());
        for account in request.foreign.iter().take(MAX_ITEMS) {
            call.arg(account);
        }
        let mut parts = value::list(self.invoke(&call).await?)?;
        let (Some(jobs), [now, next_at, due_count, late, reset, newer, moves]) =
            (parts.pop(), parts.as_slice())
        else {
            return Err(Error::Refused("claim_jobs answered too little".to_owned()));
        };
        if value::number(reset) == 2 {
            return Err(self.newer_schema().await);
        }
        self.moves.told(&value::text(moves));
        let now = value::number(now);
        let next = value::text(next_at);
        Ok(Claim {
            now,
            next_at: (!next.is_empty()).then(|| value::number(next_at)),
            due_count: value::number(due_count),
            oldest_late: Duration::from_millis(value::number(late)),
            reset: value::number(reset) == 1,
            newer: value::number(newer),
            jobs: value::list(jobs)?
                .into_iter()
                .map(|job| claimed(job, now))
                .collect::<Result<_, _>>()?,
        })
    }
}

fn next(parts: &mut impl Iterator<Item = Value>) -> String {
    parts.next().map(value::into_text).unwrap_or_default()
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or(0)
}

fn small(text: &str) -> u32 {
    u32::try_from(number(text)).unwrap_or(u32::MAX)
}

fn claimed(job: Value, now: u64) -> Result<Claimed, Error> {
    let mut parts = value::list(job)?.into_iter();
    if parts.len() < 6 {
        return Err(Error::Refused(
            "claim_jobs answered a job without its fields".to_owned(),
        ));
    }
    let [id, fence, step, probe, request, late_ms] = std::array::from_fn(|_| next(&mut parts));
    let fields = Fields::read(&mut parts);
    let state = fields.state.parse().unwrap_or(State::Queued);
    let links = [
        (ExportFormat::Pdf, fields.pdf_url),
        (ExportFormat::Pptx, fields.pptx_url),
        (ExportFormat::Png, fields.png_url),
    ];
    Ok(Claimed {
        id,
        fence: number(&fence),
        step: match step.as_str() {
            "submit" => Step::Submit,
            _ if state == State::Exporting => Step::Export,
            _ => Step::Look,
        },
        probe: probe == "1",
        request,
        claimed_at: now,
        late: Duration::from_millis(number(&late_ms)),
        state,
        account: fields.account,
        attempts: small(&fields.attempts),
        kind: fields.kind.parse().unwrap_or_default(),
        exports: fields
            .exports
            .split(',')
            .filter_map(|word| word.parse().ok())
            .collect(),
        generation_id: fields.generation_id,
        base_url: fields.base_url,
        polls: number(&fields.polls),
        poll_failures: small(&fields.poll_failures),
        deadline: number(&fields.deadline),
        created_at: number(&fields.created_at),
        traceparent: fields.traceparent,
        late_until: number(&fields.late_until),
        resubmits: small(&fields.resubmits),
        timeout: fields.timeout.parse().ok().map(Duration::from_secs),
        submit_failures: small(&fields.submit_failures),
        warnings: match fields.warnings.as_str() {
            "" => Vec::new(),
            list => serde_json::from_str(list).unwrap_or_default(),
        },
        slot: fields.slot,
        gamma_id: fields.gamma_id,
        files: Files::read(&fields.files),
        links: links.into_iter().filter(|(_, link)| !link.is_empty()).collect(),
    })
}
