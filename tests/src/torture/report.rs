//! The figures of a run.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use gammaq_testkit::{Process, gammaq_bin};

use super::crew::{LEASE, REQUEST_TIMEOUT, Tally};
use super::judge::{self, Facts, Fullest, Verdict};
use super::orders::ACCOUNTS;
use super::recovery::{self, Samples};
use super::scene::Scene;
use super::settle::{self, Settled};
use super::traces::Traces;
use super::{breakers, evidence};

/// What a run came to.
#[derive(Debug, Clone)]
pub struct Report {
    pub(super) when: SystemTime,
    pub(super) length: Duration,
    pub(super) seed: u64,
    pub(super) workers: usize,
    /// `gammaq --version`.
    pub(super) version: String,
    /// The directory that the binary lies in: `release` or `debug`.
    pub(super) profile: String,
    pub(super) server: String,
    pub(super) cores: usize,
    pub(super) settled: Settled,
    pub(super) tally: Tally,
    pub(super) leftovers: Vec<String>,
    /// What was found by comparing the ledger with Redis.
    pub verdict: Verdict,
    /// Faults by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Jobs that callers sent.
    pub jobs: usize,
    /// Those of them whose append was acknowledged.
    pub acknowledged: usize,
    /// POSTs that the fake saw, and accepted.
    pub posts: [usize; 2],
    pub(super) polls: usize,
    pub(super) started: usize,
    pub(super) windows: Vec<Fullest>,
    pub(super) samples: Samples,
    traces: Traces,
}

impl Report {
    /// Everything that breaks the promise; nothing, as it should be.
    pub fn violations(&self) -> Vec<String> {
        let mut all = self.verdict.violations();
        all.extend(self.tally.misbehaved.iter().cloned());
        all.extend(self.leftovers.iter().map(|it| format!("left over: {it}")));
        let left = self.settled.left.iter();
        all.extend(left.map(|it| format!("left to do after {:?}: {it}", self.settled.took)));
        all
    }

    /// Writes everything that was known into a directory, and says which: for looking into what was found.
    ///
    /// # Errors
    ///
    /// It can't be written.
    pub fn keep_traces(&self) -> io::Result<PathBuf> {
        self.traces.keep(self.seed)
    }

    /// Workers killed by SIGKILL.
    pub fn kills(&self) -> u64 {
        self.faults.get(breakers::KILLED).copied().unwrap_or(0)
    }
}

/// Reads Redis and the ledger, and has them compared.
pub(super) async fn draw_up(scene: &Scene, settled: Settled) -> Report {
    let evidence = evidence::gather(&scene.stage.redis).await;
    let ledger = scene.stage.ledger().await;
    let mut windows = Vec::new();
    for account in &ACCOUNTS {
        let summary = settle::summary(&scene.stage, account).await;
        windows.push(Fullest {
            account: account.name.to_owned(),
            limit: u64::from(account.limit),
            window_ms: account.window_ms,
            most: summary.max_in_window,
        });
    }
    let faults = scene.diary.faults();
    let starts = scene.diary.starts();
    let sent = scene.sender.sent();
    let posts = [ledger.posts.len(), ledger.generations.len()];
    let polls = ledger.generations.iter().map(|made| made.polls.len()).sum();
    let verdict = judge::judge(&Facts {
        sent: &sent,
        records: &evidence.records,
        events: &evidence.events,
        ledger: &ledger,
        windows: &windows,
        faults: &faults,
        request_timeout_ms: u64::try_from(REQUEST_TIMEOUT.as_millis()).unwrap_or(u64::MAX),
    });
    let binary = gammaq_bin();
    let version = Process::builder(&binary)
        .arg("--version")
        .run(Duration::from_secs(30))
        .await;
    Report {
        when: SystemTime::now(),
        length: scene.plan.length,
        seed: scene.plan.seed,
        workers: scene.plan.workers,
        version: version.stdout.trim().to_owned(),
        profile: binary
            .parent()
            .and_then(|directory| directory.file_name())
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default(),
        server: evidence.server,
        cores: std::thread::available_parallelism().map_or(0, usize::from),
        settled,
        tally: scene.crew.tally(),
        leftovers: evidence.leftovers,
        verdict,
        faults: scene.diary.counts(),
        jobs: sent.len(),
        acknowledged: sent.iter().filter(|sent| sent.job.is_some()).count(),
        posts,
        polls,
        started: starts.len(),
        samples: recovery::measure(&faults, &starts, &evidence.events),
        windows,
        traces: Traces {
            sent,
            records: evidence.records,
            events: evidence.events,
            faults,
            starts,
            ledger,
            logs: scene.crew.logs(),
        },
    }
}

/// The lease and the request timeout that workers have in a run: what recovery after a kill depends on.
pub(super) const SETTINGS: [Duration; 2] = [LEASE, REQUEST_TIMEOUT];
