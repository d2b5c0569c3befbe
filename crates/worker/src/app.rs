//! What every part of a worker shares.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gammaq_gamma::{Client, ClientSettings, Engine, Target, Url};
use gammaq_job::Kind;
use gammaq_queue::claim::{Claimed, OnAmbiguous};
use gammaq_queue::settle::{SettlePolicy, Settlement, Verb};
use gammaq_queue::{Keys, Link, LinkSettings, Policy, Queue};
use secrecy::SecretString;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::clock::RedisClock;
use crate::disposition::Rules;
use crate::hold::Holds;
use crate::outcome::Outcome;
use crate::schedule::Schedule;
use crate::settings::{self, RedisSettings, Settings};

/// How long no new submit is claimed after Redis said that it is full.
const FULL_FOR: Duration = Duration::from_secs(5);
/// Accounts that this worker has no key for are tried again after this time, since their jobs may have gone.
const FOREIGN_FOR: Duration = Duration::from_secs(60);

/// What every part of a worker shares.
#[derive(Debug)]
pub(crate) struct App {
    /// The queue.
    pub(crate) queue: Queue,
    /// The way to Gamma.
    pub(crate) gamma: Client,
    /// This worker's id, new at each start.
    pub(crate) worker: String,
    /// What operators see of it.
    pub(crate) about: Vec<(&'static str, String)>,
    /// How many steps run at once.
    pub(crate) concurrency: usize,
    /// How long jobs are held.
    pub(crate) lease: Duration,
    /// The longest exchange with Gamma.
    pub(crate) request_timeout: Duration,
    /// What decides about outcomes.
    pub(crate) rules: Rules,
    /// What goes with each settlement.
    pub(crate) settle_policy: SettlePolicy,
    /// Redis's clock.
    pub(crate) clock: RedisClock,
    /// When to claim next.
    pub(crate) schedule: Schedule,
    /// What is in hand.
    pub(crate) holds: Arc<Holds>,
    /// Cancelled when the worker is to stop.
    pub(crate) stop: CancellationToken,
    /// Workers alive, this one among them.
    pub(crate) live_workers: AtomicU64,
    targets: HashMap<String, Target>,
    keys: HashMap<String, SecretString>,
    timeouts: (Duration, Duration),
    foreign: Mutex<HashMap<String, Instant>>,
    full_until: Mutex<Option<Instant>>,
}

impl App {
    /// Builds what can be built without Redis or Gamma.
    ///
    /// # Errors
    /// Where a part can't be built from the settings.
    pub(crate) fn new(settings: &Settings, stop: CancellationToken) -> Result<Self, Error> {
        let gamma = Client::new(&ClientSettings {
            connect_timeout: settings.gamma.connect_timeout,
            request_timeout: settings.gamma.request_timeout,
            ..ClientSettings::default()
        })?;
        let mut targets = HashMap::new();
        let mut keys = HashMap::new();
        for (name, account) in settings.accounts.iter() {
            targets.insert(
                name.to_string(),
                Target::new(&settings.gamma.base_url, &account.api_key)?,
            );
            keys.insert(name.to_string(), account.api_key.clone());
        }
        let poll = &settings.poll;
        let on_ambiguous = match settings.submit.on_ambiguous {
            settings::OnAmbiguous::Park => OnAmbiguous::Park,
            settings::OnAmbiguous::Resubmit { at_most } => OnAmbiguous::Resubmit(at_most.get()),
        };
        let host = hostname();
        let pid = std::process::id();
        Ok(Self {
            queue: queue(settings)?,
            gamma,
            worker: format!("{host}-{pid}-{:08x}", rand::random::<u32>()),
            about: vec![
                ("host", host),
                ("pid", pid.to_string()),
                ("version", env!("CARGO_PKG_VERSION").to_owned()),
                ("started_at", unix_ms().to_string()),
                ("capacity", settings.worker.concurrency.to_string()),
            ],
            concurrency: settings.worker.concurrency.get(),
            lease: settings.worker.lease,
            request_timeout: settings.gamma.request_timeout,
            rules: Rules {
                interval: poll.interval,
                slow_interval: poll.slow_interval,
                backoff_max: poll.backoff_max,
                late_interval: poll.late_interval,
                on_ambiguous,
            },
            settle_policy: SettlePolicy {
                keep_requests: settings.results.keep_requests,
                pause_first: poll.interval,
                pause_most: poll.backoff_max,
                // Half an interval: at most twice the usual rate after a pause.
                spread: poll.interval / 2,
                late_interval: poll.late_interval,
                late_for: poll.late_for,
            },
            clock: RedisClock::default(),
            schedule: Schedule::default(),
            holds: Arc::default(),
            stop,
            live_workers: AtomicU64::new(1),
            targets,
            keys,
            timeouts: (poll.timeout, poll.agent_timeout),
            foreign: Mutex::default(),
            full_until: Mutex::default(),
        })
    }

    /// Whether this worker has a key for the account.
    pub(crate) fn knows(&self, account: &str) -> bool {
        self.targets.contains_key(account)
    }

    /// Where a job goes: with its account's key, and a look to where it was submitted.
    ///
    /// A record is no place to learn a host from that gets an API key: one that is neither the configured host nor
    /// Gamma's own is not asked, and the configured one is.
    pub(crate) fn target(&self, job: &Claimed) -> Option<Target> {
        let current = self.targets.get(&job.account)?;
        let configured = current.base_url();
        if job.generation_id.is_empty() || job.base_url == configured.as_str().trim_end_matches('/') {
            return Some(current.clone());
        }
        let former = job
            .base_url
            .parse::<Url>()
            .ok()
            .filter(|url| may_have_key(url, configured));
        let former = former.and_then(|url| Target::new(&url, self.keys.get(&job.account)?).ok());
        if former.is_none() {
            tracing::warn!(
                id = job.id,
                "its base URL is not one that may be given a key: the configured one is asked"
            );
        }
        former.or_else(|| Some(current.clone()))
    }

    /// From submit to deadline, where the caller didn't say.
    pub(crate) fn timeout(&self, kind: Kind) -> Duration {
        if kind == Kind::Agent {
            self.timeouts.1
        } else {
            self.timeouts.0
        }
    }

    /// How long anyone waits for an answer of Redis, in milliseconds: what begins something begins nothing later.
    pub(crate) fn patience_ms(&self) -> u64 {
        u64::try_from(self.queue.link().response_timeout().as_millis()).unwrap_or(0)
    }

    /// Accounts whose jobs are left to other workers.
    pub(crate) fn foreign(&self) -> Vec<String> {
        let mut foreign = self.foreign.lock().unwrap_or_else(PoisonError::into_inner);
        foreign.retain(|_, since| since.elapsed() < FOREIGN_FOR);
        foreign.keys().cloned().collect()
    }

    /// Leaves an account's jobs to other workers for a while; answers whether that is new.
    pub(crate) fn add_foreign(&self, account: &str, most: usize) -> bool {
        let mut foreign = self.foreign.lock().unwrap_or_else(PoisonError::into_inner);
        if foreign.len() >= most
            && let Some(oldest) = foreign
                .iter()
                .min_by_key(|(_, since)| **since)
                .map(|(name, _)| name.clone())
        {
            foreign.remove(&oldest);
        }
        foreign.insert(account.to_owned(), Instant::now()).is_none()
    }

    /// Notes that Redis is full: nothing new is begun for a while.
    pub(crate) fn redis_full(&self) {
        *self.full_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + FULL_FOR);
    }

    /// Whether Redis was full lately.
    pub(crate) fn redis_is_full(&self) -> bool {
        self.full_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some_and(|until| Instant::now() < until)
    }

    /// One line for each step's end; steps that only look again are quieter.
    pub(crate) fn log(&self, job: &Claimed, outcome: &Outcome, settlement: &Settlement) {
        let (id, account, word) = (&job.id, &job.account, outcome.word());
        let generation_id = &job.generation_id;
        let note = &settlement.note;
        match settlement.verb {
            Verb::Again(wait) => {
                let wait_ms = wait.as_millis();
                tracing::debug!(
                    id,
                    account,
                    generation_id,
                    outcome = word,
                    wait_ms,
                    note,
                    "looked"
                );
            }
            Verb::Release => tracing::debug!(id, account, "handed back"),
            Verb::Requeue(_) => {
                tracing::warn!(id, account, outcome = word, note, "not accepted: back in line")
            }
            Verb::Park => tracing::error!(id, account, outcome = word, note, "parked: an operator decides"),
            Verb::Resubmit(_) => tracing::error!(
                id,
                account,
                outcome = word,
                note,
                "submitted again, as the policy says"
            ),
            // Gamma's words may repeat the request, so they stand on the record alone.
            Verb::Fail => tracing::warn!(
                id,
                account,
                generation_id,
                outcome = word,
                "failed: see its error"
            ),
            Verb::Complete => tracing::info!(id, account, generation_id, polls = job.polls + 1, "completed"),
            Verb::TimeOut => tracing::warn!(id, account, generation_id, "timed out"),
            Verb::Rest => tracing::info!(id, account, generation_id, "not looked at any more"),
        }
    }
}

/// Whether a base URL out of a record may be given an account's key.
fn may_have_key(url: &Url, configured: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let gammas = url.scheme() == "https" && (host == "gamma.app" || host.ends_with(".gamma.app"));
    gammas
        || (url.host_str() == configured.host_str()
            && (url.scheme() == configured.scheme() || url.scheme() == "https"))
}

/// Which of Gamma's endpoints a kind of job uses.
pub(crate) fn engine(kind: Kind) -> Engine {
    match kind {
        Kind::Generation => Engine::Classic,
        Kind::Template => Engine::Template,
        Kind::Agent => Engine::Agent,
    }
}

/// The queue that the settings name. Nothing is connected yet.
///
/// # Errors
/// Where the URL can't be used, or the file of authorities can't be read.
pub fn queue(settings: &Settings) -> Result<Queue, Error> {
    let keys = Keys::new(&settings.redis.prefix, &settings.redis.queue);
    let policy = Policy {
        events_cap: settings.results.events_cap.get(),
        results_ttl: settings.results.ttl,
    };
    Ok(Queue::new(Arc::new(link(&settings.redis)?), keys, policy))
}

fn link(redis: &RedisSettings) -> Result<Link, Error> {
    let url = redis
        .urls
        .first()
        .map(|url| url.expose().to_owned())
        .unwrap_or_default();
    let tls_ca = match &redis.tls_ca_file {
        None => None,
        Some(path) => Some(std::fs::read(path).map_err(|error| Error::File {
            path: path.clone(),
            error,
        })?),
    };
    Ok(Link::new(LinkSettings {
        url,
        tls_ca,
        connect_timeout: redis.connect_timeout,
        response_timeout: redis.response_timeout,
    })?)
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
