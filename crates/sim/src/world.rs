//! What everything in a run shares: the plan, the clock, the trace, and what was found wrong.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::plan::Plan;
use crate::trace::Trace;

/// The most that one run keeps of what is wrong.
const MOST_WRONGS: usize = 20;

/// Locks what only one thread ever locks.
pub(crate) fn locked<T: ?Sized>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Shared by all of one run.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) started: Instant,
    pub(crate) trace: Mutex<Trace>,
    wrongs: Mutex<Vec<String>>,
}

impl World {
    pub(crate) fn new(plan: Plan, keep_lines: bool) -> Self {
        Self {
            plan,
            started: Instant::now(),
            trace: Mutex::new(Trace::new(keep_lines)),
            wrongs: Mutex::default(),
        }
    }

    /// Virtual milliseconds since the start.
    pub(crate) fn ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(0)
    }

    /// Whether nothing goes wrong any more.
    pub(crate) fn is_calm(&self) -> bool {
        self.started.elapsed() >= self.plan.calm_from
    }

    pub(crate) fn note(&self, who: fmt::Arguments<'_>, what: fmt::Arguments<'_>) {
        locked(&self.trace).add(self.ms(), who, what);
    }

    /// Notes that something is not as it was promised.
    pub(crate) fn wrong(&self, what: String) {
        self.note(format_args!("WRONG"), format_args!("{what}"));
        let mut wrongs = locked(&self.wrongs);
        if wrongs.len() < MOST_WRONGS {
            wrongs.push(what);
        }
    }

    pub(crate) fn wrongs(&self) -> Vec<String> {
        locked(&self.wrongs).clone()
    }

    pub(crate) async fn wait_until(&self, at: Duration) {
        tokio::time::sleep_until(self.started + at).await;
    }
}
