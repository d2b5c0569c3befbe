//! The stage of the end-to-end tests: a private Redis, the fake Gamma in a process of its own, and as many workers
//! as a test wants, all of them the real binary. What callers and operators do is done with `redis-cli`.

#![expect(clippy::expect_used, reason = "a stage that can't be set up ends its test")]

pub mod admin;
pub mod browser;
mod caller;
pub mod dashboard;
pub mod figures;
mod files;
pub mod finished;
pub mod receiver;
pub mod torture;

use std::sync::Arc;
use std::time::Duration;

pub use caller::{Appended, append_until};
use gammaq_fake::ledger::Ledger;
use gammaq_testkit::{Process, ProcessBuilder, Proxy, Redis, eventually, gammaq_bin};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Long enough for anything on a busy machine; a test that waits for so long has failed.
pub const PATIENCE: Duration = Duration::from_secs(40);
/// The API key of the account `default`.
pub const KEY: &str = "sk-gamma-stage-default";

/// Which version of Redis the server is, or says to be compatible with: major and minor.
pub async fn version(redis: &Redis) -> (u32, u32) {
    let server = redis.cli(&["INFO", "server"]).await;
    let version = server
        .lines()
        .find_map(|line| line.strip_prefix("redis_version:"));
    let mut numbers = version
        .unwrap_or_default()
        .split('.')
        .map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// What a test plays on.
#[derive(Debug)]
pub struct Stage {
    /// The private Redis, or the one of several that `redis-cli` asks.
    pub redis: Arc<Redis>,
    /// The fake Gamma.
    pub fake: Process,
    fake_address: String,
    queue: String,
}

impl Stage {
    /// A stage whose Redis and fake have their defaults; `fake` are more flags for the fake.
    pub async fn start(fake: &[&str]) -> Self {
        Self::on(Redis::start().await, fake).await
    }

    /// A stage on this Redis.
    pub async fn on(redis: impl Into<Arc<Redis>>, flags: &[&str]) -> Self {
        Self::for_queue("main", redis, flags).await
    }

    /// The same for a queue of this name; its workers are told it.
    pub async fn for_queue(queue: &str, redis: impl Into<Arc<Redis>>, flags: &[&str]) -> Self {
        let fake = Process::builder(gammaq_bin())
            .name("fake-gamma")
            .args(["fake-gamma", "--listen", "127.0.0.1:0", "--limit", "0"])
            // A test that cares for the seed brings its own.
            .args(if flags.contains(&"--seed") {
                &[][..]
            } else {
                &["--seed", "7"]
            })
            .args(flags)
            .spawn();
        let line = fake.wait_line("fake-gamma listening on http://", PATIENCE).await;
        let fake_address = line
            .rsplit("http://")
            .next()
            .unwrap_or_default()
            .trim()
            .to_owned();
        Self {
            redis: redis.into(),
            fake,
            fake_address,
            queue: queue.to_owned(),
        }
    }

    /// `127.0.0.1:<port>` of the fake: what a [`Proxy`] in front of it needs.
    pub fn fake_address(&self) -> &str {
        &self.fake_address
    }

    /// Starts a worker and waits until it is ready. `settings` are environment variables without `GAMMAQ__`.
    pub async fn worker(&self, name: &str, settings: &[(&str, &str)]) -> Process {
        self.worker_at(name, &self.redis.url(), settings).await
    }

    /// The same over a proxy.
    pub async fn worker_behind(&self, name: &str, proxy: &Proxy, settings: &[(&str, &str)]) -> Process {
        self.worker_at(name, &format!("redis://{}", proxy.address()), settings)
            .await
    }

    async fn worker_at(&self, name: &str, redis: &str, settings: &[(&str, &str)]) -> Process {
        let worker = self.spawn_worker(name, redis, settings);
        worker.wait_line("the worker is ready", PATIENCE).await;
        worker
    }

    /// Starts a worker with quick settings and doesn't wait.
    pub fn spawn_worker(&self, name: &str, redis: &str, settings: &[(&str, &str)]) -> Process {
        let builder = Process::builder(gammaq_bin()).args(["worker"]);
        self.spawn_with(builder, name, redis, settings)
    }

    /// The same from a shell that runs `prepare` first: limits and signals that a process inherits.
    pub fn spawn_worker_after(&self, prepare: &str, name: &str, settings: &[(&str, &str)]) -> Process {
        let builder = Process::builder("bash")
            .args(["-c", &format!("{prepare}; exec \"$0\" \"$@\"")])
            .arg(gammaq_bin())
            .arg("worker");
        self.spawn_with(builder, name, &self.redis.url(), settings)
    }

    fn spawn_with(
        &self,
        builder: ProcessBuilder,
        name: &str,
        redis: &str,
        settings: &[(&str, &str)],
    ) -> Process {
        let mut builder = builder
            .name(name)
            .env("REDIS_URL", redis)
            .env("GAMMA_API_KEY", KEY)
            .env("GAMMAQ__REDIS__QUEUE", &self.queue)
            .env("GAMMAQ__GAMMA__BASE_URL", format!("http://{}", self.fake_address))
            .env("GAMMAQ__GAMMA__CONNECT_TIMEOUT", "300ms")
            .env("GAMMAQ__GAMMA__REQUEST_TIMEOUT", "1s")
            .env("GAMMAQ__WORKER__LEASE", "3s")
            .env("GAMMAQ__POLL__INTERVAL", "100ms")
            .env("GAMMAQ__POLL__SLOW_INTERVAL", "300ms")
            .env("GAMMAQ__ACCOUNTS__DEFAULT__LIMIT", "1000")
            .env("GAMMAQ__ADMIN__LISTEN", "off")
            .env("GAMMAQ__LOG__FILTER", "trace");
        for (key, value) in settings {
            builder = builder.env(format!("GAMMAQ__{key}"), value);
        }
        builder.spawn()
    }

    /// A key of the queue.
    pub fn key(&self, name: &str) -> String {
        format!("gammaq:{{{}}}:{name}", self.queue)
    }

    /// What a caller does: one XADD through `redis-cli`.
    pub async fn xadd(&self, fields: &[(&str, &str)]) -> String {
        let inbox = self.key("inbox");
        let mut args = vec!["XADD", &inbox, "*"];
        args.extend(fields.iter().flat_map(|(name, value)| [*name, *value]));
        self.redis.cli(&args).await.trim().trim_matches('"').to_owned()
    }

    /// A job with this id and text.
    pub async fn submit(&self, id: &str, text: &str) {
        let request =
            serde_json::json!({ "inputText": text, "title": id, "textMode": "generate" }).to_string();
        self.xadd(&[("id", id), ("request", &request)]).await;
    }

    /// One field of a job's record; empty where it is missing.
    pub async fn field(&self, id: &str, name: &str) -> String {
        self.redis
            .cli(&["HGET", &self.key(&format!("job:{id}")), name])
            .await
            .trim()
            .to_owned()
    }

    /// Waits until the job is in `state`.
    pub async fn until(&self, id: &str, state: &str) {
        let what = format!("{id} is {state}");
        eventually(PATIENCE, &what, || async {
            let seen = self.field(id, "state").await;
            if seen == state {
                Ok(())
            } else {
                Err(format!("{seen}: {}", self.field(id, "last_error").await))
            }
        })
        .await;
    }

    /// The job's result.
    pub async fn result(&self, id: &str) -> Value {
        let text = self.redis.cli(&["GET", &self.key(&format!("result:{id}"))]).await;
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// A command of Redis on a key of the queue, as a number.
    pub async fn number(&self, command: &str, key: &str) -> u64 {
        let text = self.redis.cli(&[command, &self.key(key)]).await;
        text.trim().parse().unwrap_or(0)
    }

    /// Waits until so many jobs stand in an index such as `completed`.
    pub async fn until_count(&self, index: &str, count: u64) {
        eventually(PATIENCE * 3, &format!("{count} jobs are {index}"), || async {
            let seen = self.number("ZCARD", index).await;
            if seen >= count { Ok(()) } else { Err(seen) }
        })
        .await;
    }

    /// What the fake saw.
    pub async fn ledger(&self) -> Ledger {
        serde_json::from_str(&self.ask_fake("GET", "/_fake/ledger", "").await)
            .expect("the fake answers with a ledger")
    }

    /// Asks the fake something; answers the body.
    pub async fn ask_fake(&self, method: &str, path: &str, body: &str) -> String {
        self.ask_fake_as("", method, path, body).await
    }

    /// Sends the fake a request for a generation with this title, past every worker.
    pub async fn post_to_fake(&self, key: &str, title: &str) {
        let body = serde_json::json!({ "inputText": title, "title": title }).to_string();
        self.ask_fake_as(key, "POST", "/v1.0/generations", &body).await;
    }

    /// The same with this API key.
    pub async fn ask_fake_as(&self, key: &str, method: &str, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.fake_address)
            .await
            .expect("the fake listens");
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: fake\r\nconnection: close\r\ncontent-type: application/json\r\n\
             x-api-key: {key}\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream
            .write_all(request.as_bytes())
            .await
            .expect("the fake reads");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("the fake answers");
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
        assert!(head.starts_with("HTTP/1.1 2"), "{head}\n{body}");
        body.to_owned()
    }

    /// Asserts what holds after every test: nothing was paid for twice, every generation is on a record, and nothing
    /// of the queue's insides is left over. `parked` jobs may have a generation that nobody recorded.
    pub async fn assert_honest(&self, jobs: u64, parked: &[&str]) {
        let ledger = self.ledger().await;
        let mut titles = std::collections::BTreeMap::new();
        for generation in &ledger.generations {
            let title = generation.title.clone().unwrap_or_default();
            *titles.entry(title.clone()).or_insert(0_u32) += 1;
            let recorded = self.field(&title, "generation_id").await;
            assert!(
                recorded == generation.generation_id || parked.contains(&title.as_str()),
                "{title}: the fake made {}, the record has {recorded:?}",
                generation.generation_id
            );
        }
        let twice: Vec<_> = titles.iter().filter(|(_, count)| **count > 1).collect();
        assert!(twice.is_empty(), "paid for twice: {twice:?}");
        let mut ended = 0;
        for index in ["completed", "failed", "timed_out", "ambiguous", "cancelled"] {
            ended += self.number("ZCARD", index).await;
        }
        assert_eq!(ended, jobs, "jobs at an end");
        for (command, key) in [
            ("XLEN", "inbox"),
            ("ZCARD", "due"),
            ("ZCARD", "pending:default"),
            ("ZCARD", "accounts"),
        ] {
            // An account leaves the list at the claim after its last job.
            eventually(PATIENCE, &format!("{key} is empty"), || async {
                let left = self.number(command, key).await;
                if left == 0 { Ok(()) } else { Err(left) }
            })
            .await;
        }
    }

    /// Waits until nothing that was appended is on its way any more, and asserts that everything that Redis
    /// acknowledged became a job that ended or is parked, and that the rest is honest too.
    pub async fn assert_all_kept(&self, appended: &Appended) {
        let (mut jobs, mut parked) = (0, Vec::new());
        for id in appended.acknowledged.iter().chain(&appended.unknown) {
            let promised = appended.acknowledged.contains(id);
            eventually(PATIENCE * 3, &format!("{id} ends"), || async {
                let state = self.field(id, "state").await;
                if ["completed", "ambiguous"].contains(&&*state) || (state.is_empty() && !promised) {
                    Ok(())
                } else {
                    Err(state)
                }
            })
            .await;
            match &*self.field(id, "state").await {
                "" => continue,
                "ambiguous" => parked.push(id.as_str()),
                _ => {}
            }
            jobs += 1;
        }
        self.assert_honest(jobs, &parked).await;
        // Workers lived on, so whoever got Gamma's answer was there to record it.
        assert!(parked.is_empty(), "parked: {parked:?}");
    }

    /// Asserts that no secret stands in any of these processes' output: keys, prompts, export links.
    pub fn assert_silent(&self, processes: &[&Process], secrets: &[&str]) {
        for process in processes {
            for line in process.lines() {
                for secret in secrets.iter().chain(&[KEY, "/export/"]) {
                    assert!(!line.contains(secret), "{secret} stands in a log line: {line}");
                }
            }
        }
    }
}
