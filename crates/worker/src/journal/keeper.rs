//! The one thread that touches the journal's files. It takes what came meanwhile together: one write, one fdatasync
//! and one look at the other workers' files answer all of it.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use gammaq_queue::restore::Standing;
use tokio::sync::oneshot;

use super::directory::Directory;
use super::index::{Index, Posted};
use super::line::{Ending, Intent, Line};
use super::segment::Segment;

/// A directory that can't be written is tried again after this time …
const TRY_AGAIN: Duration = Duration::from_secs(1);
/// … and said again after this.
const SAY_AGAIN: Duration = Duration::from_secs(60);
/// Between two looks for files that are old.
const DROP_EVERY: Duration = Duration::from_secs(3600);
/// The most commands answered together.
const BATCH: usize = 1_024;
/// The most lines kept for a directory that can't be written; then the oldest go.
const MAX_KEPT: usize = 100_000;

/// The journal can't be written or read: nothing may be submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unavailable;

/// What became of an intent.
#[derive(Debug)]
pub(crate) enum Intended {
    /// It is on disk, and nothing else is known of the job: the POST may leave.
    Alone,
    /// It must not leave: these are known by now.
    Forbidden(Vec<Posted>),
}

pub(super) type Answer<T> = oneshot::Sender<Result<T, Unavailable>>;

/// What the thread is asked for.
#[derive(Debug)]
pub(super) enum Command {
    /// What forbids to submit this job?
    Look(Box<Standing>, Answer<Vec<Posted>>),
    /// Write an intent, and look once more.
    Intend(Box<Intent>, Box<Standing>, Answer<Intended>),
    /// Write a line; it is kept and tried again until it is written.
    Note(Box<Line>, Option<Answer<()>>),
    /// Every POST since a time.
    Since(u64, Answer<Vec<Posted>>),
}

/// The thread's belongings.
#[derive(Debug)]
pub(super) struct Keeper {
    path: PathBuf,
    worker: String,
    keep: Duration,
    /// Shared with whoever asks whether submits make sense now.
    works: Arc<AtomicBool>,
    directory: Directory,
    index: Index,
    segment: Option<Segment>,
    /// Lines that have to be written when that is possible again.
    kept: VecDeque<Line>,
    said: Option<Instant>,
    dropped: Instant,
}

impl Keeper {
    pub(super) fn new(
        path: PathBuf,
        worker: &str,
        keep: Duration,
        index: Index,
        works: Arc<AtomicBool>,
    ) -> Self {
        Self {
            directory: Directory::new(&path),
            path,
            worker: worker.to_owned(),
            keep,
            works,
            index,
            segment: None,
            kept: VecDeque::new(),
            said: None,
            dropped: Instant::now(),
        }
    }

    /// Runs until nobody can ask any more.
    pub(super) fn run(mut self, commands: &Receiver<Command>) {
        // Made at the start alone: one that goes while the worker runs is a disk that went.
        if let Err(error) = make(&self.path) {
            self.fails(&error);
        }
        self.tend();
        loop {
            match commands.recv_timeout(TRY_AGAIN) {
                Ok(first) => {
                    let mut batch = vec![first];
                    batch.extend(commands.try_iter().take(BATCH - 1));
                    self.answer(batch);
                }
                Err(RecvTimeoutError::Timeout) => self.tend(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        if let Err(error) = self.write(String::new()) {
            self.fails(&error);
        }
        if let Some(segment) = self.segment.take() {
            segment.close();
        }
    }

    /// What is to be done while nobody asks.
    fn tend(&mut self) {
        if !self.works.load(Ordering::Acquire) || !self.kept.is_empty() {
            match self.write(String::new()).and_then(|()| self.refresh()) {
                Ok(()) => self.works_again(),
                Err(error) => self.fails(&error),
            }
        }
        if self.dropped.elapsed() > DROP_EVERY {
            self.dropped = Instant::now();
            self.index.forget(super::millis(self.keep));
            match self.directory.drop_old(self.keep) {
                Ok(0) => {}
                Ok(files) => tracing::debug!(files, "dropped old files of the journal"),
                Err(error) => tracing::warn!(%error, "old files of the journal can't be dropped"),
            }
        }
    }

    fn answer(&mut self, batch: Vec<Command>) {
        let mut text = String::new();
        for command in &batch {
            match command {
                Command::Intend(intent, ..) => text += &Line::Intent((**intent).clone()).to_text(),
                Command::Note(line, _) => self.kept.push_back((**line).clone()),
                Command::Look(..) | Command::Since(..) => {}
            }
        }
        let asks = batch.iter().any(|command| !matches!(command, Command::Note(..)));
        let written = if text.is_empty() && self.kept.is_empty() && self.segment.is_some() {
            Ok(())
        } else {
            self.write(text)
        };
        // After the write: of two workers that write at once, the later one sees the other's.
        let done = match written {
            Ok(()) if asks => self.refresh(),
            written => written,
        };
        match &done {
            Ok(()) => self.works_again(),
            Err(error) => self.fails(error),
        }
        let done = done.map_err(|_| Unavailable);
        // Every intent first: two of one batch may be for the same job.
        for command in &batch {
            match command {
                Command::Intend(intent, ..) => {
                    self.index.add(Line::Intent((**intent).clone()));
                    if done.is_err() {
                        // It may be on disk nevertheless, and its POST won't leave.
                        self.note(Line::Outcome {
                            about: intent.about.clone(),
                            at: intent.at,
                            outcome: Ending::NotSent,
                        });
                    }
                }
                Command::Note(line, _) => self.index.add((**line).clone()),
                Command::Look(..) | Command::Since(..) => {}
            }
        }
        // Nobody waits for an answer any more where its send fails.
        for command in batch {
            match command {
                Command::Look(seen, answer) => {
                    let _ = answer.send(done.map(|()| self.index.forbidding(&seen, None)));
                }
                Command::Intend(intent, seen, answer) => {
                    let _ = answer.send(done.map(|()| self.intended(&intent, &seen)));
                }
                Command::Note(_, Some(answer)) => {
                    let written = if self.kept.is_empty() {
                        Ok(())
                    } else {
                        Err(Unavailable)
                    };
                    let _ = answer.send(written);
                }
                Command::Note(_, None) => {}
                Command::Since(time, answer) => {
                    let _ = answer.send(done.map(|()| self.index.since(time)));
                }
            }
        }
    }

    fn intended(&mut self, intent: &Intent, seen: &Standing) -> Intended {
        let forbidding = self.index.forbidding(seen, Some(&intent.about));
        if forbidding.is_empty() {
            return Intended::Alone;
        }
        self.note(Line::Outcome {
            about: intent.about.clone(),
            at: intent.at,
            outcome: Ending::NotSent,
        });
        Intended::Forbidden(forbidding)
    }

    /// A line of the thread's own.
    fn note(&mut self, line: Line) {
        self.index.add(line.clone());
        self.kept.push_back(line);
    }

    /// Writes what was kept, and `text` after it.
    fn write(&mut self, text: String) -> io::Result<()> {
        if self.segment.as_ref().is_some_and(Segment::is_full) {
            self.close();
        }
        if self.segment.is_none() {
            self.segment = Some(Segment::create(&self.path, &self.worker)?);
        }
        let mut lines: String = self.kept.iter().map(Line::to_text).collect();
        lines += &text;
        if lines.is_empty() {
            return Ok(());
        }
        let written = self
            .segment
            .as_mut()
            .map_or(Ok(()), |segment| segment.append(&lines));
        match written {
            Ok(()) => self.kept.clear(),
            Err(_) => {
                self.close();
                let spare = self.kept.len().saturating_sub(MAX_KEPT);
                self.kept.drain(..spare);
            }
        }
        written
    }

    /// Goes on with a new file next time.
    fn close(&mut self) {
        if let Some(segment) = self.segment.take() {
            if let Some(name) = segment.name() {
                self.directory.skip(name);
            }
            segment.close();
        }
    }

    fn refresh(&mut self) -> io::Result<()> {
        let own = self.segment.as_ref().and_then(Segment::name);
        let index = &mut self.index;
        self.directory.read_new(own, |line| index.add(line))
    }

    fn works_again(&mut self) {
        if !self.works.swap(true, Ordering::AcqRel) && self.said.take().is_some() {
            tracing::info!(directory = %self.path.display(), "the journal can be written again");
        }
    }

    /// Says it once, and then now and then.
    fn fails(&mut self, error: &io::Error) {
        self.works.store(false, Ordering::Release);
        if self.said.is_none_or(|said| said.elapsed() > SAY_AGAIN) {
            self.said = Some(Instant::now());
            tracing::error!(
                directory = %self.path.display(), %error,
                "the journal can't be written: nothing is submitted until it can; looks go on"
            );
        }
    }
}

/// Makes the directory, and has it on disk itself.
fn make(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(path)?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}
