//! The same lifecycle on other queues, each done as its documentation has it; `peers/` holds their programs.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gammaq_testkit::{Process, ProcessBuilder};
use tokio::time::sleep;

use crate::Options;
use crate::figures::Case;
use crate::rig::{READY_WITHIN, Rig, request};
use crate::usage::Moment;
use crate::workloads::lifecycle::{self, PAUSE, PENDING, within};

const NAME: &str = "peers";
const INTERVAL: Duration = Duration::from_secs(1);

/// A queue that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Peer {
    Gammaq,
    ApalisRedis,
    Bullmq,
    BullmqOfficial,
}

impl Peer {
    /// What the others are compared with comes first.
    pub(crate) const ALL: [Self; 4] = [
        Self::Gammaq,
        Self::ApalisRedis,
        Self::Bullmq,
        Self::BullmqOfficial,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gammaq => "gammaq",
            Self::ApalisRedis => "apalis-redis 1.0.0",
            Self::Bullmq => "BullMQ 6.7.0 (Node)",
            Self::BullmqOfficial => "bullmq-official 1.4.4 (Rust)",
        }
    }

    /// Whether the measurement goes on without it for a while. What is ours may not.
    pub(crate) fn may_stick(self) -> bool {
        self != Self::Gammaq
    }

    /// Its program, and the words before its command.
    fn program(self, programs: &Path) -> Result<ProcessBuilder, String> {
        let (program, script) = match self {
            Self::Gammaq => return Err("gammaq is no peer of itself".to_owned()),
            Self::ApalisRedis => (programs.join("rust/release/apalis-peer"), None),
            Self::BullmqOfficial => (programs.join("rust/release/bullmq-peer"), None),
            Self::Bullmq => (PathBuf::from("node"), Some(programs.join("bullmq/peer.mjs"))),
        };
        let needed = script.as_ref().unwrap_or(&program);
        if !needed.is_file() {
            return Err(format!(
                "{} is not there: `make bench-peers` makes it",
                needed.display()
            ));
        }
        Ok(Process::builder(program).name(self.name()).args(script))
    }
}

pub(crate) async fn run(peer: Peer, programs: PathBuf, options: Options) -> Result<Case, String> {
    let rig = Rig::start(options.aof.redis()).await?;
    let jobs = options.scaled(2_000);
    let mut case = match peer {
        Peer::Gammaq => lifecycle::burst(&options, rig, jobs, NAME, "").await?,
        _ => other(peer, &programs, &options, rig, jobs).await?,
    };
    peer.name().clone_into(&mut case.name);
    Ok(case)
}

async fn other(
    peer: Peer,
    programs: &Path,
    options: &Options,
    mut rig: Rig,
    jobs: usize,
) -> Result<Case, String> {
    rig.fake.reset(INTERVAL, Some(PENDING)).await?;
    let set = |builder: ProcessBuilder| {
        builder
            .env("REDIS_URL", rig.redis.url())
            .env("GAMMA_URL", rig.fake.url())
            .env("INTERVAL_MS", INTERVAL.as_millis().to_string())
            .env("CONCURRENCY", options.concurrency.to_string())
    };
    let worker = set(peer.program(programs)?).arg("work").spawn();
    worker.wait_line("ready", READY_WITHIN).await;
    sleep(PAUSE).await;
    let before = Moment::look(worker.pid(), &mut rig.resp).await?;
    let file = rig.dir().join("requests");
    let mut lines = String::new();
    for n in 0..jobs {
        // Writing to a string can't fail.
        let _ = writeln!(lines, "{}", request(n));
    }
    std::fs::write(&file, lines).map_err(|error| format!("{}: {error}", file.display()))?;
    // Whoever enqueues is a process of its own: its processor time is not the worker's.
    let enqueue = set(peer.program(programs)?).arg("enqueue").arg(&file);
    let done = enqueue.run(within(jobs)).await;
    if !done.status.success() {
        return Err(format!("enqueueing: {}\n{}", done.status, done.stderr));
    }
    let case = lifecycle::follow(&mut rig, &worker, Case::new(NAME, ""), jobs, &before).await?;
    if let Some(status) = worker.try_wait() {
        return Err(format!("its worker ended: {status}"));
    }
    Ok(case)
}

/// What gammaq took in the same round, as a part of what each other took.
pub(crate) fn add_ratios(cases: &mut [Case]) {
    let mut own: Option<Case> = None;
    for case in cases {
        if case.name == Peer::Gammaq.name() {
            own = Some(case.clone());
            continue;
        }
        for (ratio, figure) in [("worker_ratio", "worker_step"), ("redis_ratio", "redis_step")] {
            let own = own.as_ref().and_then(|it| it.get(figure));
            if let (Some(own), Some(other)) = (own, case.get(figure)) {
                case.add(ratio, own / other.max(0.001));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_called_by_the_versions_that_are_measured() {
        let (node, rust) = (
            include_str!("../peers/bullmq/package.json"),
            include_str!("../peers/rust/Cargo.toml"),
        );
        for (peer, manifest, name) in [
            (Peer::Bullmq, node, "\"bullmq\": \""),
            (Peer::ApalisRedis, rust, "apalis-redis = \"="),
            (Peer::BullmqOfficial, rust, "bullmq-official = \"="),
        ] {
            let version = manifest.split(name).nth(1).unwrap().split('"').next().unwrap();
            assert!(peer.name().contains(version), "{peer:?}: {version}");
        }
    }

    #[test]
    fn ratios_are_those_of_a_round() {
        let round = |own, other| {
            [
                Case::new(NAME, "gammaq").with("worker_step", own),
                Case::new(NAME, "another").with("worker_step", other),
            ]
        };
        let mut cases = [round(10.0, 40.0), round(30.0, 40.0)].concat();
        add_ratios(&mut cases);
        assert_eq!(cases[1].get("worker_ratio"), Some(0.25));
        assert_eq!(cases[3].get("worker_ratio"), Some(0.75));
        assert_eq!(cases[0].get("worker_ratio"), None);
    }
}
