//! Giving copies their names, and taking them away, exclude each other: by a lock on a file of the store, which holds for all
//! workers that share the directory and ends with whoever has it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

/// The file's name among the parts.
pub(crate) const NAME: &str = "lock";
/// How long one waits: both sides hold it for moments, unless somebody stands still.
const PATIENCE: Duration = Duration::from_secs(5);
const AGAIN: Duration = Duration::from_millis(5);

/// The lock, until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// With others that give names. Blocks.
    pub(crate) fn shared(path: &Path) -> io::Result<Self> {
        Self::wait(path, File::try_lock_shared)
    }

    /// Alone, to take names away. Blocks.
    pub(crate) fn alone(path: &Path) -> io::Result<Self> {
        Self::wait(path, File::try_lock)
    }

    fn wait(path: &Path, lock: fn(&File) -> Result<(), TryLockError>) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        let until = Instant::now() + PATIENCE;
        loop {
            match lock(&file) {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) if Instant::now() < until => std::thread::sleep(AGAIN),
                Err(TryLockError::WouldBlock) => {
                    let why = "another worker holds the directory and stands still";
                    return Err(io::Error::new(io::ErrorKind::WouldBlock, why));
                }
            }
        }
    }
}
