//! A job that is wanted no more.

use std::time::Duration;

use gammaq_job::{Command, JobId, State};
use gammaq_queue::operate::{Answer, Asker, Outcome, Timeouts};

use crate::{Error, Producer};

/// What came of a wish to cancel a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cancelled {
    /// It is cancelled now, or was already. The text says whether it cost anything: what Gamma has begun is paid for
    /// all the same, and its generation stays on the record.
    Yes(String),
    /// It is being submitted just now, and is cancelled as soon as the answer is there.
    Soon(String),
    /// It ended otherwise, or is parked, which an operator decides about: the text says how it stands.
    No(String),
    /// There is no such job; one that was just enqueued may not have been taken in yet.
    NotFound,
}

impl Producer {
    /// Cancels a job. Safe to repeat. `by` is who asks, as the job's record and the stream of events are to name it.
    ///
    /// It takes a user of Redis that may run scripts on the queue's keys, as workers' users may; one that may only
    /// append to the inbox may not.
    ///
    /// # Errors
    /// By reaction; see [`Error`]. After [`Error::Unanswered`] it may be cancelled: ask again.
    pub async fn cancel(&self, id: &JobId, by: &str) -> Result<Cancelled, Error> {
        let asker = Asker::direct(by);
        // What starts no new deadline needs none.
        let unused = Timeouts {
            classic: Duration::ZERO,
            agent: Duration::ZERO,
        };
        let command = Command::Cancel(id.clone());
        let Answer { outcome, text } = self.queue().operate(&asker, &command, &unused).await?;
        Ok(match outcome {
            Outcome::Noted => Cancelled::Soon(text),
            Outcome::Done => Cancelled::Yes(text),
            // Asked for before: it is cancelled, or will be when the answer is there.
            Outcome::Already => match self.status(id).await?.and_then(|record| record.state()) {
                Some(State::Submitting) => Cancelled::Soon(text),
                _ => Cancelled::Yes(text),
            },
            Outcome::Missing => Cancelled::NotFound,
            Outcome::Refused | Outcome::Gone => Cancelled::No(text),
        })
    }
}
