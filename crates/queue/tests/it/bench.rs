//! A queue on a Redis of its own, and short words for what tests do with it.

use std::sync::Arc;
use std::time::Duration;

use gammaq_job::entry::{Entry, judge};
use gammaq_job::{ErrorKind, JobError, QueueName};
use gammaq_queue::accept::{AcceptItem, Accepted};
use gammaq_queue::claim::{Claim, ClaimRequest, Claimed, OnAmbiguous};
use gammaq_queue::inbox::InboxEntry;
use gammaq_queue::registry::Budget;
use gammaq_queue::settle::{Pause, Probe, SettlePolicy, Settled, Settlement, Verb};
use gammaq_queue::submit::{Begun, Generation, Recorded};
use gammaq_queue::{Error, Keys, Link, LinkSettings, Policy, Queue};
use gammaq_testkit::{Redis, eventually};
use redis::FromRedisValue;
use redis::aio::MultiplexedConnection;

/// Longer than any test takes.
pub(crate) const LONG: Duration = Duration::from_secs(60);
/// Ample on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(20);
/// A request that passes every check.
pub(crate) const REQUEST: &str = r#"{"inputText":"Renewable energy","textMode":"generate"}"#;

pub(crate) const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A queue and a bare connection beside it.
pub(crate) struct Bench {
    redis: Arc<Redis>,
    pub(crate) queue: Queue,
    pub(crate) raw: MultiplexedConnection,
}

impl Bench {
    /// A queue with the account `default`: 1,000 submits an hour.
    pub(crate) async fn start() -> Self {
        Self::with(Policy::default()).await
    }

    pub(crate) async fn with(policy: Policy) -> Self {
        Self::on(Redis::start().await, policy).await
    }

    /// The same on this Redis.
    pub(crate) async fn on(redis: Redis, policy: Policy) -> Self {
        Self::named("main", redis.into(), policy).await
    }

    /// The same with a queue of another name on the same server.
    pub(crate) async fn beside(&self, name: &str) -> Self {
        Self::named(name, Arc::clone(&self.redis), Policy::default()).await
    }

    async fn named(name: &str, redis: Arc<Redis>, policy: Policy) -> Self {
        let queue = queue_at(&redis, name, policy);
        let raw = bare(&redis).await;
        let bench = Self { redis, queue, raw };
        bench.queue.check_schema().await.unwrap();
        bench.queue.create_inbox().await.unwrap();
        bench.account("default", 1_000, Duration::from_secs(3600)).await;
        bench.queue.begin_life(rand::random()).await.unwrap();
        bench
    }

    /// The server; it ends with the test.
    pub(crate) fn redis(&self) -> &Redis {
        &self.redis
    }

    pub(crate) async fn account(&self, name: &str, limit: u32, window: Duration) {
        let budget = Budget {
            limit,
            window,
            credits_floor: None,
        };
        self.queue.register_account(name, budget).await.unwrap();
    }

    /// A bare command; a word that begins with `@` is a key of the queue.
    pub(crate) async fn cmd<T: FromRedisValue>(&self, words: &[&str]) -> T {
        let mut command = redis::Cmd::new();
        for word in words {
            match word.strip_prefix('@') {
                Some(name) => command.arg(self.key(name)),
                None => command.arg(*word),
            };
        }
        command.query_async(&mut self.raw.clone()).await.unwrap()
    }

    /// A script of the test's own, with the queue's base as its key.
    pub(crate) async fn eval<T: FromRedisValue>(&self, script: &str) -> T {
        let script = format!("local base = KEYS[1] {script}");
        self.cmd(&["EVAL", &script, "1", self.queue.keys().base()]).await
    }

    pub(crate) fn key(&self, name: &str) -> String {
        format!("{}{name}", self.queue.keys().base())
    }

    pub(crate) async fn score(&self, zset: &str, member: &str) -> Option<u64> {
        let score: Option<f64> = self.cmd(&["ZSCORE", &format!("@{zset}"), member]).await;
        score.map(|score| score as u64)
    }

    pub(crate) async fn count(&self, zset: &str) -> u64 {
        self.cmd(&["ZCARD", &format!("@{zset}")]).await
    }

    pub(crate) async fn stat(&self, name: &str) -> u64 {
        self.cmd::<Option<u64>>(&["HGET", "@stats", name])
            .await
            .unwrap_or(0)
    }

    pub(crate) async fn field(&self, id: &str, name: &str) -> String {
        let record = self.queue.record(id).await.unwrap();
        record
            .and_then(|r| r.get(name).map(str::to_owned))
            .unwrap_or_default()
    }

    pub(crate) async fn state(&self, id: &str) -> String {
        self.field(id, "state").await
    }

    /// Has the job's next step due at once, its lease over.
    pub(crate) async fn hurry(&self, id: &str) {
        // Written as a script that a full Redis allows.
        let script = format!(
            "redis.call('PERSIST', base) return redis.call('ZADD', base .. 'due', 'XX', 'CH', 1, '{id}')"
        );
        assert_eq!(self.eval::<u64>(&script).await, 1);
    }

    /// Waits until Redis's clock is past `time`.
    pub(crate) async fn past(&self, time: u64) {
        eventually(SOON, "the clock is past a time", || async {
            self.queue.time().await.unwrap() > time
        })
        .await;
    }

    /// Appends an entry, reads it and accepts it.
    pub(crate) async fn add_fields(&self, fields: &[(&str, &str)]) -> Accepted {
        let bytes: Vec<_> = fields.iter().map(|(n, v)| (*n, v.as_bytes())).collect();
        self.queue.append(&bytes).await.unwrap();
        self.accept_waiting().await.pop().unwrap()
    }

    /// Reads what is new in the inbox and accepts it.
    pub(crate) async fn accept_waiting(&self) -> Vec<Accepted> {
        let entries = self.queue.read_inbox("intake", 1_000, millis(1)).await.unwrap();
        let items: Vec<_> = entries.iter().map(|entry| item(entry, true)).collect();
        self.queue.accept_jobs("intake", &items).await.unwrap()
    }

    /// A job of the account `default`.
    pub(crate) async fn add(&self, id: &str) {
        self.add_to("default", id).await;
    }

    pub(crate) async fn add_to(&self, account: &str, id: &str) {
        let fields = [("request", REQUEST), ("id", id), ("account", account)];
        assert_eq!(self.add_fields(&fields).await, Accepted::Queued);
    }

    pub(crate) async fn claim(&self, worker: &str, want: usize) -> Vec<Claimed> {
        self.claim_for(worker, want, LONG).await.jobs
    }

    pub(crate) async fn claim_for(&self, worker: &str, want: usize, lease: Duration) -> Claim {
        let request = ClaimRequest {
            want,
            lease,
            ..asking(worker)
        };
        self.queue.claim_jobs(&request).await.unwrap()
    }

    /// Claims the one job that there is to claim.
    pub(crate) async fn claim_one(&self, worker: &str) -> Claimed {
        let mut jobs = self.claim(worker, 2).await;
        assert_eq!(jobs.len(), 1, "{jobs:?}");
        jobs.pop().unwrap()
    }

    pub(crate) async fn begin(&self, worker: &str, job: &Claimed) -> Begun {
        self.try_begin(worker, job, LONG).await.unwrap()
    }

    pub(crate) async fn try_begin(
        &self,
        worker: &str,
        job: &Claimed,
        lease: Duration,
    ) -> Result<Begun, Error> {
        let not_after = u64::MAX >> 12;
        self.queue
            .begin_submit(worker, &job.id, job.fence, not_after, lease, "http://gamma")
            .await
    }

    pub(crate) async fn record(&self, worker: &str, job: &Claimed, generation_id: &str) -> Recorded {
        let generation = generation(job, generation_id);
        self.queue.record_generation(worker, &generation).await.unwrap()
    }

    pub(crate) async fn settle(&self, worker: &str, item: Settlement) -> Settled {
        let outcomes = self.queue.settle_jobs(worker, &SETTLE, &[item]).await.unwrap();
        assert_eq!(outcomes.len(), 1);
        outcomes[0]
    }

    /// Settles with nothing but a verb.
    pub(crate) async fn end(&self, worker: &str, job: &Claimed, verb: Verb) -> Settled {
        self.settle(worker, settlement(job, verb)).await
    }

    /// Brings the one waiting job to `submitting`.
    pub(crate) async fn submitting(&self, worker: &str, lease: Duration) -> Claimed {
        let job = self.claim_for(worker, 1, lease).await.jobs.pop().unwrap();
        assert_eq!(self.try_begin(worker, &job, lease).await.unwrap(), Begun::Yes);
        job
    }

    /// Brings the one waiting job to `generating`, with a look due at once.
    pub(crate) async fn generating(&self, worker: &str, generation_id: &str) -> Claimed {
        let job = self.submitting(worker, LONG).await;
        assert_eq!(
            self.record(worker, &job, generation_id).await,
            Recorded::Generating
        );
        job
    }
}

/// A connection for bare commands.
pub(crate) async fn bare(redis: &Redis) -> MultiplexedConnection {
    let client = redis::Client::open(redis.url()).unwrap();
    let config = redis::AsyncConnectionConfig::new().set_response_timeout(Some(SOON));
    client
        .get_multiplexed_async_connection_with_config(&config)
        .await
        .unwrap()
}

/// A queue of this name.
pub(crate) fn queue_at(redis: &Redis, name: &str, policy: Policy) -> Queue {
    let settings = LinkSettings {
        url: redis.url(),
        tls_ca: None,
        connect_timeout: SOON,
        response_timeout: SOON,
    };
    let keys = Keys::new(&QueueName::new("gammaq").unwrap(), &QueueName::new(name).unwrap());
    Queue::new(Link::new(settings).unwrap().into(), keys, policy)
}

/// An entry as intake judges it.
pub(crate) fn item(entry: &InboxEntry, account_known: bool) -> AcceptItem {
    AcceptItem {
        entry_id: entry.id.clone(),
        judged: judge(&Entry {
            entry_id: &entry.id,
            fields: &entry.slices(),
        }),
        account_known,
    }
}

/// All of what `worker` may ask for, one job of it.
pub(crate) fn asking(worker: &str) -> ClaimRequest<'_> {
    ClaimRequest {
        worker,
        want: 1,
        lease: LONG,
        on_ambiguous: OnAmbiguous::Park,
        spread: Duration::ZERO,
        looks: usize::MAX,
        submits: usize::MAX,
        not_after: u64::MAX,
        foreign: &[],
    }
}

pub(crate) const SETTLE: SettlePolicy = SettlePolicy {
    keep_requests: false,
    pause_first: millis(5_000),
    pause_most: millis(300_000),
    spread: Duration::ZERO,
    late_interval: LONG,
    late_for: LONG,
    kept_for: LONG,
};

pub(crate) fn settlement(job: &Claimed, verb: Verb) -> Settlement {
    Settlement {
        id: job.id.clone(),
        fence: job.fence,
        verb,
        probe: Probe::None,
        pause: None,
        jitter: 0.0,
        note: String::new(),
        fields: Vec::new(),
        account_fields: Vec::new(),
    }
}

/// A 429: with `Retry-After`, or without.
pub(crate) fn limited(job: &Claimed, verb: Verb, fixed: Option<Duration>) -> Settlement {
    let pause = Some(Pause {
        reason: "rate_limited",
        fixed,
    });
    Settlement {
        pause,
        ..settlement(job, verb)
    }
}

pub(crate) fn error_field(kind: ErrorKind) -> (&'static str, String) {
    ("error", JobError::new(kind, "said so").to_json())
}

/// What the submit of `job` brought, looked at for the first time at once.
pub(crate) fn generation<'a>(job: &'a Claimed, generation_id: &'a str) -> Generation<'a> {
    Generation {
        id: &job.id,
        fence: job.fence,
        generation_id,
        first_look: Duration::ZERO,
        timeout: LONG,
        probe: job.probe,
        account: &job.account,
        slot: &job.slot,
        kept: Some(Duration::ZERO),
        fields: &[],
    }
}

pub(crate) fn ids(jobs: &[Claimed]) -> Vec<&str> {
    jobs.iter().map(|job| job.id.as_str()).collect()
}
