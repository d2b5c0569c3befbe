//! What the scripts in `gammaq-queue` do, one function each, named as they are. Where a script changes, this does too.
//!
//! Scripts are atomic, so a call is one step. What is left out writes nothing that the properties are about: pauses
//! of an account (jobs that wait for one wait in line), priorities (any job in line may be next), events, results.

use gammaq_job::State;

use crate::model::{Config, Mutation};
use crate::world::{Owner, Place, Record, Slot, Verb, World};

/// Whether a worker's write is allowed: the fence, and the worker's name.
fn held(config: &Config, record: &Record, worker: Owner, fence: u8) -> bool {
    config.mutation == Mutation::NoFence || (record.fence == fence && record.worker == worker)
}

impl World {
    fn charge(&mut self, job: u8, id: u8, ahead: bool) {
        let slots = &mut self.job(job).slots;
        match slots.iter_mut().find(|slot| slot.id == id) {
            Some(slot) => {
                slot.charged = true;
                slot.ahead = ahead;
            }
            None => slots.push(Slot {
                id,
                charged: true,
                ahead,
                arrived: false,
            }),
        }
    }

    pub(crate) fn charged(&self, job: u8, id: u8) -> bool {
        let slots = &self.jobs[usize::from(job)].slots;
        slots.iter().any(|slot| slot.id == id && slot.charged)
    }

    fn release(&mut self, job: u8, id: u8) {
        let slots = &mut self.job(job).slots;
        slots
            .iter_mut()
            .filter(|slot| slot.id == id)
            .for_each(|slot| slot.charged = false);
    }

    /// The POST is over: its slot is scored with the time of the answer.
    fn score(&mut self, job: u8, id: u8) {
        let slots = &mut self.job(job).slots;
        slots
            .iter_mut()
            .filter(|slot| slot.id == id)
            .for_each(|slot| slot.ahead = false);
    }

    /// `claim_jobs`, what it does with a job that is due and handed to nobody.
    pub(crate) fn claim_due(&mut self, config: &Config, job: u8) {
        let record = *self.record(job);
        match record.state {
            State::Queued => {
                self.release(job, record.slot);
                self.requeue(job);
            }
            State::Submitting if record.generation != 0 => {
                let record = &mut self.job(job).record;
                (record.state, record.worker, record.slot) = (State::Generating, Owner::Nobody, 0);
                // The event says that a worker died in a submit.
                self.tell(job);
                self.carry_out_wish(job);
            }
            State::Submitting if config.mutation == Mutation::RequeueAtLeaseEnd => self.requeue(job),
            State::Submitting if record.resubmits < config.resubmits => {
                self.job(job).record.resubmits += 1;
                self.requeue(job);
                self.job(job).allowed += 1;
                self.tell(job);
                self.carry_out_wish(job);
            }
            State::Submitting => {
                let record = &mut self.job(job).record;
                record.state = State::Ambiguous;
                record.fence += 1;
                self.end(job);
            }
            _ => self.job(job).record.place = Place::Nowhere,
        }
    }

    fn requeue(&mut self, job: u8) {
        let record = &mut self.job(job).record;
        record.fence += 1;
        (record.state, record.worker, record.slot) = (State::Queued, Owner::Nobody, 0);
        record.place = Place::Pending;
    }

    /// `carry_out_wish`: whoever brings the end of a submit cancels the job in the same step.
    fn carry_out_wish(&mut self, job: u8) {
        let record = &mut self.job(job).record;
        let waits = matches!(record.state, State::Submitting | State::Ambiguous);
        if record.wish && matches!(record.state, State::Queued | State::Generating | State::Exporting) {
            record.state = State::Cancelled;
            record.fence += 1;
            self.end(job);
        }
        self.job(job).record.wish &= waits;
    }

    fn end(&mut self, job: u8) {
        let record = &mut self.job(job).record;
        (record.place, record.worker, record.slot) = (Place::Nowhere, Owner::Nobody, 0);
    }

    /// `claim_jobs`, what it hands out: a submit where the job is in line, else a look. Answers the slot, or 0.
    pub(crate) fn claim(&mut self, config: &Config, job: u8, worker: Owner) -> u8 {
        let record = &mut self.job(job).record;
        let slot = if record.place == Place::Pending {
            record.attempts + 1
        } else {
            0
        };
        record.fence += 1;
        (record.worker, record.place) = (worker, Place::Later);
        if slot != 0 {
            record.slot = slot;
            self.charge(job, slot, config.mutation != Mutation::SlotAtClaim);
        }
        slot
    }

    /// `begin_submit`; `Some(true)` for ok, `Some(false)` for late, `None` for stale.
    pub(crate) fn begin(&mut self, config: &Config, job: u8, worker: Owner, fence: u8) -> Option<bool> {
        let record = *self.record(job);
        if record.state != State::Queued || !held(config, &record, worker, fence) {
            return None;
        }
        if !self.charged(job, record.slot) {
            return Some(false);
        }
        let known = &mut self.job(job).record;
        known.state = State::Submitting;
        known.attempts += 1;
        known.place = Place::Later;
        if config.mutation != Mutation::SlotAtClaim {
            self.charge(job, record.slot, true);
        }
        Some(true)
    }

    /// `record_generation`. Answers whether its worker holds the job on.
    pub(crate) fn record_generation(
        &mut self,
        config: &Config,
        (job, fence): (u8, u8),
        (worker, keeps): (Owner, bool),
        generation: u8,
        slot: u8,
    ) -> bool {
        let record = *self.record(job);
        let mine = config.mutation == Mutation::NoFence || record.fence == fence;
        if !mine && config.mutation == Mutation::RecordByFence {
            return false;
        }
        let bit = 1 << generation;
        if self.jobs[usize::from(job)].has(generation) {
            let own = record.generation == generation && record.state == State::Generating;
            if own && !keeps && held(config, &record, worker, fence + 1) {
                self.look_at(job, Place::Later);
            }
            return false;
        }
        self.score(job, slot);
        self.job(job).adrift &= !bit;
        if record.state == State::Ambiguous && record.generation == 0 && slot < record.attempts {
            // The event says that the last submit is still unclear.
            self.tell(job);
        }
        let known = &mut self.job(job).record;
        if record.generation != 0 {
            known.extra |= bit;
            if mine && record.state == State::Submitting {
                (known.state, known.worker, known.slot) = (State::Generating, Owner::Nobody, 0);
                known.place = Place::Now;
                self.carry_out_wish(job);
            }
            return false;
        }
        known.generation = generation;
        let submitting = record.state == State::Submitting && mine;
        let kept = submitting && keeps && record.worker == worker && !record.wish;
        if submitting || matches!(record.state, State::Ambiguous | State::Queued) {
            let holder = if kept { worker } else { Owner::Nobody };
            (known.state, known.worker, known.slot) = (State::Generating, holder, 0);
            known.place = Place::Later;
            known.fence += 1;
            if record.state == State::Queued {
                self.release(job, record.slot);
            }
            self.carry_out_wish(job);
        }
        kept
    }

    /// `settle_jobs`, one item. Answers whether it counted.
    pub(crate) fn settle(&mut self, config: &Config, job: u8, worker: Owner, fence: u8, verb: Verb) -> bool {
        use State::{Ambiguous, Completed, Exporting, Failed, Generating, Queued, Submitting, TimedOut};
        let record = *self.record(job);
        let from = match verb {
            Verb::Again | Verb::Complete => matches!(record.state, Generating | Exporting | TimedOut),
            Verb::Requeue(_) => matches!(record.state, Queued | Submitting),
            Verb::Park | Verb::Resubmit => record.state == Submitting,
            Verb::Fail => matches!(record.state, Queued | Submitting | Generating),
            Verb::TimeOut => record.state == Generating,
            Verb::Rest => record.state == TimedOut,
            Verb::Release => matches!(record.state, Queued | Generating | Exporting | TimedOut),
        };
        if !from || !held(config, &record, worker, fence) {
            return false;
        }
        if record.state == Submitting && record.generation != 0 {
            match verb {
                Verb::Requeue(_) => self.release(job, record.slot),
                Verb::Fail => self.score(job, record.slot),
                // The event's note says that it isn't known whether Gamma accepted.
                _ => self.tell(job),
            }
            let known = &mut self.job(job).record;
            (known.state, known.slot) = (Generating, 0);
            self.look_at(job, Place::Now);
            self.carry_out_wish(job);
            return true;
        }
        match verb {
            Verb::Again => self.look_at(job, Place::Later),
            Verb::Release if record.state != Queued => self.look_at(job, Place::Now),
            Verb::Release => self.give_back(job, record.slot, false),
            Verb::Requeue(delayed) => self.give_back(job, record.slot, delayed),
            Verb::Resubmit => {
                let known = self.job(job);
                known.record.resubmits += 1;
                known.allowed += 1;
                self.tell(job);
                self.give_back(job, 0, true);
            }
            Verb::Rest => self.end(job),
            Verb::TimeOut => {
                self.job(job).record.state = TimedOut;
                self.look_at(job, Place::Later);
            }
            Verb::Park | Verb::Fail | Verb::Complete => {
                if record.state == Queued {
                    self.release(job, record.slot);
                } else if verb != Verb::Park {
                    self.score(job, record.slot);
                }
                self.job(job).record.state = match verb {
                    Verb::Park => Ambiguous,
                    Verb::Fail => Failed,
                    _ => Completed,
                };
                self.end(job);
            }
        }
        self.carry_out_wish(job);
        true
    }

    fn look_at(&mut self, job: u8, place: Place) {
        let record = &mut self.job(job).record;
        (record.worker, record.place) = (Owner::Nobody, place);
    }

    fn give_back(&mut self, job: u8, slot: u8, delayed: bool) {
        self.release(job, slot);
        let record = &mut self.job(job).record;
        (record.state, record.slot) = (State::Queued, 0);
        self.look_at(job, if delayed { Place::Later } else { Place::Pending });
    }

    /// `renew_leases`, one pair.
    pub(crate) fn renew(&mut self, config: &Config, job: u8, worker: Owner, fence: u8) {
        let record = *self.record(job);
        if !held(config, &record, worker, fence) || record.place == Place::Nowhere {
            return;
        }
        self.job(job).record.place = Place::Later;
        if record.state == State::Queued && self.charged(job, record.slot) {
            self.charge(job, record.slot, config.mutation != Mutation::SlotAtClaim);
        }
    }

    /// `recover_claims`, one job.
    pub(crate) fn recover(&mut self, job: u8, worker: Owner) {
        let record = *self.record(job);
        if record.worker != worker {
            return;
        }
        match record.state {
            State::Queued => {
                self.release(job, record.slot);
                self.job(job).record.slot = 0;
                self.look_at(job, Place::Pending);
            }
            State::Generating | State::Exporting | State::TimedOut => self.look_at(job, Place::Now),
            _ => {}
        }
    }
}
