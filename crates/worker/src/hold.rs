//! What a worker holds: a job, the permit for it, and the lease that the renewer keeps up.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use gammaq_queue::claim::Claimed;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

/// Every lease of this worker, for the renewer.
#[derive(Debug, Default)]
pub(crate) struct Holds {
    held: Mutex<HashMap<String, (u64, CancellationToken)>>,
}

impl Holds {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, (u64, CancellationToken)>> {
        self.held
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Ids and fences.
    pub(crate) fn list(&self) -> Vec<(String, u64)> {
        self.lock()
            .iter()
            .map(|(id, (fence, _))| (id.clone(), *fence))
            .collect()
    }

    /// How many.
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Tells whoever works on these jobs that they are no longer this worker's. `fences` are the ones that were
    /// asked about: a job that was claimed anew meanwhile is left alone.
    pub(crate) fn lost(&self, ids: &[String], fences: &[(String, u64)]) {
        let asked: HashMap<&str, u64> = fences.iter().map(|(id, fence)| (id.as_str(), *fence)).collect();
        let held = self.lock();
        for id in ids {
            if let Some((fence, token)) = held.get(id)
                && asked.get(id.as_str()) == Some(fence)
            {
                token.cancel();
            }
        }
    }

    /// Takes a claimed job into the worker's hands.
    pub(crate) fn take(self: &Arc<Self>, job: Claimed, permit: OwnedSemaphorePermit) -> Arc<Hold> {
        let lost = CancellationToken::new();
        let former = self.lock().insert(job.id.clone(), (job.fence, lost.clone()));
        // This worker's own earlier hold, whose lease ended: whoever still works on it may stop.
        if let Some((_, former)) = former {
            former.cancel();
        }
        Arc::new(Hold {
            job,
            lost,
            begun: AtomicBool::new(false),
            holds: Arc::clone(self),
            _permit: permit,
        })
    }
}

/// A job in hand. Dropping it gives its permit back and ends the renewals; its lease then ends by itself unless it
/// was settled.
#[derive(Debug)]
pub(crate) struct Hold {
    /// The job as it was claimed.
    pub(crate) job: Claimed,
    /// Cancelled when another worker has it.
    pub(crate) lost: CancellationToken,
    begun: AtomicBool,
    holds: Arc<Holds>,
    _permit: OwnedSemaphorePermit,
}

impl Hold {
    /// Notes that from here on the POST may have left.
    pub(crate) fn begin(&self) {
        self.begun.store(true, Ordering::Release);
    }

    /// Whether the POST may have left.
    pub(crate) fn begun(&self) -> bool {
        self.begun.load(Ordering::Acquire)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut held = self.holds.lock();
        if held
            .get(&self.job.id)
            .is_some_and(|(fence, _)| *fence == self.job.fence)
        {
            held.remove(&self.job.id);
        }
    }
}
