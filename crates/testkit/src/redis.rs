//! Redis servers of a test's own.

mod builder;
mod client;
mod cluster;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use builder::RedisBuilder;
use builder::{Launch, Launched};
pub use cluster::{Cluster, Move};
use tempfile::TempDir;

use crate::process::{Process, Signal};

/// Ample for the end of a server that has to write its data first.
const END_WITHIN: Duration = Duration::from_secs(30);

/// A Redis server on a free port of the loopback interface and on a unix socket, with a data directory of its
/// own. Dropping it kills the server and removes the directory.
///
/// Nothing is written to disk unless asked for ([`RedisBuilder::aof_always`], or `config("save", …)`): by
/// default a [`Redis::kill`] loses everything.
#[derive(Debug)]
pub struct Redis {
    // Before the directory: fields are dropped in this order, and the server must not write into a directory
    // that is being removed.
    server: Mutex<Arc<Process>>,
    launch: Launch,
    password: Option<String>,
    dir: TempDir,
}

impl Redis {
    /// Starts a server with the defaults.
    ///
    /// # Panics
    ///
    /// When there is no server program, or the server does not answer.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// Describes a server to start.
    pub fn builder() -> RedisBuilder {
        RedisBuilder::new()
    }

    /// `redis://127.0.0.1:<port>`, with the password if one was set by `config("requirepass", …)`.
    pub fn url(&self) -> String {
        let login = self
            .password
            .as_ref()
            .map(|password| format!(":{password}@"))
            .unwrap_or_default();
        format!("redis://{login}127.0.0.1:{}", self.launch.port)
    }

    /// `rediss://127.0.0.1:<port>` of a server with [`RedisBuilder::tls`].
    ///
    /// # Panics
    ///
    /// When it has none.
    pub fn tls_url(&self) -> String {
        match self.launch.tls_port {
            Some(port) => format!("rediss://127.0.0.1:{port}"),
            None => panic!("this Redis does not listen for TLS"),
        }
    }

    /// `unix://<path of the socket>`, for a server without a password.
    pub fn unix_url(&self) -> String {
        format!("unix://{}", self.launch.socket().display())
    }

    /// `127.0.0.1:<port>`: what a [`crate::Proxy`] in front of this server needs.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.launch.port)
    }

    /// The TCP port; it stays the same over a restart.
    pub fn port(&self) -> u16 {
        self.launch.port
    }

    /// The process id of the server; another one after a restart.
    pub fn pid(&self) -> u32 {
        self.server().pid()
    }

    /// The directory with the server's data and its configuration file.
    pub fn dir(&self) -> PathBuf {
        self.dir.path().to_owned()
    }

    /// The lines that the server has logged since it was last started.
    pub fn log(&self) -> Vec<String> {
        self.server().lines()
    }

    /// Ends the server by SIGKILL, as a crash of it would: what is not on disk is lost. Gives back when it is gone.
    ///
    /// # Panics
    ///
    /// When the server does not run.
    pub async fn kill(&self) {
        let server = self.server();
        server.signal(Signal::KILL);
        server.wait(END_WITHIN).await;
    }

    /// Ends the server by SIGTERM: it saves what it is configured to save. Gives back when it is gone.
    ///
    /// # Panics
    ///
    /// When the server does not run, or does not end, as one that is paused.
    pub async fn stop(&self) {
        let server = self.server();
        server.signal(Signal::TERM);
        server.wait(END_WITHIN).await;
    }

    /// Starts the server again, on the same port, socket and data; ends it first, as [`Redis::stop`] does, if it
    /// runs. Gives back when it has loaded its data and answers.
    ///
    /// # Panics
    ///
    /// When it does not answer.
    pub async fn restart(&self) {
        let server = self.server();
        if server.try_wait().is_none() {
            self.stop().await;
        }
        // A child that was saving data must not go on doing so beside the new server.
        server.kill_all();
        match self.launch.start().await {
            Launched::Ready(server) => {
                *self.server.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(server);
            }
            Launched::PortTaken => panic!("port {} was taken while Redis was down", self.launch.port),
        }
    }

    /// Stops the server where it is, by SIGSTOP: connections stay open and nothing answers. Gives back when it
    /// stands still.
    ///
    /// # Panics
    ///
    /// When the server does not run.
    pub async fn pause(&self) {
        self.server().pause().await;
    }

    /// Lets a paused server go on; it then carries out what it was sent meanwhile.
    ///
    /// # Panics
    ///
    /// When the server does not run.
    pub fn resume(&self) {
        self.server().resume();
    }

    /// Runs `redis-cli` with these arguments and gives back what it printed, without the line end. An error reply
    /// is text like any other (`WRONGTYPE …`); an array has a line per element; nil is empty.
    ///
    /// # Panics
    ///
    /// When `redis-cli` fails or hangs: there is none, or the server can't be reached or does not answer.
    pub async fn cli(&self, args: &[&str]) -> String {
        let output = self.cli_raw(args, b"").await;
        String::from_utf8_lossy(&output).trim_end_matches('\n').to_owned()
    }

    /// Runs `redis-cli` with these arguments and this standard input, and gives back exactly what it printed.
    /// Without arguments the input's lines are commands; with `-x` first, the input is the last argument of the
    /// command that follows; `--pipe` takes the protocol itself.
    ///
    /// # Panics
    ///
    /// As [`Redis::cli`].
    pub async fn cli_raw(&self, args: &[&str], stdin: &[u8]) -> Vec<u8> {
        client::run(&self.launch, self.password.as_deref(), args, stdin).await
    }

    /// Waits until a replica has all that was written to this server so far.
    ///
    /// # Panics
    ///
    /// When none has it within 20 seconds, and as [`Redis::cli`].
    pub async fn replicated(&self) {
        // On one connection: WAIT speaks of what was written before the last command there, and of nothing without one.
        let said = self.cli_raw(&[], b"PING\nWAIT 1 20000\n").await;
        assert_eq!(said, b"PONG\n1\n", "{}", String::from_utf8_lossy(&said));
    }

    fn server(&self) -> Arc<Process> {
        Arc::clone(&self.server.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
