//! The model as `stateright` searches it.

use gammaq_job::State;
use gammaq_job::state::is_legal;
use stateright::{Model, Property};

use crate::action::{Action, Reply, Step};
use crate::properties::{self, Broken};
use crate::world::{Call, Command, Hand, Owner, Phase, Place, Post, Stray, Verb, World};

/// What is searched, and how far the faults go.
#[derive(Debug, Clone)]
pub struct Config {
    /// Jobs of one account.
    pub jobs: u8,
    /// Workers at a time; one that crashes is replaced at once.
    pub workers: u8,
    /// The most crashes.
    pub crashes: u8,
    /// The most answers of Redis that are lost, and commands that run late or never.
    pub losses: u8,
    /// The most commands of operators.
    pub operations: u8,
    /// `limit` of the account.
    pub limit: usize,
    /// `submit.max_resubmits`, 0 for the policy `park`.
    pub resubmits: u8,
    /// What is taken out of the protocol.
    pub mutation: Mutation,
    /// The one property to look at, where only one is of interest.
    pub only: Option<Broken>,
    /// Whether states that differ in names alone count as one. Paths are easier to read without.
    pub canonical: bool,
}

/// A part of the protocol that is missing: the search must find what it is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    /// The protocol as it is.
    None,
    /// Writes compare neither fence nor worker.
    NoFence,
    /// The POST leaves without an intent.
    NoIntent,
    /// A lease that ends while it is not known whether Gamma accepted leads back to the queue.
    RequeueAtLeaseEnd,
    /// Bytes of a POST may leave after the lease in which it was begun.
    NoGate,
    /// A slot is scored with the time of the claim.
    SlotAtClaim,
    /// A generation is recorded only by the worker that still holds the job.
    RecordByFence,
}

impl Model for Config {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self.jobs)]
    }

    fn actions(&self, world: &World, out: &mut Vec<Action>) {
        if world.broken == 0 {
            self.enumerate(world, out);
        }
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut world = last.clone();
        self.act(&mut world, action);
        world.settle_order();
        for (before, after) in last.jobs.iter().zip(&world.jobs) {
            let (from, to) = (before.record.state, after.record.state);
            // A wish is carried out in the step that brings the end of the submit: two moves in one.
            let wished = before.record.wish && to == State::Cancelled;
            let is_legal = is_legal(Some(from), to) || (wished && is_legal(Some(from), State::Generating));
            if from != to && !is_legal {
                world.broken |= Broken::Move.bit();
            }
            if after.record.fence < before.record.fence {
                world.broken |= Broken::Fence.bit();
            }
        }
        world.broken |= properties::broken(self, &world);
        world.broken &= self.only.map_or(u8::MAX, Broken::bit);
        if self.canonical && world.broken == 0 {
            world = world.canonical(self);
        }
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}

impl Config {
    fn act(&self, world: &mut World, action: Action) {
        match action {
            Action::Ripen(job) => {
                let held = world.record(job).worker != Owner::Nobody;
                world.job(job).record.place = Place::Now;
                if held {
                    world.pass(job, |_| true);
                }
            }
            Action::SlotPasses(job, slot) => world.pass(job, |id| id == slot),
            Action::WindowPasses(job, slot) => world.job(job).slots.retain(|it| it.id != slot),
            Action::ClaimDue(job) => world.claim_due(self, job),
            Action::Claim(worker, job, reply) => {
                world.losses += u8::from(reply != Reply::Heard);
                let slot = world.claim(self, job, worker);
                if let (Owner::Worker(worker), Reply::Heard) = (worker, reply) {
                    let phase = if slot == 0 { Phase::Looking } else { Phase::Claimed };
                    let fence = world.record(job).fence;
                    world.hands.push(Hand {
                        worker,
                        job,
                        fence,
                        slot,
                        phase,
                    });
                }
            }
            Action::Recover(worker, job, reply) => {
                world.losses += u8::from(reply != Reply::Heard);
                world.recover(job, Owner::Worker(worker));
            }
            Action::Crash(worker) => self.crash(world, worker),
            Action::Run(at) => {
                let command = world.late.remove(at);
                self.run(world, command);
            }
            Action::Arrive(at) => {
                let stray = world.strays.remove(at);
                let generation = world.accept(stray.job, stray.slot, stray.post.late);
                world.lose(stray.job, generation, stray.post.told);
            }
            Action::Operate(job, operation) => world.operate(job, operation),
            Action::Renew(at) => {
                let hand = world.hands[at];
                world.renew(self, hand.job, Owner::Worker(hand.worker), hand.fence);
            }
            Action::Step(at, step) => self.step(world, at, step),
        }
    }

    fn run(&self, world: &mut World, command: Command) -> Option<bool> {
        let Command {
            worker,
            job,
            fence,
            slot,
            call,
        } = command;
        match call {
            Call::Begin => return world.begin(self, job, worker, fence),
            Call::Record(generation, keeps) => {
                return Some(world.record_generation(self, (job, fence), (worker, keeps), generation, slot));
            }
            Call::Settle(verb) => {
                world.settle(self, job, worker, fence, verb);
            }
        }
        None
    }

    /// Sends a command: it runs now and is heard of, runs now and isn't, or runs later or never.
    fn send(&self, world: &mut World, hand: &Hand, call: Call, reply: Reply) -> Option<bool> {
        let command = Command {
            worker: Owner::Worker(hand.worker),
            job: hand.job,
            fence: hand.fence,
            slot: hand.slot,
            call,
        };
        world.losses += u8::from(reply != Reply::Heard);
        if reply == Reply::Late {
            if !world.late.contains(&command) {
                world.late.push(command);
            }
            return None;
        }
        self.run(world, command)
    }

    fn step(&self, world: &mut World, at: usize, step: Step) {
        let hand = world.hands.remove(at);
        let next = match step {
            Step::Begin(reply) => {
                let begun = self.send(world, &hand, Call::Begin, reply);
                match (reply, begun) {
                    (Reply::Heard, Some(true)) => Some(Phase::Begun(Post::default())),
                    (Reply::Heard, Some(false)) => Some(Phase::Settling(Verb::Release)),
                    (Reply::Heard, None) => None,
                    // Whether the intent is written isn't known, but nothing was sent.
                    _ => Some(Phase::Settling(Verb::Requeue(true))),
                }
            }
            Step::Post => Some(Phase::Posting(Post {
                late: false,
                ..hand.phase.post()
            })),
            Step::Accepted => {
                let post = hand.phase.post();
                let generation = world.accept(hand.job, hand.slot, post.late);
                Some(Phase::Answered(generation, post.told))
            }
            Step::Record(reply) => {
                let (Phase::Answered(generation, told) | Phase::Recording(generation, told)) = hand.phase
                else {
                    return;
                };
                // Who asks again, since an answer was lost, doesn't keep the job.
                let keeps = matches!(hand.phase, Phase::Answered(..));
                let held = self.send(world, &hand, Call::Record(generation, keeps), reply);
                let kept = world.jobs[usize::from(hand.job)].has(generation);
                if reply == Reply::Heard && !kept {
                    world.broken |= Broken::LostGeneration.bit();
                }
                match reply {
                    Reply::Heard => (held == Some(true)).then_some(Phase::Looking),
                    _ => Some(Phase::Recording(generation, told)),
                }
            }
            Step::Settle(verb, reply) => {
                self.end_post(world, &hand, verb);
                self.send(world, &hand, Call::Settle(verb), reply);
                (reply != Reply::Heard).then_some(Phase::Settling(verb))
            }
        };
        // The look of a job that was submitted has a fence of its own.
        let (slot, fence) = match next {
            Some(Phase::Looking) => (0, hand.fence + 1),
            _ => (hand.slot, hand.fence),
        };
        world.hands.extend(next.map(|phase| Hand {
            phase,
            slot,
            fence,
            ..hand
        }));
    }

    /// What becomes of a POST whose step ends in `verb`.
    fn end_post(&self, world: &mut World, hand: &Hand, verb: Verb) {
        match hand.phase {
            Phase::Posting(post) if verb == Verb::Fail => world.arrive(hand.job, hand.slot, post.late),
            Phase::Posting(post) if matches!(verb, Verb::Park | Verb::Resubmit) => world.strays.push(Stray {
                job: hand.job,
                slot: hand.slot,
                post,
            }),
            Phase::Answered(generation, told) => world.lose(hand.job, generation, told),
            _ => {}
        }
    }

    fn crash(&self, world: &mut World, worker: u8) {
        world.crashes += 1;
        let hands = std::mem::take(&mut world.hands);
        for hand in hands {
            if hand.worker != worker {
                world.hands.push(hand);
                continue;
            }
            match hand.phase {
                Phase::Posting(post) => world.strays.push(Stray {
                    job: hand.job,
                    slot: hand.slot,
                    post,
                }),
                Phase::Answered(generation, told) | Phase::Recording(generation, told) => {
                    world.lose(hand.job, generation, told);
                }
                _ => {}
            }
        }
        for command in &mut world.late {
            if command.worker == Owner::Worker(worker) {
                command.worker = Owner::Gone;
            }
        }
        for job in &mut world.jobs {
            if job.record.worker == Owner::Worker(worker) {
                job.record.worker = Owner::Gone;
            }
        }
    }
}
