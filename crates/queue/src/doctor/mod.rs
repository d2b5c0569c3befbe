//! The doctor: is the server fit for paid work, and do records and indexes tell the same story?
//!
//! - [`Ailment`]: the catalogue; [`Finding`] and [`Report`]: what was found;
//! - `server.rs`: version, role, memory, files, clock, access;
//! - `stations.rs`: keys of the wrong type, the inbox, workers, counters; `accounts.rs`: accounts and budgets;
//! - `walk.rs`: every record and every index entry, page by page; `seen.rs` reads a job in one moment, `records.rs`
//!   judges it;
//! - [`Queue::mend`]: mends one finding, where that is safe.
//!
//! Everything but `mend` reads only. Redis is held up for no longer than one page takes, a millisecond or so. A live
//! queue moves meanwhile: what looks wrong is looked at again a moment later, and only what is still wrong is said.

mod accounts;
mod ailment;
mod finding;
mod mend;
mod records;
mod seen;
mod server;
mod stations;
mod walk;

use std::collections::BTreeSet;

#[cfg(test)]
pub(crate) use accounts::ARGV as LOOK_ACCOUNT_ARGV;
pub use ailment::{Ailment, Severity};
pub use finding::{Finding, MOST_OF_A_KIND, Report};
#[cfg(test)]
pub(crate) use mend::ARGV as MEND_ARGV;
pub use mend::Mended;
#[cfg(test)]
pub(crate) use seen::LOOK_ARGV;

use crate::{Error, Queue};

/// A step or an entry that is so late (ms) is not just a busy moment.
const LONG_DUE: u64 = 5 * 60 * 1000;

/// What the doctor measures by.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// Whether the server should be a cluster's node.
    pub cluster: bool,
    /// The accounts that there is a key for; `None` where that isn't known.
    pub keys: Option<BTreeSet<String>>,
}

impl Queue {
    /// Examines the server and the whole queue. Reads only.
    ///
    /// # Errors
    /// Where Redis can't be reached, or doesn't let this user read the queue; see [`Error`].
    pub async fn examine(&self, expected: &Expected) -> Result<Report, Error> {
        let mut report = Report::default();
        self.examine_server(expected, &mut report).await?;
        let keys = self.examine_keys(&mut report).await?;
        self.examine_stations(&keys, &mut report).await?;
        self.examine_accounts(&keys, expected, &mut report).await?;
        self.examine_indexes(&keys, &mut report).await?;
        report.sort();
        Ok(report)
    }
}
