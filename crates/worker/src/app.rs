//! What every part of a worker shares.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gammaq_job::Kind;
use gammaq_queue::claim::{Claimed, OnAmbiguous, Step};
use gammaq_queue::settle::{SettlePolicy, Settlement, Verb};
use gammaq_queue::{Keys, Link, LinkSettings, Policy, Queue};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::admin::{Look, Measures, Vitals};
use crate::budgets::Budgets;
use crate::clock::RedisClock;
use crate::disposition::Rules;
use crate::downloads::Downloads;
use crate::exporting::ExportRules;
use crate::halt::Halt;
use crate::hold::Holds;
use crate::journal::Journal;
use crate::keyring::Keyring;
use crate::outcome::Outcome;
use crate::pulse::Pulses;
use crate::schedule::Schedule;
use crate::settings::{self, RedisSettings, RedisUrl, Settings};
use crate::surroundings::{Chance, Gamma, Spawner, Surroundings};
use crate::told_limits::ToldLimits;

/// How long no new submit is claimed after Redis said that it is full.
pub(crate) const FULL_FOR: Duration = Duration::from_secs(3);
/// The same after an intent could not be stored safely: a replica is often back in a moment.
pub(crate) const NOT_DURABLE_FOR: Duration = Duration::from_secs(1);
/// How long the look of a kept job may take on the lease that it begins with; a lease, where that is shorter.
const LOOK_FOR: Duration = Duration::from_secs(4);
/// Accounts that this worker has no key for are tried again after this time, since their jobs may have gone.
const FOREIGN_FOR: Duration = Duration::from_secs(60);

/// What every part of a worker shares.
#[derive(Debug)]
pub(crate) struct App {
    /// The queue.
    pub(crate) queue: Queue,
    /// The way to Gamma.
    pub(crate) gamma: Arc<dyn Gamma>,
    /// This worker's id, new at each start.
    pub(crate) worker: String,
    /// What operators see of it.
    pub(crate) about: Vec<(&'static str, String)>,
    /// How many steps run at once.
    pub(crate) concurrency: usize,
    /// What each step takes one of.
    pub(crate) permits: Arc<Semaphore>,
    /// How long jobs are held.
    pub(crate) lease: Duration,
    /// The longest exchange with Gamma.
    pub(crate) request_timeout: Duration,
    /// What decides about outcomes.
    pub(crate) rules: Rules,
    /// What goes with each settlement.
    pub(crate) settle_policy: SettlePolicy,
    /// What jitter is drawn from.
    pub(crate) chance: Chance,
    /// Redis's clock.
    pub(crate) clock: RedisClock,
    /// When to claim next.
    pub(crate) schedule: Schedule,
    /// Whether the queue lost its data under this worker.
    pub(crate) halt: Halt,
    /// Whether its loops turn.
    pub(crate) pulses: Pulses,
    claims_fail: AtomicBool,
    ended: Mutex<Option<gammaq_queue::Error>>,
    /// The journal on disk, where there is one.
    pub(crate) journal: Option<Journal>,
    /// Where copies of files go, if anywhere.
    pub(crate) downloads: Option<Downloads>,
    /// What is in hand.
    pub(crate) holds: Arc<Holds>,
    /// Cancelled when the worker is to stop.
    pub(crate) stop: CancellationToken,
    /// What is counted and measured.
    pub(crate) measures: Measures,
    /// Whether it lives and can work.
    pub(crate) vitals: Vitals,
    /// The last look at the queue for metrics.
    pub(crate) look: Look,
    /// Workers alive, this one among them.
    pub(crate) live_workers: AtomicU64,
    /// The accounts' keys.
    pub(crate) keyring: Keyring,
    /// What the accounts may start.
    pub(crate) budgets: Budgets,
    /// When their rate limits were written down.
    pub(crate) told_limits: ToldLimits,
    /// Whether this worker calls callers back.
    pub(crate) calls_back: bool,
    spawner: Arc<dyn Spawner>,
    timeouts: (Duration, Duration),
    foreign: Mutex<BTreeMap<String, Instant>>,
    no_submits_until: Mutex<Option<Instant>>,
}

impl App {
    /// Puts a worker together. Nothing is asked of Redis or Gamma yet.
    ///
    /// # Errors
    /// Where a part can't be built from the settings.
    pub(crate) fn new(
        settings: &Settings,
        around: Surroundings,
        stop: CancellationToken,
    ) -> Result<Self, Error> {
        let keyring = Keyring::new(settings.gamma.base_url.clone());
        for (name, account) in settings.accounts.iter() {
            keyring.put(name.as_str(), account.api_key.clone())?;
        }
        let poll = &settings.poll;
        let on_ambiguous = match settings.submit.on_ambiguous {
            settings::OnAmbiguous::Park => OnAmbiguous::Park,
            settings::OnAmbiguous::Resubmit { at_most } => OnAmbiguous::Resubmit(at_most.get()),
        };
        let journal = journal(settings, &around.worker, &around.queue)?;
        let mut about = around.about;
        let downloads = around.files.map(|files| Downloads::new(files, &settings.exports));
        let capacity = settings.worker.concurrency.get() + downloads.as_ref().map_or(0, Downloads::most);
        about.push(("capacity", capacity.to_string()));
        Ok(Self {
            queue: around.queue,
            gamma: around.gamma,
            worker: around.worker,
            about,
            concurrency: settings.worker.concurrency.get(),
            permits: Arc::new(Semaphore::new(settings.worker.concurrency.get())),
            lease: settings.worker.lease,
            request_timeout: settings.gamma.request_timeout,
            rules: Rules {
                interval: poll.interval,
                slow_interval: poll.slow_interval,
                backoff_max: poll.backoff_max,
                late_interval: poll.late_interval,
                on_ambiguous,
                exports: ExportRules::new(&settings.exports, downloads.is_some()),
            },
            settle_policy: SettlePolicy {
                keep_requests: settings.results.keep_requests,
                pause_first: poll.interval,
                pause_most: poll.backoff_max,
                // Half an interval: at most twice the usual rate after a pause.
                spread: poll.interval / 2,
                late_interval: poll.late_interval,
                late_for: poll.late_for,
                // Whoever has it after this lease looks no sooner than an interval after the last answer.
                kept_for: poll.interval + settings.worker.lease.min(LOOK_FOR),
            },
            chance: Chance::new(around.seed),
            clock: RedisClock::default(),
            schedule: Schedule::default(),
            halt: Halt::default(),
            pulses: Pulses::default(),
            claims_fail: AtomicBool::new(false),
            ended: Mutex::default(),
            journal,
            downloads,
            holds: Arc::default(),
            stop,
            measures: Measures::new(settings.admin.listen.is_some(), capacity)?,
            vitals: Vitals::new(settings.redis.connect_timeout + settings.redis.response_timeout),
            look: Look::default(),
            live_workers: AtomicU64::new(1),
            spawner: around.spawner,
            keyring,
            budgets: Budgets::default(),
            told_limits: ToldLimits::default(),
            calls_back: settings.callbacks.keys.is_some(),
            timeouts: (poll.timeout, poll.agent_timeout),
            foreign: Mutex::default(),
            no_submits_until: Mutex::default(),
        })
    }

    /// Starts a task of this worker.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        self.spawner.spawn(Box::pin(work))
    }

    /// Starts a task of this worker whose end somebody may wait for; an error where it panicked. It goes on when
    /// nobody waits any more.
    pub(crate) fn spawn_for<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (done, end) = oneshot::channel();
        self.spawn(async move {
            let _ = done.send(work.await);
        });
        end
    }

    /// Whether this worker has a key for the account.
    pub(crate) fn knows(&self, account: &str) -> bool {
        self.keyring.has(account)
    }

    /// The accounts that are this worker's.
    pub(crate) fn accounts(&self) -> Vec<String> {
        self.keyring.names()
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
        let mut names: Vec<String> = foreign.keys().cloned().collect();
        drop(foreign);
        names.extend(self.keyring.missing());
        names.extend(self.budgets.broken());
        names
    }

    /// A key for the account came: its jobs are this worker's from now on.
    pub(crate) fn forget_foreign(&self, account: &str) {
        let mut foreign = self.foreign.lock().unwrap_or_else(PoisonError::into_inner);
        foreign.remove(account);
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

    /// Notes whether the last claim failed.
    pub(crate) fn note_claim(&self, failed: bool) {
        self.claims_fail.store(failed, Ordering::Relaxed);
    }

    /// Whether Redis takes no claims at present.
    pub(crate) fn claims_fail(&self) -> bool {
        self.claims_fail.load(Ordering::Relaxed)
    }

    /// Stops the worker, which can't go on: what is in hand is brought to its end, nothing more is begun.
    pub(crate) fn end(&self, error: gammaq_queue::Error) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.is_none() {
            tracing::error!(%error, "the worker stops: only a newer one knows how to go on");
            *ended = Some(error);
        }
        self.stop.cancel();
    }

    /// Why it was stopped from within, if it was.
    pub(crate) fn take_end(&self) -> Option<gammaq_queue::Error> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Begins nothing new for a while, since Redis could not take an intent.
    pub(crate) fn pause_submits(&self, time: Duration) {
        *self
            .no_submits_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + time);
    }

    /// Whether Redis may not know what the accounts may start.
    pub(crate) fn budgets_in_doubt(&self) -> bool {
        self.budgets.in_doubt(self.queue.link().connects())
    }

    /// Whether nothing new is begun: Redis could take no intent lately, or lost the queue, or may not know the budgets, or
    /// the journal takes none.
    pub(crate) fn starts_nothing(&self) -> bool {
        let paused = self
            .no_submits_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some_and(|until| Instant::now() < until);
        let unwritten = self.journal.as_ref().is_some_and(|journal| !journal.works());
        paused || unwritten || self.halt.is_halted() || self.budgets_in_doubt()
    }

    /// One line for each step's end; steps that only look again are quieter.
    pub(crate) fn log(&self, job: &Claimed, outcome: &Outcome, settlement: &Settlement) {
        let (id, account, word) = (&job.id, &job.account, outcome.word());
        let (generation_id, note) = (&job.generation_id, &settlement.note);
        match settlement.verb {
            Verb::Again(wait) | Verb::Keep(wait) => {
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
            Verb::Export => tracing::info!(id, account, generation_id, "the deck is there, its files follow"),
            Verb::Complete => {
                let polls = job.polls + u64::from(job.step == Step::Look);
                tracing::info!(id, account, generation_id, polls, "completed");
            }
            Verb::TimeOut => tracing::warn!(id, account, generation_id, "timed out"),
            Verb::Rest => tracing::info!(id, account, generation_id, "not looked at any more"),
        }
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
        max_jobs: settings.results.max_jobs,
    };
    let link = Arc::new(link(&settings.redis, &keys)?);
    Ok(Queue::new(link, keys, policy).durable(settings.redis.durability))
}

fn journal(settings: &Settings, worker: &str, queue: &Queue) -> Result<Option<Journal>, Error> {
    let Some(path) = &settings.submit.journal else {
        return Ok(None);
    };
    let opened = Journal::open(path, worker, queue.keys().base(), settings.results.ttl);
    opened.map(Some).map_err(|error| Error::File {
        path: path.clone(),
        error,
    })
}

fn link(redis: &RedisSettings, keys: &Keys) -> Result<Link, Error> {
    let urls: Vec<&str> = redis.urls.iter().map(RedisUrl::expose).collect();
    let tls_ca = match &redis.tls_ca_file {
        None => None,
        Some(path) => Some(std::fs::read(path).map_err(|error| Error::File {
            path: path.clone(),
            error,
        })?),
    };
    let link = LinkSettings {
        url: urls.join(","),
        tls_ca,
        connect_timeout: redis.connect_timeout,
        response_timeout: redis.response_timeout,
    };
    Ok(Link::to_queue(link, &redis.mode, keys)?)
}
