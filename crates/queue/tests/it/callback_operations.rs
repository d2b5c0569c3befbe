//! Callbacks in the random operations: where they must stand, and that in the end each is told once.

use std::collections::BTreeSet;

use gammaq_job::State;
use gammaq_queue::callbacks::{Callback, CallbackRequest, CallbackSettled, Told};

use crate::bench::{SOON, millis};
use crate::run::{Checked, Run, lease};
use crate::snapshot::Snapshot;

/// How many outcomes of an attempt there are.
pub(crate) const TOLD: usize = 5;

/// What workers know of callbacks.
#[derive(Default)]
pub(crate) struct Calls {
    holds: Vec<(&'static str, Callback)>,
    delivered: BTreeSet<String>,
}

impl Snapshot {
    /// A job that is over stands where its callback does, and any other job in neither of the two.
    pub(crate) fn check_callbacks(&self) -> Checked {
        for (id, job) in &self.jobs {
            let over = job.state().is_end() && job.state() != State::Ambiguous;
            let status = if over && !job.get("callback").is_empty() {
                if job.get("callback_state") != job.state().as_str() {
                    return Err(format!("{id}: another end is told: {job:?}"));
                }
                job.get("callback_status")
            } else {
                ""
            };
            let wanted = match status {
                "due" => (true, false),
                "failed" => (false, true),
                "delivered" => (false, false),
                "" if !over || job.get("callback").is_empty() => (false, false),
                _ => return Err(format!("{id}: callback_status is {status:?}: {job:?}")),
            };
            let seen = (
                self.callbacks.contains_key(id),
                self.callback_failed.contains_key(id),
            );
            if seen != wanted {
                return Err(format!("{id}: due and failed {seen:?}, not {wanted:?}: {job:?}"));
            }
        }
        Ok(())
    }
}

impl Run<'_> {
    pub(crate) async fn claim_callbacks(&mut self, worker: &'static str, quick: bool) {
        let request = CallbackRequest {
            worker,
            want: 2,
            lease: lease(quick),
            retry_for: SOON,
            not_after: u64::MAX >> 12,
            per_host: 9,
            busy: &[],
        };
        let claim = self.queue.claim_callbacks(&request).await.unwrap();
        let claimed = claim.callbacks.into_iter().map(|callback| (worker, callback));
        self.calls.holds.extend(claimed);
        let spare = self.calls.holds.len().saturating_sub(8);
        self.calls.holds.drain(..spare);
    }

    pub(crate) async fn tell(&mut self, hold: usize, outcome: usize) -> Checked {
        let Some((worker, callback)) = self.calls.holds.iter().rev().nth(hold).cloned() else {
            return Ok(());
        };
        let why = || "status 503".to_owned();
        let (told, counted) = match outcome {
            0 => (Told::Again(millis(0), why()), CallbackSettled::Again),
            1 => (Told::Again(millis(20), why()), CallbackSettled::Again),
            2 => (Told::Again(2 * SOON, why()), CallbackSettled::Again),
            3 => (Told::Failed(why()), CallbackSettled::Failed),
            _ => (Told::Delivered, CallbackSettled::Delivered),
        };
        let settled = self.queue.settle_callback(worker, &callback, SOON, &told).await;
        let settled = settled.unwrap();
        let expected = match self.last.jobs.get(&callback.id) {
            None => CallbackSettled::Missing,
            Some(job)
                if job.number("callback_fence") == callback.fence
                    && job.get("callback_worker") == worker
                    && job.get("callback_status") == "due" =>
            {
                counted
            }
            Some(_) => CallbackSettled::Stale,
        };
        // Its record may have expired since.
        let expired = self.expires && settled == CallbackSettled::Missing;
        if settled != expected && !expired {
            return Err(format!("{callback:?}: {settled:?}, not {expected:?}"));
        }
        if settled == CallbackSettled::Delivered && !self.calls.delivered.insert(callback.message_id.clone())
        {
            return Err(format!("{callback:?} was delivered before"));
        }
        Ok(())
    }

    /// Whatever happened before: every end that was not told yet, nor given up, can be told from here.
    pub(crate) async fn tell_all(&mut self) -> Checked {
        self.check().await?;
        let open: BTreeSet<String> = self.last.callbacks.keys().cloned().collect();
        let mut told = BTreeSet::new();
        for id in &open {
            // As if every lease and every wait had ended.
            let mut hurry = redis::cmd("ZADD");
            hurry.arg(self.queue.keys().callbacks()).arg("XX").arg(1).arg(id);
            let _: u64 = hurry.query_async(&mut self.raw.clone()).await.unwrap();
        }
        loop {
            self.calls.holds.clear();
            self.claim_callbacks("last", false).await;
            if self.calls.holds.is_empty() {
                break;
            }
            self.check().await?;
            told.extend(self.calls.holds.iter().map(|(_, callback)| callback.id.clone()));
            for hold in 0..self.calls.holds.len() {
                self.tell(hold, TOLD - 1).await?;
            }
        }
        if told != open && !self.expires {
            return Err(format!("{open:?} were to be told, {told:?} were"));
        }
        Ok(())
    }
}
