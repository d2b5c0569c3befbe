//! Leases: a worker holds on to what it has.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::script::{MAX_ITEMS, RECOVER_CLAIMS, RENEW_LEASES};
use crate::{Error, Queue, ms, value};

/// What the script is sent; see its header.
#[cfg(test)]
pub(crate) const ARGV: &str = "events_cap ttl_ms worker lease_ms pair...";

/// What `recover_claims` is sent; see its header.
#[cfg(test)]
pub(crate) const RECOVER_ARGV: &str = "events_cap ttl_ms worker since until pair...";

impl Queue {
    /// Gives back the jobs that `worker` claimed with a lease that ends within `ends` (Unix milliseconds), unless
    /// they are among those, by id and fence, that it knows it has: the answer to that claim was lost. Answers how
    /// many, and whether there may be more.
    ///
    /// # Errors
    /// By reaction; see [`Error`]. Repeat it: until it succeeds they come back when their lease ends.
    pub async fn recover_claims(
        &self,
        worker: &str,
        ends: RangeInclusive<u64>,
        held: &[(String, u64)],
    ) -> Result<(u64, bool), Error> {
        let mut call = self.call(&RECOVER_CLAIMS);
        call.arg(worker).arg(*ends.start()).arg(*ends.end());
        for (id, fence) in held {
            call.arg(id).arg(*fence);
        }
        let answer = value::list(self.invoke(&call).await?)?;
        let number = |at: usize| answer.get(at).map_or(0, value::number);
        Ok((number(0), number(1) == 1))
    }

    /// Holds jobs, by id and fence, for another `lease`; answers those that this worker holds no more.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn renew_leases(
        &self,
        worker: &str,
        lease: Duration,
        held: &[(String, u64)],
    ) -> Result<Vec<String>, Error> {
        let mut lost = Vec::new();
        for chunk in held.chunks(MAX_ITEMS) {
            let mut call = self.call(&RENEW_LEASES);
            call.arg(worker).arg(ms(lease));
            for (id, fence) in chunk {
                call.arg(id).arg(*fence);
            }
            lost.extend(value::texts(self.invoke(&call).await?)?);
        }
        Ok(lost)
    }
}
