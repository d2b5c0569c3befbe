//! What can go wrong, by what there is to do about it.

use gammaq_job::{JobId, State};

/// An error by reaction.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The job breaks a limit: nothing was sent. The text names every field that is at fault and what is
    /// allowed, and never holds a prompt.
    #[error("the job can't be used: {0}")]
    Invalid(String),
    /// The settings can't be used.
    #[error("{0}")]
    Settings(String),
    /// Redis can't be reached, is full or denies access. One command by itself certainly did nothing: try again.
    #[error("{0}")]
    Unavailable(#[source] gammaq_queue::Error),
    /// The answer is missing: a job may be enqueued or not. One that has an id of its own can be enqueued again
    /// without harm, one without may then be made twice.
    #[error("{0}")]
    Unanswered(#[source] gammaq_queue::Error),
    /// Redis answered what it should not: another version of gammaq, or a key that something else wrote.
    #[error("{0}")]
    Fault(#[source] gammaq_queue::Error),
}

impl Error {
    /// Whether the same call may succeed later.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Unanswered(_))
    }
}

impl From<gammaq_queue::Error> for Error {
    fn from(error: gammaq_queue::Error) -> Self {
        use gammaq_queue::Error as E;
        match error {
            E::Unreachable(_) | E::Full(_) | E::NotDurable(_) | E::Denied(_) => Self::Unavailable(error),
            E::Unanswered(_) => Self::Unanswered(error),
            E::Settings(what) => Self::Settings(what),
            E::NoGroup | E::NewerSchema { .. } | E::Refused(_) => Self::Fault(error),
        }
    }
}

/// Where enqueueing many jobs stopped.
#[derive(Debug, thiserror::Error)]
#[error("stopped after {} enqueued jobs: {error}", ids.len())]
pub struct Interrupted {
    /// The jobs that are certainly enqueued, in order. Of those after them in the same chunk, some may be too,
    /// unless `error` is [`Error::Invalid`].
    pub ids: Vec<JobId>,
    /// Why it stopped.
    pub error: Error,
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum WaitError {
    /// The job did not end in time. It goes on all the same, and can be waited for again.
    #[error("job {id} did not end in time; {}", where_it_stands(*state, last_error.as_ref()))]
    TimedOut {
        /// The job.
        id: JobId,
        /// Where it stood when it was last seen; `None` where no worker had taken it in.
        state: Option<State>,
        /// Why Redis could not be asked, where that was so at the end.
        last_error: Option<Error>,
    },
    /// There is no such job: it was never enqueued, or its result was deleted when its time was over.
    #[error("there is no job {0}")]
    NotFound(JobId),
    /// What Redis holds can't be used; waiting does not help.
    #[error("{0}")]
    Broken(#[from] Error),
}

fn where_it_stands(state: Option<State>, error: Option<&Error>) -> String {
    match (state, error) {
        (_, Some(error)) => error.to_string(),
        (Some(state), None) => format!("it is {state}"),
        (None, None) => "no worker has taken it in yet".to_owned(),
    }
}
