//! Programs under test: started, watched, signalled, and ended for certain.

mod builder;
mod capture;
mod guard;

use std::ffi::OsStr;
use std::panic::Location;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

pub use builder::ProcessBuilder;
pub(crate) use builder::is_setting;
use capture::{Captured, Stream};
use guard::Guard;
pub use rustix::process::Signal;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::eventually;

/// How long the output of a program that has ended may take to arrive, if something it started holds it open.
const TRAILING_OUTPUT: Duration = Duration::from_secs(2);
const STOP_WITHIN: Duration = Duration::from_secs(10);
/// How much of the output a panic shows.
const SHOWN_LINES: usize = 400;

/// A running program. Dropping it sends SIGKILL to it and to all it started in its process group; when that
/// happens in a panic, its output is printed. It is also killed when the test process dies.
#[derive(Debug)]
pub struct Process {
    name: String,
    captured: Arc<watch::Sender<Captured>>,
    guard: Guard,
}

/// What a program left behind, see [`ProcessBuilder::run`].
#[derive(Debug, Clone)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// Standard output, each line ended by a line feed.
    pub stdout: String,
    /// Standard error, each line ended by a line feed.
    pub stderr: String,
}

impl Process {
    /// Describes a program to start: a path, or a name to look up in `PATH`.
    pub fn builder(program: impl AsRef<OsStr>) -> ProcessBuilder {
        ProcessBuilder::new(program.as_ref())
    }

    /// The process id; it stays reserved until this value is dropped, also when the program has ended.
    pub fn pid(&self) -> u32 {
        self.guard.pid().as_raw_pid().unsigned_abs()
    }

    /// All lines so far, of standard output and standard error in the order in which they arrived.
    pub fn lines(&self) -> Vec<String> {
        self.captured.borrow().lines().map(str::to_owned).collect()
    }

    /// The lines of standard output so far.
    pub fn stdout(&self) -> Vec<String> {
        self.captured
            .borrow()
            .of(Stream::Stdout)
            .map(str::to_owned)
            .collect()
    }

    /// The lines of standard error so far.
    pub fn stderr(&self) -> Vec<String> {
        self.captured
            .borrow()
            .of(Stream::Stderr)
            .map(str::to_owned)
            .collect()
    }

    /// How many lines there are so far: the place from which [`Process::wait_line_after`] looks on.
    pub fn mark(&self) -> usize {
        self.captured.borrow().lines().count()
    }

    /// Waits for a line that contains `pattern`, on either stream, and gives it back. Lines that are already
    /// there count.
    ///
    /// # Panics
    ///
    /// When there is none by the `deadline`, or the program's output ends without one.
    #[track_caller]
    pub fn wait_line(&self, pattern: &str, deadline: Duration) -> impl Future<Output = String> {
        self.wait_line_after(0, pattern, deadline)
    }

    /// Waits for a line that contains `pattern` among those after the first `mark` ones.
    ///
    /// # Panics
    ///
    /// As [`Process::wait_line`].
    #[track_caller]
    pub fn wait_line_after(
        &self,
        mark: usize,
        pattern: &str,
        deadline: Duration,
    ) -> impl Future<Output = String> {
        let asked_at = Location::caller();
        async move {
            let mut captured = self.captured.subscribe();
            let found = timeout(
                deadline,
                captured.wait_for(|c| c.find(mark, pattern).is_some() || c.ended()),
            );
            if let Ok(Ok(seen)) = found.await
                && let Some(line) = seen.find(mark, pattern)
            {
                return line.to_owned();
            }
            let name = &self.name;
            panic!(
                "{name}: no line with {pattern:?} within {deadline:?} or before its end (asked at {asked_at})"
            )
        }
    }

    /// Sends a signal to the program alone, not to what it started.
    ///
    /// # Panics
    ///
    /// When the program has ended already: the signal would prove nothing.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        if let Some(status) = self.try_wait() {
            panic!("{}: can't get {signal:?}, it has ended: {status}", self.name);
        }
        if let Err(error) = rustix::process::kill_process(self.guard.pid(), signal) {
            panic!("{}: {signal:?}: {error}", self.name);
        }
    }

    /// Sends SIGSTOP and waits until the program stands still.
    ///
    /// # Panics
    ///
    /// When the program has ended, or does not stop.
    #[track_caller]
    pub fn pause(&self) -> impl Future<Output = ()> {
        self.signal(Signal::STOP);
        eventually(STOP_WITHIN, "the process is stopped", || async {
            self.guard.is_stopped()
        })
    }

    /// Sends SIGCONT, so that a paused program goes on.
    ///
    /// # Panics
    ///
    /// When the program has ended.
    #[track_caller]
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Sends SIGKILL to the program and to everything it started in its process group; no error if none is left.
    pub fn kill_all(&self) {
        self.guard.kill_group();
    }

    /// How the program ended, if it has.
    pub fn try_wait(&self) -> Option<ExitStatus> {
        *self.guard.exit().borrow()
    }

    /// Waits for the program's end, and for the rest of its output.
    ///
    /// # Panics
    ///
    /// When it still runs at the `deadline`.
    #[track_caller]
    pub fn wait(&self, deadline: Duration) -> impl Future<Output = ExitStatus> {
        self.wait_from(deadline, Location::caller())
    }

    async fn wait_from(&self, deadline: Duration, asked_at: &'static Location<'static>) -> ExitStatus {
        let mut exit = self.guard.exit();
        let status = match timeout(deadline, exit.wait_for(Option::is_some)).await {
            Ok(Ok(status)) => *status,
            _ => None,
        };
        let Some(status) = status else {
            panic!(
                "{}: still running after {deadline:?} (asked at {asked_at})",
                self.name
            );
        };
        let mut captured = self.captured.subscribe();
        // Not an error when it is late: what the program started may have kept its streams open.
        let _ = timeout(TRAILING_OUTPUT, captured.wait_for(Captured::ended)).await;
        status
    }

    /// Prints the last lines of the output, to be seen when a test fails.
    #[expect(
        clippy::print_stderr,
        reason = "the harness shows it with the test that failed"
    )]
    pub fn print_output(&self) {
        let captured = self.captured.borrow();
        let skipped = captured.lines().count().saturating_sub(SHOWN_LINES);
        eprintln!(
            "--- {} (pid {}), from line {} on",
            self.name,
            self.pid(),
            skipped + 1
        );
        for line in captured.lines().skip(skipped) {
            eprintln!("    {line}");
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.guard.kill_group();
        if std::thread::panicking() {
            self.print_output();
        }
    }
}
