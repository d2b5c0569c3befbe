//! A directory. A file grows as a part under `.parts` and gets its name when it is whole and on disk.
//!
//! A part's name says which version (`ETag`) of which file it is the beginning of, so whoever finds it can go on, after a
//! crash too; and in which boot of this machine it was written, since after a power cut nobody knows what of it is on
//! disk. Who writes a part holds a lock on it: two workers never write the same one. Names are given and taken away under
//! another lock; see `removal.rs`.

mod removing;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use gammaq_crash::at;
use tokio::io::AsyncWriteExt;
use url::Url;

use crate::fetch::Seen;
use crate::fetched::Halt;
use crate::kind::{Format, Kind};
use crate::lock::{self, Lock};
use crate::store::OpenError;

const PARTS: &str = ".parts";
/// A longer tag doesn't fit into a file's name; such a part is not gone on with.
const TAG_MAX: usize = 64;
/// Parts that nobody went on with for so long are of jobs that are over.
const OLD: Duration = Duration::from_secs(7 * 24 * 3600);

/// A directory for files.
#[derive(Debug, Clone)]
pub(crate) struct Local {
    directory: PathBuf,
    parts: PathBuf,
    min_free: u64,
    boot: String,
}

/// A file that is not whole yet, in our hands alone.
#[derive(Debug)]
pub(crate) struct Part {
    file: tokio::fs::File,
    path: PathBuf,
}

/// A part that an earlier download left.
pub(crate) struct Found {
    pub(crate) part: Part,
    pub(crate) tag: String,
    pub(crate) seen: Seen,
}

impl Local {
    pub(crate) fn open(url: &Url, min_free: u64) -> Result<Self, OpenError> {
        let refuse = |error| OpenError::Directory {
            path: url.path().to_owned(),
            error,
        };
        let directory = url
            .to_file_path()
            .map_err(|()| refuse(io::Error::other("this is no directory of this machine")))?;
        let parts = directory.join(PARTS);
        let tried = parts.join(format!("{}.tried", std::process::id()));
        fs::create_dir_all(&parts)
            .and_then(|()| fs::write(&tried, b""))
            .and_then(|()| fs::remove_file(&tried))
            .map_err(refuse)?;
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let boot: String = boot.chars().filter(char::is_ascii_hexdigit).take(8).collect();
        Ok(Self {
            directory,
            parts,
            min_free,
            boot: if boot.is_empty() { "0".to_owned() } else { boot },
        })
    }

    /// Whether `more` bytes fit on the disk, with what has to stay free.
    pub(crate) fn check_room(&self, more: u64) -> Result<(), Halt> {
        let disk = rustix::fs::statvfs(&self.directory).map_err(|error| broken(error.into()))?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if free < self.min_free.saturating_add(more) {
            return Err(Halt::Full(format!(
                "the disk of exports.store is nearly full: {free} bytes are free, and {} are to stay free \
                 (exports.min_free)",
                self.min_free
            )));
        }
        Ok(())
    }

    /// The part that an earlier download of this file left, if it can be gone on with; others of this file go.
    pub(crate) async fn find(&self, id: &str, format: Format) -> Result<Option<Found>, Halt> {
        let (local, prefix) = (self.clone(), format!("{id}.{}.", format.word()));
        at("part_find", blocking(move || local.look(&prefix))).await
    }

    fn look(&self, prefix: &str) -> Result<Option<Found>, Halt> {
        let mut found = None;
        for entry in fs::read_dir(&self.parts).map_err(broken)? {
            let entry = entry.map_err(broken)?;
            let name = entry.file_name();
            let Some(rest) = name.to_str().and_then(|name| name.strip_suffix(".part")) else {
                continue;
            };
            let mine = rest
                .strip_prefix(prefix)
                .and_then(|rest| rest.split_once('.'))
                .filter(|(boot, tag)| !boot.contains('.') && !tag.contains('.'));
            let Some((boot, tag)) = mine else {
                let age = entry.metadata().and_then(|it| it.modified());
                let age = age
                    .ok()
                    .and_then(|time| SystemTime::now().duration_since(time).ok());
                if age.is_some_and(|age| age > OLD) {
                    let _ = fs::remove_file(entry.path());
                }
                continue;
            };
            let tag = unhex(tag).filter(|_| boot == self.boot && found.is_none());
            let Some(mut file) = take(&entry.path())? else {
                continue;
            };
            match tag {
                None => fs::remove_file(entry.path()).map_err(broken)?,
                Some(tag) => {
                    let seen = read(&mut file).map_err(broken)?;
                    let part = Part {
                        file: tokio::fs::File::from_std(file),
                        path: entry.path(),
                    };
                    found = Some(Found { part, tag, seen });
                }
            }
        }
        Ok(found)
    }

    /// An empty part for this version of the file; without a version nobody goes on with it.
    pub(crate) async fn begin(&self, id: &str, format: Format, tag: Option<&str>) -> Result<Part, Halt> {
        let tag = match tag.filter(|tag| tag.len() <= TAG_MAX) {
            Some(tag) => hex(tag.as_bytes()),
            None => format!("x{}", std::process::id()),
        };
        let name = format!("{id}.{}.{}.{tag}.part", format.word(), self.boot);
        let path = self.parts.join(name);
        at(
            "part_begin",
            blocking(move || {
                let new = OpenOptions::new()
                    .read(true)
                    .write(true)
                    .create_new(true)
                    .open(&path);
                match new {
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(in_use()),
                    Err(error) => return Err(broken(error)),
                    Ok(new) => drop(new),
                }
                let file = take(&path)?.ok_or_else(in_use)?;
                Ok(Part {
                    file: tokio::fs::File::from_std(file),
                    path,
                })
            }),
        )
        .await
    }

    /// What names are given and taken away under.
    fn lock(&self) -> PathBuf {
        self.parts.join(lock::NAME)
    }

    /// Gives a whole part its name. It stands there only with all of its bytes on disk. Answers where.
    pub(crate) async fn finish(&self, part: Part, id: &str, kind: Kind) -> Result<String, Halt> {
        let Part { mut file, path } = part;
        let flushed = at("part_flush", file.flush()).await;
        let synced = at("part_sync", file.sync_all()).await;
        if let Err(error) = flushed.and(synced) {
            // Nobody knows what of it is on the disk.
            let _ = fs::remove_file(&path);
            return Err(broken(error));
        }
        let to = self.directory.join(format!("{id}.{}", kind.extension()));
        let (lock, name) = (self.lock(), to.clone());
        let named = blocking(move || {
            let _lock = Lock::shared(&lock).map_err(broken)?;
            fs::rename(&path, &name).map_err(broken)
        });
        at("part_rename", named).await?;
        // Without it a power cut may take the name away again.
        let directory = self.directory.clone();
        let synced = blocking(move || {
            File::open(&directory)
                .and_then(|it| it.sync_all())
                .map_err(broken)
        });
        at("part_directory", synced).await?;
        drop(file);
        Url::from_file_path(&to)
            .map(String::from)
            .map_err(|()| Halt::Again("the file's place has no address".to_owned()))
    }
}

impl Part {
    pub(crate) async fn write(&mut self, piece: &[u8]) -> Result<(), Halt> {
        at("part_write", self.file.write_all(piece)).await.map_err(broken)
    }

    /// Leaves the part, for somebody to go on with or for nobody.
    pub(crate) async fn leave(mut self, keep: bool) {
        let flushed = at("part_leave", self.file.flush()).await;
        if !keep || flushed.is_err() {
            // What can't be removed is found by the next download of this file.
            let _ = at("part_remove", tokio::fs::remove_file(&self.path)).await;
        }
    }
}

/// Opens a part for us alone; `None` where it went away just now.
fn take(path: &Path) -> Result<Option<File>, Halt> {
    let file = match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(broken(error)),
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(in_use()),
        Err(TryLockError::Error(error)) => return Err(broken(error)),
    }
    // Whoever had the lock may have given the file its name meanwhile: then this is no part any more.
    let place = |it: &fs::Metadata| (it.dev(), it.ino());
    let (ours, there) = (file.metadata().map_err(broken)?, fs::metadata(path).ok());
    Ok((there.as_ref().map(place) == Some(place(&ours))).then_some(file))
}

/// Reads what is there, which leaves the file at its end.
fn read(file: &mut File) -> io::Result<Seen> {
    let (mut seen, mut buffer) = (Seen::default(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(seen),
            n => seen.add(&buffer[..n]),
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Halt> + Send + 'static,
) -> Result<T, Halt> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(Halt::Again("a task of the store ended".to_owned())))
}

fn in_use() -> Halt {
    Halt::Again("another worker writes this file at present".to_owned())
}

fn broken(error: io::Error) -> Halt {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Halt::Full("the disk of exports.store is full".to_owned())
        }
        _ => Halt::Again(format!("the store takes no file: {error}")),
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<String> {
    let pairs = text.as_bytes().chunks(2);
    let bytes: Option<Vec<u8>> = pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok().filter(|it| it.len() == 2)?, 16).ok())
        .collect();
    String::from_utf8(bytes?).ok().filter(|tag| !tag.is_empty())
}
