//! The workers: each in a place of its own, with a proxy to Redis and one to Gamma.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gammaq_testkit::{Process, Proxy, Signal, now_ms};

use super::diary::Diary;
use super::orders::ACCOUNTS;
use super::scene::breathe;
use crate::Stage;

/// How long a POST may take, as it is set.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a worker holds a job, as it is set.
pub(super) const LEASE: Duration = Duration::from_secs(5);
/// How long a worker may finish what runs after SIGTERM, as it is set, and on top what a busy machine may take.
pub(super) const GRACE: Duration = Duration::from_secs(4);
const GRACE_SLACK: Duration = Duration::from_secs(15);
/// For the end of a process that was killed.
const GONE_WITHIN: Duration = Duration::from_secs(30);

/// A place for a worker. Who breaks the worker itself holds the lock meanwhile; links are broken without it.
#[derive(Debug)]
pub(super) struct Slot {
    number: usize,
    pub(super) redis: Proxy,
    pub(super) gamma: Proxy,
    pub(super) worker: tokio::sync::Mutex<Process>,
}

/// What became known of workers when they ended.
#[derive(Debug, Default, Clone)]
pub(super) struct Tally {
    /// Lines at level error: what they say, and how often.
    pub(super) errors: BTreeMap<String, u64>,
    /// The most memory that any of them had resident, in KiB.
    pub(super) peak_kib: u64,
    /// What no worker may do: end by itself, panic, or not end when it is told to.
    pub(super) misbehaved: Vec<String>,
}

/// All places.
#[derive(Debug)]
pub(super) struct Crew {
    pub(super) slots: Vec<Slot>,
    tally: Mutex<Tally>,
    logs: Mutex<Vec<String>>,
}

impl Crew {
    /// Starts `count` workers.
    pub(super) async fn start(stage: &Stage, diary: &Diary, count: usize) -> Self {
        let mut slots = Vec::new();
        for number in 0..count {
            let redis = Proxy::start(stage.redis.address()).await;
            let gamma = Proxy::start(stage.fake_address()).await;
            let worker = tokio::sync::Mutex::new(spawn(stage, diary, number, &redis, &gamma));
            slots.push(Slot {
                number,
                redis,
                gamma,
                worker,
            });
        }
        Self {
            slots,
            tally: Mutex::default(),
            logs: Mutex::default(),
        }
    }

    /// What is known of those that ended so far.
    pub(super) fn tally(&self) -> Tally {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn with_tally(&self, change: impl FnOnce(&mut Tally)) {
        change(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Looks at the worker: how much memory it had at the most, and whether it ended though nobody ended it.
    pub(super) fn look(&self, worker: &Process) -> bool {
        let peak = peak_kib(worker.pid()).unwrap_or(0);
        let ended = worker.try_wait();
        self.with_tally(|tally| {
            tally.peak_kib = tally.peak_kib.max(peak);
            if let Some(status) = ended {
                let last = worker.lines().pop().unwrap_or_default();
                tally
                    .misbehaved
                    .push(format!("a worker ended by itself ({status}): {last}"));
            }
        });
        ended.is_none()
    }

    /// Kills the worker of `slot`; another one has to be [`Crew::replace`]d for it.
    pub(super) async fn kill(&self, worker: &Process) {
        if self.look(worker) {
            worker.signal(Signal::KILL);
            worker.wait(GONE_WITHIN).await;
        }
    }

    /// Tells the worker to leave and waits until it has.
    pub(super) async fn drain(&self, worker: &Process) {
        if !self.look(worker) {
            return;
        }
        // One that has not said anything has no handler for the signal yet, and can't be told.
        let said = async {
            while worker.lines().is_empty() && worker.try_wait().is_none() {
                breathe().await;
            }
        };
        let _ = tokio::time::timeout(GONE_WITHIN, said).await;
        worker.signal(Signal::TERM);
        let left = tokio::time::timeout(GRACE + GRACE_SLACK, worker.wait(GONE_WITHIN)).await;
        let what = match left {
            Ok(status) if status.code() == Some(0) => return,
            Ok(status) => format!("a worker that was told to leave ended with {status}"),
            Err(_) => format!("a worker that was told to leave was there after {GRACE:?} + {GRACE_SLACK:?}"),
        };
        if worker.try_wait().is_none() {
            worker.signal(Signal::KILL);
            worker.wait(GONE_WITHIN).await;
        }
        let last = worker.lines().pop().unwrap_or_default();
        self.with_tally(|tally| tally.misbehaved.push(format!("{what}: {last}")));
    }

    /// Puts a new worker where one has ended, and reads what the old one had logged.
    pub(super) fn replace(&self, stage: &Stage, diary: &Diary, slot: &Slot, worker: &mut Process) {
        self.read_log(worker);
        *worker = spawn(stage, diary, slot.number, &slot.redis, &slot.gamma);
    }

    /// All that workers logged until they ended.
    pub(super) fn logs(&self) -> Vec<String> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts the lines at level error, and keeps them all.
    pub(super) fn read_log(&self, worker: &Process) {
        let lines = worker.lines();
        self.with_tally(|tally| {
            for line in &lines {
                if let Some(message) = error_message(line) {
                    *tally.errors.entry(message).or_default() += 1;
                }
                if line.contains("panicked at") {
                    tally.misbehaved.push(format!("a worker panicked: {line}"));
                }
            }
        });
        self.logs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(lines);
    }
}

fn spawn(stage: &Stage, diary: &Diary, number: usize, redis: &Proxy, gamma: &Proxy) -> Process {
    let mut settings = vec![
        (
            "GAMMA__BASE_URL".to_owned(),
            format!("http://{}", gamma.address()),
        ),
        (
            "GAMMA__REQUEST_TIMEOUT".to_owned(),
            format!("{}ms", REQUEST_TIMEOUT.as_millis()),
        ),
        ("WORKER__LEASE".to_owned(), format!("{}ms", LEASE.as_millis())),
        (
            "WORKER__SHUTDOWN_GRACE".to_owned(),
            format!("{}s", GRACE.as_secs()),
        ),
        ("POLL__INTERVAL".to_owned(), "250ms".to_owned()),
        ("POLL__BACKOFF_MAX".to_owned(), "2s".to_owned()),
        ("POLL__TIMEOUT".to_owned(), "15s".to_owned()),
        ("POLL__AGENT_TIMEOUT".to_owned(), "15s".to_owned()),
        ("POLL__LATE_INTERVAL".to_owned(), "1s".to_owned()),
        ("POLL__LATE_FOR".to_owned(), "3s".to_owned()),
        // The whole story is read at the end.
        ("RESULTS__EVENTS_CAP".to_owned(), "10000000".to_owned()),
        ("LOG__FILTER".to_owned(), "info".to_owned()),
        ("LOG__FORMAT".to_owned(), "json".to_owned()),
    ];
    if number % 2 == 1 {
        // Every other worker has it proven that what it records is on disk.
        settings.push(("REDIS__DURABILITY".to_owned(), "aof".to_owned()));
    }
    if number >= 2 {
        // Two of them share a journal, as the workers of one host do; what the others hold to must hold without.
        let journal = stage.redis.dir().join("journal");
        std::fs::create_dir_all(&journal).expect("a directory for the journal");
        settings.push(("SUBMIT__JOURNAL".to_owned(), journal.display().to_string()));
    }
    for account in &ACCOUNTS {
        let name = account.name.to_uppercase();
        settings.extend([
            (format!("ACCOUNTS__{name}__API_KEY"), account.key.to_owned()),
            (format!("ACCOUNTS__{name}__LIMIT"), account.limit.to_string()),
            (
                format!("ACCOUNTS__{name}__WINDOW"),
                format!("{}ms", account.window_ms),
            ),
        ]);
    }
    let settings: Vec<(&str, &str)> = settings.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let at = now_ms();
    let worker = stage.spawn_worker(
        &format!("worker-{number}"),
        &format!("redis://{}", redis.address()),
        &settings,
    );
    diary.started(worker.pid(), at);
    worker
}

/// What a log line at level error says, without what differs from one to the next.
fn error_message(line: &str) -> Option<String> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    if line["level"] != "ERROR" {
        return None;
    }
    Some(line["message"].as_str().unwrap_or("without a message").to_owned())
}

fn peak_kib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
