//! What was broken, when, and whom it hit.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use gammaq_testkit::now_ms;

/// Whom a fault hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Every worker.
    All,
    /// The worker with this process id.
    Worker(u32),
}

/// One fault. Times are Unix milliseconds of this machine, whose clock Redis has too.
#[derive(Debug, Clone)]
pub struct Fault {
    /// What was done, as the table calls it.
    pub kind: &'static str,
    /// Whom it hit.
    pub scope: Scope,
    /// When it began.
    pub began: u64,
    /// When it was over; for a kill, the same moment.
    pub ended: u64,
}

/// All faults of a run, and the starts of workers.
#[derive(Debug, Default)]
pub(super) struct Diary {
    faults: Mutex<Vec<Fault>>,
    starts: Mutex<Vec<(u32, u64)>>,
}

impl Diary {
    /// Writes a fault down that is over now.
    pub(super) fn over(&self, kind: &'static str, scope: Scope, began: u64) {
        let ended = now_ms();
        let fault = Fault {
            kind,
            scope,
            began,
            ended,
        };
        self.faults
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(fault);
    }

    /// Writes down that a worker was started at `at`.
    pub(super) fn started(&self, pid: u32, at: u64) {
        self.starts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((pid, at));
    }

    /// Every fault so far.
    pub(super) fn faults(&self) -> Vec<Fault> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Every start of a worker so far: its process id and when.
    pub(super) fn starts(&self) -> Vec<(u32, u64)> {
        self.starts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many faults there were so far, by kind.
    pub(super) fn counts(&self) -> BTreeMap<&'static str, u64> {
        let mut counts = BTreeMap::new();
        for fault in self.faults.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            *counts.entry(fault.kind).or_default() += 1;
        }
        counts
    }
}
