//! States that can't be told apart count as one. That keeps the search small, and loses nothing:
//!
//! - of a fence it matters only whether it is the record's; an older one never becomes that again;
//! - slots and attempts are compared with each other alone, so they are numbered anew;
//! - what only a settlement with an old fence can still do is nothing, and one that is to submit with an old fence
//!   is like any other of its worker;
//! - a job that is over, and that nothing under way can reach, is over;
//! - workers are alike, and jobs are: they are named by what is told of them.

use gammaq_job::State;

use crate::model::{Config, Mutation};
use crate::world::{Call, Owner, Phase, World};

const STALE: u8 = 0;
const CURRENT: u8 = 1;

impl World {
    pub(crate) fn canonical(mut self, config: &Config) -> Self {
        if config.mutation != Mutation::NoFence {
            self.forget_stale();
            self.number_fences();
        }
        for job in 0..config.jobs {
            self.forget_over(job, config);
            self.number_slots(job);
        }
        self.settle_order();
        if config.jobs == 2 && self.key_of_job(0) > self.key_of_job(1) {
            self.swap_jobs();
        }
        if config.workers == 2 && self.key_of_worker(0) > self.key_of_worker(1) {
            self.swap_workers();
        }
        self
    }

    /// Whatever tells one job from the other, but not by the names of workers. Where two are equal, either order
    /// will do.
    fn key_of_job(&self, number: u8) -> impl Ord + use<> {
        let mut job = self.jobs[usize::from(number)].clone();
        if let Owner::Worker(worker) = &mut job.record.worker {
            *worker = 0;
        }
        let hands = self.hands.iter().filter(|it| it.job == number);
        let mut phases: Vec<_> = hands.map(|it| (it.phase, it.slot, it.fence)).collect();
        phases.sort_unstable();
        let strays: Vec<_> = self
            .strays
            .iter()
            .filter(|it| it.job == number)
            .map(|it| (it.slot, it.post))
            .collect();
        let late = self.late.iter().filter(|it| it.job == number);
        let mut calls: Vec<_> = late.map(|it| (it.call, it.slot, it.fence)).collect();
        calls.sort_unstable();
        (job, phases, strays, calls)
    }

    fn key_of_worker(&self, worker: u8) -> impl Ord + use<> {
        let hands = self.hands.iter().filter(|it| it.worker == worker);
        let hands: Vec<_> = hands.map(|it| (it.job, it.fence, it.slot, it.phase)).collect();
        let owner = Owner::Worker(worker);
        let owned: Vec<bool> = self.jobs.iter().map(|it| it.record.worker == owner).collect();
        let late = self.late.iter().filter(|it| it.worker == owner);
        let late: Vec<_> = late.map(|it| (it.job, it.fence, it.slot, it.call)).collect();
        (hands, owned, late)
    }

    fn forget_stale(&mut self) {
        let jobs = &self.jobs;
        let current = |job: u8, fence: u8| jobs[usize::from(job)].record.fence == fence;
        self.hands.retain(|hand| {
            current(hand.job, hand.fence) || !matches!(hand.phase, Phase::Settling(_) | Phase::Looking)
        });
        self.late
            .retain(|it| current(it.job, it.fence) || matches!(it.call, Call::Record(..)));
        for hand in &mut self.hands {
            let unsent = match hand.phase {
                Phase::Claimed => true,
                Phase::Begun(post) => post.late,
                _ => false,
            };
            if unsent && !current(hand.job, hand.fence) {
                (hand.fence, hand.slot, hand.phase) = (STALE, 0, Phase::Claimed);
            }
        }
        // A worker that had the job more than once and does nothing more with it.
        self.hands.sort_unstable();
        self.hands.dedup();
    }

    fn number_fences(&mut self) {
        for (number, job) in (0..).zip(&mut self.jobs) {
            let fence = std::mem::replace(&mut job.record.fence, CURRENT);
            let rank = |it: u8| if it == fence { CURRENT } else { STALE };
            for hand in self.hands.iter_mut().filter(|it| it.job == number) {
                hand.fence = rank(hand.fence);
            }
            for command in self.late.iter_mut().filter(|it| it.job == number) {
                command.fence = rank(command.fence);
            }
        }
    }

    fn forget_over(&mut self, number: u8, config: &Config) {
        let reached = self.hands.iter().any(|it| it.job == number)
            || self.strays.iter().any(|it| it.job == number)
            || self.late.iter().any(|it| it.job == number);
        let last = self.operations == config.operations;
        let job = self.job(number);
        let over = match job.record.state {
            State::Completed => true,
            State::Failed | State::Cancelled => last,
            _ => false,
        };
        if over && !reached {
            (job.made, job.allowed, job.adrift, job.told) = (0, 0, 0, 0);
            job.record.state = State::Completed;
            (job.record.generation, job.record.extra) = (0, 0);
            (job.record.attempts, job.record.resubmits) = (0, 0);
            job.record.wish = false;
        }
    }

    fn number_slots(&mut self, number: u8) {
        let job = &self.jobs[usize::from(number)];
        let mut used = vec![0, job.record.attempts, job.record.attempts + 1, job.record.slot];
        used.extend(job.slots.iter().map(|it| it.id));
        used.extend(self.strays.iter().filter(|it| it.job == number).map(|it| it.slot));
        // A slot that is only remembered, and has left the budget, is scored without effect.
        let there = |slot: u8| used.contains(&slot);
        let mut also: Vec<u8> = Vec::new();
        for hand in self.hands.iter_mut().filter(|it| it.job == number) {
            if matches!(hand.phase, Phase::Answered(..) | Phase::Recording(..)) && !there(hand.slot) {
                hand.slot = 0;
            }
            also.push(hand.slot);
        }
        for command in self.late.iter_mut().filter(|it| it.job == number) {
            if !there(command.slot) {
                command.slot = 0;
            }
            also.push(command.slot);
        }
        used.extend(also);
        used.sort_unstable();
        used.dedup();
        let rank = |slot: u8| {
            let at = used.iter().position(|it| *it == slot).unwrap_or(usize::MAX);
            u8::try_from(at).unwrap_or(u8::MAX)
        };
        let next = self.jobs[usize::from(number)].record.attempts + 1;
        let job = &mut self.jobs[usize::from(number)];
        job.record.attempts = rank(next) - 1;
        job.record.slot = rank(job.record.slot);
        job.slots.iter_mut().for_each(|it| it.id = rank(it.id));
        for it in self.strays.iter_mut().filter(|it| it.job == number) {
            it.slot = rank(it.slot);
        }
        for it in self.hands.iter_mut().filter(|it| it.job == number) {
            it.slot = rank(it.slot);
        }
        for it in self.late.iter_mut().filter(|it| it.job == number) {
            it.slot = rank(it.slot);
        }
    }

    fn swap_workers(&mut self) {
        let swap = |owner: &mut Owner| {
            if let Owner::Worker(worker) = owner {
                *worker = 1 - *worker;
            }
        };
        self.jobs.iter_mut().for_each(|it| swap(&mut it.record.worker));
        self.hands.iter_mut().for_each(|it| it.worker = 1 - it.worker);
        self.late.iter_mut().for_each(|it| swap(&mut it.worker));
        self.settle_order();
    }

    fn swap_jobs(&mut self) {
        self.jobs.reverse();
        self.hands.iter_mut().for_each(|it| it.job = 1 - it.job);
        self.strays.iter_mut().for_each(|it| it.job = 1 - it.job);
        self.late.iter_mut().for_each(|it| it.job = 1 - it.job);
        self.settle_order();
    }
}
