//! What to start, and with what.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::watch;

use super::capture::{Captured, Stream, follow};
use super::guard::Guard;
use super::{Finished, Process};

/// Settings of gammaq that must not come into a test from the shell it was started in.
const SETTINGS: [&str; 2] = ["REDIS_URL", "GAMMA_API_KEY"];
const SETTINGS_PREFIX: &str = "GAMMAQ__";

/// A program that is not started yet.
#[derive(Debug)]
pub struct ProcessBuilder {
    name: String,
    command: Command,
    stdin: Option<Vec<u8>>,
}

impl ProcessBuilder {
    pub(super) fn new(program: &OsStr) -> Self {
        let name = Path::new(program)
            .file_name()
            .unwrap_or(program)
            .to_string_lossy()
            .into_owned();
        let mut command = Command::new(program);
        for (key, _) in std::env::vars_os().filter(|(key, _)| is_setting(key)) {
            command.env_remove(key);
        }
        Self {
            name,
            command,
            stdin: None,
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets an environment variable. The others are those of the test, without the settings of gammaq.
    #[must_use]
    pub fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(key, value);
        self
    }

    /// Sets the directory that the program starts in.
    #[must_use]
    pub fn current_dir(mut self, directory: impl AsRef<Path>) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Gives the program this as its standard input, which is empty otherwise.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// Calls the program so in messages; by default it has the name of its file.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Starts the program.
    ///
    /// # Panics
    ///
    /// When it can't be started.
    #[track_caller]
    pub fn spawn(mut self) -> Process {
        let stdin = if self.stdin.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        };
        self.command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let name = self.name;
        let (guard, pipes) = match Guard::spawn(self.command) {
            Ok(spawned) => spawned,
            Err(error) => panic!("can't start {name}: {error}"),
        };
        let captured = Arc::new(watch::Sender::new(Captured::new(2)));
        if let (Some(stdout), Some(stderr)) = (pipes.stdout, pipes.stderr) {
            follow(stdout, Stream::Stdout, Arc::clone(&captured));
            follow(stderr, Stream::Stderr, Arc::clone(&captured));
        }
        if let (Some(mut pipe), Some(bytes)) = (pipes.stdin, self.stdin) {
            // A program may end without having read all of its input.
            thread::spawn(move || drop(pipe.write_all(&bytes)));
        }
        Process {
            name,
            captured,
            guard,
        }
    }

    /// Starts the program and waits for its end.
    ///
    /// # Panics
    ///
    /// When it can't be started, or still runs at the `deadline`.
    #[track_caller]
    pub fn run(self, deadline: Duration) -> impl Future<Output = Finished> {
        let process = self.spawn();
        let asked_at = std::panic::Location::caller();
        async move {
            let status = process.wait_from(deadline, asked_at).await;
            Finished {
                status,
                stdout: joined(process.stdout()),
                stderr: joined(process.stderr()),
            }
        }
    }
}

pub(crate) fn is_setting(key: &OsString) -> bool {
    key.to_str()
        .is_some_and(|key| key.starts_with(SETTINGS_PREFIX) || SETTINGS.contains(&key))
}

fn joined(lines: Vec<String>) -> String {
    lines.into_iter().map(|line| line + "\n").collect()
}
