//! A queue that release 0.1.0 left behind, kept for ever: this version reads it and brings each of its jobs to an end.
//!
//! `schema1/dump.jsonl` was written by the first test here, with `GAMMAQ_DUMP=<file>`. A new layout gets a dump of its
//! own beside it, and the old one stays.

use std::collections::BTreeMap;
use std::time::Duration;

use gammaq_job::{ErrorKind, JobResult, State};
use gammaq_queue::Policy;
use gammaq_queue::claim::Step;
use gammaq_queue::events::Event;
use gammaq_queue::registry::Heartbeat;
use gammaq_queue::settle::{Settled, Settlement, Verb};
use gammaq_queue::submit::{Begun, Generation, Recorded};
use serde_json::json;

use crate::bench::{Bench, LONG, REQUEST, error_field, limited, millis, queue_at, settlement};

const DUMP: &str = include_str!("schema1/dump.jsonl");

impl Bench {
    /// Every key as commands that make it, a line each.
    async fn dump(&self) -> String {
        let mut keys: Vec<String> = self.cmd(&["KEYS", "*"]).await;
        keys.sort_unstable();
        let mut lines = Vec::new();
        for key in keys {
            let kind: String = self.cmd(&["TYPE", &key]).await;
            let mut command = Vec::new();
            match kind.as_str() {
                "string" => {
                    let value: String = self.cmd(&["GET", &key]).await;
                    command = vec!["SET".to_owned(), key.clone(), value];
                }
                "hash" => {
                    let fields: BTreeMap<String, String> = self.cmd(&["HGETALL", &key]).await;
                    command = vec!["HSET".to_owned(), key.clone()];
                    command.extend(fields.into_iter().flat_map(|(name, value)| [name, value]));
                }
                "zset" => {
                    let scores: Vec<String> = self.cmd(&["ZRANGE", &key, "0", "-1", "WITHSCORES"]).await;
                    command = vec!["ZADD".to_owned(), key.clone()];
                    command.extend(scores.chunks(2).flat_map(|it| [it[1].clone(), it[0].clone()]));
                }
                "stream" => {
                    let entries: Vec<(String, Vec<String>)> = self.cmd(&["XRANGE", &key, "-", "+"]).await;
                    for (id, fields) in entries {
                        let mut add = vec!["XADD".to_owned(), key.clone(), id];
                        add.extend(fields);
                        lines.push(json!(add));
                    }
                }
                other => panic!("{key} is a {other}"),
            }
            if !command.is_empty() {
                lines.push(json!(command));
            }
            let left: i64 = self.cmd(&["PTTL", &key]).await;
            if left > 0 && !key.contains(":budget:") {
                // In whole days, so that it is the same whenever it is loaded.
                let days = (left as u64).div_ceil(86_400_000);
                lines.push(json!(["PEXPIRE", key, (days * 86_400_000).to_string()]));
            }
        }
        let read: Vec<(String, String, u64, u64)> =
            self.cmd(&["XPENDING", "@inbox", "workers", "-", "+", "9"]).await;
        let (id, consumer, ..) = &read[0];
        let inbox = self.key("inbox");
        lines.push(json!(["XGROUP", "CREATE", inbox, "workers", id]));
        lines.push(json!([
            "XCLAIM", inbox, "workers", consumer, "0", id, "FORCE", "JUSTID"
        ]));
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    /// The one job that waits, submitted by `A`.
    async fn submitted(&self, id: &str) {
        self.add(id).await;
        let job = self.claim("A", 1).await.remove(0);
        assert_eq!((job.id.as_str(), job.step), (id, Step::Submit));
        assert_eq!(self.begin("A", &job).await, Begun::Yes);
        self.record("A", &job, &format!("g-{id}")).await;
    }

    /// Looks at the one job that is due, and ends it so.
    async fn looked(&self, id: &str, verb: Verb, fields: &[(&'static str, &str)]) {
        self.hurry(id).await;
        let job = self.claim("A", 1).await.remove(0);
        assert_eq!((job.id.as_str(), job.step), (id, Step::Look));
        let item = Settlement {
            fields: fields
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned()))
                .collect(),
            ..settlement(&job, verb)
        };
        assert_eq!(self.settle("A", item).await, Settled::Done);
    }
}

const DECK: [(&str, &str); 5] = [
    ("gamma_id", "gm"),
    ("gamma_url", "https://gamma.app/docs/gm"),
    ("pdf_url", "https://assets.api.gamma.app/export/pdf/gm"),
    ("credits_deducted", "15"),
    ("credits_remaining", "985"),
];

/// A job in every state that code of this version brings one to, in every place of the layout.
async fn every_state() -> Bench {
    let bench = Bench::start().await;
    bench.submitted("completed").await;
    bench.looked("completed", Verb::Complete, &DECK).await;
    bench.submitted("failed").await;
    let error = error_field(ErrorKind::GenerationFailed);
    bench.looked("failed", Verb::Fail, &[(error.0, &error.1)]).await;
    bench
        .add_fields(&[("request", "nonsense"), ("id", "invalid")])
        .await;
    for id in ["timed-out", "rested", "late"] {
        bench.submitted(id).await;
        bench.looked(id, Verb::TimeOut, &[]).await;
        if id == "late" {
            bench.looked(id, Verb::Complete, &DECK).await;
        } else if id == "rested" {
            bench.looked(id, Verb::Rest, &[]).await;
        }
    }
    bench.add("ambiguous").await;
    let job = bench.submitting("A", LONG).await;
    let mut parked = settlement(&job, Verb::Park);
    parked.fields.push(error_field(ErrorKind::Ambiguous));
    assert_eq!(bench.settle("A", parked).await, Settled::Done);
    bench.add("twice").await;
    let first = bench.submitting("A", LONG).await;
    assert_eq!(
        bench.end("A", &first, Verb::Resubmit(millis(0))).await,
        Settled::Done
    );
    let second = bench.submitting("A", LONG).await;
    bench.record("A", &first, "g-twice").await;
    bench.record("A", &second, "h-twice").await;
    bench
        .looked("twice", Verb::Again(LONG), &[("last_error", "HTTP 500")])
        .await;
    bench.submitted("generating").await;
    bench.looked("generating", Verb::Again(LONG), &[]).await;
    bench.submitted("looked-at").await;
    bench.hurry("looked-at").await;
    assert_eq!(bench.claim("A", 1).await[0].id, "looked-at");
    bench.add("submitting").await;
    bench.submitting("A", LONG).await;
    bench.add("claimed").await;
    assert_eq!(bench.claim("A", 1).await[0].id, "claimed");
    bench.account("slow", 1, millis(3_600_000)).await;
    bench.add_to("slow", "limited").await;
    let job = bench
        .claim("A", 9)
        .await
        .into_iter()
        .find(|job| job.id == "limited")
        .unwrap();
    bench.begin("A", &job).await;
    assert_eq!(
        bench
            .settle("A", limited(&job, Verb::Requeue(millis(0)), Some(millis(5))))
            .await,
        Settled::Done
    );
    let meta = [
        ("request", REQUEST),
        ("id", "queued"),
        ("priority", "2"),
        ("meta", "m"),
        ("exports", "pdf"),
    ];
    assert_eq!(
        bench.add_fields(&meta).await,
        gammaq_queue::accept::Accepted::Queued
    );
    bench
        .add_fields(&[("request", r#"{"inputText":"Other"}"#), ("id", "queued")])
        .await;
    let later = (bench.queue.time().await.unwrap() + 3_600_000).to_string();
    bench
        .add_fields(&[("request", REQUEST), ("id", "delayed"), ("run_at", &later)])
        .await;
    let fields = [("host", "h".to_owned()), ("version", "0.1.0".to_owned())];
    let beat = Heartbeat {
        worker: "A",
        fields: &fields,
        alive_for: LONG,
    };
    bench.queue.beat(&beat).await.unwrap();
    for id in ["read", "unread"] {
        bench
            .queue
            .append(&[("request", REQUEST.as_bytes()), ("id", id.as_bytes())])
            .await
            .unwrap();
        if id == "read" {
            assert_eq!(bench.queue.read_inbox("A", 9, millis(1)).await.unwrap().len(), 1);
        }
    }
    bench
}

async fn loaded(dump: &str) -> Bench {
    let mut bench = Bench::start().await;
    bench.cmd::<()>(&["FLUSHALL"]).await;
    for line in dump.lines() {
        let words: Vec<String> = serde_json::from_str(line).unwrap();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        bench.cmd::<redis::Value>(&words).await;
    }
    // A worker that starts now goes on with the life that it finds.
    bench.queue = queue_at(bench.redis(), "main", Policy::default());
    bench.queue.begin_life(7).await.unwrap();
    bench
}

/// What a dump says is what it makes, so that none of it is lost on the way here.
#[tokio::test]
async fn a_dump_makes_the_queue_that_it_was_made_of() {
    let dump = every_state().await.dump().await;
    if let Some(path) = std::env::var_os("GAMMAQ_DUMP") {
        std::fs::write(path, &dump).unwrap();
    }
    assert_eq!(loaded(&dump).await.dump().await, dump);
    assert_eq!(loaded(DUMP).await.dump().await, DUMP);
}

#[tokio::test]
async fn a_queue_of_schema_1_is_read() {
    let bench = loaded(DUMP).await;
    bench.queue.check_schema().await.unwrap();
    let overview = bench.queue.overview().await.unwrap();
    assert_eq!((overview.inbox, overview.stats["accepted"].as_str()), (2, "15"));
    for (state, ids) in [
        (State::Completed, vec!["late", "completed"]),
        (State::Failed, vec!["invalid", "failed"]),
        (State::TimedOut, vec!["rested", "timed-out"]),
        (State::Ambiguous, vec!["ambiguous"]),
    ] {
        assert_eq!(bench.queue.ended_ids(state, 0, 9).await.unwrap(), ids);
        for id in ids {
            let told = bench.queue.result(id).await.unwrap().unwrap();
            assert_eq!((told.state, told.id.as_str()), (state, id));
            let record = bench.queue.record(id).await.unwrap().unwrap();
            assert_eq!((record.state(), record.number("v")), (Some(state), Some(1)));
        }
    }
    let told = bench.queue.result("completed").await.unwrap().unwrap();
    assert_eq!(told.gamma_url.as_deref(), Some(DECK[1].1));
    let events = bench.queue.newest_events(1_000).await.unwrap();
    assert!(
        events
            .iter()
            .any(|Event { id, state, .. }| id == "completed" && state == "completed")
    );
}

/// Whatever a release left behind, this one goes on with: nothing that was submitted is submitted again.
#[tokio::test]
async fn every_job_of_schema_1_comes_to_its_end() {
    let bench = loaded(DUMP).await;
    bench.queue.check_schema().await.unwrap();
    let taken = bench
        .queue
        .take_over_entries("B", millis(0), "0-0", 9)
        .await
        .unwrap()
        .1;
    assert_eq!(taken.len(), 1, "{taken:?}");
    let new = bench.queue.read_inbox("B", 9, millis(1)).await.unwrap();
    let items: Vec<_> = taken
        .iter()
        .chain(&new)
        .map(|entry| crate::bench::item(entry, true))
        .collect();
    bench.queue.accept_jobs("B", &items).await.unwrap();

    let mut submitted = Vec::new();
    for round in 0.. {
        for id in bench.queue.due_ids(0, 99).await.unwrap() {
            bench.cmd::<()>(&["ZADD", "@due", "1", &id]).await;
        }
        let jobs = bench.claim("B", 99).await;
        let mut waiting = 0;
        for place in ["due", "pending:default", "pending:slow"] {
            waiting += bench.count(place).await;
        }
        if waiting == 0 {
            break;
        }
        assert!(round < 20, "{waiting} wait");
        for job in jobs {
            if job.step == Step::Submit {
                assert_eq!(bench.begin("B", &job).await, Begun::Yes);
                let made = format!("g-{}", job.id);
                assert_eq!(bench.record("B", &job, &made).await, Recorded::Generating);
                submitted.push(job.id);
            } else {
                assert!(job.generation_id.starts_with("g-"), "{job:?}");
                let probe = if job.probe {
                    gammaq_queue::settle::Probe::Good
                } else {
                    gammaq_queue::settle::Probe::None
                };
                let done = Settlement {
                    probe,
                    ..settlement(&job, Verb::Complete)
                };
                assert_eq!(bench.settle("B", done).await, Settled::Done);
            }
        }
    }
    submitted.sort_unstable();
    assert_eq!(
        submitted,
        ["claimed", "delayed", "limited", "queued", "read", "unread"]
    );
    let mut ends: BTreeMap<&str, &str> = submitted.iter().map(|id| (id.as_str(), "completed")).collect();
    let known = [
        ("completed", "completed"),
        ("late", "completed"),
        ("timed-out", "completed"),
        ("generating", "completed"),
        ("looked-at", "completed"),
        ("twice", "completed"),
        ("failed", "failed"),
        ("invalid", "failed"),
        ("rested", "timed_out"),
        ("ambiguous", "ambiguous"),
        // Its worker died in 0.1.0, or so it seems.
        ("submitting", "ambiguous"),
    ];
    ends.extend(known);
    for (id, state) in ends {
        let told: JobResult = bench.queue.result(id).await.unwrap().unwrap();
        assert_eq!(
            (bench.state(id).await.as_str(), told.state.as_str()),
            (state, state),
            "{id}"
        );
    }
    assert_eq!(bench.field("twice", "extra_generation_id").await, "h-twice");
    assert_eq!(bench.field("queued", "conflicts").await, "1");
    // The answer of a submit of then is taken now.
    let answer = Generation {
        id: "submitting",
        fence: 1,
        generation_id: "g-submitting",
        first_look: millis(0),
        timeout: LONG,
        probe: false,
        account: "default",
        slot: "submitting#11.0",
        kept: Some(Duration::ZERO),
        fields: &[],
    };
    assert_eq!(
        bench.queue.record_generation("A", &answer).await.unwrap(),
        Recorded::Generating
    );
}
