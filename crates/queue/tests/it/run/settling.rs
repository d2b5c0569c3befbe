//! Any end of a step, told by any worker that holds the job or held it.

use std::time::Duration;

use gammaq_job::State;
use gammaq_queue::settle::{Probe, Settled, Verb};

use super::{Checked, POLICY, Run};
use crate::bench::{limited, millis, settlement};

impl Run<'_> {
    pub(super) async fn settle(
        &mut self,
        hold: usize,
        verb: usize,
        slow: bool,
        pause: u8,
        good: bool,
    ) -> Checked {
        let Some((worker, job)) = self.holds.iter().rev().nth(hold).cloned() else {
            return Ok(());
        };
        let delay = if slow { millis(20) } else { Duration::ZERO };
        let verb = [
            Verb::Again(delay),
            Verb::Requeue(delay),
            Verb::Park,
            Verb::Resubmit(delay),
            Verb::Fail,
            Verb::Complete,
            Verb::TimeOut,
            Verb::Rest,
            Verb::Release,
            // Release 0.1.0 knows nothing of it.
            match self.older(worker) {
                Some(_) => Verb::Complete,
                None => Verb::Export,
            },
            match self.older(worker) {
                Some(_) => Verb::Again(delay),
                None => Verb::Keep(delay),
            },
        ][verb];
        let mut told = match pause {
            0 => limited(&job, verb, None),
            1 => limited(&job, verb, Some(millis(30))),
            _ => settlement(&job, verb),
        };
        let looks = matches!(verb, Verb::Keep(_)).then_some(job.polls + 1);
        if let Some(looks) = looks {
            told.fields.push(("polls", looks.to_string()));
        }
        if job.probe {
            told.probe = if good { Probe::Good } else { Probe::Open };
        }
        let begun = self
            .model
            .jobs
            .get(&job.id)
            .is_some_and(|known| known.state == State::Submitting);
        let settled = match self.older(worker) {
            Some(older) => older.settle(worker, &POLICY, &told).await,
            None => {
                let settled = self.queue.settle_jobs(worker, &POLICY, &[told]).await;
                settled.unwrap().remove(0)
            }
        };
        let counted = self
            .model
            .settle(worker, &job, (verb, looks, pause < 2), settled)?;
        // Not good: it tells the same once more, as if it had heard no answer.
        if settled == Settled::Kept && good {
            let hold = self.holds.iter_mut().rev().nth(hold);
            hold.ok_or("the hold is gone")?.1.polls += 1;
        }
        if counted && begun && matches!(verb, Verb::Requeue(_) | Verb::Fail) {
            // Refused, or not even sent: no generation comes of it.
            self.posts.retain(|(_, post)| post.slot != job.slot);
            if matches!(verb, Verb::Requeue(_)) {
                self.arrivals.remove(&(job.account.clone(), job.slot.clone()));
            }
        }
        Ok(())
    }
}
