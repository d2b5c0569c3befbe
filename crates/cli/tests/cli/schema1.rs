//! A queue that release 0.1.0 left behind: every reading command shows it.

use gammaq_testkit::Redis;
use serde_json::Value;

use crate::{code, json, ok, run};

// Kept for ever; see the README beside it.
const DUMP: &str = include_str!("../../../queue/tests/it/schema1/dump.jsonl");

#[tokio::test]
async fn a_queue_of_schema_1_is_shown() {
    let redis = Redis::start().await;
    for line in DUMP.lines() {
        let words: Vec<String> = serde_json::from_str(line).unwrap();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        redis.cli(&words).await;
    }
    let list = json(&redis, &["list", "--json", "--limit", "99"]).await;
    let jobs = list["jobs"].as_array().unwrap();
    assert_eq!((jobs.len(), list["inbox"].as_u64()), (15, Some(2)));
    let mut states: Vec<(String, String)> = Vec::new();
    for job in jobs {
        let id = job["id"].as_str().unwrap();
        let shown = json(&redis, &["show", id, "--json"]).await;
        assert_eq!(*field(&shown, "state"), job["state"], "{shown}");
        assert!(ok(&redis, &["show", id]).await.contains(id));
        states.push((job["state"].as_str().unwrap().to_owned(), id.to_owned()));
    }
    states.sort_unstable();
    let told: Vec<String> = states.iter().map(|(state, id)| format!("{id} {state}")).collect();
    assert_eq!(
        told,
        [
            "ambiguous ambiguous",
            "completed completed",
            "late completed",
            "failed failed",
            "invalid failed",
            "generating generating",
            "looked-at generating",
            "twice generating",
            "claimed queued",
            "delayed queued",
            "limited queued",
            "queued queued",
            "submitting submitting",
            "rested timed_out",
            "timed-out timed_out",
        ]
    );
    let status = json(&redis, &["status", "--json"]).await;
    assert_eq!(
        (&status["inbox"], &status["stats"]["accepted"]),
        (&Value::from(2), &Value::from("15"))
    );
    for command in [&["status"][..], &["events"], &["wait", "completed"]] {
        ok(&redis, command).await;
    }
    assert_eq!(code(&run(&redis, &["wait", "failed"]).await), 1);
}

/// A field of a record, wherever the command puts records.
fn field<'a>(shown: &'a Value, name: &str) -> &'a Value {
    let record = shown.get("record").or_else(|| shown.get("job")).unwrap_or(shown);
    &record[name]
}
