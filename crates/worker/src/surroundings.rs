//! What a worker gets from outside: the queue, the way to Gamma, chance, and where its tasks run.
//!
//! A process takes the real ones ([`Surroundings::real`]). The simulation gives its own, and so runs all the rest of
//! the worker as it is.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use gammaq_files::Files;
use gammaq_gamma::{Answer, Client, ClientSettings, Engine, Exported, Polled, Submitted, Target};
use gammaq_queue::Queue;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::Error;
use crate::downloads;
pub use crate::roles::service_manager::ServiceManager;
use crate::settings::Settings;

/// One exchange with Gamma, under way.
pub type Exchange<'a, T> = Pin<Box<dyn Future<Output = Answer<T>> + Send + 'a>>;

/// A task of a worker.
pub type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The way to Gamma; [`Client`] is the real one, and says what is expected of each call.
pub trait Gamma: fmt::Debug + Send + Sync {
    /// See [`Client::submit`].
    fn submit<'a>(
        &'a self,
        target: &'a Target,
        engine: Engine,
        body: Bytes,
        not_after: Instant,
    ) -> Exchange<'a, Submitted>;

    /// See [`Client::poll`].
    fn poll<'a>(&'a self, target: &'a Target, engine: Engine, generation_id: &'a str)
    -> Exchange<'a, Polled>;

    /// See [`Client::export`].
    fn export<'a>(&'a self, target: &'a Target, gamma_id: &'a str, format: &'a str)
    -> Exchange<'a, Exported>;

    /// See [`Client::poll_export`].
    fn poll_export<'a>(
        &'a self,
        target: &'a Target,
        export_id: &'a str,
        format: &'a str,
    ) -> Exchange<'a, Exported>;
}

impl Gamma for Client {
    fn submit<'a>(
        &'a self,
        target: &'a Target,
        engine: Engine,
        body: Bytes,
        not_after: Instant,
    ) -> Exchange<'a, Submitted> {
        Box::pin(Client::submit(self, target, engine, body, not_after))
    }

    fn poll<'a>(
        &'a self,
        target: &'a Target,
        engine: Engine,
        generation_id: &'a str,
    ) -> Exchange<'a, Polled> {
        Box::pin(Client::poll(self, target, engine, generation_id))
    }

    fn export<'a>(
        &'a self,
        target: &'a Target,
        gamma_id: &'a str,
        format: &'a str,
    ) -> Exchange<'a, Exported> {
        Box::pin(Client::export(self, target, gamma_id, format))
    }

    fn poll_export<'a>(
        &'a self,
        target: &'a Target,
        export_id: &'a str,
        format: &'a str,
    ) -> Exchange<'a, Exported> {
        Box::pin(Client::poll_export(self, target, export_id, format))
    }
}

/// Where a worker's tasks run. Every one of them is started here: whoever ends all of them has ended the worker.
pub trait Spawner: fmt::Debug + Send + Sync {
    /// Starts a task.
    fn spawn(&self, work: Work) -> JoinHandle<()>;
}

/// The tokio runtime that the caller runs in.
#[derive(Debug, Clone, Copy, Default)]
pub struct Runtime;

impl Spawner for Runtime {
    fn spawn(&self, work: Work) -> JoinHandle<()> {
        tokio::spawn(work)
    }
}

/// All of it.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The queue, with its connection.
    pub queue: Queue,
    /// The way to Gamma.
    pub gamma: Arc<dyn Gamma>,
    /// Where copies of files go, if anywhere.
    pub files: Option<Files>,
    /// Where tasks run.
    pub spawner: Arc<dyn Spawner>,
    /// The worker's id, another one at each start.
    pub worker: String,
    /// What operators see of the worker: fields of its hash.
    pub about: Vec<(&'static str, String)>,
    /// What jitter and marks are drawn from.
    pub seed: u64,
    /// Who wants to hear that the worker is ready and alive, if anybody.
    pub service_manager: Option<ServiceManager>,
}

impl Surroundings {
    /// Those of this process. Nothing is connected yet.
    ///
    /// # Errors
    /// Where a part can't be built from the settings.
    pub fn real(settings: &Settings) -> Result<Self, Error> {
        let gamma = gamma(settings)?;
        let host = hostname();
        let pid = std::process::id();
        Ok(Self {
            queue: crate::queue(settings)?,
            gamma: Arc::new(gamma),
            files: downloads::open(settings)?,
            spawner: Arc::new(Runtime),
            worker: format!("{host}-{pid}-{:08x}", rand::random::<u32>()),
            about: vec![
                ("host", host),
                ("pid", pid.to_string()),
                ("version", env!("CARGO_PKG_VERSION").to_owned()),
                ("started_at", unix_ms().to_string()),
            ],
            seed: rand::random(),
            service_manager: ServiceManager::of_environment(),
        })
    }
}

/// The client for Gamma that the settings describe.
///
/// # Errors
/// Where it can't be built, most often because the system has no root certificates.
pub fn gamma(settings: &Settings) -> Result<Client, Error> {
    Ok(Client::new(&ClientSettings {
        connect_timeout: settings.gamma.connect_timeout,
        request_timeout: settings.gamma.request_timeout,
        ..ClientSettings::default()
    })?)
}

/// One source of chance for a whole worker.
#[derive(Debug)]
pub(crate) struct Chance(Mutex<StdRng>);

impl Chance {
    /// The same seed gives the same numbers.
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }

    /// Any number, each as likely as the others.
    pub(crate) fn number(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).random()
    }

    /// From 0 to 1, 1 never.
    pub(crate) fn fraction(&self) -> f64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).random()
    }
}

fn hostname() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name: String = name
        .trim()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'))
        .take(32)
        .collect();
    if name.is_empty() {
        "worker".to_owned()
    } else {
        name
    }
}

/// This machine's clock, for people only: no score in Redis comes from it.
fn unix_ms() -> u128 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |time| time.as_millis())
}
