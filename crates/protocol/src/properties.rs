//! What must always hold, and what must happen at least somewhere.

use gammaq_job::State;
use stateright::Property;

use crate::model::Config;
use crate::world::{Job, Owner, Phase, Place, World};

/// What an action can break; a world remembers it in one bit each, and nothing follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// More generations than were asked for.
    PaidTwice = 0,
    /// A generation that nobody knows of.
    LostGeneration = 1,
    /// A move that the table in `gammaq-job` doesn't have.
    Move = 2,
    /// A fence that fell, a hold with one to come, or two holds with the same.
    Fence = 3,
    /// More POSTs within a window than the limit.
    Budget = 4,
    /// A job in the wrong line, or in none though it isn't over.
    Line = 5,
}

impl Broken {
    pub(crate) const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// What is broken in a world.
pub(crate) fn broken(config: &Config, world: &World) -> u8 {
    let mut broken = 0;
    let mut hold = |broken_is: Broken, holds: bool| {
        if !holds {
            broken |= broken_is.bit();
        }
    };
    let arrived = world
        .jobs
        .iter()
        .flat_map(|job| &job.slots)
        .filter(|slot| slot.arrived);
    hold(Broken::Budget, arrived.count() <= config.limit);
    for (number, job) in (0..).zip(&world.jobs) {
        hold(Broken::PaidTwice, job.made <= 1 + job.allowed);
        let accounted = (1..=job.made).all(|generation| is_accounted_for(world, number, job, generation));
        hold(Broken::LostGeneration, accounted);
        hold(Broken::Line, stands_right(job));
        let fences: Vec<u8> = world
            .hands
            .iter()
            .filter(|it| it.job == number)
            .map(|it| it.fence)
            .collect();
        let current = fences.iter().filter(|fence| **fence == job.record.fence);
        let late = world.late.iter().filter(|it| it.job == number);
        let ahead = fences
            .iter()
            .copied()
            .chain(late.map(|it| it.fence))
            .any(|it| it > job.record.fence);
        hold(Broken::Fence, !ahead && current.count() <= 1);
    }
    broken
}

/// Whether somebody knows of a generation, will know of it, or was told that there may be one.
fn is_accounted_for(world: &World, number: u8, job: &Job, generation: u8) -> bool {
    let bit = 1 << generation;
    let in_hand = || {
        world.hands.iter().filter(|hand| hand.job == number).any(
            |hand| matches!(hand.phase, Phase::Answered(it, _) | Phase::Recording(it, _) if it == generation),
        )
    };
    // Who finds a job parked looks at Gamma; a lease that ends in `submitting` parks it.
    let asked = || matches!(job.record.state, State::Submitting | State::Ambiguous);
    let adrift = job.adrift & bit != 0 && (job.told & bit != 0 || asked());
    job.has(generation) || adrift || in_hand()
}

/// Whether a job stands in the line that its state wants, so that it is neither forgotten nor worked on twice.
fn stands_right(job: &Job) -> bool {
    let record = &job.record;
    let scheduled = matches!(record.place, Place::Later | Place::Now);
    // Wanted no more, it is neither submitted again nor looked at.
    if record.wish && !matches!(record.state, State::Submitting | State::Ambiguous) {
        return false;
    }
    match record.state {
        State::Queued => record.place != Place::Nowhere,
        State::Submitting => scheduled && record.worker != Owner::Nobody,
        State::Generating | State::Exporting => scheduled && record.generation != 0,
        State::TimedOut => record.place != Place::Pending && record.generation != 0,
        State::Ambiguous | State::Completed | State::Failed | State::Cancelled => {
            record.place == Place::Nowhere
        }
    }
}

pub(crate) fn all() -> Vec<Property<Config>> {
    type Always = Property<Config>;
    let mut all = vec![
        Always::always(
            "Gamma is paid once, and once more for each resubmit that was asked for",
            |_, world| world.broken & Broken::PaidTwice.bit() == 0,
        ),
        Always::always(
            "a generation that Gamma made is known, or its job asks for a look",
            |_, world| world.broken & Broken::LostGeneration.bit() == 0,
        ),
        Always::always("every move is in the table", |_, world| {
            world.broken & Broken::Move.bit() == 0
        }),
        Always::always(
            "a fence never falls, and holds are told apart by it",
            |_, world| world.broken & Broken::Fence.bit() == 0,
        ),
        Always::always("no window sees more POSTs than the limit", |_, world| {
            world.broken & Broken::Budget.bit() == 0
        }),
        Always::always("a job that isn't over stands in line", |_, world| {
            world.broken & Broken::Line.bit() == 0
        }),
    ];
    all.extend(sometimes());
    all
}

fn any(world: &World, holds: impl Fn(&Job) -> bool) -> bool {
    world.jobs.iter().any(holds)
}

/// What shows that the search goes where it hurts.
fn sometimes() -> Vec<Property<Config>> {
    type Sometimes = Property<Config>;
    vec![
        Sometimes::sometimes("a job is completed", |_, world| {
            any(world, |job| job.record.state == State::Completed)
        }),
        Sometimes::sometimes(
            "a crash between intent and POST parks a job that nobody sent",
            |_, world| {
                let parked = |job: &Job| job.record.state == State::Ambiguous && job.made == 0;
                any(world, parked) && world.strays.is_empty() && world.hands.is_empty()
            },
        ),
        Sometimes::sometimes(
            "a parked job's answer is still in a worker's hands",
            |_, world| {
                let late = |hand: &crate::world::Hand| {
                    matches!(hand.phase, Phase::Answered(..))
                        && world.record(hand.job).state == State::Ambiguous
                };
                world.hands.iter().any(late)
            },
        ),
        Sometimes::sometimes("an answer comes after a resubmit was decided", |_, world| {
            let late = |hand: &crate::world::Hand| {
                matches!(hand.phase, Phase::Answered(_, true))
                    && world.record(hand.job).state == State::Queued
            };
            world.hands.iter().any(late)
        }),
        Sometimes::sometimes("a job has two generations, both on its record", |_, world| {
            any(world, |job| job.record.generation != 0 && job.record.extra != 0)
        }),
        Sometimes::sometimes("a generation is kept on a job that is over", |_, world| {
            any(world, |job| {
                job.record.state == State::Failed && job.allowed == 0 && job.record.generation != 0
            })
        }),
        Sometimes::sometimes(
            "an answer comes to a parked job that is wanted no more",
            |_, world| {
                let late = |hand: &crate::world::Hand| {
                    let record = world.record(hand.job);
                    matches!(hand.phase, Phase::Answered(..))
                        && record.wish
                        && record.state == State::Ambiguous
                };
                world.hands.iter().any(late)
            },
        ),
        Sometimes::sometimes("a claim is lost, and its job in nobody's hands", |_, world| {
            let lost = |job: &Job| matches!(job.record.worker, Owner::Worker(_));
            world.hands.is_empty() && any(world, lost)
        }),
        Sometimes::sometimes("a worker wakes after its lease with a closed gate", |_, world| {
            world
                .hands
                .iter()
                .any(|hand| matches!(hand.phase, Phase::Begun(post) if post.late))
        }),
        Sometimes::sometimes("two workers have the same job in hand", |_, world| {
            let mut pairs = world.hands.iter().zip(world.hands.iter().skip(1));
            pairs.any(|(a, b)| a.job == b.job && a.worker != b.worker)
        }),
        Sometimes::sometimes("a POST arrives that nobody waits for", |_, world| {
            any(world, |job| job.adrift != 0)
        }),
        Sometimes::sometimes("a job waits for a slot", |config, world| {
            let waits = |job: &Job| job.record.place == Place::Pending;
            world.used() >= config.limit && any(world, waits)
        }),
        Sometimes::sometimes("a timed-out job is looked at late", |_, world| {
            any(world, |job| {
                job.record.state == State::TimedOut && job.record.place == Place::Now
            })
        }),
    ]
}
