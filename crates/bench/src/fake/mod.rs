//! A Gamma that does nothing but answer, in a process of its own: this program, called with `fake`.
//!
//! It measures on its side: how late each poll comes after the answer before it, which come too early, and whether any job is
//! submitted twice.

mod server;
mod tls;
mod within;
mod world;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gammaq_testkit::{Certificates, Process, ProcessBuilder};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::NOT_WITHIN;
use world::World;

pub(crate) use server::serve;
pub(crate) use tls::Identity;
pub(crate) use within::Within;

const STARTED_WITHIN: Duration = Duration::from_secs(20);
/// Ample for an answer while both cores are busy.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);
/// Between two looks; what they cost is the fake's.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What the fake knows, for whoever answers.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<World>>);

impl Shared {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(World::new())))
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The fake as the bench sees it.
#[derive(Debug)]
pub(crate) struct Fake {
    // Ends with this value; `None` where it is within a worker.
    _process: Option<Process>,
    address: String,
    secure: Option<Secure>,
}

/// Where it is to be found with TLS, and how to trust it.
#[derive(Debug)]
struct Secure {
    url: String,
    certificates: Certificates,
}

/// What the fake has seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// Requests for a generation.
    pub(crate) posts: f64,
    /// Of those, such for a job that was there before.
    pub(crate) doubles: f64,
    /// Polls.
    pub(crate) gets: f64,
    /// Polls that were told of the end.
    pub(crate) completed: f64,
    /// Requests that it did not understand.
    pub(crate) strange: f64,
    /// Since the last mark: polls more than a millisecond earlier than the interval after the answer before.
    pub(crate) early: f64,
    /// Since the last mark: how much later than that they came, milliseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Fake {
    pub(crate) async fn start() -> Result<Self, String> {
        Self::spawn(None).await
    }

    /// One that is asked with TLS, and with HTTP/2 where the client takes that.
    pub(crate) async fn start_with_tls() -> Result<Self, String> {
        Self::spawn(Some(Certificates::new(&["localhost"]))).await
    }

    async fn spawn(certificates: Option<Certificates>) -> Result<Self, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut builder = Process::builder(program).name("fast-fake").arg("fake");
        if let Some(certificates) = &certificates {
            builder = builder.arg("--certificate").arg(certificates.certificate());
            builder = builder.arg("--key").arg(certificates.key());
        }
        let process = builder.spawn();
        let secure = match certificates {
            Some(certificates) => {
                let line = process
                    .wait_line("fake listening on https://", STARTED_WITHIN)
                    .await;
                let url = line.rsplit(' ').next().unwrap_or_default().trim().to_owned();
                Some(Secure { url, certificates })
            }
            None => None,
        };
        let Self { address, .. } = Self::within(&process).await;
        Ok(Self {
            _process: Some(process),
            address,
            secure,
        })
    }

    /// The one within a process that says where it is.
    pub(crate) async fn within(process: &Process) -> Self {
        let line = process
            .wait_line("fake listening on http://", STARTED_WITHIN)
            .await;
        let address = line.rsplit("http://").next().unwrap_or_default().trim();
        Self {
            _process: None,
            address: address.to_owned(),
            secure: None,
        }
    }

    pub(crate) fn url(&self) -> String {
        match &self.secure {
            Some(secure) => secure.url.clone(),
            None => format!("http://{}", self.address),
        }
    }

    /// Has a process trust it.
    pub(crate) fn trusted_by(&self, process: ProcessBuilder) -> ProcessBuilder {
        match &self.secure {
            Some(secure) => process.env("SSL_CERT_FILE", secure.certificates.authority()),
            None => process,
        }
    }

    /// Forgets everything. Each generation is pending for so many polls; with `None`, until [`Fake::finish`].
    pub(crate) async fn reset(&self, interval: Duration, pending: Option<u32>) -> Result<(), String> {
        let pending = pending.map_or_else(|| "hold".to_owned(), |it| it.to_string());
        let path = format!("/bench/reset/{}/{pending}", interval.as_micros());
        self.ask(&path).await.map(drop)
    }

    /// Forgets what was early and late up to now.
    pub(crate) async fn mark(&self) -> Result<(), String> {
        self.ask("/bench/mark").await.map(drop)
    }

    /// From now on every generation is complete.
    pub(crate) async fn finish(&self) -> Result<(), String> {
        self.ask("/bench/finish").await.map(drop)
    }

    pub(crate) async fn seen(&self) -> Result<Seen, String> {
        let text = self.ask("/bench/seen").await?;
        let value: Value = serde_json::from_str(&text).map_err(|error| format!("the fake: {error}"))?;
        let number = |name: &str| value.get(name).and_then(Value::as_f64).unwrap_or(0.0);
        Ok(Seen {
            posts: number("posts"),
            doubles: number("doubles"),
            gets: number("gets"),
            completed: number("completed"),
            strange: number("strange"),
            early: number("early"),
            p50: number("p50"),
            p99: number("p99"),
            least: number("least"),
            most: number("most"),
        })
    }

    /// Waits until what was seen is so.
    pub(crate) async fn until(
        &self,
        within: Duration,
        what: &str,
        so: impl Fn(&Seen) -> bool,
    ) -> Result<(), String> {
        let end = Instant::now() + within;
        loop {
            let counts = self.ask("/bench/counts").await?;
            let mut numbers = counts.split(' ').map(|it| it.trim().parse().unwrap_or(0.0));
            let mut next = || numbers.next().unwrap_or(0.0);
            let seen = Seen {
                posts: next(),
                gets: next(),
                completed: next(),
                ..Seen::default()
            };
            if so(&seen) {
                return Ok(());
            }
            if Instant::now() >= end {
                return Err(format!(
                    "{NOT_WITHIN} {within:?}: {what}; the fake saw {} submits, {} polls, {} ends",
                    seen.posts, seen.gets, seen.completed
                ));
            }
            sleep(LOOK_EVERY).await;
        }
    }

    async fn ask(&self, path: &str) -> Result<String, String> {
        let asked = async {
            let mut stream = TcpStream::connect(&self.address).await?;
            let request = format!("GET {path} HTTP/1.1\r\nhost: fake\r\nconnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            Ok::<_, std::io::Error>(answer)
        };
        let answer = timeout(ANSWERED_WITHIN, asked)
            .await
            .map_err(|_| format!("the fake: no answer to {path}"))?
            .map_err(|error| format!("the fake: {error}"))?;
        match answer.split_once("\r\n\r\n") {
            Some((head, body)) if head.starts_with("HTTP/1.1 200") => Ok(body.to_owned()),
            _ => Err(format!("the fake answered {path} with {answer}")),
        }
    }
}
