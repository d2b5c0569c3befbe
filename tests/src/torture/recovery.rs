//! How long it took until things went on after a fault, by the times that Redis gave to `events`.
//!
//! Other faults go on meanwhile, and a worker that has nothing to do shows nothing: the times are upper bounds.

use std::collections::BTreeMap;

use super::breakers::KILLED;
use super::diary::{Fault, Scope};

/// One entry of `events`.
#[derive(Debug, Clone, Default)]
pub struct Event {
    /// The job.
    pub id: String,
    /// The state that it came into; empty where the event is about something else.
    pub state: String,
    /// Unix milliseconds.
    pub at: u64,
    /// The process id of the worker that made the change.
    pub pid: Option<u32>,
}

/// What was measured, in milliseconds, sorted.
pub type Samples = BTreeMap<&'static str, Vec<u64>>;

/// From the kill until a job that the worker was submitting was taken over and parked: the lease has to end first.
pub const TAKEN_OVER: &str = "worker killed: until a job that it was submitting is parked";
/// From the start of a worker's process until the first change that it made.
pub const FIRST_MOVE: &str = "worker started: until its first change of a job";

/// Measures all that can be: for a fault that hit one worker, from its end until this worker's next change of a job;
/// for one that hit all, until anybody's. `events` are in order.
pub fn measure(faults: &[Fault], starts: &[(u32, u64)], events: &[Event]) -> Samples {
    let mut samples = Samples::new();
    for fault in faults {
        let next = match (fault.kind, fault.scope) {
            (KILLED, Scope::Worker(pid)) => {
                let taken = samples.entry(TAKEN_OVER).or_default();
                taken.extend(taken_over(pid, fault.began, events));
                continue;
            }
            ("worker drained", _) => continue,
            (_, Scope::Worker(pid)) => of_worker(pid, fault.ended, starts, events),
            (_, Scope::All) => after(fault.ended, events).find(|event| !event.state.is_empty()),
        };
        if let Some(event) = next {
            let times = samples.entry(fault.kind).or_default();
            times.push(event.at.saturating_sub(fault.ended));
        }
    }
    for (pid, at) in starts {
        if let Some(event) = of_worker(*pid, *at, starts, events) {
            samples.entry(FIRST_MOVE).or_default().push(event.at - at);
        }
    }
    for times in samples.values_mut() {
        times.sort_unstable();
    }
    samples
}

/// The next change that a worker made. A process id is used again when its process is gone: what another worker of the
/// same id did is not this one's.
fn of_worker<'a>(pid: u32, time: u64, starts: &[(u32, u64)], events: &'a [Event]) -> Option<&'a Event> {
    let again = starts.iter().filter(|(it, at)| *it == pid && *at > time);
    let gone = again.map(|(_, at)| *at).min().unwrap_or(u64::MAX);
    after(time, events).find(|event| event.pid == Some(pid) && event.at < gone)
}

fn after(time: u64, events: &[Event]) -> impl Iterator<Item = &Event> {
    events[events.partition_point(|event| event.at < time)..].iter()
}

/// The jobs whose last change before the kill was that this worker began to submit them.
fn taken_over(pid: u32, killed: u64, events: &[Event]) -> Vec<u64> {
    // A submit lasts no longer than its lease; a minute is ample for one that was stopped before it was killed.
    let earliest = events.partition_point(|event| event.at + 60_000 < killed);
    let latest = events.partition_point(|event| event.at <= killed);
    let mut last: BTreeMap<&str, &Event> = BTreeMap::new();
    for event in events[earliest..latest]
        .iter()
        .filter(|event| !event.state.is_empty())
    {
        last.insert(&event.id, event);
    }
    let held = last
        .into_values()
        .filter(|event| event.state == "submitting" && event.pid == Some(pid));
    held.filter_map(|held| {
        let next = events[latest..].iter().find(|event| event.id == held.id)?;
        (next.pid != Some(pid)).then_some(next.at - killed)
    })
    .collect()
}

/// The value that `hundredths` of a hundred of the sorted times don't exceed; 0 for none.
pub fn percentile(times: &[u64], hundredths: usize) -> u64 {
    let rank = (times.len() * hundredths).div_ceil(100).max(1);
    times.get(rank - 1).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(at: u64, id: &str, state: &str, pid: u32) -> Event {
        Event {
            id: id.to_owned(),
            state: state.to_owned(),
            at,
            pid: Some(pid),
        }
    }

    fn fault(kind: &'static str, scope: Scope, began: u64, ended: u64) -> Fault {
        Fault {
            kind,
            scope,
            began,
            ended,
        }
    }

    #[test]
    fn a_fault_of_one_worker_waits_for_that_worker() {
        let events = [
            event(90, "a", "completed", 1),
            event(120, "b", "completed", 2),
            event(150, "c", "completed", 1),
        ];
        let faults = [
            fault("worker stopped", Scope::Worker(1), 50, 100),
            fault("Redis killed", Scope::All, 50, 100),
        ];
        let samples = measure(&faults, &[(2, 100), (3, 100)], &events);
        assert_eq!(samples["worker stopped"], [50]);
        assert_eq!(samples["Redis killed"], [20]);
        assert_eq!(samples[FIRST_MOVE], [20]);
    }

    #[test]
    fn another_worker_with_the_same_process_id_is_not_waited_for() {
        let events = [event(120, "a", "completed", 1), event(900, "b", "completed", 1)];
        let faults = [
            fault("worker stopped", Scope::Worker(1), 50, 100),
            fault("link", Scope::Worker(1), 150, 200),
        ];
        let starts = [(1, 40), (1, 800)];
        let samples = measure(&faults, &starts, &events);
        assert_eq!(samples["worker stopped"], [20]);
        assert!(!samples.contains_key("link"));
        assert_eq!(samples[FIRST_MOVE], [80, 100]);
    }

    #[test]
    fn a_kill_waits_for_the_jobs_in_its_hands_alone() {
        let events = [
            event(80, "held", "submitting", 1),
            event(81, "through", "submitting", 1),
            event(82, "others", "submitting", 2),
            event(90, "through", "generating", 1),
            event(5_080, "held", "ambiguous", 2),
            event(5_090, "others", "generating", 2),
            event(5_095, "through", "completed", 2),
        ];
        let samples = measure(&[fault(KILLED, Scope::Worker(1), 100, 100)], &[], &events);
        assert_eq!(samples[TAKEN_OVER], [4_980]);
    }

    #[test]
    fn percentiles_are_of_the_times_themselves() {
        let times: Vec<u64> = (1..=200).collect();
        assert_eq!([50, 99, 100].map(|n| percentile(&times, n)), [100, 198, 200]);
        assert_eq!(percentile(&[7], 50), 7);
        assert_eq!(percentile(&[], 99), 0);
    }
}
