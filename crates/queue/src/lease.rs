//! Leases: a worker holds on to what it has.

use std::time::Duration;

use crate::script::{MAX_ITEMS, RENEW_LEASES};
use crate::{Error, Queue, ms, value};

/// What the script is sent; see its header.
#[cfg(test)]
pub(crate) const ARGV: &str = "events_cap ttl_ms worker lease_ms pair...";

impl Queue {
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
