//! Every setting, with its default, what it allows and what it does. Nothing else knows a default.

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::time::Duration;

use gammaq_job::QueueName;
use gammaq_job::name::is_name;

use super::addresses::{BaseUrl, Hosts, Listen, RedisUrls, StoreUrl};
use super::forms::{Choice, FilePath, Filter, Flag, Name, Secret, parsed};
use super::quantities::{Bytes, Count, Span};
use super::schema::{Key, Setting};
use super::sections::{Durability, LogFormat};

/// How Redis is set up, before what each way needs is put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Standalone,
    Cluster,
    Sentinel,
}

/// What to do with an unclear submit, before its bound is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Policy {
    Park,
    Resubmit,
}

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}
const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}
const fn mins(n: u64) -> Duration {
    secs(60 * n)
}
const fn hours(n: u64) -> Duration {
    mins(60 * n)
}
const fn days(n: u64) -> Duration {
    hours(24 * n)
}
const fn span(min: Duration, max: Duration) -> Span {
    Span { min, max }
}
const fn count_u32(min: u64, max: u64) -> Count<NonZeroU32> {
    Count {
        min,
        max,
        as_type: |n| NonZeroU32::new(u32::try_from(n).ok()?),
    }
}
const fn count_u64(min: u64, max: u64) -> Count<NonZeroU64> {
    Count {
        min,
        max,
        as_type: NonZeroU64::new,
    }
}
const fn count_usize(min: u64, max: u64) -> Count<NonZeroUsize> {
    Count {
        min,
        max,
        as_type: |n| NonZeroUsize::new(usize::try_from(n).ok()?),
    }
}
const fn queue_name() -> Name<QueueName> {
    Name { as_type: parsed }
}

/// Declares each key and lists them all, so that none can be read without being known.
macro_rules! keys {
    ($($name:ident: $form:ty = $path:literal, $default:expr, $built:expr, $about:literal;)*) => {
        $(pub(super) static $name: Key<$form> =
            Key { path: $path, default: $default, form: $built, about: $about };)*

        /// Every setting, in the order of the reference.
        pub(super) static ALL: &[&dyn Setting] = &[$(&$name),*];
    };
}

keys! {
    REDIS_URL: RedisUrls = "redis.url", Some("redis://127.0.0.1:6379"),
        RedisUrls,
        "where Redis is; several addresses only with `redis.mode` cluster or sentinel; short form: `REDIS_URL`";
    REDIS_MODE: Choice<Mode> = "redis.mode", Some("standalone"),
        Choice(&[("standalone", Mode::Standalone), ("cluster", Mode::Cluster), ("sentinel", Mode::Sentinel)]),
        "what stands at `redis.url`";
    REDIS_SENTINEL_MASTER: Name<String> = "redis.sentinel_master", None,
        Name { as_type: |text| is_name(text).then(|| text.to_owned()) },
        "the master's name; only with `redis.mode` sentinel";
    REDIS_TLS_CA_FILE: FilePath = "redis.tls_ca_file", None,
        FilePath { to: "a PEM file" },
        "who may sign the certificate of a `rediss://` server, instead of the public authorities";
    REDIS_CONNECT_TIMEOUT: Span = "redis.connect_timeout", Some("2s"),
        span(ms(10), mins(5)),
        "how long a new connection may take";
    REDIS_RESPONSE_TIMEOUT: Span = "redis.response_timeout", Some("3s"),
        span(ms(10), mins(5)),
        "how long an answer may take";
    REDIS_PREFIX: Name<QueueName> = "redis.prefix", Some("gammaq"),
        queue_name(),
        "how every key begins";
    REDIS_QUEUE: Name<QueueName> = "redis.queue", Some("main"),
        queue_name(),
        "the queue";
    REDIS_DURABILITY: Choice<Durability> = "redis.durability", Some("none"),
        Choice(&[("none", Durability::None), ("aof", Durability::Aof), ("replica", Durability::Replica)]),
        "where the id of a generation must be before it counts as stored: with the server, in its append-only file, or with a replica";
    GAMMA_BASE_URL: BaseUrl = "gamma.base_url", Some("https://public-api.gamma.app"),
        BaseUrl,
        "where Gamma's API is";
    GAMMA_CONNECT_TIMEOUT: Span = "gamma.connect_timeout", Some("5s"),
        span(ms(10), mins(5)),
        "how long a new connection may take; less than `gamma.request_timeout`";
    GAMMA_REQUEST_TIMEOUT: Span = "gamma.request_timeout", Some("30s"),
        span(ms(20), mins(10)),
        "how long a whole request may take, connection and answer included";
    ACCOUNT_API_KEY: Secret = "accounts.<name>.api_key", None,
        Secret,
        "the account's API key; this or the file, one of them; short form of `accounts.default.api_key`: `GAMMA_API_KEY`";
    ACCOUNT_API_KEY_FILE: FilePath = "accounts.<name>.api_key_file", None,
        FilePath { to: "a file with an API key" },
        "a file that holds the API key and nothing else, read at the start";
    ACCOUNT_LIMIT: Count<NonZeroU32> = "accounts.<name>.limit", Some("50"),
        count_u32(1, 10_000),
        "how many generations may start within any `window`";
    ACCOUNT_WINDOW: Span = "accounts.<name>.window", Some("1h"),
        span(ms(100), days(31)),
        "the length of the rolling window that `limit` counts in";
    ACCOUNT_CREDITS_FLOOR: Count<NonZeroU64> = "accounts.<name>.credits_floor", None,
        count_u64(1, 1_000_000_000),
        "with fewer credits left than this, as Gamma said last, the account starts nothing more; looks go on";
    ACCOUNTS_DIR: FilePath = "accounts_dir", None,
        FilePath { to: "a directory" },
        "a directory with one file an account, its name the account's, its content the key; read again every second; `<name>.toml` there may set `limit`, `window` and `credits_floor`";
    SUBMIT_ON_AMBIGUOUS: Choice<Policy> = "submit.on_ambiguous", Some("park"),
        Choice(&[("park", Policy::Park), ("resubmit", Policy::Resubmit)]),
        "what becomes of a job whose submit had no clear answer; a resubmit may pay a second time";
    SUBMIT_MAX_RESUBMITS: Count<NonZeroU32> = "submit.max_resubmits", Some("1"),
        count_u32(1, 10),
        "how often one job may be resubmitted so";
    SUBMIT_JOURNAL: FilePath = "submit.journal", None,
        FilePath { to: "a directory" },
        "a directory for the journal of what was submitted";
    POLL_INTERVAL: Span = "poll.interval", Some("5s"),
        span(ms(10), hours(1)),
        "from one answer of a generation to the next question";
    POLL_SLOW_INTERVAL: Span = "poll.slow_interval", Some("15s"),
        span(ms(10), hours(1)),
        "the same while fewer than 100 requests of the burst remain; at least `poll.interval`";
    POLL_BACKOFF_MAX: Span = "poll.backoff_max", Some("5m"),
        span(ms(10), days(1)),
        "the longest wait after polls that failed or were refused; at least `poll.interval`";
    POLL_TIMEOUT: Span = "poll.timeout", Some("5m"),
        span(ms(100), days(7)),
        "from submit to deadline for generations and templates";
    POLL_AGENT_TIMEOUT: Span = "poll.agent_timeout", Some("40m"),
        span(ms(100), days(7)),
        "from submit to deadline for agent jobs";
    POLL_LATE_INTERVAL: Span = "poll.late_interval", Some("5m"),
        span(ms(10), days(1)),
        "between two looks after the deadline";
    POLL_LATE_FOR: Span = "poll.late_for", Some("1h"),
        span(ms(10), days(7)),
        "how long after the deadline a generation is still looked at";
    WORKER_CONCURRENCY: Count<NonZeroUsize> = "worker.concurrency", Some("256"),
        count_usize(1, 10_000),
        "how many steps run at once";
    WORKER_LEASE: Span = "worker.lease", Some("60s"),
        span(ms(500), hours(1)),
        "how long a worker holds a job without renewing; at least twice `gamma.request_timeout`";
    WORKER_SHUTDOWN_GRACE: Span = "worker.shutdown_grace", Some("30s"),
        span(ms(10), hours(1)),
        "how long running steps may finish after a signal to stop";
    EXPORTS_STORE: StoreUrl = "exports.store", None,
        StoreUrl,
        "where exported files are kept";
    EXPORTS_TIMEOUT: Span = "exports.timeout", Some("15m"),
        span(ms(100), days(1)),
        "how long Gamma may take for a file before the job completes without it";
    EXPORTS_MAX_BYTES: Bytes = "exports.max_bytes", Some("256 MiB"),
        Bytes { min: 1 << 10, max: 16 << 30 },
        "the largest file that is downloaded";
    EXPORTS_RETRY_FOR: Span = "exports.retry_for", Some("3d"),
        span(ms(100), days(30)),
        "how long a file that Gamma made is tried to be stored before the job completes without a copy";
    EXPORTS_MIN_SPEED: Bytes = "exports.min_speed", Some("1 KiB"),
        Bytes { min: 1, max: 1 << 30 },
        "bytes a second, over half a minute, below which a download is given up and tried again later";
    EXPORTS_MIN_FREE: Bytes = "exports.min_free", Some("1 GiB"),
        Bytes { min: 1 << 20, max: 1 << 50 },
        "what stays free on the disk of a local store: no download is begun that would leave less";
    EXPORTS_MAX_DOWNLOADS: Count<NonZeroUsize> = "exports.max_downloads", Some("8"),
        count_usize(1, 1_000),
        "how many files a worker downloads at once, beside `worker.concurrency`";
    EXPORTS_KEEP_FILES: Flag = "exports.keep_files", Some("true"),
        Flag,
        "whether copies stay in the store when their job's record goes (`results.ttl`, `results.max_jobs`)";
    EXPORTS_ALLOWED_HOSTS: Hosts = "exports.allowed_hosts", Some("*.gamma.app"),
        Hosts,
        "the hosts that files are downloaded from";
    RESULTS_TTL: Span = "results.ttl", Some("7d"),
        span(secs(1), days(365)),
        "how long results and records stay after the end";
    RESULTS_MAX_JOBS: Count<NonZeroU64> = "results.max_jobs", None,
        count_u64(1, 1_000_000_000),
        "how many ended jobs of each state stay at the most, the newest; `results.ttl` holds beside it";
    RESULTS_KEEP_REQUESTS: Flag = "results.keep_requests", Some("false"),
        Flag,
        "whether the text of a request stays after its job completed";
    RESULTS_EVENTS_CAP: Count<NonZeroU64> = "results.events_cap", Some("10000"),
        count_u64(100, 10_000_000),
        "about how many entries the stream of events keeps";
    CALLBACKS_SECRET_FILE: FilePath = "callbacks.secret_file", None,
        FilePath { to: "a file with secrets" },
        "a file with the secrets that sign callbacks, one a line: [docs/CALLBACKS.md](docs/CALLBACKS.md); without it this worker calls nobody";
    CALLBACKS_ALLOWED_HOSTS: Hosts = "callbacks.allowed_hosts", None,
        Hosts,
        "the hosts that callbacks may go to although they are not public";
    CALLBACKS_TLS_CA_FILE: FilePath = "callbacks.tls_ca_file", None,
        FilePath { to: "a PEM file" },
        "who may sign the certificates of receivers, beside the public authorities";
    CALLBACKS_TIMEOUT: Span = "callbacks.timeout", Some("15s"),
        span(ms(10), mins(5)),
        "how long one attempt may take, connection and answer included";
    CALLBACKS_PER_HOST: Count<NonZeroUsize> = "callbacks.per_host", Some("16"),
        count_usize(1, 64),
        "how many attempts one worker makes at once at one receiver, of 64 at all; a receiver is the host of the address";
    CALLBACKS_RETRY_FIRST: Span = "callbacks.retry_first", Some("10s"),
        span(ms(10), days(1)),
        "from the first attempt that failed to the next; it doubles from there";
    CALLBACKS_RETRY_MOST: Span = "callbacks.retry_most", Some("2h"),
        span(ms(10), days(1)),
        "the longest wait between two attempts, unless the receiver asks for more; at least `callbacks.retry_first`";
    CALLBACKS_RETRY_FOR: Span = "callbacks.retry_for", Some("1d"),
        span(ms(10), days(7)),
        "how long after the end attempts are made";
    ADMIN_LISTEN: Listen = "admin.listen", Some("127.0.0.1:9464"),
        Listen,
        "where the dashboard, `/metrics`, `/healthz` and `/readyz` are served: [docs/DASHBOARD.md](docs/DASHBOARD.md), [docs/METRICS.md](docs/METRICS.md)";
    ADMIN_TOKEN_FILE: FilePath = "admin.token_file", None,
        FilePath { to: "a file with a token" },
        "a file with the token that the dashboard asks for, at least 16 characters; without it nothing is done there, and nothing shown off the loopback";
    LOG_FORMAT: Choice<LogFormat> = "log.format", Some("auto"),
        Choice(&[("auto", LogFormat::Auto), ("pretty", LogFormat::Pretty), ("json", LogFormat::Json)]),
        "how log lines look; auto is pretty on a terminal and JSON elsewhere";
    LOG_FILTER: Filter = "log.filter", Some("info"),
        Filter,
        "what goes to the log";
}
