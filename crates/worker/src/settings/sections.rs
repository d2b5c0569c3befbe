//! The checked settings, section by section. What stands here was checked when it was read and holds as it is.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gammaq_job::{AccountName, QueueName};
use gammaq_queue::registry::Budget;
pub use gammaq_queue::{Durability, Mode as RedisMode};
use secrecy::SecretString;
use url::Url;

use super::addresses::{HostPattern, RedisUrl};
use super::directory::Limits;
use crate::callbacks::SigningKeys;

/// Everything that an operator may set. Cheap enough to clone once a task; it never shows a secret.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the queue is, and which.
    pub redis: RedisSettings,
    /// Where Gamma is.
    pub gamma: GammaSettings,
    /// The accounts that this process has a key for at its start. Empty for a client, which needs no key.
    pub accounts: Arc<BTreeMap<AccountName, AccountSettings>>,
    /// A directory with more accounts.
    pub accounts_dir: Option<PathBuf>,
    /// How a paid call is guarded.
    pub submit: SubmitSettings,
    /// When generations are looked at.
    pub poll: PollSettings,
    /// How much one worker does.
    pub worker: WorkerSettings,
    /// What becomes of exported files.
    pub exports: ExportSettings,
    /// How long things stay in Redis.
    pub results: ResultSettings,
    /// How callers are called back.
    pub callbacks: CallbackSettings,
    /// Metrics, health and the dashboard.
    pub admin: AdminSettings,
    /// What the log holds and how it looks.
    pub log: LogSettings,
    /// What is allowed but may not be meant, one line each, to be logged at the start. They show no secret.
    pub warnings: Vec<String>,
}

/// Where the queue is, and which.
#[derive(Debug, Clone)]
pub struct RedisSettings {
    /// At least one address; exactly one when standalone.
    pub urls: Vec<RedisUrl>,
    /// What stands at the addresses.
    pub mode: RedisMode,
    /// A PEM file with the authorities that may sign the certificate of a `rediss://` server.
    pub tls_ca_file: Option<PathBuf>,
    /// How long a new connection may take.
    pub connect_timeout: Duration,
    /// How long an answer may take.
    pub response_timeout: Duration,
    /// How every key begins.
    pub prefix: QueueName,
    /// The queue.
    pub queue: QueueName,
    /// When the id of a generation counts as stored.
    pub durability: Durability,
}

/// Where Gamma is.
#[derive(Debug, Clone)]
pub struct GammaSettings {
    /// `http` or `https`, without user, query and fragment; it may have a path.
    pub base_url: Url,
    /// How long a new connection may take; less than `request_timeout`.
    pub connect_timeout: Duration,
    /// How long a request may take, from the connection to the end of the answer.
    pub request_timeout: Duration,
}

/// One API key with its own budget.
#[derive(Debug, Clone)]
pub struct AccountSettings {
    /// The key; printable ASCII, so it fits a header.
    pub api_key: SecretString,
    /// How many generations may start within any `window`.
    pub limit: NonZeroU32,
    /// The length of the rolling window.
    pub window: Duration,
    /// With fewer credits left than this the account starts nothing more.
    pub credits_floor: Option<NonZeroU64>,
    /// Whether it stands in `accounts_dir`, and may change there.
    pub in_directory: bool,
}

impl AccountSettings {
    /// What Redis is told that the account may start.
    pub(crate) fn budget(&self) -> Budget {
        Limits {
            limit: self.limit,
            window: self.window,
            credits_floor: self.credits_floor,
        }
        .budget()
    }
}

impl Limits {
    /// What Redis is told that the account may start.
    pub(crate) fn budget(&self) -> Budget {
        Budget {
            limit: self.limit.get(),
            window: self.window,
            credits_floor: self.credits_floor.map(NonZeroU64::get),
        }
    }
}

/// How a paid call is guarded.
#[derive(Debug, Clone)]
pub struct SubmitSettings {
    /// What becomes of a job whose submit had no clear answer.
    pub on_ambiguous: OnAmbiguous,
    /// A directory for the journal of intents and ids.
    pub journal: Option<PathBuf>,
}

/// What becomes of a job whose submit had no clear answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnAmbiguous {
    /// It is parked for an operator.
    Park,
    /// It is submitted again, and perhaps paid for again; parked once that is used up.
    Resubmit {
        /// How often one job may be submitted again.
        at_most: NonZeroU32,
    },
}

/// When generations are looked at.
#[derive(Debug, Clone)]
pub struct PollSettings {
    /// From an answer to the next question.
    pub interval: Duration,
    /// The same while little of the burst is left; at least `interval`.
    pub slow_interval: Duration,
    /// The longest wait after polls that failed; at least `interval`.
    pub backoff_max: Duration,
    /// From submit to deadline, for generations and templates.
    pub timeout: Duration,
    /// From submit to deadline, for agent jobs.
    pub agent_timeout: Duration,
    /// Between two looks after the deadline.
    pub late_interval: Duration,
    /// How long after the deadline a generation is still looked at.
    pub late_for: Duration,
}

/// How much one worker does.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// How many steps run at once.
    pub concurrency: NonZeroUsize,
    /// How long a job is held without a renewal; at least twice [`GammaSettings::request_timeout`].
    pub lease: Duration,
    /// How long running steps may finish after a signal to stop.
    pub shutdown_grace: Duration,
}

/// What becomes of exported files.
#[derive(Debug, Clone)]
pub struct ExportSettings {
    /// Where files are kept: `file`, `s3`, `gs` or `az`.
    pub store: Option<Url>,
    /// How long an export may take.
    pub timeout: Duration,
    /// The largest file that is downloaded, in bytes.
    pub max_bytes: u64,
    /// How long a file is tried to be stored.
    pub retry_for: Duration,
    /// Bytes a second below which a download is given up for now.
    pub min_speed: u64,
    /// Bytes that stay free on the disk of a local store.
    pub min_free: u64,
    /// How many files are downloaded at once.
    pub max_downloads: NonZeroUsize,
    /// Whether copies stay when their job's record goes.
    pub keep_files: bool,
    /// The hosts that files are downloaded from.
    pub allowed_hosts: Vec<HostPattern>,
}

/// How long things stay in Redis.
#[derive(Debug, Clone)]
pub struct ResultSettings {
    /// How long results and records stay after the end.
    pub ttl: Duration,
    /// How many ended jobs of each state stay at the most; any number where it isn't set.
    pub max_jobs: Option<NonZeroU64>,
    /// Whether the text of a request stays after its job completed.
    pub keep_requests: bool,
    /// About how many entries the stream of events keeps.
    pub events_cap: NonZeroU64,
}

/// How callers are called back.
#[derive(Debug, Clone)]
pub struct CallbackSettings {
    /// What callbacks are signed with. None for a client.
    pub keys: Option<SigningKeys>,
    /// The hosts that may be called although they are not public.
    pub allowed_hosts: Vec<HostPattern>,
    /// Authorities that may sign receivers' certificates, beside the public ones.
    pub tls_ca_file: Option<PathBuf>,
    /// The longest attempt.
    pub timeout: Duration,
    /// Attempts at once at one host.
    pub per_host: NonZeroUsize,
    /// The wait after the first attempt that failed.
    pub retry_first: Duration,
    /// The longest wait.
    pub retry_most: Duration,
    /// How long after the end attempts are made.
    pub retry_for: Duration,
}

/// Metrics, health and the dashboard.
#[derive(Debug, Clone)]
pub struct AdminSettings {
    /// Where to listen; None is `off`. Port 0 takes a free one.
    pub listen: Option<SocketAddr>,
    /// What the dashboard asks for. None for a client.
    pub token: Option<SecretString>,
}

/// What the log holds and how it looks.
#[derive(Debug, Clone)]
pub struct LogSettings {
    /// How lines look.
    pub format: LogFormat,
    /// Directives that `tracing_subscriber::EnvFilter` takes.
    pub filter: String,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Pretty on a terminal, else JSON.
    Auto,
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}
