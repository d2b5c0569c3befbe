//! Searches, and what they found.

use std::time::{Duration, Instant};

use stateright::{Checker, Expectation, HasDiscoveries, Model};

use crate::action::Action;
use crate::model::Config;
use crate::world::World;

/// What a search came to.
#[derive(Debug)]
pub struct Found {
    /// States that differ.
    pub states: usize,
    /// The most steps from the start.
    pub depth: usize,
    /// How long it took.
    pub took: Duration,
    /// Properties that don't hold, each with a path to where it is broken.
    pub broken: Vec<(&'static str, Trace)>,
    /// What was to happen at least somewhere, and didn't.
    pub unseen: Vec<&'static str>,
}

/// Worlds, and the action that was taken in each; none in the last.
pub type Trace = Vec<(World, Option<Action>)>;

/// Searches every state, or to the first that breaks a property.
pub fn search(config: &Config, most_steps: Option<usize>) -> Found {
    let begun = Instant::now();
    let mut builder = config.clone().checker().finish_when(HasDiscoveries::AnyFailures);
    if let Some(most) = most_steps {
        builder = builder.target_max_depth(most);
    }
    let checker = builder.spawn_bfs().join();
    let mut found = Found {
        states: checker.unique_state_count(),
        depth: checker.max_depth(),
        took: begun.elapsed(),
        broken: Vec::new(),
        unseen: Vec::new(),
    };
    for property in config.properties() {
        let path = checker.discovery(property.name);
        match (property.expectation, path) {
            (Expectation::Sometimes, None) => found.unseen.push(property.name),
            (Expectation::Always, Some(path)) => found.broken.push((property.name, path.into_vec())),
            _ => {}
        }
    }
    found
}

/// The shortest path to a broken property: what a search finds need not be, since it works on many states at a time.
pub fn shortest(config: &Config) -> Option<(&'static str, Trace)> {
    let mut best = None;
    let mut most = None;
    while let Some((name, trace)) = search(config, most)
        .broken
        .into_iter()
        .min_by_key(|it| it.1.len())
    {
        // A depth counts worlds, and the last one allowed isn't looked at.
        most = Some(trace.len());
        let shorter = best
            .as_ref()
            .is_none_or(|(_, known): &(_, Trace)| trace.len() < known.len());
        if !shorter {
            break;
        }
        best = Some((name, trace));
    }
    best
}

/// A path for people: each action, and what it makes of the records.
pub fn told(trace: &Trace) -> String {
    let mut out = String::new();
    let mut action = None;
    for (number, (world, next)) in trace.iter().enumerate() {
        if let Some(action) = action {
            out += &format!("{number:>3}. {action:?}\n");
        }
        for (id, job) in world.jobs.iter().enumerate() {
            let record = &job.record;
            out += &format!(
                "       job {id}: {} {:?} fence {} worker {:?} slot {} generation {} extra {:b}; \
                 Gamma made {} of {} asked for\n",
                record.state,
                record.place,
                record.fence,
                record.worker,
                record.slot,
                record.generation,
                record.extra,
                job.made,
                1 + job.allowed,
            );
        }
        for hand in &world.hands {
            out += &format!(
                "       worker {} has job {}, fence {}: {:?}\n",
                hand.worker, hand.job, hand.fence, hand.phase
            );
        }
        action = *next;
    }
    out
}
