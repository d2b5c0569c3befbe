//! What a worker holds: a job, the permit for it, and the lease that the renewer keeps up.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use gammaq_job::State;
use gammaq_queue::claim::{Claimed, Step};
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// So long before its end the time for a look is taken for over.
const LAST_MOMENTS: Duration = Duration::from_millis(20);

/// Every lease of this worker, for the renewer.
#[derive(Debug, Default)]
pub(crate) struct Holds {
    held: Mutex<BTreeMap<String, Held>>,
    taken: Notify,
}

#[derive(Debug)]
struct Held {
    fence: u64,
    lost: CancellationToken,
    phase: Phase,
    /// Its generation is being recorded, under the next fence where it is kept: this one says nothing any more.
    records: bool,
    /// It is kept since its generation was recorded.
    made: bool,
    /// When its lease is to be renewed; not looked at while the job is kept.
    renew_at: Instant,
    /// Until when a look's answer is of use unless the lease is renewed. It is an interval before the lease's end, so that
    /// whoever has the job then is not early, even where nobody could tell of the answer.
    answer_by: Instant,
}

/// What is done with a job in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// A step runs, or what it came to is urgent.
    Step,
    /// A look found nothing new, and Redis is yet to hear of it.
    Told,
    /// It waits for its next look. Its lease lasts beyond that.
    Kept,
}

impl Holds {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Held>> {
        self.held
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Waits until there is one.
    pub(crate) async fn any(&self) {
        // What comes between the look and the wait has left its mark with the notifier.
        while self.lock().is_empty() {
            self.taken.notified().await;
        }
    }

    /// Ids and fences.
    pub(crate) fn list(&self) -> Vec<(String, u64)> {
        self.lock()
            .iter()
            .map(|(id, held)| (id.clone(), held.fence))
            .collect()
    }

    /// The same of those whose leases are to be renewed by now.
    pub(crate) fn to_renew(&self) -> Vec<(String, u64)> {
        let now = Instant::now();
        self.lock()
            .iter()
            .filter(|(_, held)| held.phase != Phase::Kept && held.renew_at <= now)
            .map(|(id, held)| (id.clone(), held.fence))
            .collect()
    }

    /// These leases were renewed: they are to be again after `wait`, and answers are of use until `answer_by`.
    pub(crate) fn renewed(
        &self,
        holds: &[(String, u64)],
        asked: Instant,
        (answer_by, wait): (Instant, Duration),
    ) {
        let (mut held, at) = (self.lock(), Instant::now() + wait);
        for (id, fence) in holds {
            if let Some(held) = held.get_mut(id)
                && held.fence == *fence
                // Else it was told meanwhile, and has another lease.
                && held.renew_at <= asked
            {
                held.renew_at = at;
                held.answer_by = held.answer_by.max(answer_by);
            }
        }
    }

    /// How many are worked on: those that are kept between looks don't count.
    pub(crate) fn count(&self) -> usize {
        self.lock()
            .values()
            .filter(|held| held.phase == Phase::Step)
            .count()
    }

    /// Tells whoever works on these jobs that they are no longer this worker's. `fences` are the ones that were
    /// asked about: a job that was claimed anew meanwhile is left alone.
    pub(crate) fn lost(&self, ids: &[String], fences: &[(String, u64)]) {
        let asked: BTreeMap<&str, u64> = fences.iter().map(|(id, fence)| (id.as_str(), *fence)).collect();
        let held = self.lock();
        for id in ids {
            if let Some(held) = held.get(id)
                && asked.get(id.as_str()) == Some(&held.fence)
                && !held.records
            {
                held.lost.cancel();
            }
        }
    }

    /// Takes a claimed job into the worker's hands: a look's answer is of use until `answer_by`, and the lease is to be renewed
    /// at `renew_at`. `None` where it is there already under this fence or a later one.
    ///
    /// A fence comes a second time when a failover lost the claim that had it first. What was begun under it may have
    /// sent a POST, or be about to hand the job back: a second step under the same fence could not be told from it.
    pub(crate) fn take(
        self: &Arc<Self>,
        mut job: Claimed,
        permit: OwnedSemaphorePermit,
        (answer_by, renew_at): (Instant, Instant),
    ) -> Option<Arc<Hold>> {
        let lost = CancellationToken::new();
        let mut held = self.lock();
        if held.get(&job.id).is_some_and(|held| held.fence >= job.fence) {
            return None;
        }
        let request = Mutex::new(std::mem::take(&mut job.request));
        let new = Held {
            fence: job.fence,
            lost: lost.clone(),
            phase: Phase::Step,
            records: false,
            made: false,
            renew_at,
            answer_by,
        };
        let former = held.insert(job.id.clone(), new);
        if held.len() == 1 {
            self.taken.notify_one();
        }
        drop(held);
        // This worker's own earlier hold, whose lease ended: whoever still works on it may stop.
        if let Some(former) = former {
            former.lost.cancel();
        }
        Some(Arc::new(Hold {
            job,
            request,
            made: OnceLock::new(),
            untroubled: false,
            lost,
            begun: AtomicBool::new(false),
            holds: Arc::clone(self),
            permit: Mutex::new(Some(permit)),
        }))
    }

    /// Redis forgot what this worker submitted under `fence`, and with it that the job is kept since.
    pub(crate) fn forgotten(&self, id: &str, fence: u64) {
        if let Some(held) = self.lock().get(id)
            && held.fence == fence + 1
            && held.made
        {
            held.lost.cancel();
        }
    }

    /// `false` where it is not held any more, or under a later fence.
    fn change(&self, (id, fence): (&str, u64), change: impl FnOnce(&mut Held)) -> bool {
        let mut holds = self.lock();
        let held = holds.get_mut(id).filter(|held| held.fence == fence);
        held.map(change).is_some()
    }
}

/// A job in hand. Dropping it gives its permit back and ends the renewals; its lease then ends by itself unless it
/// was settled.
pub(crate) struct Hold {
    /// The job as it was claimed, or as the last look left it; its request is kept apart.
    pub(crate) job: Claimed,
    request: Mutex<String>,
    /// What its submit made, until its first look.
    made: OnceLock<Box<Made>>,
    /// Whether the record says of no trouble, since a look of this hold wrote that.
    pub(crate) untroubled: bool,
    /// Cancelled when another worker has it.
    pub(crate) lost: CancellationToken,
    begun: AtomicBool,
    holds: Arc<Holds>,
    permit: Mutex<Option<OwnedSemaphorePermit>>,
}

/// Shows nothing that a caller wrote.
impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hold")
            .field("job", &self.job)
            .finish_non_exhaustive()
    }
}

/// What its first look needs of a generation that this worker had made.
pub(crate) struct Made {
    pub(crate) generation_id: String,
    /// Where it was made.
    pub(crate) base_url: String,
    /// When a look that says pending ends it, Redis's time.
    pub(crate) deadline: u64,
    /// All of the record's.
    pub(crate) warnings: Vec<String>,
}

/// Shows nothing that a caller wrote, or that Gamma said of it.
impl fmt::Debug for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Made");
        out.field("generation_id", &self.generation_id)
            .finish_non_exhaustive()
    }
}

impl Made {
    fn put_on(self, job: &mut Claimed) {
        job.fence += 1;
        (job.step, job.state) = (Step::Look, State::Generating);
        job.generation_id = self.generation_id;
        job.base_url = self.base_url;
        job.deadline = self.deadline;
        job.warnings = self.warnings;
        job.attempts += 1;
        job.submit_failures = 0;
        job.slot.clear();
    }
}

impl Hold {
    /// The request, once: it may be large, and only its submit needs it.
    pub(crate) fn take_request(&self) -> String {
        std::mem::take(&mut self.request.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The number of this hold: the claim's, and the next one since its generation is recorded.
    pub(crate) fn fence(&self) -> u64 {
        self.job.fence + u64::from(self.made.get().is_some())
    }

    /// From here on only the record's answer says whether the job is this worker's.
    pub(crate) fn records(&self) {
        self.change(|held| held.records = true);
    }

    /// Its submit is over, and it waits for its first look. `false` where this worker holds it anew by now: a failover lost the claim, and
    /// what that one was told is over.
    pub(crate) fn keep_made(&self, made: Box<Made>) -> bool {
        let is_held = self.change(|held| {
            held.fence += 1;
            (held.phase, held.records, held.made) = (Phase::Kept, false, true);
        });
        // There is one submit in a hold.
        is_held && self.made.set(made).is_ok()
    }

    fn change(&self, change: impl FnOnce(&mut Held)) -> bool {
        self.holds.change((&self.job.id, self.fence()), change)
    }

    /// Gives the permit back early: what the step goes on with has a limit of its own.
    pub(crate) fn free_permit(&self) {
        drop(self.permit.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Its step is over, and Redis is told of it together with others: nothing of it runs until then.
    pub(crate) fn tell_later(&self) {
        self.change(|held| held.phase = Phase::Told);
        self.free_permit();
    }

    /// It waits for its next look. Redis holds it for this worker until after that.
    pub(crate) fn keep(&self) {
        self.change(|held| held.phase = Phase::Kept);
    }

    /// Returns when an answer is of no use any more, since the lease was not renewed: at once where this worker stood still
    /// meanwhile.
    pub(crate) async fn answer_late(&self) {
        loop {
            let answer_by = self.holds.lock().get(&self.job.id).map(|held| held.answer_by);
            let Some(answer_by) = answer_by else {
                return std::future::pending().await;
            };
            let last = answer_by - LAST_MOMENTS;
            if last <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(last).await;
        }
    }

    /// The next look, `late` after its time, by Redis's time `now`; its answer is of use until `answer_by`, and its lease is to
    /// be renewed at `renew_at`. The hold comes back as it is where something still works on it.
    pub(crate) fn look_again(
        mut hold: Arc<Self>,
        permit: OwnedSemaphorePermit,
        (now, late): (u64, Duration),
        (answer_by, renew_at): (Instant, Instant),
    ) -> Result<Arc<Self>, Arc<Self>> {
        let Some(it) = Arc::get_mut(&mut hold) else {
            return Err(hold);
        };
        match it.made.take() {
            // What the record says of trouble is as old as the claim.
            Some(made) => {
                made.put_on(&mut it.job);
                it.begun = AtomicBool::new(false);
            }
            None => {
                it.job.polls += 1;
                it.job.poll_failures = 0;
                it.untroubled = true;
            }
        }
        it.job.claimed_at = now;
        it.job.late = late;
        it.permit = Mutex::new(Some(permit));
        it.change(|held| {
            held.phase = Phase::Step;
            (held.renew_at, held.answer_by) = (renew_at, answer_by);
        });
        Ok(hold)
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
            .is_some_and(|held| held.fence == self.fence())
        {
            held.remove(&self.job.id);
        }
    }
}

#[cfg(test)]
#[path = "hold_tests.rs"]
mod tests;
