//! A connection to Redis that is replaced when it stops working.
//!
//! The `redis` crate's own manager keeps a half-open connection for ever and stays with a server that became a
//! replica. Here every answer is judged: one that is missing, or says that this server can't be used, drops the
//! connection, and the next caller makes a new one. Nothing is sent twice: the caller decides what to repeat.
//!
//! Which server a new connection leads to is asked anew each time: the one address there is, the master that the
//! sentinels name (`sentinel`), or the node that owns the queue's slot (`cluster`).

mod access;
mod cluster;
mod sentinel;
mod through;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisResult};
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{Error, Keys};
use access::Access;
use cluster::Cluster;
use sentinel::Sentinels;

pub use through::{Connecting, Driver, Stream};

/// The longest pause between two attempts to connect.
const RETRY_MAX: Duration = Duration::from_secs(1);

/// How to reach Redis.
#[derive(Clone)]
pub struct LinkSettings {
    /// `redis://`, `rediss://` or `unix://`; may hold a password. Several with commas between them where sentinels or
    /// the nodes of a cluster are meant; user and password of the first are used for every server that is found.
    pub url: String,
    /// PEM text of the authorities that may sign the certificate of a `rediss://` server; the web's where `None`.
    pub tls_ca: Option<Vec<u8>>,
    /// For making a connection.
    pub connect_timeout: Duration,
    /// For one answer. A connection on which an answer is missing for so long is given up.
    pub response_timeout: Duration,
}

impl fmt::Debug for LinkSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkSettings")
            .field("connect_timeout", &self.connect_timeout)
            .finish_non_exhaustive()
    }
}

/// What stands at the address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Mode {
    /// One server.
    #[default]
    Standalone,
    /// A cluster; the addresses are some of its nodes.
    Cluster,
    /// A master that sentinels watch; the addresses are theirs.
    Sentinel {
        /// What the sentinels call the master.
        master: String,
    },
}

/// Finds the server to use and connects to it; asked anew for every connection.
pub(crate) trait Dial: Send + Sync {
    /// A connection that was just made.
    fn dial<'a>(&'a self, config: &'a AsyncConnectionConfig) -> Dialled<'a>;
}

/// What [`Dial::dial`] gives.
pub(crate) type Dialled<'a> = Pin<Box<dyn Future<Output = RedisResult<MultiplexedConnection>> + Send + 'a>>;

/// One server at one address.
impl Dial for Client {
    fn dial<'a>(&'a self, config: &'a AsyncConnectionConfig) -> Dialled<'a> {
        Box::pin(self.get_multiplexed_async_connection_with_config(config))
    }
}

struct Live {
    connection: MultiplexedConnection,
    serial: u64,
    given_up: CancellationToken,
}

#[derive(Default)]
struct Attempts {
    failed: u32,
    not_before: Option<Instant>,
    last_error: String,
}

/// One connection, replaced on need. Share it in an `Arc`.
pub struct Link {
    dial: Arc<dyn Dial>,
    config: AsyncConnectionConfig,
    settings: LinkSettings,
    live: ArcSwapOption<Live>,
    attempts: Mutex<Attempts>,
    connects: AtomicU64,
    reconnects: Arc<AtomicU64>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("connects", &self.connects)
            .finish_non_exhaustive()
    }
}

impl Link {
    /// A link to one server, that connects at first use.
    ///
    /// # Errors
    /// [`Error::Settings`] where the URL can't be used; the message never holds it.
    pub fn new(settings: LinkSettings) -> Result<Self, Error> {
        let access = Access::new(&settings.url, settings.tls_ca.as_deref())?;
        let client = access.client().map_err(|cause| Error::of(&cause))?;
        Ok(Self::over(Arc::new(client), settings))
    }

    /// A link to wherever the queue of these keys is, that connects at first use.
    ///
    /// # Errors
    /// [`Error::Settings`] where an address can't be used; the message never holds it.
    pub fn to_queue(settings: LinkSettings, mode: &Mode, keys: &Keys) -> Result<Self, Error> {
        let dial: Arc<dyn Dial> = match mode {
            Mode::Standalone => return Self::new(settings),
            Mode::Cluster => {
                let seeds = servers(&settings)?;
                if seeds.iter().any(|seed| seed.database() != 0) {
                    let text = "redis.url: a cluster has the database 0 and no other";
                    return Err(Error::Settings(text.to_owned()));
                }
                Arc::new(Cluster::new(seeds, keys.base(), settings.connect_timeout))
            }
            Mode::Sentinel { master } => Arc::new(Sentinels::new(
                servers(&settings)?,
                master,
                settings.connect_timeout,
            )),
        };
        Ok(Self::over(dial, settings))
    }

    fn over(dial: Arc<dyn Dial>, settings: LinkSettings) -> Self {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(settings.connect_timeout))
            .set_response_timeout(Some(settings.response_timeout))
            .set_pipeline_buffer_size(512);
        Self {
            dial,
            config,
            settings,
            live: ArcSwapOption::empty(),
            attempts: Mutex::default(),
            connects: AtomicU64::new(0),
            reconnects: Arc::default(),
        }
    }

    /// Counts its new connections where `other` counts its own.
    fn counted_with(mut self, other: &Self) -> Self {
        self.reconnects = Arc::clone(&other.reconnects);
        self
    }

    /// Another link to the same server, for reads that block up to `block`.
    pub fn for_blocking(&self, block: Duration) -> Self {
        let settings = LinkSettings {
            response_timeout: self.settings.response_timeout + block,
            ..self.settings.clone()
        };
        Self::over(Arc::clone(&self.dial), settings).counted_with(self)
    }

    /// Another link to the same server, whose connections are made by what `through` makes of this one's way there.
    pub(crate) fn dialled_by(&self, through: impl FnOnce(&Arc<dyn Dial>) -> Arc<dyn Dial>) -> Self {
        Self::over(through(&self.dial), self.settings.clone()).counted_with(self)
    }

    /// How often a connection was made.
    pub fn connects(&self) -> u64 {
        self.connects.load(Ordering::Relaxed)
    }

    /// How often a connection of this link, or of one made from it, took the place of an earlier one.
    pub fn reconnects(&self) -> u64 {
        self.reconnects.load(Ordering::Relaxed)
    }

    /// How long an answer may take.
    pub fn response_timeout(&self) -> Duration {
        self.settings.response_timeout
    }

    /// Runs `command` once on a working connection.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub(crate) async fn run<T>(
        &self,
        command: impl AsyncFnOnce(MultiplexedConnection) -> RedisResult<T>,
    ) -> Result<T, Error> {
        let live = self.connected().await?;
        let answer = tokio::select! {
            biased;
            answer = command(live.connection.clone()) => answer,
            // Whoever waits on a connection that others gave up would only wait out a timeout of its own.
            () = live.given_up.cancelled() => {
                return Err(Error::Unanswered("the connection was given up".to_owned()));
            }
        };
        match answer {
            Ok(value) => Ok(value),
            Err(cause) => {
                let error = Error::of(&cause);
                if error.wants_new_connection(&cause) {
                    self.drop_connection(live.serial);
                }
                Err(error)
            }
        }
    }

    fn drop_connection(&self, serial: u64) {
        let current = self.live.load();
        if current.as_ref().is_some_and(|live| live.serial == serial) {
            // Another caller may have put a newer one in its place since: that one stays.
            self.live.compare_and_swap(&current, None);
            if let Some(live) = current.as_ref() {
                live.given_up.cancel();
            }
        }
    }

    async fn connected(&self) -> Result<Arc<Live>, Error> {
        if let Some(live) = self.live.load_full() {
            return Ok(live);
        }
        let mut attempts = self.attempts.lock().await;
        if let Some(live) = self.live.load_full() {
            return Ok(live);
        }
        // Callers come faster than a server comes back: between two attempts all of them are told at once.
        if attempts.not_before.is_some_and(|time| Instant::now() < time) {
            return Err(Error::Unreachable(attempts.last_error.clone()));
        }
        match self.dial.dial(&self.config).await {
            Ok(connection) => {
                let serial = self.connects.fetch_add(1, Ordering::Relaxed) + 1;
                if serial > 1 {
                    self.reconnects.fetch_add(1, Ordering::Relaxed);
                }
                if serial > 1 || attempts.failed > 0 {
                    tracing::info!(serial, failed = attempts.failed, "connected to Redis again");
                }
                *attempts = Attempts::default();
                let live = Arc::new(Live {
                    connection,
                    serial,
                    given_up: CancellationToken::new(),
                });
                self.live.store(Some(Arc::clone(&live)));
                Ok(live)
            }
            Err(cause) => {
                let wait = Duration::from_millis(25)
                    .saturating_mul(1 << attempts.failed.min(6))
                    .min(RETRY_MAX);
                attempts.failed += 1;
                attempts.not_before = Some(Instant::now() + wait);
                attempts.last_error = cause.to_string();
                match Error::of(&cause) {
                    told @ (Error::Denied(_) | Error::Settings(_)) => Err(told),
                    // Nothing was sent on a connection that was not made.
                    _ => Err(Error::Unreachable(cause.to_string())),
                }
            }
        }
    }
}

/// The addresses of sentinels or nodes.
fn servers(settings: &LinkSettings) -> Result<Vec<Access>, Error> {
    let servers: Result<Vec<Access>, Error> = access::split(&settings.url)
        .iter()
        .map(|url| Access::new(url, settings.tls_ca.as_deref()))
        .collect();
    let servers = servers?;
    if servers.is_empty() || servers.iter().any(|server| server.place().is_none()) {
        let text = "redis.url: sentinels and nodes of a cluster have a host and a port";
        return Err(Error::Settings(text.to_owned()));
    }
    Ok(servers)
}
