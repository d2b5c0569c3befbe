//! Everything that the model follows, at one moment.

use gammaq_job::State;

/// Whose hold a record names. A worker that crashed comes back under another name, as every start does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Owner {
    /// Nobody's.
    Nobody,
    /// This worker's.
    Worker(u8),
    /// That of a worker that is no more.
    Gone,
}

/// Where a job stands for the next claim. Time is in here alone: what is `Later` becomes `Now` at any moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// In no line: over, or parked.
    Nowhere,
    /// In `pending`, waiting for a slot.
    Pending,
    /// In `due`, with a time to come: the end of a lease, or the next step.
    Later,
    /// In `due`, and due.
    Now,
}

/// `job:<id>`, as far as the protocol goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Record {
    /// `state`.
    pub state: State,
    /// Its place in `pending` or `due`.
    pub place: Place,
    /// `fence`.
    pub fence: u8,
    /// `worker`.
    pub worker: Owner,
    /// `attempts`.
    pub attempts: u8,
    /// `slot`: the attempt that it belongs to, from 1; 0 for none.
    pub slot: u8,
    /// `generation_id`; 0 for none.
    pub generation: u8,
    /// `extra_generation_id`, one bit a generation.
    pub extra: u8,
    /// `resubmits`.
    pub resubmits: u8,
    /// `cancel_requested`: to be cancelled when the answer to its POST is there.
    pub wish: bool,
}

/// A member of `budget:<account>`, and whether its POST counts at Gamma.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot {
    /// The attempt.
    pub id: u8,
    /// Whether it stands in the budget.
    pub charged: bool,
    /// Whether its score is still to come: the end of the lease under which it is used.
    pub ahead: bool,
    /// Whether its POST reached Gamma within the window.
    pub arrived: bool,
}

/// A job: its record, and what nobody in the system can see but the model.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Job {
    /// What Redis holds.
    pub record: Record,
    /// Its places in the budget.
    pub slots: Vec<Slot>,
    /// Generations that Gamma made: 1 to `made`.
    pub made: u8,
    /// POSTs that somebody asked for beside the first.
    pub allowed: u8,
    /// Generations whose answer nobody has or will have, one bit each.
    pub adrift: u8,
    /// Of those, the ones that somebody was told of, or decided about: a resubmit, an end, an event.
    pub told: u8,
}

/// What is settled at the end of a step; the words of `settle_jobs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verb {
    /// Look again.
    Again,
    /// Certainly not accepted: in line again; `true` after a while.
    Requeue(bool),
    /// Not known whether accepted.
    Park,
    /// The same, and the policy is to submit again.
    Resubmit,
    /// Refused, or the generation failed.
    Fail,
    /// Done.
    Complete,
    /// Pending after the deadline.
    TimeOut,
    /// The last late look.
    Rest,
    /// Handed back untouched.
    Release,
}

/// A POST: the two things that are to be known of it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Post {
    /// Whether somebody decided about it without knowing what came of it.
    pub told: bool,
    /// Whether the lease in which it was begun has ended: no byte leaves any more.
    pub late: bool,
}

/// How far a worker is with a job that it claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// To submit; nothing is written yet.
    Claimed,
    /// The intent is known to be written; no byte has left.
    Begun(Post),
    /// The POST is on its way; what Gamma does is not decided.
    Posting(Post),
    /// Gamma made this generation; its answer is on its way, or with the worker. `true` where somebody decided
    /// meanwhile.
    Answered(u8, bool),
    /// The worker has it, and brings it to Redis again until Redis has it.
    Recording(u8, bool),
    /// The step is over, and is brought to Redis again until Redis has it.
    Settling(Verb),
    /// Looks at the generation.
    Looking,
}

/// A job in a worker's hands. A worker may have an older hand of the same job, whose lease ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hand {
    /// Whose.
    pub worker: u8,
    /// Of which job.
    pub job: u8,
    /// Under which fence.
    pub fence: u8,
    /// The submit's place in the budget, 0 for a look.
    pub slot: u8,
    /// How far it is.
    pub phase: Phase,
}

/// A POST that nobody waits for any more; it may reach Gamma at any time, or never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Stray {
    /// Of which job.
    pub job: u8,
    /// Its place in the budget.
    pub slot: u8,
    /// What is to be known of it.
    pub post: Post,
}

/// What a command does that is still on its way to Redis though nobody waits for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Call {
    /// `begin_submit`.
    Begin,
    /// `record_generation`; `true` where its worker would hold the job on.
    Record(u8, bool),
    /// `settle_jobs`.
    Settle(Verb),
}

/// A command that runs late, or never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Command {
    /// Who sent it.
    pub worker: Owner,
    /// Of which job.
    pub job: u8,
    /// Under which fence.
    pub fence: u8,
    /// The submit's place in the budget.
    pub slot: u8,
    /// What it does.
    pub call: Call,
}

/// The whole at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct World {
    /// Jobs of one account.
    pub jobs: Vec<Job>,
    /// What workers hold, sorted.
    pub hands: Vec<Hand>,
    /// POSTs that nobody waits for, sorted.
    pub strays: Vec<Stray>,
    /// Commands that may still run, sorted, each once.
    pub late: Vec<Command>,
    /// Crashes so far.
    pub crashes: u8,
    /// Answers of Redis that were lost, and commands that were late, so far.
    pub losses: u8,
    /// What operators did so far.
    pub operations: u8,
    /// Properties that the last action broke, one bit each; see `properties.rs`.
    pub broken: u8,
}

impl Job {
    /// Whether a generation stands on its record.
    pub fn has(&self, generation: u8) -> bool {
        self.record.generation == generation || self.record.extra & (1 << generation) != 0
    }
}

impl World {
    /// Jobs that were just accepted.
    pub fn new(jobs: u8) -> Self {
        let record = Record {
            state: State::Queued,
            place: Place::Pending,
            fence: 0,
            worker: Owner::Nobody,
            attempts: 0,
            slot: 0,
            generation: 0,
            extra: 0,
            resubmits: 0,
            wish: false,
        };
        let job = Job {
            record,
            slots: Vec::new(),
            made: 0,
            allowed: 0,
            adrift: 0,
            told: 0,
        };
        Self {
            jobs: vec![job; jobs.into()],
            hands: Vec::new(),
            strays: Vec::new(),
            late: Vec::new(),
            crashes: 0,
            losses: 0,
            operations: 0,
            broken: 0,
        }
    }

    /// The job's record.
    pub fn record(&self, job: u8) -> &Record {
        &self.jobs[usize::from(job)].record
    }

    pub(crate) fn job(&mut self, job: u8) -> &mut Job {
        &mut self.jobs[usize::from(job)]
    }

    /// Slots of the account in use.
    pub fn used(&self) -> usize {
        let slots = self.jobs.iter().flat_map(|job| &job.slots);
        slots.filter(|slot| slot.charged).count()
    }

    /// Gamma accepts a POST.
    pub(crate) fn accept(&mut self, job: u8, slot: u8, late: bool) -> u8 {
        self.arrive(job, slot, late);
        let job = self.job(job);
        job.made += 1;
        job.made
    }

    /// A POST counts at Gamma from now for a window. One that took longer than the client waits for it is beyond
    /// what a budget can promise; its job is followed all the same.
    pub(crate) fn arrive(&mut self, job: u8, slot: u8, late: bool) {
        if late {
            return;
        }
        let slots = &mut self.job(job).slots;
        match slots.iter_mut().find(|it| it.id == slot) {
            Some(slot) => slot.arrived = true,
            None => slots.push(Slot {
                id: slot,
                charged: false,
                ahead: false,
                arrived: true,
            }),
        }
    }

    /// The end of a lease passes: no byte of a POST that was begun in it leaves later.
    pub(crate) fn pass(&mut self, job: u8, which: impl Fn(u8) -> bool) {
        for slot in &mut self.job(job).slots {
            slot.ahead &= !which(slot.id);
        }
        for hand in self.hands.iter_mut().filter(|it| it.job == job && which(it.slot)) {
            if let Phase::Begun(post) | Phase::Posting(post) = &mut hand.phase {
                post.late = true;
            }
        }
        for stray in self
            .strays
            .iter_mut()
            .filter(|it| it.job == job && which(it.slot))
        {
            stray.post.late = true;
        }
    }

    /// Somebody decides, or is told, about a job though it isn't known what came of its POSTs.
    pub(crate) fn tell(&mut self, job: u8) {
        let known = self.job(job);
        known.told = known.adrift;
        for hand in self.hands.iter_mut().filter(|it| it.job == job) {
            match &mut hand.phase {
                Phase::Begun(post) | Phase::Posting(post) => post.told = true,
                Phase::Answered(_, told) | Phase::Recording(_, told) => *told = true,
                _ => {}
            }
        }
        for stray in self.strays.iter_mut().filter(|it| it.job == job) {
            stray.post.told = true;
        }
    }

    /// A generation whose answer nobody will have.
    pub(crate) fn lose(&mut self, job: u8, generation: u8, told: bool) {
        let job = self.job(job);
        if !job.has(generation) {
            let bit = 1 << generation;
            job.adrift |= bit;
            if told {
                job.told |= bit;
            }
        }
    }
}
