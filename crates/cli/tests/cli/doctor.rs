//! `gammaq doctor`: its exit codes, what it shows, and that it changes nothing unless it is told to.

use gammaq_testkit::Redis;
use serde_json::Value;

use crate::hand::Hand;
use crate::{code, ok, run};

const LINE: &str = "gammaq:{main}:pending:default";

/// A server and a queue without a fault, with one job that waits.
async fn healthy() -> Redis {
    let redis = Redis::builder().aof_always().start().await;
    let hand = Hand::new(&redis.url()).await;
    ok(&redis, &["enqueue", "--id", "a", "Wind"]).await;
    hand.take_in().await;
    let now = gammaq_testkit::now_ms().to_string();
    redis.cli(&["ZADD", "gammaq:{main}:workers", &now, "w"]).await;
    redis
}

#[tokio::test]
async fn it_finds_shows_and_mends_in_three_steps() {
    let redis = healthy().await;
    let finished = run(&redis, &["doctor"]).await;
    assert_eq!(code(&finished), 0, "{finished:?}");
    assert!(finished.stdout.contains("nothing is wrong"), "{finished:?}");

    redis.cli(&["ZREM", LINE, "a"]).await;
    for args in [&["doctor"][..], &["doctor", "--repair"]] {
        let finished = run(&redis, args).await;
        assert_eq!(code(&finished), 1, "{finished:?}");
        for words in ["error  queued_nowhere", "gammaq:{main}:job:a", "--repair"] {
            assert!(finished.stdout.contains(words), "{words}: {}", finished.stdout);
        }
        assert_eq!(redis.cli(&["ZCARD", LINE]).await, "0", "nothing is changed");
    }
    let finished = run(&redis, &["doctor", "--repair", "--yes"]).await;
    assert_eq!(code(&finished), 0, "{finished:?}");
    assert!(finished.stdout.contains("mended  queued_nowhere"), "{finished:?}");
    assert_eq!(redis.cli(&["ZRANGE", LINE, "0", "-1"]).await, "a");
}

#[tokio::test]
async fn programs_get_all_of_it() {
    let redis = healthy().await;
    redis.cli(&["HSET", "gammaq:{main}:job:a", "state", "lost"]).await;
    let finished = run(&redis, &["doctor", "--json"]).await;
    assert_eq!(code(&finished), 1, "{finished:?}");
    let value: Value = serde_json::from_str(&finished.stdout).unwrap();
    let finding = &value["findings"][0];
    assert_eq!(finding["what"], "record_unknown_state", "{value}");
    assert_eq!(finding["severity"], "error");
    assert_eq!(finding["key"], "gammaq:{main}:job:a");
    assert_eq!(finding["mendable"], false);
    assert!(
        finding["to_do"].as_str().unwrap().contains("redis-cli"),
        "{value}"
    );
    assert_eq!((&value["ill"], &value["records"]), (&true.into(), &1.into()));
    let said = value["not_checked"].to_string();
    assert!(said.contains("accounts without a key"), "{said}");
}

#[tokio::test]
async fn accounts_without_a_key_in_these_settings_are_a_note() {
    let redis = healthy().await;
    let settings = ["--set", "accounts.other.api_key=sk-gamma-other", "--json"];
    let args: Vec<&str> = ["doctor"].into_iter().chain(settings).collect();
    let finished = run(&redis, &args).await;
    assert_eq!(code(&finished), 0, "{finished:?}");
    let value: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(value["findings"][0]["what"], "account_without_key", "{value}");
    assert!(!finished.stdout.contains("sk-gamma-other"));
}

#[tokio::test]
async fn its_other_exit_codes() {
    let redis = healthy().await;
    assert_eq!(code(&run(&redis, &["doctor", "--yes"]).await), 64);
    redis.kill().await;
    let finished = run(&redis, &["doctor"]).await;
    assert_eq!(code(&finished), 69, "{finished:?}");
}

/// A line as the journal is documented, written by hand.
#[tokio::test]
async fn what_the_journal_of_this_host_knows_and_redis_does_not_is_found() {
    let redis = healthy().await;
    let directory = tempfile::TempDir::new().unwrap();
    let at = gammaq_testkit::now_ms();
    let line = serde_json::json!({
        "event": "intent", "id": "lost", "worker": "w", "n": 1, "at": at, "until": at + 1, "queue": "gammaq:{main}:",
        "account": "default", "slot": "lost#1.0", "seq": 1, "created_at": 1, "attempt": 0, "entry_id": "1-0",
        "fingerprint": "f", "fence": 1, "intent": "w#1#lost", "base_url": "http://gamma"
    });
    let journal = format!("submit.journal={}", directory.path().display());
    let args = ["doctor", "--json", "--set", &journal];
    assert_eq!(code(&run(&redis, &args).await), 0);
    std::fs::write(directory.path().join("1-w.jsonl"), format!("{line}\n")).unwrap();
    let finished = run(&redis, &args).await;
    assert_eq!(code(&finished), 1, "{finished:?}");
    let value: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(value["findings"][0]["what"], "journal_suspect", "{value}");
    assert_eq!(value["findings"][0]["key"], "gammaq:{main}:job:lost");
}
