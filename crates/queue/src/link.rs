//! A connection to Redis that is replaced when it stops working.
//!
//! The `redis` crate's own manager keeps a half-open connection for ever and stays with a server that became a
//! replica. Here every answer is judged: one that is missing, or says that this server can't be used, drops the
//! connection, and the next caller makes a new one. Nothing is sent twice: the caller decides what to repeat.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{AsyncConnectionConfig, Client, IntoConnectionInfo, RedisError, RedisResult, TlsCertificates};
use tokio::sync::{Mutex, watch};

use crate::Error;

/// The longest pause between two attempts to connect.
const RETRY_MAX: Duration = Duration::from_secs(1);

/// How to reach Redis.
#[derive(Clone)]
pub struct LinkSettings {
    /// `redis://`, `rediss://` or `unix://`; may hold a password.
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

struct Live {
    connection: MultiplexedConnection,
    serial: u64,
    given_up: watch::Sender<bool>,
}

#[derive(Default)]
struct Attempts {
    failed: u32,
    not_before: Option<Instant>,
    last_error: String,
}

/// One connection, replaced on need. Share it in an `Arc`.
pub struct Link {
    client: Client,
    config: AsyncConnectionConfig,
    settings: LinkSettings,
    live: ArcSwapOption<Live>,
    attempts: Mutex<Attempts>,
    connects: AtomicU64,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("connects", &self.connects)
            .finish_non_exhaustive()
    }
}

impl Link {
    /// A link that connects at first use.
    ///
    /// # Errors
    /// [`Error::Settings`] where the URL can't be used; the message never holds it.
    pub fn new(settings: LinkSettings) -> Result<Self, Error> {
        // Another part of the process may have chosen a provider already; either will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = |error: RedisError| Error::Settings(error.category().to_owned());
        let tcp = TcpSettings::default()
            .set_nodelay(true)
            .set_keepalive(redis::io::tcp::socket2::TcpKeepalive::new().with_time(Duration::from_secs(15)))
            .set_user_timeout(Duration::from_secs(10));
        let info = settings
            .url
            .as_str()
            .into_connection_info()
            .map_err(url)?
            .set_tcp_settings(tcp);
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(settings.connect_timeout))
            .set_response_timeout(Some(settings.response_timeout))
            .set_pipeline_buffer_size(512);
        Ok(Self {
            client: match &settings.tls_ca {
                None => Client::open(info).map_err(url)?,
                Some(pem) => {
                    let tls = TlsCertificates {
                        client_tls: None,
                        root_cert: Some(pem.clone()),
                    };
                    Client::build_with_tls(info, tls).map_err(url)?
                }
            },
            config,
            settings,
            live: ArcSwapOption::empty(),
            attempts: Mutex::default(),
            connects: AtomicU64::new(0),
        })
    }

    /// Another link to the same server, for reads that block up to `block`.
    ///
    /// # Errors
    /// As [`Link::new`].
    pub fn for_blocking(&self, block: Duration) -> Result<Self, Error> {
        let response_timeout = self.settings.response_timeout + block;
        Self::new(LinkSettings {
            response_timeout,
            ..self.settings.clone()
        })
    }

    /// How often a connection was made.
    pub fn connects(&self) -> u64 {
        self.connects.load(Ordering::Relaxed)
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
        let mut given_up = live.given_up.subscribe();
        let answer = tokio::select! {
            biased;
            answer = command(live.connection.clone()) => answer,
            // Whoever waits on a connection that others gave up would only wait out a timeout of its own.
            _ = given_up.wait_for(|given_up| *given_up) => {
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
                live.given_up.send_replace(true);
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
        match self
            .client
            .get_multiplexed_async_connection_with_config(&self.config)
            .await
        {
            Ok(connection) => {
                let serial = self.connects.fetch_add(1, Ordering::Relaxed) + 1;
                if serial > 1 || attempts.failed > 0 {
                    tracing::info!(serial, failed = attempts.failed, "connected to Redis again");
                }
                *attempts = Attempts::default();
                let live = Arc::new(Live {
                    connection,
                    serial,
                    given_up: watch::Sender::new(false),
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
                    denied @ Error::Denied(_) => Err(denied),
                    // Nothing was sent on a connection that was not made.
                    _ => Err(Error::Unreachable(cause.to_string())),
                }
            }
        }
    }
}
