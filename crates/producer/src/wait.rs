//! Waiting for the end of a job without missing it.

use std::time::Duration;

use gammaq_job::{JobId, JobResult, State};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::follow::Seen;
use crate::{Error, Producer, WaitError};

/// The longest time without a look at the job itself: `events` is capped, so one may be gone before it is read.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Until the next look where Redis could not be asked.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// How often an ended job may be seen without a result: both are written at once and expire together.
const LOOKS_WITHOUT_RESULT: u32 = 4;

/// What someone who waits is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// The job stands in this state now. States that it only passed through may be left out.
    Moved(State),
    /// The job is over, or parked: nothing more happens by itself.
    Ended(Box<JobResult>),
}

/// Follows one job to its end.
#[derive(Debug)]
pub struct Waiter {
    producer: Producer,
    id: JobId,
    seen: Receiver<Seen>,
    look_at: Instant,
    state: Option<State>,
    without_result: u32,
    last_error: Option<Error>,
}

impl Waiter {
    pub(crate) fn new(producer: Producer, id: JobId) -> Self {
        // Listen first and look after: an end that comes between the two is then heard of.
        let seen = producer.follower().subscribe();
        Self {
            producer,
            id,
            seen,
            look_at: Instant::now(),
            state: None,
            without_result: 0,
            last_error: None,
        }
    }

    /// The job.
    pub fn id(&self) -> &JobId {
        &self.id
    }

    /// Where it stood when it was last seen; `None` where no worker had taken it in.
    pub fn state(&self) -> Option<State> {
        self.state
    }

    /// Why Redis could not be asked, where the last look failed.
    pub fn last_error(&self) -> Option<&Error> {
        self.last_error.as_ref()
    }

    /// The next news, whenever it comes. Redis may come and go meanwhile. May be cancelled and called again.
    ///
    /// # Errors
    /// [`WaitError::NotFound`] and [`WaitError::Broken`]; never `TimedOut`.
    pub async fn next(&mut self) -> Result<Progress, WaitError> {
        loop {
            if Instant::now() >= self.look_at {
                match self.look().await {
                    Ok(news) => {
                        self.last_error = None;
                        self.look_at = Instant::now() + LOOK_EVERY;
                        if let Some(progress) = news {
                            return Ok(progress);
                        }
                    }
                    Err(WaitError::Broken(error)) if error.is_temporary() => {
                        self.last_error = Some(error);
                        self.look_at = Instant::now() + LOOK_AGAIN;
                    }
                    Err(error) => return Err(error),
                }
            }
            tokio::select! {
                seen = self.seen.recv() => match seen {
                    Ok(Seen::Job(id)) if id != self.id.as_str() => {}
                    Ok(_) | Err(RecvError::Lagged(_)) => self.look_at = Instant::now(),
                    Err(RecvError::Closed) => {
                        self.seen = self.producer.follower().subscribe();
                        self.look_at = Instant::now();
                    }
                },
                () = sleep_until(self.look_at) => {}
            }
        }
    }

    /// The result, or `TimedOut` when there is none at the `deadline`.
    ///
    /// # Errors
    /// As [`Producer::wait`].
    pub async fn end(mut self, deadline: Instant) -> Result<JobResult, WaitError> {
        loop {
            match timeout_at(deadline, self.next()).await {
                Ok(Ok(Progress::Ended(result))) => return Ok(*result),
                Ok(Ok(Progress::Moved(_))) => {}
                Ok(Err(error)) => return Err(error),
                Err(_) => return Err(self.timed_out()),
            }
        }
    }

    /// The error of someone who waits no longer.
    pub fn timed_out(self) -> WaitError {
        WaitError::TimedOut {
            id: self.id,
            state: self.state,
            last_error: self.last_error,
        }
    }

    async fn look(&mut self) -> Result<Option<Progress>, WaitError> {
        let mut state = self.read_state().await?;
        if state.is_none() {
            // Intake makes the job in the step in which it takes the entry away. So with no entry there, and then
            // no job, there is neither; the other way round it might move in between.
            if self.producer.queue().inbox_len().await.map_err(Error::from)? > 0 {
                return Ok(None);
            }
            state = self.read_state().await?;
        }
        let Some(state) = state else {
            return Err(WaitError::NotFound(self.id.clone()));
        };
        if !state.is_end() {
            let moved = self.state.replace(state) != Some(state);
            return Ok(moved.then_some(Progress::Moved(state)));
        }
        match self.producer.result(&self.id).await? {
            Some(result) if result.state.is_end() => {
                self.state = Some(result.state);
                Ok(Some(Progress::Ended(Box::new(result))))
            }
            // It moved on between the two reads: there will be news.
            Some(result) => {
                self.state = Some(result.state);
                Ok(Some(Progress::Moved(result.state)))
            }
            None => {
                self.without_result += 1;
                if self.without_result >= LOOKS_WITHOUT_RESULT {
                    let what = format!("job {} is {state} and has no result", self.id);
                    return Err(Error::Fault(gammaq_queue::Error::Refused(what)).into());
                }
                Ok(None)
            }
        }
    }

    async fn read_state(&self) -> Result<Option<State>, Error> {
        let ids = [self.id.to_string()];
        let fields = self.producer.queue().fields_of(&ids, &["state"]).await?;
        let Some(word) = fields.into_iter().flatten().next().flatten() else {
            return Ok(None);
        };
        let unknown =
            || gammaq_queue::Error::Refused(format!("job {} has the unknown state \"{word}\"", self.id));
        word.parse().map(Some).map_err(|_| Error::Fault(unknown()))
    }
}
