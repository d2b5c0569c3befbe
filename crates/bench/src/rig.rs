//! What a workload runs on: a Redis of its own, the fake, and the worker that is measured, each a process.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gammaq_job::{Kind, QueueName};
use gammaq_producer::{NewJob, Producer, ProducerSettings};
use gammaq_queue::{Keys, Link, LinkSettings, Policy, Queue};
use gammaq_testkit::{Process, Redis, RedisBuilder, gammaq_bin};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::fake::Fake;
use crate::resp::Resp;

/// How large the request of each job is, in bytes.
pub(crate) const PAYLOAD: usize = 1024;
/// Ample for a start while both cores are busy.
pub(crate) const READY_WITHIN: Duration = Duration::from_secs(60);
/// What an account may start in an hour, as Gamma allows.
pub(crate) const BUDGET: usize = 50;
/// For any answer of Redis.
const PATIENCE: Duration = Duration::from_secs(60);

/// How Redis keeps what it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Aof {
    Off,
    Everysec,
    Always,
}

impl Aof {
    pub(crate) fn redis(self) -> RedisBuilder {
        let builder = Redis::builder();
        match self {
            Self::Off => builder,
            Self::Everysec => builder
                .config("appendonly", "yes")
                .config("appendfsync", "everysec"),
            Self::Always => builder.aof_always(),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) redis: Arc<Redis>,
    pub(crate) fake: Fake,
    pub(crate) resp: Resp,
    dir: TempDir,
}

impl Rig {
    pub(crate) async fn start(redis: RedisBuilder) -> Result<Self, String> {
        Self::with(Fake::start().await?, redis).await
    }

    pub(crate) async fn with(fake: Fake, redis: RedisBuilder) -> Result<Self, String> {
        let redis = Arc::new(redis.start().await);
        let dir = tempfile::Builder::new()
            .prefix("gammaq-bench-")
            .tempdir()
            .map_err(|error| format!("no directory for settings: {error}"))?;
        Ok(Self {
            fake,
            resp: Resp::connect(redis.port()).await?,
            redis,
            dir,
        })
    }

    /// Starts the worker, with so many accounts and these lines of settings; answers when it is ready.
    pub(crate) async fn worker(
        &self,
        name: &str,
        accounts: &Accounts,
        more: &str,
    ) -> Result<Process, String> {
        let worker = self.spawn_worker(name, accounts, more)?;
        worker.wait_line("the worker is ready", READY_WITHIN).await;
        Ok(worker)
    }

    pub(crate) fn spawn_worker(
        &self,
        name: &str,
        accounts: &Accounts,
        more: &str,
    ) -> Result<Process, String> {
        let path = self.settings(name, accounts, more)?;
        let worker = Process::builder(gammaq_bin())
            .name(name)
            .arg("worker")
            .arg("--config")
            .arg(path)
            .current_dir(self.dir.path());
        Ok(self.fake.trusted_by(worker).spawn())
    }

    /// Starts a worker with a Gamma of its own, which is the rig's from now on.
    pub(crate) async fn worker_with_gamma(
        &mut self,
        accounts: &Accounts,
        more: &str,
    ) -> Result<Process, String> {
        let path = self.settings("worker", accounts, more)?;
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let worker = Process::builder(program)
            .name("worker")
            .arg("inner")
            .arg(path)
            .current_dir(self.dir.path())
            .spawn();
        self.fake = Fake::within(&worker).await;
        worker.wait_line("the worker is ready", READY_WITHIN).await;
        Ok(worker)
    }

    /// A directory that goes with the rig.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    fn settings(&self, name: &str, accounts: &Accounts, more: &str) -> Result<PathBuf, String> {
        let mut text = format!(
            "redis.url = \"{}\"\ngamma.base_url = \"{}\"\n{more}\n",
            self.redis.url(),
            self.fake.url()
        );
        if !more.contains("admin.") {
            text.push_str("admin.listen = \"off\"\n");
        }
        for n in 0..accounts.count {
            // Writing to a string can't fail.
            let _ = writeln!(
                text,
                "[accounts.{}]\napi_key = \"sk-gamma-bench-{n}\"\nlimit = {}",
                accounts.name(n),
                accounts.limit
            );
        }
        let path = self.dir.path().join(format!("{name}.toml"));
        // Keys are in it, even if of a fake: a worker warns of each that everybody can read.
        let written = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(path)
    }

    pub(crate) async fn producer(&self) -> Result<Producer, String> {
        let settings = ProducerSettings {
            url: self.redis.url(),
            connect_timeout: PATIENCE,
            response_timeout: PATIENCE,
            ..ProducerSettings::default()
        };
        Producer::connect(settings)
            .await
            .map_err(|error| error.to_string())
    }

    /// The queue itself, as a worker has it.
    pub(crate) fn queue(&self) -> Result<Queue, String> {
        let link = Link::new(LinkSettings {
            url: self.redis.url(),
            tls_ca: None,
            connect_timeout: PATIENCE,
            response_timeout: PATIENCE,
        });
        let name = |text: &str| QueueName::new(text).map_err(|error| error.to_string());
        let keys = Keys::new(&name("gammaq")?, &name("main")?);
        let link = link.map_err(|error| error.to_string())?;
        Ok(Queue::new(link.into(), keys, Policy::default()))
    }

    /// Appends jobs to the inbox, each account its share of them.
    pub(crate) async fn enqueue(&self, jobs: usize, accounts: &Accounts) -> Result<(), String> {
        append(&self.producer().await?, accounts.jobs(jobs)).await
    }

    /// Waits until a command's number is at least `wanted`.
    pub(crate) async fn until_number(
        &mut self,
        words: &[&str],
        wanted: u64,
        within: Duration,
    ) -> Result<(), String> {
        let end = Instant::now() + within;
        loop {
            let seen = self.resp.number(words).await?;
            if seen >= wanted {
                return Ok(());
            }
            if Instant::now() >= end {
                return Err(format!(
                    "not within {within:?}: {words:?} is {wanted}, it is {seen}"
                ));
            }
            sleep(Duration::from_millis(10)).await;
        }
    }
}

/// So many accounts with this limit an hour.
#[derive(Debug, Clone)]
pub(crate) struct Accounts {
    pub(crate) count: usize,
    pub(crate) limit: usize,
}

impl Accounts {
    /// As many accounts with Gamma's budget as so many jobs fill.
    pub(crate) fn for_jobs(jobs: usize) -> Self {
        Self {
            count: jobs.div_ceil(BUDGET).max(1),
            limit: BUDGET,
        }
    }

    pub(crate) fn name(&self, n: usize) -> String {
        format!("a{n:05}")
    }

    /// So many jobs, each account its share of them.
    pub(crate) fn jobs(&self, jobs: usize) -> Vec<NewJob> {
        (0..jobs).map(|n| job(n, &self.name(n % self.count))).collect()
    }
}

pub(crate) async fn append(producer: &Producer, jobs: Vec<NewJob>) -> Result<(), String> {
    let ids = producer.enqueue_many(jobs).await;
    ids.map(drop).map_err(|interrupted| interrupted.error.to_string())
}

/// Job number `n`: its request has exactly [`PAYLOAD`] bytes and names it.
pub(crate) fn job(n: usize, account: &str) -> NewJob {
    NewJob::raw(Kind::Generation, request(n))
        .id(format!("job-{n:07}"))
        .account(account)
}

pub(crate) fn request(n: usize) -> String {
    let head = format!("{{\"title\":\"job-{n:07}\",\"textMode\":\"generate\",\"inputText\":\"");
    let text = "Renewable energy, its costs and what it takes to store it. ";
    let wanted = PAYLOAD.saturating_sub(head.len() + 2);
    let text: String = text.chars().cycle().take(wanted).collect();
    format!("{head}{text}\"}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_json_of_the_agreed_size() {
        for n in [0, 7, 99_999] {
            let text = request(n);
            assert_eq!(text.len(), PAYLOAD);
            assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}");
            assert!(job(n, "a00000").check().is_ok());
        }
    }
}
