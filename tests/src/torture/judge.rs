//! Compares what the fake accepted with what Redis says, and both with what callers sent.
//!
//! The promise that it holds a run to, nobody having asked for a second POST:
//!
//! 1. for each job at most one POST was accepted;
//! 2. every entry that was acknowledged is a job in a final state or parked, filed and with its result;
//! 3. every generation stands on its job's record, or the job is parked, and nothing else stands on a record;
//! 4. no account had more accepted in any rolling window than its limit;
//! 5. every parked job has a reason: its answer was lost, or it or its worker were hit by a fault.

use std::collections::{BTreeMap, BTreeSet};

use gammaq_fake::ledger::{Ledger, Post};

use super::diary::{Fault, Scope};
use super::recovery::Event;

/// One job that a caller sent.
#[derive(Debug, Clone)]
pub struct Sent {
    /// By which all that belongs to it is known.
    pub token: String,
    /// Its id, if the append was acknowledged.
    pub job: Option<String>,
    /// Whether there was nothing wrong with it.
    pub valid: bool,
}

/// What Redis says of one job; text is empty where there is none.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// The job's id.
    pub id: String,
    /// `meta`: the caller's token.
    pub token: String,
    /// `state`.
    pub state: String,
    /// `generation_id`.
    pub generation: String,
    /// `extra_generation_id`.
    pub extra: Vec<String>,
    /// `intent_at`, Unix milliseconds.
    pub intent_at: u64,
    /// `finished_at`, Unix milliseconds.
    pub finished_at: u64,
    /// `last_error`.
    pub last_error: String,
    /// The indexes that it stands in.
    pub places: Vec<String>,
    /// `state` of its result.
    pub result_state: String,
    /// `generationId` of its result.
    pub result_generation: String,
}

/// The fullest window of one account.
#[derive(Debug, Clone)]
pub struct Fullest {
    /// Its name.
    pub account: String,
    /// What it may have accepted.
    pub limit: u64,
    /// In any window of this length.
    pub window_ms: u64,
    /// What it had, at the most.
    pub most: u64,
}

/// All that is known at the end.
#[derive(Debug)]
pub struct Facts<'a> {
    /// What callers sent.
    pub sent: &'a [Sent],
    /// What Redis holds.
    pub records: &'a [Record],
    /// What happened, as Redis tells it.
    pub events: &'a [Event],
    /// What the fake saw.
    pub ledger: &'a Ledger,
    /// The fullest windows.
    pub windows: &'a [Fullest],
    /// What was broken.
    pub faults: &'a [Fault],
    /// How long a POST may take before nobody waits for its answer.
    pub request_timeout_ms: u64,
}

/// What was found.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Jobs with more than one accepted POST.
    pub second_charges: Vec<String>,
    /// Acknowledged jobs that are neither at an end nor parked.
    pub lost_jobs: Vec<String>,
    /// Generations that stand on no record, though their job isn't parked.
    pub lost_generations: Vec<String>,
    /// Accounts that had too much accepted in some window.
    pub overshoots: Vec<String>,
    /// Parked jobs without a reason.
    pub unexplained: Vec<String>,
    /// Whatever else isn't as it should be.
    pub odd: Vec<String>,
    /// Jobs by the state that they ended in.
    pub states: BTreeMap<String, u64>,
    /// Parked jobs: Gamma accepted; it saw the POST and did not accept; it never saw one.
    pub parked: [u64; 3],
}

impl Verdict {
    /// Everything that breaks the promise.
    pub fn violations(&self) -> Vec<String> {
        let named = [
            ("second charge", &self.second_charges),
            ("lost job", &self.lost_jobs),
            ("lost generation", &self.lost_generations),
            ("overshoot", &self.overshoots),
            ("parked without a reason", &self.unexplained),
            ("odd", &self.odd),
        ];
        let each = named
            .iter()
            .flat_map(|(name, list)| list.iter().map(move |it| format!("{name}: {it}")));
        each.collect()
    }
}

const ENDS: [&str; 5] = ["completed", "failed", "timed_out", "cancelled", PARKED];
const PARKED: &str = "ambiguous";

/// Judges a run.
pub fn judge(facts: &Facts<'_>) -> Verdict {
    let mut verdict = Verdict::default();
    let mut records: BTreeMap<&str, &Record> = BTreeMap::new();
    for record in facts.records {
        *verdict.states.entry(record.state.clone()).or_default() += 1;
        if let Some(other) = records.insert(&record.token, record) {
            verdict
                .odd
                .push(format!("{} and {} are one wish", other.id, record.id));
        }
        check_record(record, &mut verdict);
    }
    let mut posts: BTreeMap<&str, Vec<&Post>> = BTreeMap::new();
    for post in &facts.ledger.posts {
        posts
            .entry(post.title.as_deref().unwrap_or_default())
            .or_default()
            .push(post);
    }
    check_sent(facts, &records, &posts, &mut verdict);
    check_generations(facts, &records, &mut verdict);
    for record in facts.records.iter().filter(|record| record.state == PARKED) {
        let none = Vec::new();
        let seen = posts.get(record.token.as_str()).unwrap_or(&none);
        check_parked(facts, record, seen, &mut verdict);
    }
    for window in facts.windows.iter().filter(|window| window.most > window.limit) {
        let Fullest {
            account,
            limit,
            window_ms,
            most,
        } = window;
        let what = format!("{account}: {most} accepted within {window_ms} ms, where {limit} may be");
        verdict.overshoots.push(what);
    }
    verdict
}

/// A record is filed under its state and nowhere else, and its result says the same.
fn check_record(record: &Record, verdict: &mut Verdict) {
    let (id, state) = (&record.id, &record.state);
    if !ENDS.contains(&state.as_str()) {
        return verdict.lost_jobs.push(format!("{id} is {state}"));
    }
    if record.places != [state.as_str()] {
        verdict
            .odd
            .push(format!("{id} is {state} and stands in {:?}", record.places));
    }
    if record.result_state != *state || record.result_generation != record.generation {
        let (said, of) = (&record.result_state, &record.result_generation);
        verdict.odd.push(format!(
            "{id} is {state} with generation {:?}, its result says {said:?} with {of:?}",
            record.generation
        ));
    }
    if state == "completed" && record.generation.is_empty() {
        verdict
            .odd
            .push(format!("{id} is completed without a generation"));
    }
}

fn check_sent(
    facts: &Facts<'_>,
    records: &BTreeMap<&str, &Record>,
    posts: &BTreeMap<&str, Vec<&Post>>,
    verdict: &mut Verdict,
) {
    for sent in facts.sent {
        let record = records.get(sent.token.as_str());
        match (&sent.job, record) {
            (Some(id), None) => verdict
                .lost_jobs
                .push(format!("{id} was acknowledged and has no record")),
            (Some(id), Some(record)) if *id != record.id => {
                verdict.odd.push(format!("{id} became {}", record.id));
            }
            _ => {}
        }
        if !sent.valid {
            if record.is_some_and(|record| record.state != "failed") {
                verdict
                    .odd
                    .push(format!("{} was wrong and did not fail", sent.token));
            }
            if posts.contains_key(sent.token.as_str()) {
                verdict
                    .odd
                    .push(format!("{} was wrong and was submitted", sent.token));
            }
        }
    }
}

fn check_generations(facts: &Facts<'_>, records: &BTreeMap<&str, &Record>, verdict: &mut Verdict) {
    let mut made: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for generation in &facts.ledger.generations {
        let token = generation.title.as_deref().unwrap_or_default();
        let id = generation.generation_id.as_str();
        made.entry(token).or_default().push(id);
        let known = records.get(token).is_some_and(|record| {
            record.state == PARKED || record.generation == id || record.extra.iter().any(|it| it == id)
        });
        if !known {
            verdict
                .lost_generations
                .push(format!("{id} of {token} stands on no record"));
        }
    }
    for (token, ids) in made.iter().filter(|(_, ids)| ids.len() > 1) {
        verdict
            .second_charges
            .push(format!("{token} was accepted {} times: {ids:?}", ids.len()));
    }
    let all: BTreeSet<&str> = made.into_values().flatten().collect();
    for record in facts.records {
        for id in record.extra.iter().chain([&record.generation]) {
            if !id.is_empty() && !all.contains(id.as_str()) {
                verdict
                    .odd
                    .push(format!("{} names {id}, which was never made", record.id));
            }
        }
    }
}

/// A parked job has a reason: a fault of the fake that hides the answer, a fault that hit its worker meanwhile, or the
/// whole time for an answer, which on a busy machine can pass by itself.
fn check_parked(facts: &Facts<'_>, record: &Record, posts: &[&Post], verdict: &mut Verdict) {
    let accepted = posts.iter().any(|post| post.accepted);
    verdict.parked[if accepted {
        0
    } else {
        usize::from(posts.is_empty()) + 1
    }] += 1;
    let hidden = posts.iter().any(|post| {
        let fault = post.fault.as_deref().unwrap_or_default();
        !fault.is_empty() && !fault.starts_with("slow")
    });
    let waited = record.finished_at.saturating_sub(record.intent_at) >= facts.request_timeout_ms;
    let submitter = facts
        .events
        .iter()
        .rev()
        .find(|event| event.id == record.id && event.state == "submitting")
        .and_then(|event| event.pid);
    let hit = facts.faults.iter().any(|fault| {
        let meanwhile = fault.began <= record.finished_at && fault.ended >= record.intent_at;
        meanwhile && (fault.scope == Scope::All || submitter.map(Scope::Worker) == Some(fault.scope))
    });
    if !hidden && !waited && !hit {
        verdict
            .unexplained
            .push(format!("{}: {}", record.id, record.last_error));
    }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
