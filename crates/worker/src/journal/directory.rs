//! Reading every segment of a directory, those included that other workers append to just now.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::line::Line;
use super::segment::SUFFIX;

/// Files without an intent are dropped after this time: a worker that never submitted left them.
const EMPTY_FOR: Duration = Duration::from_secs(3600);
/// No file without an intent is as large.
const EMPTY_BYTES: u64 = 200;

/// The segments of a directory, each read up to its last whole line.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    read: HashMap<OsString, u64>,
}

impl Directory {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            read: HashMap::new(),
        }
    }

    /// Gives every line that came since the last time to `take`; `own` is the file that this worker writes itself.
    ///
    /// # Errors
    /// Where a file can't be read: what is in it is not known then, and nothing may be concluded.
    pub(super) fn read_new(&mut self, own: Option<&OsStr>, mut take: impl FnMut(Line)) -> io::Result<()> {
        let mut found: Vec<(OsString, u64)> = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name();
            if is_segment(&name) && own != Some(name.as_os_str()) {
                match entry.metadata() {
                    Ok(metadata) => found.push((name, metadata.len())),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
        }
        found.sort();
        self.read.retain(|name, _| found.iter().any(|(it, _)| it == name));
        for (name, length) in found {
            let from = self.read.get(&name).copied().unwrap_or(0);
            if length > from {
                let read = match read_lines(&self.path.join(&name), from, &mut take) {
                    Ok(read) => read,
                    // Dropped by another worker meanwhile.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    Err(error) => return Err(error),
                };
                self.read.insert(name, from + read);
            }
        }
        Ok(())
    }

    /// Counts a file as read to its end: this worker wrote it, and knows what is in it.
    pub(super) fn skip(&mut self, name: &OsStr) {
        if let Ok(metadata) = std::fs::metadata(self.path.join(name)) {
            self.read.insert(name.to_owned(), metadata.len());
        }
    }

    /// Removes the files that nothing was written to for `keep`.
    pub(super) fn drop_old(&self, keep: Duration) -> io::Result<usize> {
        let now = SystemTime::now();
        let mut dropped = 0;
        for entry in std::fs::read_dir(&self.path)? {
            let entry = entry?;
            if !is_segment(&entry.file_name()) {
                continue;
            }
            let Ok(metadata) = entry.metadata() else { continue };
            let age = metadata
                .modified()
                .ok()
                .and_then(|at| now.duration_since(at).ok());
            let keep = if metadata.len() < EMPTY_BYTES {
                EMPTY_FOR
            } else {
                keep
            };
            if age.is_some_and(|age| age > keep) && std::fs::remove_file(entry.path()).is_ok() {
                dropped += 1;
            }
        }
        Ok(dropped)
    }
}

fn is_segment(name: &OsStr) -> bool {
    name.as_bytes().ends_with(SUFFIX.as_bytes())
}

/// Reads whole lines from a place on; answers how many bytes they have. A line without its end is not whole yet, or,
/// where its writer died, never will be.
fn read_lines(path: &Path, from: u64, take: &mut impl FnMut(Line)) -> io::Result<u64> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let whole = bytes
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    let mut at = from;
    for line in bytes[..whole].split_inclusive(|byte| *byte == b'\n') {
        if line != b"\n" {
            match serde_json::from_slice(line) {
                Ok(line) => take(line),
                // It hides nothing else, but what it said is lost: an operator should know.
                Err(error) => {
                    tracing::error!(file = %path.display(), at, %error, "a line of the journal can't be read");
                }
            }
        }
        at += line.len() as u64;
    }
    Ok(whole as u64)
}
