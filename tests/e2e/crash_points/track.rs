//! One chain of workers, each of which dies at a point, and the reckoning at its end.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::time::{Duration, Instant};

use gammaq_crash::points::Reached;
use gammaq_fake::ledger::Ledger;
use gammaq_testkit::{Process, Redis, Signal, eventually};
use gammaq_tests::{PATIENCE, Stage};
use serde_json::Value;
use tempfile::TempDir;

/// Jobs of a round.
const JOBS: usize = 3;

/// One chain of workers, on a stage of its own.
pub(super) struct Track {
    pub(super) stage: Stage,
    journal: Option<TempDir>,
    settings: Vec<(&'static str, String)>,
    random: u64,
    round: usize,
    jobs: Vec<String>,
}

/// When at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    Before,
    Within,
    After,
}

impl Moment {
    /// How it is written behind a point's name.
    pub(super) fn mark(self) -> &'static str {
        match self {
            Self::Before => "",
            Self::Within => "~",
            Self::After => "+",
        }
    }
}

impl Track {
    pub(super) async fn start(
        redis: Redis,
        journal: bool,
        settings: &[(&'static str, &str)],
        random: u64,
    ) -> Self {
        let mut settings: Vec<_> = settings.iter().map(|(k, v)| (*k, (*v).to_owned())).collect();
        let journal = journal.then(|| TempDir::new().unwrap());
        if let Some(directory) = &journal {
            settings.push(("SUBMIT__JOURNAL", directory.path().display().to_string()));
        }
        settings.push(("LOG__FILTER", "info".to_owned()));
        Self {
            stage: Stage::on(redis, &["--generation-time", "300ms"]).await,
            journal,
            settings,
            random,
            round: 0,
            jobs: Vec::new(),
        }
    }

    pub(super) fn draw(&mut self, below: u64) -> u64 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % below
    }

    pub(super) fn settings(&self) -> Vec<(&str, &str)> {
        self.settings
            .iter()
            .map(|(key, value)| (*key, value.as_str()))
            .collect()
    }

    pub(super) fn victim(&self, point: &str) -> Process {
        let prepare = format!("export GAMMAQ_CRASH_AT='{point}'");
        self.stage
            .spawn_worker_after(&prepare, &format!("victim-of-{point}"), &self.settings())
    }

    pub(super) fn job(&mut self, kind: &str) -> String {
        let id = format!("{kind}-{}", self.jobs.len());
        self.jobs.push(id.clone());
        id
    }

    /// Waits until something is so, or the victim is dead already: work left over by others may have led it there.
    async fn unless_dead(&self, victim: &Process, what: &str, seen: impl Fn(&Ledger) -> bool) {
        eventually(PATIENCE, what, || async {
            victim.try_wait().is_some() || seen(&self.stage.ledger().await)
        })
        .await;
    }

    /// One worker's life and death.
    pub(super) async fn die_at(&mut self, name: &str, reached: Reached, moment: Moment) {
        self.round += 1;
        let reached = if name == "post_gate" && moment == Moment::After {
            Reached::Silent
        } else {
            reached
        };
        let text = match reached {
            Reached::Silent | Reached::Stopped => "text [[fake:post=silent]]",
            Reached::Refused => "text [[fake:post=400]] [[fake:post=slow=500ms]]",
            Reached::WithoutRedis if name == "settle_wait" => {
                "text [[fake:poll=slow=500ms]] [[fake:time=2s]]"
            }
            Reached::WithoutRedis => "text [[fake:post=slow=500ms]]",
            Reached::Always | Reached::Journal | Reached::GoneBack | Reached::Exporting => {
                "text [[fake:post=slow=50ms]]"
            }
        };
        let mut ids = Vec::new();
        for _ in 0..JOBS {
            let id = self.job(name);
            self.stage.submit(&id, text).await;
            ids.push(id);
        }
        let arrival = if matches!(reached, Reached::Always | Reached::Journal) {
            1 + self.draw(2)
        } else {
            1
        };
        let point = format!("{name}{}:{arrival}", moment.mark());
        let begun = Instant::now();
        let victim = self.victim(&point);
        let posted = |ledger: &Ledger| ledger.posts.iter().any(|post| is_of(post.title.as_deref(), &ids));
        match reached {
            Reached::WithoutRedis => {
                // The answer is on its way: to the POST, or to a look, whose settlement then finds no Redis.
                let asked = |ledger: &Ledger| {
                    let mut made = ledger.generations.iter();
                    let looked = made.any(|it| is_of(it.title.as_deref(), &ids) && !it.polls.is_empty());
                    if name == "settle_wait" {
                        looked
                    } else {
                        posted(ledger)
                    }
                };
                self.unless_dead(&victim, "Gamma was asked", asked).await;
                self.stage.redis.kill().await;
            }
            Reached::Refused => {
                self.unless_dead(&victim, "Gamma has the request", posted).await;
                self.stage
                    .redis
                    .cli(&["SET", "gammaq:{main}:account:default", "no hash"])
                    .await;
            }
            Reached::Stopped => {
                self.unless_dead(&victim, "Gamma has the request", posted).await;
                if victim.try_wait().is_none() {
                    victim.pause().await;
                    // The stop itself: longer than a request may take.
                    tokio::time::sleep(Duration::from_millis(1_200)).await;
                    victim.resume();
                }
            }
            // The time for sending ends a moment before that for the answer: by as much as Redis took to take the
            // intent. Where that was nothing to speak of, the next job does it. And what jobs do together they may have come
            // by once: the next one comes by again.
            Reached::Silent | Reached::Always | Reached::Journal => {
                while !dies_within(&victim, Duration::from_millis(1_500)).await {
                    assert!(begun.elapsed() < PATIENCE, "{name} was not reached");
                    let id = self.job(name);
                    self.stage.submit(&id, text).await;
                }
            }
            Reached::GoneBack | Reached::Exporting => {}
        }
        bury(&victim, name).await;
        say(&format!("died at {point} after {:?}", begun.elapsed()));
        match reached {
            Reached::WithoutRedis => self.stage.redis.restart().await,
            Reached::Refused => self.mend().await,
            _ if self.draw(4) == 0 => {
                self.stage.redis.kill().await;
                self.stage.redis.restart().await;
            }
            _ => {}
        }
    }

    /// Takes the key of a wrong type away, and has looked at at once what was set aside for a minute because of it.
    async fn mend(&self) {
        let redis = &self.stage.redis;
        redis.cli(&["DEL", "gammaq:{main}:account:default"]).await;
        let hurry = "for i = 1, 2 do for _, it in ipairs(redis.call('ZRANGE', KEYS[i], 0, -1)) do \
                     redis.call('ZADD', KEYS[i], 'XX', 'LT', 1, it) end end";
        redis
            .cli(&["EVAL", hurry, "2", "gammaq:{main}:due", "gammaq:{main}:accounts"])
            .await;
    }

    /// A worker that lives ends what is left; then everything is counted.
    pub(super) async fn settle_up(self) {
        let stage = &self.stage;
        let begun = Instant::now();
        let worker = stage.worker("heir", &self.settings()).await;
        let parked = || async {
            list(
                &stage
                    .redis
                    .cli(&["ZRANGE", "gammaq:{main}:ambiguous", "0", "-1"])
                    .await,
            )
        };
        eventually(PATIENCE * 2, "all jobs end", || async {
            let completed = stage.number("ZCARD", "completed").await;
            let ended = completed + stage.number("ZCARD", "failed").await + parked().await.len() as u64;
            if ended == self.jobs.len() as u64 {
                Ok(())
            } else {
                Err((ended, self.jobs.len()))
            }
        })
        .await;
        let parked = parked().await;
        let held: Vec<&str> = parked.iter().map(String::as_str).collect();
        // At most one generation a job, each on its record unless its job is parked, and nothing left over.
        stage.assert_honest(self.jobs.len() as u64, &held).await;
        let ledger = stage.ledger().await;
        let posts: BTreeSet<String> = ledger.posts.into_iter().filter_map(|post| post.title).collect();
        let slots = list(
            &stage
                .redis
                .cli(&["ZRANGE", "gammaq:{main}:budget:default", "0", "-1"])
                .await,
        );
        let charged: BTreeSet<String> = slots
            .iter()
            .filter_map(|slot| Some(slot.split_once('#')?.0.to_owned()))
            .collect();
        let free: Vec<_> = posts.difference(&charged).collect();
        assert!(free.is_empty(), "sent, and not charged: {free:?}");
        let idle: Vec<_> = charged
            .iter()
            .filter(|id| !posts.contains(*id) && !parked.contains(*id))
            .collect();
        assert!(idle.is_empty(), "charged, and never sent: {idle:?}");
        assert!(parked.len() < self.jobs.len(), "nothing went on");
        // What a journal knows of is not left to an operator.
        if let Some(journal) = &self.journal {
            for (id, generation) in generations(journal.path()) {
                assert_eq!(stage.field(&id, "generation_id").await, generation, "{id}");
            }
        }
        say(&format!(
            "{} jobs ended after {:?}",
            self.jobs.len(),
            begun.elapsed()
        ));
        drop((worker, self.journal));
    }
}

/// It died there, and by its own hand.
pub(super) async fn bury(victim: &Process, name: &str) {
    let status = victim.wait(PATIENCE).await;
    assert_eq!(status.signal(), Some(Signal::KILL.as_raw()), "{name}: {status}");
    let said = victim.lines();
    let line = format!("crash point {name}");
    assert!(said.contains(&line), "{name} was not reached: {said:?}");
}

async fn dies_within(victim: &Process, time: Duration) -> bool {
    let end = Instant::now() + time;
    while victim.try_wait().is_none() && Instant::now() < end {
        // Looked at now and then: the time itself is the condition's other half.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    victim.try_wait().is_some()
}

/// Shown with a test that failed: what happened in this run.
#[expect(
    clippy::print_stderr,
    reason = "the harness shows it with the test that failed"
)]
fn say(what: &str) {
    eprintln!("{what}");
}

/// Jobs and generations, as a journal has them.
fn generations(journal: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(journal).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        // The last line of a worker that died may be torn.
        for line in text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        {
            if line["event"] == "generation" {
                let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
                found.push((text("id"), text("generation_id")));
            }
        }
    }
    found
}

fn is_of(title: Option<&str>, ids: &[String]) -> bool {
    title.is_some_and(|title| ids.iter().any(|id| id == title))
}

fn list(text: &str) -> Vec<String> {
    text.lines()
        .map(str::to_owned)
        .filter(|line| !line.is_empty())
        .collect()
}
