//! How a server is configured and started.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{Redis, client};
use crate::{Certificates, Process, eventually, free_port};

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
    kind: Kind,
    encrypted: bool,
}

/// What a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    Sentinel,
    /// A node of a cluster.
    Node,
}

impl RedisBuilder {
    pub(super) fn new() -> Self {
        let binary = std::env::var_os(SERVER_VARIABLE).unwrap_or_else(|| DEFAULT_SERVER.into());
        Self {
            binary: binary.into(),
            config: Vec::new(),
            kind: Kind::Plain,
            encrypted: false,
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

    /// Makes it a replica of the server that listens on this port of the loopback interface: a master's, or that of a
    /// [`crate::Proxy`] in front of it.
    #[must_use]
    pub fn replica_of(self, port: u16) -> Self {
        self.config("replicaof", &format!("127.0.0.1 {port}"))
            .config("repl-diskless-sync-delay", "0")
    }

    /// Makes it a sentinel, that decides alone: it watches the master on this port and calls it `name`, takes it for
    /// dead after three seconds, and promotes a replica. One that follows the master through a proxy is told the
    /// master's own address after two minutes.
    #[must_use]
    pub fn sentinel_of(mut self, name: &str, port: u16) -> Self {
        self.kind = Kind::Sentinel;
        self.config("sentinel", &format!("monitor {name} 127.0.0.1 {port} 1"))
            .config("sentinel", &format!("down-after-milliseconds {name} 3000"))
            .config("sentinel", &format!("failover-timeout {name} 120000"))
    }

    /// Makes it a node of a cluster: see [`crate::Cluster`].
    #[must_use]
    pub(super) fn node(mut self) -> Self {
        self.kind = Kind::Node;
        self.config("cluster-enabled", "yes")
            .config("cluster-config-file", "nodes.conf")
            .config("cluster-node-timeout", "2000")
            .config("repl-diskless-sync-delay", "0")
    }

    /// Has it listen for TLS as well ([`Redis::tls_url`]), with this certificate. It asks clients for none.
    #[must_use]
    pub fn tls(mut self, certificates: &Certificates) -> Self {
        self.encrypted = true;
        self.config("tls-cert-file", &certificates.certificate().display().to_string())
            .config("tls-key-file", &certificates.key().display().to_string())
            .config(
                "tls-ca-cert-file",
                &certificates.authority().display().to_string(),
            )
            .config("tls-auth-clients", "no")
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
                tls_port: self.encrypted.then(free_port),
                kind: self.kind,
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
    pub(super) tls_port: Option<u16>,
    pub(super) kind: Kind,
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
        if let Some(port) = self.tls_port {
            let _ = writeln!(text, "tls-port {port}");
        }
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
            .args((self.kind == Kind::Sentinel).then_some("--sentinel"))
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
