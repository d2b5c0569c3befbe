//! A plain model of the queue: what each operation must answer, and where each job then stands.

mod recording;

use std::collections::BTreeMap;

use gammaq_job::State;
use gammaq_queue::claim::{Claim, ClaimRequest, Claimed, OnAmbiguous, Step};
use gammaq_queue::settle::{Settled, Verb};
use gammaq_queue::submit::Begun;

use crate::snapshot::Snapshot;

/// A job as the model knows it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Known {
    pub(crate) wish: String,
    pub(crate) account: String,
    pub(crate) state: State,
    pub(crate) fence: u64,
    pub(crate) holder: String,
    pub(crate) generation: String,
    pub(crate) extra: Vec<String>,
    pub(crate) resubmits: u32,
    /// As those who keep it count them.
    pub(crate) looks: u64,
    /// A timed-out job that is not looked at any more.
    pub(crate) rested: bool,
    /// To be cancelled when the answer to its POST is there.
    pub(crate) unwanted: bool,
    /// The last fence under which it was kept.
    pub(crate) kept: u64,
}

impl Known {
    pub(crate) fn over(&self) -> bool {
        self.rested || matches!(self.state, State::Completed | State::Failed | State::Cancelled)
    }

    fn is_held_by(&self, worker: &str, fence: u64) -> bool {
        self.holder == worker && self.fence == fence
    }

    fn kept_by(&self, worker: &str, fence: u64) -> bool {
        self.state == State::Generating && self.is_held_by(worker, fence) && self.kept == fence
    }

    pub(crate) fn move_to(&mut self, state: State) {
        self.state = state;
        self.holder = String::new();
    }

    /// A wish to cancel is carried out by whoever brings the end of the submit. Answers whether it was.
    fn carry_out_wish(&mut self) -> bool {
        let cancelled = self.unwanted && matches!(self.state, State::Queued | State::Generating);
        if cancelled {
            self.fence += 1;
            self.move_to(State::Cancelled);
        }
        self.unwanted &= matches!(self.state, State::Submitting | State::Ambiguous);
        cancelled
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) jobs: BTreeMap<String, Known>,
    /// Whether the whole queue is.
    pub(crate) paused: bool,
}

/// Whether an account may be used, as the last snapshot says and a claim then goes on to change.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Gate {
    Open,
    Probe,
    Closed,
}

fn gate(before: &Snapshot, account: &str, now: u64) -> Gate {
    let of = |field| before.of_account(account, field);
    let paused = before.account[account]
        .get("pause_reason")
        .is_some_and(|reason| !reason.is_empty());
    match (of("paused_until") > now, paused, of("probe_until") > now) {
        (true, ..) | (_, true, true) => Gate::Closed,
        (_, true, false) => Gate::Probe,
        _ => Gate::Open,
    }
}

impl Model {
    /// What a claim must have done with what is due and who may be handed what.
    pub(crate) fn claim(
        &mut self,
        request: &ClaimRequest<'_>,
        claim: &Claim,
        before: &Snapshot,
        names: &[&str],
        reads_on: bool,
    ) -> Result<(), String> {
        let mut gates: BTreeMap<&str, Gate> = names
            .iter()
            .map(|name| (*name, gate(before, name, claim.now)))
            .collect();
        let mut lines = before.pending.clone();
        let mut budget = before.budget.clone();
        let (mut looks, mut left) = (Vec::new(), false);
        let mut due: Vec<(u64, &String)> = before.due.iter().map(|(id, at)| (*at as u64, id)).collect();
        due.sort_unstable();
        for (_, id) in due.into_iter().filter(|(at, _)| *at <= claim.now) {
            // Version 0.1.0 read on and worked off leases that ended, though it handed out no more.
            if looks.len() >= request.want && !reads_on {
                left = true;
                break;
            }
            let (Some(job), Some(stored)) = (self.jobs.get_mut(id), before.jobs.get(id)) else {
                return Err(format!("{id} is due and unknown"));
            };
            let resubmit =
                matches!(request.on_ambiguous, OnAmbiguous::Resubmit(most) if job.resubmits < most);
            match job.state {
                State::Submitting if !job.generation.is_empty() => {
                    job.move_to(State::Generating);
                    job.carry_out_wish();
                    left = true;
                }
                State::Submitting if !resubmit => {
                    job.move_to(State::Ambiguous);
                    job.fence += 1;
                }
                State::Submitting | State::Queued => {
                    if job.state == State::Queued {
                        budget
                            .get_mut(&job.account)
                            .map(|slots| slots.remove(stored.get("slot")));
                    } else {
                        job.resubmits += 1;
                    }
                    job.move_to(State::Queued);
                    job.fence += 1;
                    if job.carry_out_wish() {
                        continue;
                    }
                    let place = stored.number("priority") as f64 * 1e14 + stored.number("seq") as f64;
                    lines
                        .get_mut(&job.account)
                        .map(|line| line.insert(id.clone(), place));
                }
                _ => match gates[job.account.as_str()] {
                    Gate::Closed => {}
                    _ if looks.len() >= request.want.min(request.looks) => left = true,
                    open => {
                        job.fence += 1;
                        job.holder = request.worker.to_owned();
                        looks.push(id.clone());
                        if open == Gate::Probe {
                            let name = names.iter().find(|name| **name == job.account);
                            name.map(|name| gates.insert(name, Gate::Closed));
                        }
                    }
                },
            }
        }
        let handed = |step| claim.jobs.iter().filter(move |job| job.step == step);
        let looks_too = claim.jobs.iter().filter(|job| job.step != Step::Submit);
        let looked: Vec<_> = looks_too.map(|job| job.id.clone()).collect();
        if looked != looks {
            return Err(format!("looks {looked:?}, expected {looks:?}"));
        }
        let room = request.want - looks.len();
        let full = handed(Step::Submit).count() == room;
        for name in names {
            let mut line: Vec<_> = lines[*name]
                .iter()
                .map(|(id, at)| (*at as u64, id.as_str()))
                .collect();
            line.sort_unstable();
            let (limit, window) = (
                before.of_account(name, "limit"),
                before.of_account(name, "window_ms"),
            );
            let used = budget[*name]
                .values()
                .filter(|at| **at as u64 + window >= claim.now)
                .count() as u64;
            let allowed = match gates[name] {
                _ if self.paused => 0,
                Gate::Open => limit.saturating_sub(used),
                Gate::Probe => limit.saturating_sub(used).min(1),
                Gate::Closed => 0,
            };
            let got: Vec<_> = handed(Step::Submit)
                .filter(|job| job.account == *name)
                .map(|job| &job.id)
                .collect();
            let most = line.len().min(usize::try_from(allowed).unwrap_or(usize::MAX));
            let first: Vec<_> = line.iter().take(got.len()).map(|(_, id)| id).collect();
            // After a probe that learnt nothing the next one goes within a second.
            let turn = before.accounts.get(*name).map_or(0, |at| *at as u64);
            let later = gates[name] == Gate::Probe && (claim.now + 1..=claim.now + 1_000).contains(&turn);
            if got.len() > most || got != first || (!full && !later && got.len() < most) {
                return Err(format!(
                    "{name}: got {got:?} of {line:?}, {allowed} allowed, {:?}",
                    gates[name]
                ));
            }
        }
        for job in handed(Step::Submit) {
            let known = self.jobs.get_mut(&job.id).ok_or("unknown")?;
            known.fence += 1;
            known.holder = request.worker.to_owned();
        }
        for job in &claim.jobs {
            if self.jobs[&job.id].fence != job.fence {
                return Err(format!("{job:?} and {:?}", self.jobs[&job.id]));
            }
        }
        let hot = claim.next_at.is_some_and(|time| time <= claim.now);
        if claim.jobs.is_empty() && hot && !left {
            return Err(format!("nothing to hand out, and again at once: {claim:?}"));
        }
        Ok(())
    }

    pub(crate) fn begin(
        &mut self,
        worker: &str,
        job: &Claimed,
        begun: Begun,
        before: &Snapshot,
        now: u64,
    ) -> Result<(), String> {
        let known = self.jobs.get_mut(&job.id);
        let mine = known.filter(|known| known.is_held_by(worker, job.fence) && known.state == State::Queued);
        let paused_until = before.of_account(&job.account, "paused_until");
        let charged = before.budget[&job.account].contains_key(&job.slot);
        let right = match (&mine, begun) {
            (None, begun) => begun == Begun::Stale,
            (_, Begun::Stale) => false,
            (_, Begun::Paused) => self.paused || paused_until > before.now,
            (_, Begun::Late) => !charged,
            (_, Begun::Reset) => false,
            (_, Begun::Yes) => charged && !self.paused && paused_until <= now,
        };
        if let (Some(known), Begun::Yes) = (mine, begun) {
            known.state = State::Submitting;
        }
        if right {
            Ok(())
        } else {
            Err(format!("{begun:?} for {job:?} by {worker}"))
        }
    }

    /// Where `verb` leads from `state`.
    fn target(state: State, verb: Verb) -> Option<State> {
        use State::{Ambiguous, Completed, Exporting, Failed, Generating, Queued, Submitting, TimedOut};
        match (state, verb) {
            (Queued, Verb::Requeue(_) | Verb::Release) => Some(Queued),
            (Submitting, Verb::Requeue(_) | Verb::Resubmit(_)) => Some(Queued),
            (Submitting, Verb::Park) => Some(Ambiguous),
            (Queued | Submitting | Generating, Verb::Fail) => Some(Failed),
            (Generating | Exporting | TimedOut, Verb::Complete) => Some(Completed),
            (Generating | TimedOut, Verb::Export) => Some(Exporting),
            (Generating, Verb::TimeOut) | (TimedOut, Verb::Rest) => Some(TimedOut),
            (Generating | Exporting | TimedOut, Verb::Again(_) | Verb::Release) => Some(state),
            (Generating, Verb::Keep(_)) => Some(state),
            _ => None,
        }
    }

    /// Answers whether the settlement counted. `looks`: which look is told, by whoever keeps the job; `pauses`: whether the
    /// account has to wait from here on.
    pub(crate) fn settle(
        &mut self,
        worker: &str,
        job: &Claimed,
        (verb, looks, pauses): (Verb, Option<u64>, bool),
        settled: Settled,
    ) -> Result<bool, String> {
        let known = self.jobs.get_mut(&job.id);
        let missing = known
            .as_ref()
            .is_none_or(|known| known.over() && settled == Settled::Missing);
        let mine = known.filter(|known| known.is_held_by(worker, job.fence));
        let target = mine.as_ref().and_then(|known| Self::target(known.state, verb));
        // What was told before changes nothing.
        let known_look = mine
            .as_ref()
            .zip(looks)
            .is_some_and(|(known, looks)| known.looks >= looks);
        let keeps = looks.is_some() && (known_look || !pauses);
        let expected = match target {
            _ if missing => Settled::Missing,
            None => Settled::Stale,
            Some(_) if keeps => Settled::Kept,
            Some(_) => Settled::Done,
        };
        if settled != expected {
            return Err(format!(
                "{settled:?}, expected {expected:?}: {verb:?} of {job:?} by {worker}"
            ));
        }
        if let (Some(known), Some(target)) = (mine, target) {
            let looked_at = known.state == State::Submitting && !known.generation.is_empty();
            if let Some(looks) = looks {
                known.looks = known.looks.max(looks);
            }
            if keeps {
                if !known_look {
                    known.kept = known.fence;
                }
                return Ok(true);
            }
            known.rested = verb == Verb::Rest;
            known.move_to(if looked_at { State::Generating } else { target });
            known.carry_out_wish();
        }
        Ok(target.is_some())
    }

    pub(crate) fn lost(&self, worker: &str, held: &[(String, u64)]) -> Vec<String> {
        let is_held = |(id, fence): &&(String, u64)| {
            self.jobs
                .get(id)
                .is_some_and(|known| known.is_held_by(worker, *fence))
        };
        held.iter()
            .filter(|pair| !is_held(pair))
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// Whether Redis holds what the model does. What is over may have expired where `expires`.
    pub(crate) fn compare(&mut self, now: &Snapshot, expires: bool) -> Result<(), String> {
        self.jobs
            .retain(|id, known| now.jobs.contains_key(id) || !(expires && known.over()));
        if !self.jobs.keys().eq(now.jobs.keys()) {
            return Err(format!(
                "jobs: {:?}, expected {:?}",
                now.jobs.keys(),
                self.jobs.keys()
            ));
        }
        for (id, known) in &self.jobs {
            let job = &now.jobs[id];
            let found = (
                job.state(),
                job.number("fence"),
                job.get("worker"),
                job.get("generation_id"),
            );
            let expected = (
                known.state,
                known.fence,
                known.holder.as_str(),
                known.generation.as_str(),
            );
            if found != expected || job.get("extra_generation_id") != known.extra.join(",") {
                return Err(format!("{id}: {found:?}, expected {known:?}"));
            }
        }
        Ok(())
    }
}
