//! `list`, `show`, `status` and `events`.

use gammaq_testkit::Redis;
use serde_json::{Value, json};

use crate::hand::Hand;
use crate::{SOON, code, gammaq, json, ok, run};

/// Six jobs: `done` completed, `bad` failed, `odd` parked, `running` generating, `waiting` queued, `later` delayed.
pub(crate) async fn six(redis: &Redis) -> Hand {
    let hand = Hand::new(&redis.url()).await;
    for id in ["done", "bad"] {
        ok(
            redis,
            &[
                "enqueue", "a deck", "--id", id, "--meta", "mine", "--export", "pdf",
            ],
        )
        .await;
        assert_eq!(hand.submit_next().await, id);
        if id == "done" {
            hand.complete_all().await;
        } else {
            hand.fail_all().await;
        }
    }
    ok(redis, &["enqueue", "a deck", "--id", "odd"]).await;
    assert_eq!(hand.park_next().await, "odd");
    ok(redis, &["enqueue", "a deck", "--id", "running"]).await;
    assert_eq!(hand.submit_next().await, "running");
    ok(redis, &["enqueue", "a deck", "--id", "waiting"]).await;
    ok(redis, &["enqueue", "a deck", "--id", "later", "--run-at", "+1h"]).await;
    hand.take_in().await;
    hand
}

pub(crate) async fn ids(redis: &Redis, args: &[&str]) -> Vec<String> {
    let args: Vec<&str> = ["list", "--json"].iter().chain(args).copied().collect();
    let list = json(redis, &args).await;
    list["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn list_finds_jobs_in_every_state() {
    let redis = Redis::start().await;
    let _hand = six(&redis).await;

    assert_eq!(
        ids(&redis, &[]).await,
        ["running", "later", "waiting", "odd", "done", "bad"]
    );
    for (state, expected) in [
        ("queued", &["later", "waiting"][..]),
        ("generating", &["running"]),
        ("ambiguous", &["odd"]),
        ("completed", &["done"]),
        ("failed", &["bad"]),
        ("cancelled", &[]),
    ] {
        assert_eq!(ids(&redis, &["--state", state]).await, expected, "{state}");
    }
    assert_eq!(ids(&redis, &["--account", "nobody"]).await, [""; 0]);
    assert_eq!(
        ids(&redis, &["--account", "default", "--state", "failed"]).await,
        ["bad"]
    );
    // What ended long ago is left out, and so is what was made then.
    assert_eq!(ids(&redis, &["--since", "1h"]).await.len(), 6);
    assert_eq!(ids(&redis, &["--since", "+1h"]).await, [""; 0]);

    let list = json(&redis, &["list", "--json", "--limit", "1", "--state", "failed"]).await;
    assert_eq!((&list["more"], &list["inbox"]), (&json!(false), &json!(0)));
    let job = &list["jobs"][0];
    assert_eq!(
        (&job["state"], &job["priority"], &job["attempts"]),
        (&json!("failed"), &json!(5), &json!(1))
    );
    assert_eq!(
        (&job["error"]["kind"], &job["worker"]),
        (&json!("generation_failed"), &Value::Null)
    );
    assert!(job["created_at"].is_u64() && job["finished_at"].is_u64());
    assert_eq!(
        json(&redis, &["list", "--json", "--limit", "1"]).await["more"],
        true
    );

    let shown = run(&redis, &["list"]).await;
    assert!(
        shown.stdout.starts_with("JOB") || shown.stdout.starts_with(" JOB"),
        "{shown:?}"
    );
    for part in [
        "generation_failed: Failed to generate text.",
        "https://gamma.app/docs/done",
        "in 59 min",
    ] {
        assert!(shown.stdout.contains(part), "{part}: {}", shown.stdout);
    }
}

#[tokio::test]
async fn no_reading_command_scans_the_server() {
    let redis = Redis::start().await;
    let _hand = six(&redis).await;
    redis.cli(&["CONFIG", "RESETSTAT"]).await;
    for args in [
        &["list"][..],
        &["list", "--state", "queued"],
        &["show", "done"],
        &["list", "--account", "default", "--since", "1h"],
        &["status"],
        &["accounts"],
        &["accounts", "default"],
        &["events"],
        &["events", "--id", "done"],
    ] {
        ok(&redis, args).await;
    }
    let stats = redis.cli(&["INFO", "commandstats"]).await;
    for command in ["scan", "keys", "hscan", "zscan"] {
        assert!(!stats.contains(&format!("cmdstat_{command}:")), "{stats}");
    }
}

#[tokio::test]
async fn show_tells_the_whole_story() {
    let redis = Redis::start().await;
    let _hand = six(&redis).await;

    let shown = json(&redis, &["show", "done", "--json"]).await;
    assert_eq!(
        (&shown["id"], &shown["record"]["state"]),
        (&json!("done"), &json!("completed"))
    );
    assert_eq!(shown["result"]["gammaUrl"], "https://gamma.app/docs/done");
    assert_eq!(
        (&shown["result"]["meta"], &shown["result"]["credits"]["deducted"]),
        (&json!("mine"), &json!(150))
    );
    let states: Vec<&str> = shown["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["queued", "submitting", "generating", "completed"]);

    let text = ok(&redis, &["show", "bad"]).await;
    for part in [
        "bad  failed",
        "files: pdf",
        "--request shows it",
        "submitting → generating",
        "gen-bad",
        "generation_failed",
        "HTTP 422, request r-1",
        "generating → failed",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let queued = json(&redis, &["show", "waiting", "--json"]).await;
    assert_eq!(queued["result"], Value::Null);

    let missing = run(&redis, &["show", "nobody"]).await;
    assert_eq!(code(&missing), 2, "{missing:?}");
    assert!(
        missing
            .stderr
            .contains("there is no job nobody in queue gammaq:{main}"),
        "{missing:?}"
    );
}

#[tokio::test]
async fn status_counts() {
    let redis = Redis::start().await;
    let _hand = six(&redis).await;
    ok(&redis, &["enqueue", "not taken in"]).await;

    let status = json(&redis, &["status", "--json"]).await;
    assert_eq!((&status["inbox"], &status["due"]), (&json!(1), &json!(2)));
    assert_eq!(
        status["ended"],
        json!({"ambiguous": 1, "cancelled": 0, "completed": 1, "failed": 1, "timed_out": 0})
    );
    assert_eq!(
        (&status["accounts"][0]["name"], &status["accounts"][0]["pending"]),
        (&json!("default"), &json!(1))
    );
    assert_eq!(status["workers"], json!([]));
    let odd = &status["oldest_parked"];
    assert!(odd["id"] == "odd" && odd["at"].is_u64(), "{odd}");
    assert_eq!(status["rates"]["counts"]["accepted"], 6);
    assert_eq!(status["rates"]["counts"]["submitted"], 4);
    let text = ok(&redis, &["status"]).await;
    for part in [
        "queue gammaq:{main}",
        "of 1000 in 1 h",
        "(of the last 5 min)",
        "parked; the oldest for",
        "no worker runs: `gammaq worker` starts one",
        "1 parked: `gammaq list --state ambiguous`",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test]
async fn events_are_lines_and_can_be_followed() {
    let redis = Redis::start().await;
    let _hand = six(&redis).await;

    let lines = ok(&redis, &["events", "--json", "--id", "done"]).await;
    let events: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let moves: Vec<_> = events
        .iter()
        .map(|it| (it["from"].as_str().unwrap(), it["state"].as_str().unwrap()))
        .collect();
    assert_eq!(
        moves,
        [
            ("", "queued"),
            ("queued", "submitting"),
            ("submitting", "generating"),
            ("generating", "completed")
        ]
    );
    assert!(
        events
            .iter()
            .all(|it| it["at"].is_u64() && it["entry_id"].is_string())
    );
    let third = events[2]["entry_id"].as_str().unwrap();
    assert_eq!(
        ok(&redis, &["events", "--json", "--id", "done", "--since", third])
            .await
            .lines()
            .count(),
        1
    );
    let all = ok(&redis, &["events", "--since", "1h"]).await;
    assert_eq!(
        all.lines().count(),
        ok(&redis, &["events", "--since", "0"]).await.lines().count()
    );
    assert!(all.contains("generating → completed"), "{all}");
    assert_eq!(ok(&redis, &["events", "--limit", "2"]).await.lines().count(), 2);

    let follower = gammaq(&["events", "--follow", "--limit", "1"])
        .env("REDIS_URL", redis.url())
        .spawn();
    // Its first line is of the past: from then on it follows.
    follower.wait_line("later", SOON).await;
    ok(&redis, &["enqueue", "a deck", "--id", "new-one"]).await;
    Hand::new(&redis.url()).await.take_in().await;
    let line = follower.wait_line("new-one", SOON).await;
    assert!(line.ends_with("new-one  queued"), "{line}");
}

#[tokio::test]
async fn show_says_what_comes_next_in_each_state() {
    let redis = Redis::start().await;
    let _hand = six(&redis).await;
    for (id, what, said) in [
        ("done", "forgotten", "record and result are forgotten in 6 d"),
        ("bad", "forgotten", "record and result are forgotten"),
        ("odd", "decision", "until you decide"),
        ("running", "look", "is looked at"),
        (
            "waiting",
            "submit",
            "1 of 1 in line; its account may submit again now",
        ),
        ("later", "line", "comes into its account's line in 59 min"),
    ] {
        let shown = json(&redis, &["show", id, "--json"]).await;
        assert_eq!(shown["next"]["what"], what, "{id}: {shown}");
        let text = ok(&redis, &["show", id]).await;
        assert!(text.contains(said), "{id}: {text}");
    }
    for (id, fields, what) in [
        ("running", &["state", "submitting", "worker", "w"][..], "answer"),
        ("running", &["state", "exporting", "worker", ""], "look"),
        ("running", &["state", "timed_out"], "late_look"),
        ("running", &["state", "generating", "worker", "w"], "held"),
        ("odd", &["state", "queued"], "lost"),
        ("odd", &["state", "cancelled"], "forgotten"),
    ] {
        let key = format!("gammaq:{{main}}:job:{id}");
        let set = [&["HSET", &key], fields].concat();
        redis.cli(&set).await;
        let shown = json(&redis, &["show", id, "--json"]).await;
        assert_eq!(shown["next"]["what"], what, "{fields:?}: {shown}");
        assert!(ok(&redis, &["show", id]).await.contains("  next "), "{fields:?}");
    }
}

#[tokio::test]
async fn show_keeps_the_request_to_itself_unless_it_is_asked_for() {
    let redis = Redis::start().await;
    let hand = Hand::new(&redis.url()).await;
    ok(&redis, &["enqueue", "a secret plan", "--id", "a"]).await;
    hand.take_in().await;
    for args in [
        &["show", "a"][..],
        &["show", "a", "--json"],
        &["list"],
        &["events"],
    ] {
        assert!(!ok(&redis, args).await.contains("secret"), "{args:?}");
    }
    let shown = json(&redis, &["show", "a", "--json"]).await;
    assert!(shown["request_bytes"].as_u64().unwrap() > 13, "{shown}");
    for args in [
        &["show", "a", "--request"][..],
        &["show", "a", "--request", "--json"],
    ] {
        assert!(ok(&redis, args).await.contains("a secret plan"), "{args:?}");
    }
}

#[tokio::test]
async fn show_says_that_events_are_gone_and_tells_the_times_of_the_record() {
    let redis = Redis::start().await;
    let _hand = six(&redis).await;
    let before = json(&redis, &["show", "done", "--json"]).await;
    assert_eq!(before["events_gone"], false);
    redis.cli(&["XTRIM", "gammaq:{main}:events", "MAXLEN", "0"]).await;
    let after = json(&redis, &["show", "done", "--json"]).await;
    assert_eq!(
        (&after["events_gone"], &after["events"]),
        (&json!(true), &json!([]))
    );
    let steps = |shown: &Value| -> Vec<(Value, Value, Value)> {
        let steps = shown["steps"].as_array().unwrap().iter();
        steps
            .map(|it| (it["state"].clone(), it["at"].clone(), it["after_ms"].clone()))
            .collect()
    };
    assert_eq!(steps(&before), steps(&after));
    assert_eq!(steps(&after).len(), 4);
    let text = ok(&redis, &["show", "done"]).await;
    assert!(text.contains("events of its beginning are gone"), "{text}");
}
