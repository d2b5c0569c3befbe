//! Copies that go with their jobs.
//!
//! A copy's name is made of the job's id and the format alone, and an id is free again when its job is gone, or comes to another
//! file when an operator has the job made anew. So the name of what is to go may, a moment later, be that of a newer
//! copy, which was paid for. Whoever removes says which jobs are over *after* [`Files::removal`] was called, and then:
//!
//! - In a directory nothing gets a name meanwhile, in no worker: giving names and taking them away exclude each other by
//!   a lock. A newer job is in Redis before its copy gets its name, so who looked under the lock saw it, or the copy comes
//!   after the removal. A worker that stands still in between holds up copies, and removes none that is newer.
//! - A bucket knows no such lock, and no "delete if it is still this one" that all clouds have. Nothing is deleted there later
//!   than [`LATE`] after the look, nor tried twice; by then no newer job can have come as far as its copy, which takes a POST,
//!   a generation and at least one `poll.interval`. What remains is a process that is stopped, or a request that hangs
//!   in the network, for longer than all of that, exactly between the look and the bucket.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use gammaq_crash::at;
use tokio::time::Instant;

use crate::Files;
use crate::kind::Kind;
use crate::lock::Lock;
use crate::store::Store;

/// How long after the look a bucket may still be asked to delete something.
pub(crate) const LATE: Duration = Duration::from_secs(3);

/// What a job's copies may be called.
const KINDS: [Kind; 4] = [Kind::Pdf, Kind::Pptx, Kind::PngZip, Kind::Png];

/// Names of copies and whose they are.
pub(crate) type Names<'a> = BTreeMap<String, &'a str>;

/// Every name that a copy of these jobs may have.
pub(crate) fn names<'a>(ids: &'a BTreeSet<&str>) -> Names<'a> {
    let all = ids.iter().flat_map(|id| {
        KINDS
            .iter()
            .map(move |kind| (format!("{id}.{}", kind.extension()), *id))
    });
    all.collect()
}

/// A removal under way: in a directory no copy gets its name until it is dropped.
#[derive(Debug)]
pub struct Removal<'a> {
    files: &'a Files,
    _lock: Option<Lock>,
    since: (Instant, SystemTime),
}

/// What was removed.
#[derive(Debug, Default)]
pub struct Removed {
    /// Jobs of which nothing lies in the store any more, whether something did before or not.
    pub gone: BTreeSet<String>,
    /// Why there are others, as far as one of them tells.
    pub trouble: Option<String>,
}

impl Files {
    /// Begins to remove copies. Which ones, is to be found out after this.
    ///
    /// # Errors
    /// Where somebody else holds the directory, for people: why.
    pub async fn removal(&self) -> Result<Removal<'_>, String> {
        let since = (Instant::now(), SystemTime::now());
        let lock = match &self.store {
            Store::Local(local) => Some(at("removal_lock", local.close()).await?),
            Store::Cloud(_) => None,
        };
        Ok(Removal {
            files: self,
            _lock: lock,
            since,
        })
    }
}

impl Removal<'_> {
    /// Removes what lies in the store of these jobs: copies under every name that they may have, and parts. What isn't there
    /// counts as removed.
    pub async fn remove(self, ids: &BTreeSet<&str>) -> Removed {
        match &self.files.store {
            Store::Local(local) => at("removal_directory", local.remove(ids)).await,
            Store::Cloud(cloud) => {
                // What stood still with the whole machine shows on the wall clock alone.
                let slept = self.since.1.elapsed().unwrap_or_default();
                let left = LATE.saturating_sub(self.since.0.elapsed().max(slept));
                at("removal_bucket", cloud.remove(ids, left)).await
            }
        }
    }
}
