//! The file that this worker appends to.
//!
//! Invariant: when [`Segment::append`] succeeds, what it was given is on disk, in a file that stands in the directory
//! under its name, and that others find there. After a write that failed the file is left as it is, since its last
//! line may be torn: a torn line is a file's last one, always.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::line::{Line, VERSION};

/// What a segment's name ends with.
pub(super) const SUFFIX: &str = ".jsonl";
/// A segment that is larger is followed by another …
const MAX_BYTES: u64 = 8 << 20;
/// … and so is one that is older: whole segments are what is dropped.
const MAX_AGE: Duration = Duration::from_secs(24 * 3600);

/// A file open for appending.
#[derive(Debug)]
pub(super) struct Segment {
    path: PathBuf,
    file: File,
    id: (u64, u64),
    bytes: u64,
    made: Instant,
    empty: bool,
}

impl Segment {
    /// Makes a new file in `directory`, with its first line, and has both on disk.
    pub(super) fn create(directory: &Path, worker: &str) -> io::Result<Self> {
        let first = Line::Segment {
            v: VERSION,
            worker: worker.to_owned(),
        };
        let first = first.to_text();
        let (path, mut file) = new_file(directory, worker)?;
        file.write_all(first.as_bytes())?;
        file.sync_data()?;
        File::open(directory)?.sync_all()?;
        let id = id_of(&file.metadata()?);
        Ok(Self {
            path,
            file,
            id,
            bytes: first.len() as u64,
            made: Instant::now(),
            empty: true,
        })
    }

    /// The file's name in the directory.
    pub(super) fn name(&self) -> Option<&std::ffi::OsStr> {
        self.path.file_name()
    }

    /// Whether another file should follow.
    pub(super) fn is_full(&self) -> bool {
        self.bytes > MAX_BYTES || self.made.elapsed() > MAX_AGE
    }

    /// Appends whole lines. On an error nothing more may be appended to this file.
    pub(super) fn append(&mut self, lines: &str) -> io::Result<()> {
        // A file that was moved away or removed takes writes as before, but no worker will ever read them.
        let there = std::fs::metadata(&self.path)?;
        if id_of(&there) != self.id {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "another file stands in its place",
            ));
        }
        self.file.write_all(lines.as_bytes())?;
        self.file.sync_data()?;
        self.bytes += lines.len() as u64;
        self.empty = false;
        Ok(())
    }

    /// Takes the file away if nothing but its first line is in it.
    pub(super) fn close(self) {
        if self.empty && std::fs::metadata(&self.path).is_ok_and(|there| id_of(&there) == self.id) {
            // Left over it does no harm.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn id_of(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// Named by time, so that names in order are lines in order; the time is this machine's, and nothing depends on it.
fn new_file(directory: &Path, worker: &str) -> io::Result<(PathBuf, File)> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_millis());
    let mut last = None;
    for number in now..now + 100 {
        let path = directory.join(format!("{number}-{worker}{SUFFIX}"));
        match OpenOptions::new().append(true).create_new(true).open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(last.unwrap_or_else(|| io::ErrorKind::AlreadyExists.into()))
}
