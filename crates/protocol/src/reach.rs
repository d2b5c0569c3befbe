//! Whether something good can still come of every state: no job is stuck.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, RandomState};

use stateright::Model;

use crate::model::Config;
use crate::world::World;

/// The states from which no step without a fault and without an operator leads to an end of every job.
///
/// Also answers how many states there are. States are told apart by 64 bits of hash, as `stateright` does.
pub fn stuck(config: &Config) -> (usize, Vec<World>) {
    let hasher = RandomState::new();
    let mut numbers: HashMap<u64, u32> = HashMap::new();
    let mut worlds: Vec<World> = Vec::new();
    let mut before: Vec<Vec<u32>> = Vec::new();
    for world in config.init_states() {
        numbers.insert(hasher.hash_one(&world), 0);
        worlds.push(world);
        before.push(Vec::new());
    }
    let mut at = 0;
    let mut actions = Vec::new();
    while at < worlds.len() {
        let world = worlds[at].clone();
        config.actions(&world, &mut actions);
        for action in actions.drain(..) {
            let Some(next) = config.next_state(&world, action) else {
                continue;
            };
            let number = match numbers.entry(hasher.hash_one(&next)) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(new) => {
                    let number = u32::try_from(worlds.len()).unwrap_or(u32::MAX);
                    new.insert(number);
                    worlds.push(next);
                    before.push(Vec::new());
                    number
                }
            };
            if action.is_progress() {
                before[number as usize].push(u32::try_from(at).unwrap_or(u32::MAX));
            }
        }
        at += 1;
    }
    let mut good: Vec<bool> = worlds.iter().map(all_end).collect();
    let mut open: Vec<usize> = (0..worlds.len()).filter(|it| good[*it]).collect();
    while let Some(at) = open.pop() {
        for from in std::mem::take(&mut before[at]) {
            if !std::mem::replace(&mut good[from as usize], true) {
                open.push(from as usize);
            }
        }
    }
    let count = worlds.len();
    let stuck = worlds
        .into_iter()
        .zip(good)
        .filter(|(_, good)| !good)
        .map(|(world, _)| world);
    (count, stuck.collect())
}

fn all_end(world: &World) -> bool {
    world.jobs.iter().all(|job| job.record.state.is_end())
}
