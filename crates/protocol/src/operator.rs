//! What operators do, as the contract says it: the protocol has to hold whatever they decide, and when.
//!
//! Each of these raises the fence, so a worker that still has the job in hand can write nothing but a generation. Only a
//! job that is being submitted is left where it is: a wish to cancel it is carried out with the answer.

use gammaq_job::State;

use crate::world::{Owner, Place, World};

/// One command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// `resolve --resubmit`: one more POST, whatever came of the last.
    Resubmit,
    /// `resolve --generation`: this one is the job's.
    Attach(u8),
    /// `resolve --fail`.
    GiveUp,
    /// `retry`: a new submit, which forgets no generation of an earlier one.
    Retry,
    /// `cancel`.
    Cancel,
    /// `cancel` of a job that is being submitted.
    Wish,
    /// `repoll`.
    Repoll,
}

impl World {
    /// What an operator can do with a job now.
    pub(crate) fn operations(&self, job: u8, out: &mut Vec<Operation>) {
        let known = &self.jobs[usize::from(job)];
        match known.record.state {
            State::Ambiguous => {
                out.extend([Operation::Resubmit, Operation::GiveUp]);
                let free = |it: &u8| known.record.extra & (1 << it) == 0;
                out.extend((1..=known.made).filter(free).map(Operation::Attach));
            }
            State::Failed | State::Cancelled => out.push(Operation::Retry),
            State::Queued | State::Generating | State::Exporting => out.push(Operation::Cancel),
            State::TimedOut => out.push(Operation::Repoll),
            State::Submitting if !known.record.wish => out.push(Operation::Wish),
            State::Submitting | State::Completed => {}
        }
    }

    pub(crate) fn operate(&mut self, job: u8, operation: Operation) {
        self.operations += 1;
        if operation == Operation::Wish {
            self.job(job).record.wish = true;
            return;
        }
        if matches!(
            operation,
            Operation::Resubmit | Operation::Attach(_) | Operation::GiveUp
        ) {
            self.tell(job);
        }
        let slot = self.record(job).slot;
        if operation == Operation::Cancel && self.record(job).state == State::Queued {
            let slots = &mut self.job(job).slots;
            slots
                .iter_mut()
                .filter(|it| it.id == slot)
                .for_each(|it| it.charged = false);
        }
        let known = self.job(job);
        known.record.fence += 1;
        (known.record.worker, known.record.slot) = (Owner::Nobody, 0);
        known.record.wish = false;
        (known.record.state, known.record.place) = match operation {
            Operation::Resubmit | Operation::Retry => (State::Queued, Place::Pending),
            Operation::Attach(_) | Operation::Repoll => (State::Generating, Place::Now),
            Operation::GiveUp => (State::Failed, Place::Nowhere),
            Operation::Cancel | Operation::Wish => (State::Cancelled, Place::Nowhere),
        };
        match operation {
            Operation::Resubmit => known.allowed += 1,
            Operation::Retry => {
                known.allowed += 1;
                if known.record.generation != 0 {
                    known.record.extra |= 1 << known.record.generation;
                    known.record.generation = 0;
                }
            }
            Operation::Attach(generation) => {
                known.record.generation = generation;
                known.adrift &= !(1 << generation);
            }
            _ => {}
        }
    }
}
