//! How a server is configured and started.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{Redis, client};
use crate::{Process, eventually, free_port};

const SERVER_VARIABLE: &str = "GAMMAQ_TEST_REDIS";
const DEFAULT_SERVER: &str = "redis-server";
const CONFIG_FILE: &str = "redis.conf";
/// A short name: the path of a unix socket may have no more than about 100 bytes.
const SOCKET: &str = "sock";
/// Ample for loading data on a machine that is busy with other tests.
const READY_WITHIN: Duration = Duration::from_secs(60);
const PORT_ATTEMPTS: u32 = 20;

/// A server that is not started yet.
#[derive(Debug)]
pub struct RedisBuilder {
    binary: PathBuf,
    config: Vec<(String, String)>,
}

impl RedisBuilder {
    pub(super) fn new() -> Self {
        let binary = std::env::var_os(SERVER_VARIABLE).unwrap_or_else(|| DEFAULT_SERVER.into());
        Self {
            binary: binary.into(),
            config: Vec::new(),
        }
    }

    /// Adds a line to the configuration; the value is written as `redis.conf` wants it, quotes included.
    #[must_use]
    pub fn config(mut self, key: &str, value: &str) -> Self {
        self.config.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Has every write on disk before it is answered, so that a kill loses nothing that was confirmed.
    #[must_use]
    pub fn aof_always(self) -> Self {
        self.config("appendonly", "yes").config("appendfsync", "always")
    }

    /// Runs this server program, which may be Valkey's; otherwise the one in the environment variable
    /// `GAMMAQ_TEST_REDIS`, else `redis-server`.
    #[must_use]
    pub fn binary(mut self, path: impl Into<PathBuf>) -> Self {
        self.binary = path.into();
        self
    }

    /// Starts the server and waits until it answers.
    ///
    /// # Panics
    ///
    /// When it can't be started or does not answer; the message has what the server said.
    pub async fn start(self) -> Redis {
        let dir = match tempfile::Builder::new().prefix("gammaq-redis-").tempdir() {
            Ok(dir) => dir,
            Err(error) => panic!("no directory for a Redis server: {error}"),
        };
        let password = self
            .config
            .iter()
            .rev()
            .find(|(key, _)| key == "requirepass")
            .map(|(_, value)| value.clone());
        for _ in 0..PORT_ATTEMPTS {
            let launch = Launch {
                binary: self.binary.clone(),
                dir: dir.path().to_owned(),
                port: free_port(),
            };
            launch.write_config(&self.config);
            if let Launched::Ready(server) = launch.start().await {
                return Redis {
                    server: Mutex::new(Arc::new(server)),
                    launch,
                    password,
                    dir,
                };
            }
        }
        panic!("Redis found each of {PORT_ATTEMPTS} ports taken")
    }
}

/// All that a start, and each restart, needs.
#[derive(Debug)]
pub(super) struct Launch {
    pub(super) binary: PathBuf,
    pub(super) port: u16,
    dir: PathBuf,
}

pub(super) enum Launched {
    Ready(Process),
    PortTaken,
}

impl Launch {
    pub(super) fn socket(&self) -> PathBuf {
        self.dir.join(SOCKET)
    }

    fn write_config(&self, more: &[(String, String)]) {
        let (dir, port, socket) = (self.dir.display(), self.port, self.socket());
        let mut text = format!(
            "bind 127.0.0.1\nport {port}\nunixsocket \"{}\"\ndir \"{dir}\"\nsave \"\"\nappendonly no\n",
            socket.display()
        );
        for (key, value) in more {
            let _ = writeln!(text, "{key} {value}");
        }
        let path = self.dir.join(CONFIG_FILE);
        if let Err(error) = std::fs::write(&path, text) {
            panic!("{}: {error}", path.display());
        }
    }

    /// Starts the server and waits until it answers on its socket. The socket's directory belongs to this server
    /// alone; on the port, another one could answer where this one failed to get it.
    pub(super) async fn start(&self) -> Launched {
        let server = Process::builder(&self.binary)
            .arg(self.dir.join(CONFIG_FILE))
            .env("LC_ALL", "C")
            .name(format!("redis-server:{}", self.port))
            .spawn();
        let socket = self.socket();
        let ready = eventually(READY_WITHIN, "Redis answers", || ready_or_ended(&server, &socket)).await;
        if ready {
            return Launched::Ready(server);
        }
        let status = server.wait(READY_WITHIN).await;
        let said = server.lines();
        if said.iter().any(|line| line.contains("Address already in use")) {
            return Launched::PortTaken;
        }
        panic!("Redis ended at its start ({status}):\n{}", said.join("\n"));
    }
}

/// `Ok(true)`: answers; `Ok(false)`: has ended; an error: neither yet.
async fn ready_or_ended(server: &Process, socket: &Path) -> Result<bool, String> {
    if server.try_wait().is_some() {
        return Ok(false);
    }
    match client::ping(socket).await {
        // Any other error is an answer too, such as the one that asks for a password.
        Ok(reply) if reply.is_empty() || reply.starts_with("-LOADING") => Err(format!("replied {reply:?}")),
        Ok(_) => Ok(true),
        Err(error) => Err(error.to_string()),
    }
}
