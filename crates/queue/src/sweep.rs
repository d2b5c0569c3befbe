//! Sweeping: what is older than results may be.

use crate::script::{DROP_LINKS, SWEEP_JOBS};
use crate::{Error, Queue, value};

/// What the script is sent; see its header.
#[cfg(test)]
pub(crate) const ARGV: &str = "events_cap ttl_ms most";

impl Queue {
    /// Looks at up to `most` of the oldest entries of each index of ended jobs and takes away those whose
    /// record is gone or too old. Answers how many; call again while it is not 0.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn sweep_jobs(&self, most: usize) -> Result<u64, Error> {
        let mut call = self.call(&SWEEP_JOBS);
        call.arg(most.clamp(1, 1_000));
        Ok(value::number(&self.invoke(&call).await?))
    }

    /// Takes the links to files off the records and results of up to `most` jobs whose links are good no more. Answers
    /// how many; call again while it is not 0.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn drop_links(&self, most: usize) -> Result<u64, Error> {
        let mut call = self.call(&DROP_LINKS);
        call.arg(most.clamp(1, 1_000));
        Ok(value::number(&self.invoke(&call).await?))
    }
}
