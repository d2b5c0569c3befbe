//! The journal of this host: what was submitted, on a disk of its own, for the case that Redis loses its last moments.
//!
//! Invariant: no byte of a POST leaves before its intent is on disk. A job is not submitted while any journal in the
//! directory holds a POST for it that Redis doesn't know of, unless that POST certainly came to nothing. Whether Redis
//! knows of a POST is told by the attempt: its number is counted on the record, and the last one has its name there.
//! Where it can't be told whether a record is the one that was submitted, it counts as that one: in doubt nothing is
//! sent.
//!
//! Every worker writes files of its own and reads all others', so the workers of a host share a directory. An intent
//! is written first and the others' are looked at after that: of two workers that hold the same job, as one may after
//! Redis went back in time, at least one sees the other.
//!
//! Form: one line of JSON each (`line.rs`), in files that are only appended to (`segment.rs`), read up to their last
//! whole line (`directory.rs`) into an index (`index.rs`), all by one thread (`keeper.rs`). Files are dropped whole
//! when nothing was written to them for 8 days, or a day longer than `results.ttl` where that is more.

mod directory;
mod index;
mod keeper;
mod line;
mod segment;
mod suspects;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use gammaq_queue::restore::Standing;
use tokio::sync::oneshot;

use index::Index;
pub(crate) use index::Posted;
use keeper::{Command, Keeper};
pub(crate) use keeper::{Intended, Unavailable};
pub(crate) use line::{About, Ending, Intent, Line};
pub use suspects::{Shown, Suspect, suspects};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A journal that is open. Dropping it ends its thread.
#[derive(Debug)]
pub(crate) struct Journal {
    commands: Sender<Command>,
    works: Arc<AtomicBool>,
    next: AtomicU64,
}

impl Journal {
    /// Opens the journal in `directory`, which is made if it isn't there. `queue` is what the queue's keys begin
    /// with, `ttl` how long records are kept after their end.
    ///
    /// # Errors
    /// Where no thread can be started. What is wrong with the directory is said in the log, and tried again.
    pub(crate) fn open(directory: &Path, worker: &str, queue: &str, ttl: Duration) -> std::io::Result<Self> {
        let (commands, receiver) = channel();
        let works = Arc::new(AtomicBool::new(false));
        let index = Index::new(queue, millis(ttl));
        let keeper = Keeper::new(
            directory.to_owned(),
            worker,
            kept_for(ttl),
            index,
            Arc::clone(&works),
        );
        std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || keeper.run(&receiver))?;
        Ok(Self {
            commands,
            works,
            next: AtomicU64::new(1),
        })
    }

    /// Whether it could be written the last time.
    pub(crate) fn works(&self) -> bool {
        self.works.load(Ordering::Acquire)
    }

    /// A number for the next intent.
    pub(crate) fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// The POSTs that forbid to submit this job; none is what one hopes for.
    pub(crate) async fn forbidding(&self, seen: &Standing) -> Result<Vec<Posted>, Unavailable> {
        self.ask(|answer| Command::Look(Box::new(seen.clone()), answer))
            .await
    }

    /// Has the intent on disk, and looks once more.
    pub(crate) async fn intend(&self, intent: Intent, seen: &Standing) -> Result<Intended, Unavailable> {
        self.ask(|answer| Command::Intend(Box::new(intent), Box::new(seen.clone()), answer))
            .await
    }

    /// Has a line on disk. Where that fails it is kept, and written when that is possible again.
    pub(crate) async fn write(&self, line: Line) -> Result<(), Unavailable> {
        self.ask(|answer| Command::Note(Box::new(line), Some(answer)))
            .await
    }

    /// The same without waiting for it.
    pub(crate) fn note(&self, line: Line) {
        // Fails only when the thread is gone, and then nothing is submitted.
        let _ = self.commands.send(Command::Note(Box::new(line), None));
    }

    /// Every POST begun at `since` or later (Redis's time, Unix ms) of which something may have come, oldest first.
    pub(crate) async fn since(&self, since: u64) -> Result<Vec<Posted>, Unavailable> {
        self.ask(|answer| Command::Since(since, answer)).await
    }

    async fn ask<T>(&self, command: impl FnOnce(keeper::Answer<T>) -> Command) -> Result<T, Unavailable> {
        let (answer, asked) = oneshot::channel();
        self.commands.send(command(answer)).map_err(|_| self.gone())?;
        asked.await.unwrap_or_else(|_| Err(self.gone()))
    }

    /// The thread panicked: nothing is submitted any more.
    fn gone(&self) -> Unavailable {
        self.works.store(false, Ordering::Release);
        Unavailable
    }
}

/// How long what was written is kept.
fn kept_for(ttl: Duration) -> Duration {
    (ttl + DAY).max(8 * DAY)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
