//! What a worker holds: a job, the permit for it, and the lease that the renewer keeps up.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use gammaq_queue::claim::Claimed;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

/// Every lease of this worker, for the renewer.
#[derive(Debug, Default)]
pub(crate) struct Holds {
    held: Mutex<BTreeMap<String, (u64, CancellationToken)>>,
}

impl Holds {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, (u64, CancellationToken)>> {
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
        let asked: BTreeMap<&str, u64> = fences.iter().map(|(id, fence)| (id.as_str(), *fence)).collect();
        let held = self.lock();
        for id in ids {
            if let Some((fence, token)) = held.get(id)
                && asked.get(id.as_str()) == Some(fence)
            {
                token.cancel();
            }
        }
    }

    /// Takes a claimed job into the worker's hands; `None` where it is there already under this fence or a later one.
    ///
    /// A fence comes a second time when a failover lost the claim that had it first. What was begun under it may have
    /// sent a POST, or be about to hand the job back: a second step under the same fence could not be told from it.
    pub(crate) fn take(self: &Arc<Self>, job: Claimed, permit: OwnedSemaphorePermit) -> Option<Arc<Hold>> {
        let lost = CancellationToken::new();
        let mut held = self.lock();
        if held.get(&job.id).is_some_and(|(fence, _)| *fence >= job.fence) {
            return None;
        }
        let former = held.insert(job.id.clone(), (job.fence, lost.clone()));
        drop(held);
        // This worker's own earlier hold, whose lease ended: whoever still works on it may stop.
        if let Some((_, former)) = former {
            former.cancel();
        }
        Some(Arc::new(Hold {
            job,
            lost,
            begun: AtomicBool::new(false),
            holds: Arc::clone(self),
            permit: Mutex::new(Some(permit)),
        }))
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
    permit: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Hold {
    /// Gives the permit back early: what the step goes on with has a limit of its own.
    pub(crate) fn free_permit(&self) {
        drop(self.permit.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

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

#[cfg(test)]
mod tests {
    use gammaq_job::{Files, Kind, State};
    use gammaq_queue::claim::Step;
    use tokio::sync::Semaphore;

    use super::*;

    fn claimed(fence: u64) -> Claimed {
        Claimed {
            id: "a".into(),
            fence,
            step: Step::Submit,
            probe: false,
            request: "{}".into(),
            claimed_at: 0,
            late: std::time::Duration::ZERO,
            state: State::Queued,
            account: "default".into(),
            attempts: 0,
            kind: Kind::Generation,
            exports: vec![],
            generation_id: String::new(),
            base_url: String::new(),
            polls: 0,
            poll_failures: 0,
            deadline: 0,
            created_at: 0,
            traceparent: String::new(),
            late_until: 0,
            resubmits: 0,
            timeout: None,
            submit_failures: 0,
            warnings: vec![],
            slot: "a#0".into(),
            gamma_id: "gm".into(),
            files: Files::default(),
            links: BTreeMap::new(),
        }
    }

    #[tokio::test]
    async fn a_fence_that_comes_again_starts_no_second_step() {
        let (holds, permits) = (Arc::<Holds>::default(), Arc::new(Semaphore::new(9)));
        let permit = || Arc::clone(&permits).try_acquire_owned().unwrap();
        let first = holds.take(claimed(5), permit()).unwrap();
        // A failover lost the claim, and the one after it has the same number, or a lower one.
        assert!(holds.take(claimed(5), permit()).is_none());
        assert!(holds.take(claimed(4), permit()).is_none());
        assert_eq!((permits.available_permits(), holds.count()), (8, 1));
        assert!(!first.lost.is_cancelled());
        // A later claim is one that knows of the first: its lease ended.
        let second = holds.take(claimed(6), permit()).unwrap();
        assert!(first.lost.is_cancelled() && !second.lost.is_cancelled());
        drop(first);
        assert_eq!(holds.list(), [("a".to_owned(), 6)]);
    }
}
