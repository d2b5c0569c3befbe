//! Sweeping: ended jobs go when they are older than results may be, or more than may be kept.
//!
//! In two steps, so that whoever keeps something of a job outside of Redis can remove it in between: what is removed first and
//! crashes leaves a record that is looked at again, never a file that nobody knows of. [`Queue::old_jobs`] looks and changes
//! nothing; [`Queue::take_jobs`] judges each job again and takes it. Both touch no more than they are asked for, whatever the
//! number of jobs.

use std::str::FromStr;

use gammaq_job::State;

use crate::script::{DROP_LINKS, MAX_ITEMS, OLD_JOBS, SWEEP_JOBS};
use crate::{Error, Queue, value};

/// What the script is sent; see its header.
#[cfg(test)]
pub(crate) const LOOK_ARGV: &str = "events_cap ttl_ms state max_jobs from most";
/// What the script is sent; see its header.
#[cfg(test)]
pub(crate) const ARGV: &str = "events_cap ttl_ms state max_jobs item...";
/// What the script is sent; see its header.
#[cfg(test)]
pub(crate) const DROP_ARGV: &str = "events_cap ttl_ms most";

/// The states whose jobs are swept: those that jobs end in. Parked jobs are kept until somebody decides about them.
pub const SWEPT: [State; 4] = [State::Completed, State::Failed, State::TimedOut, State::Cancelled];

/// What becomes of an entry of an index of ended jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fate {
    /// The job was kept long enough, and goes with its record and result.
    Over,
    /// Its record expired or was removed, and the entry goes.
    Gone,
    /// A newer job has the id and is in another state; the entry goes alone, and what has the job's name is the newer
    /// one's.
    Other,
    /// It stays, however old: it has a step to come, or a newer version wrote it.
    Held,
    /// It is to be kept for a while longer.
    Kept,
}

impl Fate {
    /// Whether the entry goes.
    pub fn goes(self) -> bool {
        matches!(self, Self::Over | Self::Gone | Self::Other)
    }

    /// Whether what has the job's name outside of Redis goes too.
    pub fn takes_files(self) -> bool {
        matches!(self, Self::Over | Self::Gone)
    }
}

impl FromStr for Fate {
    type Err = Error;
    fn from_str(word: &str) -> Result<Self, Error> {
        Ok(match word {
            "over" => Self::Over,
            "gone" => Self::Gone,
            "other" => Self::Other,
            "held" => Self::Held,
            "kept" => Self::Kept,
            other => return Err(Error::Refused(format!("old_jobs answered {other}"))),
        })
    }
}

/// An entry of an index of ended jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldJob {
    /// The job.
    pub id: String,
    /// What becomes of it.
    pub fate: Fate,
    /// When it ended, as the index has it: a job that ends once more has another.
    pub ended: String,
}

impl Queue {
    /// Looks at up to `most` (1 to 1,000) entries of the index of `state`, from the one of rank `from` on, the oldest
    /// having the rank 0. Fewer than `most` where there are no more.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn old_jobs(&self, state: State, from: usize, most: usize) -> Result<Vec<OldJob>, Error> {
        let mut call = self.call(&OLD_JOBS);
        call.arg(state.as_str()).arg(self.max_jobs());
        call.arg(from).arg(most.clamp(1, MAX_ITEMS));
        let words = value::texts(self.invoke(&call).await?)?;
        let entries = words.chunks_exact(3);
        entries
            .map(|entry| {
                Ok(OldJob {
                    fate: entry[0].parse()?,
                    id: entry[1].clone(),
                    ended: entry[2].clone(),
                })
            })
            .collect()
    }

    /// Takes those of `jobs` away that go, with record and result, after each was judged again: one that was begun anew since,
    /// or has ended once more, is left. Answers how many.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn take_jobs(&self, state: State, jobs: &[OldJob]) -> Result<u64, Error> {
        let going: Vec<&OldJob> = jobs.iter().filter(|job| job.fate.goes()).collect();
        let mut taken = 0;
        for chunk in going.chunks(MAX_ITEMS) {
            let mut call = self.call(&SWEEP_JOBS);
            call.arg(state.as_str()).arg(self.max_jobs());
            chunk.iter().for_each(|job| {
                call.arg(&job.id).arg(&job.ended);
            });
            taken += value::number(&self.invoke(&call).await?);
        }
        Ok(taken)
    }

    /// Looks at up to `most` of the oldest entries of each index of ended jobs, and takes those away that go. Answers how
    /// many; for a queue whose jobs have nothing outside of Redis.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn sweep_jobs(&self, most: usize) -> Result<u64, Error> {
        let mut taken = 0;
        for state in SWEPT {
            let page = self.old_jobs(state, 0, most).await?;
            taken += self.take_jobs(state, &page).await?;
        }
        Ok(taken)
    }

    /// The time of the end of the latest job that was taken for want of room and not for its age, Unix milliseconds; 0
    /// where none was. Jobs submitted before may be gone rightly, so nobody misses them.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn swept_until(&self) -> Result<u64, Error> {
        let mut command = redis::cmd("HGET");
        command.arg(self.keys.stats()).arg("swept_until");
        let until: Option<String> = self
            .link
            .run(async |mut c| command.query_async(&mut c).await)
            .await?;
        Ok(until.and_then(|until| until.parse().ok()).unwrap_or(0))
    }

    fn max_jobs(&self) -> String {
        self.policy
            .max_jobs
            .map(|most| most.to_string())
            .unwrap_or_default()
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
