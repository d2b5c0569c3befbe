//! What a journal knows and Redis doesn't, compared on a server. The journal's lines are written by hand here, as they
//! are documented: files of older versions must be readable.

#![expect(clippy::unwrap_used, reason = "what a test can't set up or read ends it")]

use std::time::Duration;

use gammaq_job::{QueueName, State};
use gammaq_queue::{Keys, Link, LinkSettings, Policy, Queue};
use gammaq_testkit::Redis;
use gammaq_worker::journal::{Shown, suspects};
use serde_json::{Value, json};
use tempfile::TempDir;

const LONG: Duration = Duration::from_secs(60);

fn queue(redis: &Redis) -> Queue {
    let settings = LinkSettings {
        url: redis.url(),
        tls_ca: None,
        connect_timeout: LONG,
        response_timeout: LONG,
    };
    let name = |text| QueueName::new(text).unwrap();
    let keys = Keys::new(&name("gammaq"), &name("main"));
    Queue::new(Link::new(settings).unwrap().into(), keys, Policy::default())
}

/// The first attempt of the record of this id, begun at `at`.
fn intent(id: &str, at: u64) -> Value {
    json!({
        "event": "intent", "id": id, "worker": "w", "n": at, "at": at, "until": at + 1, "queue": "gammaq:{main}:",
        "account": "default", "slot": format!("{id}#1.0"), "seq": 1, "created_at": 1, "attempt": 0,
        "entry_id": "1-0", "fingerprint": "f", "fence": 1, "intent": format!("w#1#{id}"), "base_url": "http://gamma"
    })
}

fn generation(id: &str, at: u64) -> Value {
    json!({ "event": "generation", "id": id, "worker": "w", "n": at, "at": at, "generation_id": format!("g-{id}") })
}

fn outcome(id: &str, at: u64, outcome: &str) -> Value {
    json!({ "event": "outcome", "id": id, "worker": "w", "n": at, "at": at, "outcome": outcome })
}

async fn record(redis: &Redis, id: &str, fields: &str) {
    let key = format!("gammaq:{{main}}:job:{id}");
    let mut words = vec!["HSET", &key];
    words.extend("seq 1 created_at 1 entry_id 1-0 fingerprint f account default".split(' '));
    words.extend(fields.split(' '));
    redis.cli(&words).await;
}

#[tokio::test]
async fn what_redis_does_not_show_is_named_and_nothing_else() {
    let redis = Redis::start().await;
    let queue = queue(&redis);
    let now = queue.time().await.unwrap();
    let week = 7 * 24 * 3_600_000;
    let directory = TempDir::new().unwrap();
    let lines = [
        json!({ "event": "segment", "v": 1, "worker": "w" }),
        intent("gone", now - 1_000),
        generation("gone", now - 1_000),
        intent("gone-unclear", now - 900),
        outcome("gone-unclear", now - 900, "unclear"),
        intent("gone-not-sent", now - 800),
        outcome("gone-not-sent", now - 800, "not_sent"),
        intent("expired", now - week - 1),
        generation("expired", now - week - 1),
        intent("forgotten", now - 700),
        intent("lost-its-id", now - 600),
        generation("lost-its-id", now - 600),
        intent("well", now - 500),
        generation("well", now - 500),
        intent("under-way", now - 400),
        intent("sent-again", now - 300),
        generation("sent-again", now - 300),
    ];
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(directory.path().join("1-w.jsonl"), text + "{\"event\":\"inte").unwrap();
    record(&redis, "forgotten", "state queued attempts 0").await;
    record(
        &redis,
        "lost-its-id",
        "state submitting attempts 1 intent w#1#lost-its-id",
    )
    .await;
    record(
        &redis,
        "well",
        "state generating attempts 1 intent w#1#well generation_id g-well",
    )
    .await;
    record(
        &redis,
        "under-way",
        "state submitting attempts 1 intent w#1#under-way",
    )
    .await;
    record(
        &redis,
        "sent-again",
        "state queued attempts 1 intent w#1#sent-again",
    )
    .await;

    let found = suspects(directory.path(), &queue).await.unwrap();
    let found: Vec<_> = found
        .iter()
        .map(|it| (it.id.as_str(), it.generation_id.as_deref(), it.shows))
        .collect();
    let expected = [
        ("gone", Some("g-gone"), Shown::Nothing),
        ("gone-unclear", None, Shown::Nothing),
        ("forgotten", None, Shown::AnotherStory(State::Queued)),
        (
            "lost-its-id",
            Some("g-lost-its-id"),
            Shown::NoGeneration(State::Submitting),
        ),
    ];
    assert_eq!(found, expected);
    let nowhere = directory.path().join("nowhere");
    assert!(suspects(&nowhere, &queue).await.is_err());
}
