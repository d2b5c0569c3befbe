//! Puts the sections together, and holds the rules between settings.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::addresses::{RedisUrl, is_loopback};
use super::keys::{self, Mode, Policy};
use super::layers::Layers;
use super::problems::{Problem, Problems};
use super::quantities::in_words;
use super::reader::Reader;
use super::schema::{NOT_YET, NotYet};
use super::sections::{
    AdminSettings, ExportSettings, GammaSettings, LogSettings, OnAmbiguous, PollSettings, RedisMode,
    RedisSettings, ResultSettings, Settings, SubmitSettings, WorkerSettings,
};
use super::source::Source;

/// The file that is read when no other is named, below the working directory.
pub const DEFAULT_FILE: &str = "config/gammaq.toml";

/// What is shorter can be guessed.
const SHORTEST_TOKEN: usize = 16;

/// Who wants the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Worker,
    Client,
}

impl Settings {
    /// The settings of a worker: there is at least one account, and the files with secrets are read.
    ///
    /// # Errors
    /// Every problem there is.
    pub fn load_for_worker(source: &Source) -> Result<Self, Problems> {
        load(source, Path::new(DEFAULT_FILE), Purpose::Worker, NOT_YET)
    }

    /// The settings of a command that talks to Redis alone. All that is written is checked, but accounts and secrets
    /// may be missing: no file with a secret is read, and [`accounts`](Self::accounts) is empty.
    ///
    /// # Errors
    /// Every problem there is.
    pub fn load_for_client(source: &Source) -> Result<Self, Problems> {
        load(source, Path::new(DEFAULT_FILE), Purpose::Client, NOT_YET)
    }
}

pub(super) fn load(
    source: &Source,
    default_file: &Path,
    purpose: Purpose,
    not_yet: &[NotYet],
) -> Result<Settings, Problems> {
    let mut layers = Layers::read(source, default_file, not_yet);
    let merged = layers.merged();
    let Layers {
        problems,
        warnings,
        file,
        ..
    } = layers;
    let mut loader = Loader {
        reader: Reader::new(merged, problems, warnings),
        purpose,
        file,
    };
    let settings = loader.settings();
    let Reader {
        mut problems,
        warnings,
        ..
    } = loader.reader;
    match settings {
        Some(settings) if problems.is_empty() => Ok(Settings { warnings, ..settings }),
        _ => {
            if problems.is_empty() {
                problems.push(Problem::new("settings", "a setting has no default"));
            }
            Err(Problems::new(problems))
        }
    }
}

/// Reads the sections one after the other.
pub(super) struct Loader {
    pub(super) reader: Reader,
    pub(super) purpose: Purpose,
    /// The file that was read.
    pub(super) file: Option<PathBuf>,
}

// Every value that is wrong is noted and read as its default, so `?` leaves a section early only where a key without a
// default was asked for, and never hides a problem.
impl Loader {
    fn settings(&mut self) -> Option<Settings> {
        let redis = self.redis();
        let gamma = self.gamma();
        let accounts_dir = self.reader.value(&keys::ACCOUNTS_DIR);
        let accounts = self.accounts(accounts_dir.as_deref());
        let submit = self.submit();
        let poll = self.poll();
        let worker = self.worker();
        let exports = self.exports();
        let results = self.results();
        let callbacks = self.callbacks();
        let admin = self.admin();
        let log = self.log();
        let settings = Settings {
            redis: redis?,
            gamma: gamma?,
            accounts: Arc::new(accounts),
            accounts_dir,
            submit: submit?,
            poll: poll?,
            worker: worker?,
            exports: exports?,
            results: results?,
            callbacks: callbacks?,
            admin: admin?,
            log: log?,
            warnings: Vec::new(),
        };
        self.rules(&settings);
        Some(settings)
    }

    fn redis(&mut self) -> Option<RedisSettings> {
        let r = &mut self.reader;
        let urls = r.value(&keys::REDIS_URL)?;
        let mode = r.value(&keys::REDIS_MODE)?;
        let master = r.value(&keys::REDIS_SENTINEL_MASTER);
        r.rule(
            mode != Mode::Standalone || urls.len() == 1,
            &keys::REDIS_URL,
            &keys::REDIS_MODE,
            "several addresses want redis.mode = \"cluster\" or \"sentinel\"",
        );
        r.rule(
            master.is_none() || mode == Mode::Sentinel,
            &keys::REDIS_SENTINEL_MASTER,
            &keys::REDIS_MODE,
            "it goes with redis.mode = \"sentinel\" alone",
        );
        r.rule(
            master.is_some() || mode != Mode::Sentinel,
            &keys::REDIS_MODE,
            &keys::REDIS_SENTINEL_MASTER,
            "redis.sentinel_master has to say which master",
        );
        let tls_ca_file = r.value(&keys::REDIS_TLS_CA_FILE);
        if let Some(file) = &tls_ca_file {
            if let Err(error) = std::fs::read(file) {
                r.refuse(
                    &keys::REDIS_TLS_CA_FILE,
                    None,
                    format!("this file can't be read: {error}"),
                );
            }
            if !urls.iter().any(RedisUrl::is_encrypted) {
                let warning = "redis.tls_ca_file is not used: no address in redis.url begins with rediss://";
                r.warn(warning.to_owned());
            }
        }
        Some(RedisSettings {
            urls,
            mode: match (mode, master) {
                (Mode::Standalone, _) => RedisMode::Standalone,
                (Mode::Cluster, _) => RedisMode::Cluster,
                (Mode::Sentinel, master) => RedisMode::Sentinel {
                    master: master.unwrap_or_default(),
                },
            },
            tls_ca_file,
            connect_timeout: r.value(&keys::REDIS_CONNECT_TIMEOUT)?,
            response_timeout: r.value(&keys::REDIS_RESPONSE_TIMEOUT)?,
            prefix: r.value(&keys::REDIS_PREFIX)?,
            queue: r.value(&keys::REDIS_QUEUE)?,
            durability: r.value(&keys::REDIS_DURABILITY)?,
        })
    }

    fn gamma(&mut self) -> Option<GammaSettings> {
        let r = &mut self.reader;
        Some(GammaSettings {
            base_url: r.value(&keys::GAMMA_BASE_URL)?,
            connect_timeout: r.value(&keys::GAMMA_CONNECT_TIMEOUT)?,
            request_timeout: r.value(&keys::GAMMA_REQUEST_TIMEOUT)?,
        })
    }

    fn submit(&mut self) -> Option<SubmitSettings> {
        let r = &mut self.reader;
        let policy = r.value(&keys::SUBMIT_ON_AMBIGUOUS)?;
        let at_most = r.value(&keys::SUBMIT_MAX_RESUBMITS)?;
        Some(SubmitSettings {
            on_ambiguous: match policy {
                Policy::Park => OnAmbiguous::Park,
                Policy::Resubmit => OnAmbiguous::Resubmit { at_most },
            },
            journal: r.value(&keys::SUBMIT_JOURNAL),
        })
    }

    fn poll(&mut self) -> Option<PollSettings> {
        let r = &mut self.reader;
        Some(PollSettings {
            interval: r.value(&keys::POLL_INTERVAL)?,
            slow_interval: r.value(&keys::POLL_SLOW_INTERVAL)?,
            backoff_max: r.value(&keys::POLL_BACKOFF_MAX)?,
            timeout: r.value(&keys::POLL_TIMEOUT)?,
            agent_timeout: r.value(&keys::POLL_AGENT_TIMEOUT)?,
            late_interval: r.value(&keys::POLL_LATE_INTERVAL)?,
            late_for: r.value(&keys::POLL_LATE_FOR)?,
        })
    }

    fn worker(&mut self) -> Option<WorkerSettings> {
        let r = &mut self.reader;
        Some(WorkerSettings {
            concurrency: r.value(&keys::WORKER_CONCURRENCY)?,
            lease: r.value(&keys::WORKER_LEASE)?,
            shutdown_grace: r.value(&keys::WORKER_SHUTDOWN_GRACE)?,
        })
    }

    fn exports(&mut self) -> Option<ExportSettings> {
        let r = &mut self.reader;
        Some(ExportSettings {
            store: r.value(&keys::EXPORTS_STORE),
            timeout: r.value(&keys::EXPORTS_TIMEOUT)?,
            max_bytes: r.value(&keys::EXPORTS_MAX_BYTES)?,
            retry_for: r.value(&keys::EXPORTS_RETRY_FOR)?,
            min_speed: r.value(&keys::EXPORTS_MIN_SPEED)?,
            min_free: r.value(&keys::EXPORTS_MIN_FREE)?,
            max_downloads: r.value(&keys::EXPORTS_MAX_DOWNLOADS)?,
            keep_files: r.value(&keys::EXPORTS_KEEP_FILES)?,
            allowed_hosts: r.value(&keys::EXPORTS_ALLOWED_HOSTS)?,
        })
    }

    fn results(&mut self) -> Option<ResultSettings> {
        let r = &mut self.reader;
        Some(ResultSettings {
            ttl: r.value(&keys::RESULTS_TTL)?,
            max_jobs: r.value(&keys::RESULTS_MAX_JOBS),
            keep_requests: r.value(&keys::RESULTS_KEEP_REQUESTS)?,
            events_cap: r.value(&keys::RESULTS_EVENTS_CAP)?,
        })
    }

    fn admin(&mut self) -> Option<AdminSettings> {
        let token = self.secret_in(&keys::ADMIN_TOKEN_FILE, None);
        if token
            .as_ref()
            .is_some_and(|token| token.expose_secret().len() < SHORTEST_TOKEN)
        {
            let what =
                format!("this file's token is too short; allowed: at least {SHORTEST_TOKEN} characters");
            self.reader.refuse(&keys::ADMIN_TOKEN_FILE, None, what);
        }
        Some(AdminSettings {
            listen: self.reader.value(&keys::ADMIN_LISTEN)?,
            token,
        })
    }

    fn log(&mut self) -> Option<LogSettings> {
        let r = &mut self.reader;
        Some(LogSettings {
            format: r.value(&keys::LOG_FORMAT)?,
            filter: r.value(&keys::LOG_FILTER)?,
        })
    }

    /// The rules between sections and between keys.
    fn rules(&mut self, settings: &Settings) {
        let Settings {
            gamma,
            poll,
            worker,
            redis,
            callbacks,
            ..
        } = settings;
        let r = &mut self.reader;
        let at_least =
            |other: &str, least: Duration| format!("allowed: at least {other} ({})", in_words(least));
        r.rule(
            gamma.connect_timeout < gamma.request_timeout,
            &keys::GAMMA_CONNECT_TIMEOUT,
            &keys::GAMMA_REQUEST_TIMEOUT,
            // Otherwise a connection that hangs runs into the other, and nobody knows whether anything was sent.
            format!(
                "allowed: less than gamma.request_timeout ({})",
                in_words(gamma.request_timeout)
            ),
        );
        r.rule(
            worker.lease >= 2 * gamma.request_timeout,
            &keys::WORKER_LEASE,
            &keys::GAMMA_REQUEST_TIMEOUT,
            // A lease is renewed when a part of it is over; what is left then has to cover a whole request.
            at_least("twice gamma.request_timeout", 2 * gamma.request_timeout),
        );
        r.rule(
            poll.slow_interval >= poll.interval,
            &keys::POLL_SLOW_INTERVAL,
            &keys::POLL_INTERVAL,
            at_least("poll.interval", poll.interval),
        );
        r.rule(
            poll.backoff_max >= poll.interval,
            &keys::POLL_BACKOFF_MAX,
            &keys::POLL_INTERVAL,
            at_least("poll.interval", poll.interval),
        );
        r.rule(
            callbacks.retry_most >= callbacks.retry_first,
            &keys::CALLBACKS_RETRY_MOST,
            &keys::CALLBACKS_RETRY_FIRST,
            at_least("callbacks.retry_first", callbacks.retry_first),
        );
        if redis.response_timeout >= worker.lease {
            r.warn(
                "redis.response_timeout is not below worker.lease: one slow answer costs a worker its jobs"
                    .to_owned(),
            );
        }
        if worker.shutdown_grace < gamma.request_timeout {
            r.warn(
                "worker.shutdown_grace is below gamma.request_timeout: a submit that is cut off by a stop is parked"
                    .to_owned(),
            );
        }
        if gamma.base_url.scheme() == "http" && !is_loopback(&gamma.base_url) {
            r.warn(
                "gamma.base_url is plain http: the API keys go over the network for everybody to read"
                    .to_owned(),
            );
        }
    }
}
