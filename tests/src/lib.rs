//! The stage of the end-to-end tests: a private Redis, the fake Gamma in a process of its own, and as many workers
//! as a test wants, all of them the real binary. What callers and operators do is done with `redis-cli`.

#![expect(clippy::expect_used, reason = "a stage that can't be set up ends its test")]

use std::time::Duration;

use gammaq_fake::ledger::Ledger;
use gammaq_testkit::{Process, Proxy, Redis, eventually, gammaq_bin};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Long enough for anything on a busy machine; a test that waits for so long has failed.
pub const PATIENCE: Duration = Duration::from_secs(40);
/// The API key of the account `default`.
pub const KEY: &str = "sk-gamma-stage-default";

/// What a test plays on.
#[derive(Debug)]
pub struct Stage {
    /// The private Redis.
    pub redis: Redis,
    /// The fake Gamma.
    pub fake: Process,
    fake_address: String,
}

impl Stage {
    /// A stage whose Redis and fake have their defaults; `fake` are more flags for the fake.
    pub async fn start(fake: &[&str]) -> Self {
        Self::on(Redis::start().await, fake).await
    }

    /// A stage on this Redis.
    pub async fn on(redis: Redis, flags: &[&str]) -> Self {
        let fake = Process::builder(gammaq_bin())
            .name("fake-gamma")
            .args([
                "fake-gamma",
                "--listen",
                "127.0.0.1:0",
                "--limit",
                "0",
                "--seed",
                "7",
            ])
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
            redis,
            fake,
            fake_address,
        }
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
        let mut builder = Process::builder(gammaq_bin())
            .name(name)
            .args(["worker"])
            .env("REDIS_URL", redis)
            .env("GAMMA_API_KEY", KEY)
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

    /// What a caller does: one XADD through `redis-cli`.
    pub async fn xadd(&self, fields: &[(&str, &str)]) -> String {
        let mut args = vec!["XADD", "gammaq:{main}:inbox", "*"];
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
            .cli(&["HGET", &format!("gammaq:{{main}}:job:{id}"), name])
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
        let text = self
            .redis
            .cli(&["GET", &format!("gammaq:{{main}}:result:{id}")])
            .await;
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// A command of Redis on a key of the queue, as a number.
    pub async fn number(&self, command: &str, key: &str) -> u64 {
        let text = self
            .redis
            .cli(&[command, &format!("gammaq:{{main}}:{key}")])
            .await;
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
        let mut stream = TcpStream::connect(&self.fake_address)
            .await
            .expect("the fake listens");
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: fake\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{body}"
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
