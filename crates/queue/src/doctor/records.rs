//! What is wrong with one job: its record, its places, its result. Pure: it judges what was seen in one moment.

use gammaq_job::record::SCHEMA;
use gammaq_job::{AccountName, JobResult, State};

use super::seen::Seen;
use super::{Ailment, Finding, LONG_DUE};
use crate::Keys;

/// Judges jobs of one queue.
pub(super) struct Judge<'a> {
    pub(super) keys: &'a Keys,
    /// How long ended jobs are kept, in milliseconds.
    pub(super) ttl: u64,
}

/// The fields that must be whole numbers where they are there, beside those with a finding of their own.
const NUMBERS: [&str; 8] = [
    "priority",
    "created_at",
    "run_at",
    "intent_at",
    "submitted_at",
    "finished_at",
    "attempts",
    "polls",
];

impl Judge<'_> {
    /// Everything that is wrong with a job.
    pub(super) fn findings(&self, seen: &Seen) -> Vec<Finding> {
        let mut out = Vec::new();
        match seen.kind.as_str() {
            "none" => self.without_record(seen, &mut out),
            "hash" => self.with_record(seen, &mut out),
            other => out.push(self.about(seen, Ailment::RecordType, format!("it is a {other}"))),
        }
        out
    }

    fn about(&self, seen: &Seen, what: Ailment, detail: impl Into<String>) -> Finding {
        Finding::new(what, self.keys.job(&seen.id), detail).of(&seen.id)
    }

    fn in_index(&self, seen: &Seen, what: Ailment, index: &str, detail: impl Into<String>) -> Finding {
        Finding::new(what, format!("{}{index}", self.keys.base()), detail)
            .of(&seen.id)
            .at(index)
    }

    fn without_record(&self, seen: &Seen, out: &mut Vec<Finding>) {
        let mut missing = |index: &str| {
            let detail = format!("{} stands there", seen.id);
            out.push(self.in_index(seen, Ailment::NoRecord, index, detail));
        };
        if seen.due.is_at() {
            missing("due");
        }
        if seen.asked_line.is_at() {
            missing(&format!("pending:{}", seen.asked));
        }
        let mut swept = false;
        for (state, place) in seen.ended {
            // Records of ended jobs expire, and the sweeper comes a while later.
            let expired = state != State::Ambiguous
                && matches!(place, super::seen::Place::At(score) if score as u64 + self.ttl <= seen.now + 1_000);
            if place.is_at() && !expired {
                missing(state.as_str());
            }
            swept |= expired;
        }
        for (index, place) in seen.callback_lists() {
            if place.is_at() && !swept {
                missing(index);
            }
        }
        if seen.result_kind != "none" {
            let key = self.keys.result(&seen.id);
            out.push(Finding::new(
                Ailment::ResultNoRecord,
                key,
                format!("{} has no record", seen.id),
            ));
        }
    }

    fn with_record(&self, seen: &Seen, out: &mut Vec<Finding>) {
        let version = seen.get("v");
        if !version.is_empty() && seen.number("v").is_none_or(|it| it > u64::from(SCHEMA)) {
            // What it says, and where it is to stand, only its own version knows.
            return out.push(self.about(seen, Ailment::RecordNewer, format!("v {version:?}")));
        }
        self.fields(seen, out);
        let state = match seen.get("state") {
            "" => return out.push(self.about(seen, Ailment::RecordNoState, "it has no state")),
            word => match word.parse::<State>() {
                Ok(state) => state,
                Err(_) => {
                    let shown = gammaq_job::json::cut(word, 40);
                    return out.push(self.about(
                        seen,
                        Ailment::RecordState,
                        format!("its state is {shown:?}"),
                    ));
                }
            },
        };
        if AccountName::new(seen.get("account")).is_err() {
            return out.push(self.about(seen, Ailment::RecordNoAccount, "its account can't be one"));
        }
        self.step(seen, state, out);
        self.places(seen, state, out);
        self.callback(seen, state, out);
        self.end(seen, state, out);
    }

    fn fields(&self, seen: &Seen, out: &mut Vec<Finding>) {
        if seen.get("v").is_empty() {
            out.push(self.about(seen, Ailment::RecordNoVersion, "it has no v"));
        }
        if seen.get("id") != seen.id {
            let shown = gammaq_job::json::cut(seen.get("id"), 64);
            out.push(self.about(seen, Ailment::RecordId, format!("its id is {shown:?}")));
        }
        if seen.number("fence").is_none() {
            out.push(self.about(seen, Ailment::Fence, "its fence is no number"));
        }
        if seen.number("seq").is_none() {
            out.push(self.about(seen, Ailment::Seq, "its seq is no number"));
        }
        let garbled: Vec<&str> = NUMBERS.into_iter().filter(|name| seen.is_garbled(name)).collect();
        if !garbled.is_empty() {
            out.push(self.about(seen, Ailment::Numbers, garbled.join(", ")));
        }
    }

    /// What the next step needs.
    fn step(&self, seen: &Seen, state: State, out: &mut Vec<Finding>) {
        let looked_at = matches!(state, State::Generating | State::Exporting) || late(seen, state);
        if state == State::Queued && seen.request_bytes == 0 {
            out.push(self.about(seen, Ailment::Request, "it has no request"));
        }
        if looked_at && seen.get("generation_id").is_empty() {
            out.push(self.about(
                seen,
                Ailment::Generation,
                format!("{state} without generation_id"),
            ));
        }
        if looked_at && seen.number("deadline").is_none() {
            out.push(self.about(seen, Ailment::Deadline, format!("{state} without a deadline")));
        }
        self.slot(seen, state, out);
        if let super::seen::Place::At(score) = seen.due
            && !seen.get("worker").is_empty()
            && (score as u64).saturating_add(LONG_DUE) < seen.now
        {
            let detail = format!("held by {} until {}", seen.get("worker"), score as u64);
            out.push(self.about(seen, Ailment::LeaseAbandoned, detail));
        }
    }

    fn slot(&self, seen: &Seen, state: State, out: &mut Vec<Finding>) {
        if seen.get("slot").is_empty() {
            return;
        }
        // Until the POST is begun as long as the job is held; then until its window is over.
        let live = match state {
            State::Queued => matches!(seen.due, super::seen::Place::At(end) if end as u64 > seen.now),
            State::Submitting => seen
                .number("intent_at")
                .is_some_and(|intent| intent + seen.window >= seen.now),
            _ => {
                let detail = format!("{state} with the slot {}", seen.get("slot"));
                return out.push(self.about(seen, Ailment::SlotStray, detail));
            }
        };
        if live && !seen.charged {
            out.push(self.about(
                seen,
                Ailment::SlotUncharged,
                format!("{state}, slot {}", seen.get("slot")),
            ));
        }
    }

    fn places(&self, seen: &Seen, state: State, out: &mut Vec<Finding>) {
        let due = seen.due;
        let late = late(seen, state);
        let nowhere = match state {
            State::Queued if due.is_absent() && seen.line.is_absent() => Some(Ailment::QueuedNowhere),
            State::Submitting if due.is_absent() => Some(Ailment::SubmittingNowhere),
            State::Generating | State::Exporting if due.is_absent() => Some(Ailment::GeneratingNowhere),
            State::TimedOut if late && due.is_absent() => Some(Ailment::LateLookLost),
            _ => None,
        };
        out.extend(nowhere.map(|what| self.about(seen, what, format!("{state}"))));
        if state == State::Queued && due.is_at() && seen.line.is_at() {
            out.push(self.about(seen, Ailment::TwoPlaces, "in its line and in due"));
        }
        if due.is_at() && state.is_end() && !late {
            out.push(self.in_index(seen, Ailment::AfterEnd, "due", format!("{} is {state}", seen.id)));
        }
        for (index, place) in seen.ended {
            if place.is_at() && index != state {
                let detail = format!("{} is {state}", seen.id);
                out.push(self.in_index(seen, Ailment::WrongIndex, index.as_str(), detail));
            } else if place.is_absent() && index == state {
                out.push(self.about(seen, Ailment::NotInIndex, format!("{state}")));
            }
        }
        let account = seen.get("account");
        let mut stray = |line: &str| {
            let detail = format!("{} is {state}, of {account}", seen.id);
            out.push(self.in_index(seen, Ailment::NotInLine, &format!("pending:{line}"), detail));
        };
        if seen.line.is_at() && state != State::Queued {
            stray(account);
        } else if seen.asked_line.is_at() && seen.asked != account {
            stray(&seen.asked);
        }
    }

    /// What is to be told of a job, and where that is written down. An operator may put any job with a callback back on the
    /// schedule; of one that goes on, a claim withdraws what was to be said.
    fn callback(&self, seen: &Seen, state: State, out: &mut Vec<Finding>) {
        let has_one = !seen.get("callback").is_empty() && !seen.get("callback_id").is_empty();
        let status = seen.get("callback_status");
        if has_one && seen.get("callback_state") == state.as_str() && seen.callbacks.is_absent() {
            let lost = match status {
                "due" => Some(Ailment::CallbackNowhere),
                "failed" if seen.callback_failed.is_absent() => Some(Ailment::CallbackUnlisted),
                _ => None,
            };
            out.extend(lost.map(|what| self.about(seen, what, format!("{state}, callback {status}"))));
        }
        for (index, place) in seen.callback_lists() {
            let right = has_one && (index == "callbacks" || status == "failed");
            if place.is_at() && !right {
                let shown = match gammaq_job::json::cut(status, 20) {
                    none if none.is_empty() => "no callback".to_owned(),
                    status => format!("callback {status}"),
                };
                let detail = format!("{} is {state}, {shown}", seen.id);
                out.push(self.in_index(seen, Ailment::CallbackStray, index, detail));
            }
        }
    }

    /// Live jobs are kept for ever, ended ones for a while, and their results with them.
    fn end(&self, seen: &Seen, state: State, out: &mut Vec<Finding>) {
        let over = state.is_end() && state != State::Ambiguous && !late(seen, state);
        if over && seen.ttl < 0 {
            out.push(self.about(seen, Ailment::EndedNoTtl, format!("{state}")));
        } else if !over && seen.ttl >= 0 {
            let detail = format!("{state}, and gone in {} ms", seen.ttl);
            out.push(self.about(seen, Ailment::LiveTtl, detail));
        }
        if let Some((what, detail)) = self.result(seen, state, over) {
            let key = self.keys.result(&seen.id);
            out.push(Finding::new(what, key, detail).of(&seen.id));
        }
    }

    fn result(&self, seen: &Seen, state: State, over: bool) -> Option<(Ailment, String)> {
        if !state.is_end() {
            // A deck that is there is told while its files are still made.
            let early = state == State::Exporting || seen.result_kind == "none";
            return (!early).then(|| (Ailment::ResultStray, format!("the job is {state}")));
        }
        match seen.result_kind.as_str() {
            "string" => {}
            "none" => return Some((Ailment::ResultMissing, format!("the job is {state}"))),
            other => return Some((Ailment::ResultType, format!("it is a {other}"))),
        }
        let told: JobResult = match serde_json::from_str(&seen.result) {
            Ok(told) => told,
            // The error's words may quote what stands there.
            Err(error) => {
                let detail = format!("at line {} column {}", error.line(), error.column());
                return Some((Ailment::ResultUnreadable, detail));
            }
        };
        let generation = told.generation_id.as_deref().unwrap_or_default();
        if told.state != state || told.id != seen.id || generation != seen.get("generation_id") {
            let detail = format!("it says {} {}, the record {state}", told.id, told.state);
            return Some((Ailment::ResultDiffers, detail));
        }
        let kept = seen.result_ttl >= 0;
        // Where the record itself is kept for too long or too short, that is said.
        let right = kept == over || seen.ttl >= 0 && !over || seen.ttl < 0 && over;
        (!right).then(|| {
            (
                Ailment::ResultTtl,
                format!("{} ms, the job is {state}", seen.result_ttl),
            )
        })
    }
}

/// A timed-out job that is still looked at.
fn late(seen: &Seen, state: State) -> bool {
    state == State::TimedOut && !seen.get("late_until").is_empty()
}
