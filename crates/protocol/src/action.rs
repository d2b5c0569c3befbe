//! What can happen next. Workers and Redis take no notice of each other's pace, so a worker that is stopped and
//! woken past its lease is one whose next step simply comes late: every order of steps is tried.

use gammaq_job::State;

use crate::model::{Config, Mutation};
use crate::operator::Operation;
use crate::world::{Call, Hand, Owner, Phase, Place, Post, Verb, World};

/// What becomes of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reply {
    /// It runs, and its answer is heard.
    Heard,
    /// It runs, and its answer is lost.
    Lost,
    /// Nobody waits for it any more, and it runs later or never.
    Late,
}

/// What a worker does with a job in its hands. What is only waited for is no step: between an answer and the command
/// that follows from it nothing else can be seen of the worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Writes the intent.
    Begin(Reply),
    /// The POST's bytes leave.
    Post,
    /// Gamma accepts, and makes a generation.
    Accepted,
    /// The answer arrives, and the worker brings the generation to Redis.
    Record(Reply),
    /// The step is over otherwise, and the worker brings that to Redis: handed back untouched; certainly not sent;
    /// refused; answered with 429; without an answer, or with one that is unclear; looked at.
    Settle(Verb, Reply),
}

/// One event. Numbers are jobs, workers, slots, or places in the world's lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// The lease of a job ends, or its next step is due.
    Ripen(u8),
    /// The score of a slot passes.
    SlotPasses(u8, u8),
    /// A slot leaves the window, and Gamma forgets its POST no later.
    WindowPasses(u8, u8),
    /// A claim meets a job that is due and hands it to nobody.
    ClaimDue(u8),
    /// A claim hands out a job.
    Claim(Owner, u8, Reply),
    /// A worker gives back what a lost claim left it with; late, with an old list of what is in its hands.
    Recover(u8, u8, Reply),
    /// A worker dies, with everything in its hands.
    Crash(u8),
    /// A late command runs.
    Run(usize),
    /// A POST that nobody waits for reaches Gamma, which accepts it.
    Arrive(usize),
    /// An operator acts.
    Operate(u8, Operation),
    /// A worker renews the lease of what is in its hands.
    Renew(usize),
    /// A worker goes on with what is in its hands.
    Step(usize, Step),
}

impl Action {
    /// Whether it takes a job on without a fault and without an operator.
    pub fn is_progress(&self) -> bool {
        match self {
            Self::Crash(_) | Self::Operate(..) | Self::Renew(_) => false,
            Self::Claim(_, _, reply) | Self::Recover(_, _, reply) => *reply == Reply::Heard,
            Self::Step(_, Step::Begin(reply) | Step::Record(reply) | Step::Settle(_, reply)) => {
                *reply == Reply::Heard
            }
            _ => true,
        }
    }
}

impl Phase {
    /// The POST in it, if there is one.
    pub(crate) fn post(self) -> Post {
        match self {
            Self::Begun(post) | Self::Posting(post) => post,
            _ => Post::default(),
        }
    }
}

const LOSSES: [Reply; 3] = [Reply::Heard, Reply::Lost, Reply::Late];

impl Config {
    fn replies(&self, world: &World) -> &'static [Reply] {
        if world.losses < self.losses {
            &LOSSES
        } else {
            &LOSSES[..1]
        }
    }

    pub(crate) fn enumerate(&self, world: &World, out: &mut Vec<Action>) {
        for job in 0..self.jobs {
            self.of_time(world, job, out);
            self.of_claims(world, job, out);
            if world.operations < self.operations {
                let mut operations = Vec::new();
                world.operations(job, &mut operations);
                out.extend(operations.into_iter().map(|it| Action::Operate(job, it)));
            }
        }
        for (at, hand) in world.hands.iter().enumerate() {
            self.of_hand(world, at, hand, out);
        }
        if world.crashes < self.crashes {
            let busy = |worker: u8| {
                world.hands.iter().any(|hand| hand.worker == worker)
                    || world.late.iter().any(|it| it.worker == Owner::Worker(worker))
                    || world
                        .jobs
                        .iter()
                        .any(|it| it.record.worker == Owner::Worker(worker))
            };
            out.extend((0..self.workers).filter(|it| busy(*it)).map(Action::Crash));
        }
        out.extend((0..world.late.len()).map(Action::Run));
        out.extend((0..world.strays.len()).map(Action::Arrive));
    }

    fn of_time(&self, world: &World, job: u8, out: &mut Vec<Action>) {
        let known = &world.jobs[usize::from(job)];
        let record = &known.record;
        if record.place == Place::Later {
            out.push(Action::Ripen(job));
        }
        let unbegun = record.place == Place::Later && record.state == State::Queued;
        for slot in &known.slots {
            // The slot of a submit that is not begun is scored with the end of its lease, and renewed with it.
            if slot.ahead && !(unbegun && slot.id == record.slot) {
                out.push(Action::SlotPasses(job, slot.id));
            }
            if !slot.ahead {
                out.push(Action::WindowPasses(job, slot.id));
            }
        }
    }

    fn of_claims(&self, world: &World, job: u8, out: &mut Vec<Action>) {
        let record = world.record(job);
        let lossy = world.losses < self.losses;
        let looked_at = matches!(
            record.state,
            State::Generating | State::Exporting | State::TimedOut
        );
        let handed = match record.place {
            Place::Pending => world.used() < self.limit,
            Place::Now => looked_at,
            _ => false,
        };
        if record.place == Place::Now && !looked_at {
            out.push(Action::ClaimDue(job));
        }
        for worker in 0..self.workers {
            let owner = Owner::Worker(worker);
            if handed {
                out.push(Action::Claim(owner, job, Reply::Heard));
                if lossy {
                    out.push(Action::Claim(owner, job, Reply::Lost));
                }
            }
            if record.worker == owner && record.state != State::Submitting {
                let mut hands = world.hands.iter();
                let in_hand =
                    hands.any(|it| it.worker == worker && it.job == job && it.fence == record.fence);
                if !in_hand {
                    out.push(Action::Recover(worker, job, Reply::Heard));
                } else if lossy {
                    out.push(Action::Recover(worker, job, Reply::Late));
                }
            }
        }
        if handed && lossy && world.crashes > 0 {
            out.push(Action::Claim(Owner::Gone, job, Reply::Late));
        }
    }

    fn of_hand(&self, world: &World, at: usize, hand: &Hand, out: &mut Vec<Action>) {
        let record = world.record(hand.job);
        let mine = record.fence == hand.fence && record.worker == Owner::Worker(hand.worker);
        let slot_ahead = || {
            let slots = &world.jobs[usize::from(hand.job)].slots;
            slots
                .iter()
                .any(|it| it.id == hand.slot && it.charged && it.ahead)
        };
        if mine && (record.place == Place::Now || (hand.phase == Phase::Claimed && !slot_ahead())) {
            out.push(Action::Renew(at));
        }
        let replies = self.replies(world);
        let mut step = |step| out.push(Action::Step(at, step));
        let unclear = if record.resubmits < self.resubmits {
            Verb::Resubmit
        } else {
            Verb::Park
        };
        let verbs: &[Verb] = match hand.phase {
            Phase::Claimed if self.mutation == Mutation::NoIntent => {
                step(Step::Post);
                &[]
            }
            Phase::Claimed => {
                replies.iter().for_each(|reply| step(Step::Begin(*reply)));
                &[Verb::Release]
            }
            Phase::Begun(post) => {
                if !post.late || self.mutation == Mutation::NoGate {
                    step(Step::Post);
                }
                // That no byte left is proven: no connection was made, or the gate was closed.
                &[Verb::Requeue(true)]
            }
            Phase::Posting(_) => {
                step(Step::Accepted);
                &[Verb::Fail, Verb::Requeue(false), unclear]
            }
            Phase::Answered(..) => {
                replies.iter().for_each(|reply| step(Step::Record(*reply)));
                &[unclear]
            }
            Phase::Recording(..) => {
                replies.iter().for_each(|reply| step(Step::Record(*reply)));
                &[]
            }
            Phase::Settling(verb) => &[verb],
            Phase::Looking => match record.state {
                State::Generating if mine => &[
                    Verb::Again,
                    Verb::Complete,
                    Verb::Fail,
                    Verb::TimeOut,
                    Verb::Release,
                ],
                State::TimedOut if mine => &[Verb::Again, Verb::Complete, Verb::Rest, Verb::Release],
                _ => &[Verb::Release],
            },
        };
        for verb in verbs {
            replies.iter().for_each(|reply| step(Step::Settle(*verb, *reply)));
        }
    }
}

impl World {
    /// Lists have an order of their own, so that the same world is the same value.
    pub(crate) fn settle_order(&mut self) {
        self.hands.sort_unstable();
        self.strays.sort_unstable();
        self.late.sort_unstable();
        for job in &mut self.jobs {
            job.slots.retain(|slot| slot.charged || slot.arrived);
            job.slots.sort_unstable();
        }
        let jobs = &self.jobs;
        // A generation that Redis has by now is recorded again without any effect, but that it gives up a hold.
        self.late.retain(|command| match command.call {
            Call::Record(generation, keeps) => {
                let job = &jobs[usize::from(command.job)];
                let held = job.record.state == State::Generating && job.record.worker == command.worker;
                !job.has(generation) || (!keeps && held && job.record.generation == generation)
            }
            _ => true,
        });
    }
}
