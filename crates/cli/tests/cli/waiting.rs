//! `gammaq wait` and `gammaq enqueue --wait`.

use gammaq_testkit::{Redis, eventually};
use serde_json::Value;

use crate::hand::Hand;
use crate::{SOON, code, gammaq, json, ok, run};

#[tokio::test]
async fn each_end_has_its_exit_code() {
    let redis = Redis::start().await;
    let hand = Hand::new(&redis.url()).await;
    for id in ["good", "bad"] {
        ok(&redis, &["enqueue", "a deck", "--id", id]).await;
        hand.submit_next().await;
        if id == "good" {
            hand.complete_all().await;
        } else {
            hand.fail_all().await;
        }
    }
    ok(&redis, &["enqueue", "a deck", "--id", "odd"]).await;
    hand.park_next().await;
    ok(&redis, &["enqueue", "a deck", "--id", "slow"]).await;
    hand.submit_next().await;

    let good = json(&redis, &["wait", "good", "--json"]).await;
    assert_eq!(
        (good["state"].as_str(), good["gammaUrl"].as_str()),
        (Some("completed"), Some("https://gamma.app/docs/good"))
    );

    let bad = run(&redis, &["wait", "bad", "--json"]).await;
    assert_eq!(code(&bad), 1, "{bad:?}");
    let result: Value = serde_json::from_str(&bad.stdout).unwrap();
    assert_eq!(result["error"]["kind"], "generation_failed");

    let odd = run(&redis, &["wait", "odd"]).await;
    assert_eq!(code(&odd), 1, "{odd:?}");
    assert!(odd.stdout.contains("ambiguous: the answer was lost"), "{odd:?}");

    let slow = run(&redis, &["wait", "slow", "--timeout", "300ms"]).await;
    assert_eq!((code(&slow), slow.stdout.as_str()), (3, ""), "{slow:?}");
    assert!(slow.stderr.contains("it is generating"), "{slow:?}");

    let nobody = run(&redis, &["wait", "nobody"]).await;
    assert_eq!(code(&nobody), 2, "{nobody:?}");

    // Of several each is told, and the worst is the exit code.
    let all = run(&redis, &["wait", "good", "bad", "nobody", "--json"]).await;
    assert_eq!((code(&all), all.stdout.lines().count()), (2, 2), "{all:?}");
    let two = run(&redis, &["wait", "good", "bad"]).await;
    assert_eq!(code(&two), 1, "{two:?}");
}

#[tokio::test]
async fn enqueue_can_wait() {
    let redis = Redis::start().await;
    let hand = Hand::new(&redis.url()).await;
    let waiting = gammaq(&["enqueue", "a deck", "--id", "w", "--wait", "--json"])
        .env("REDIS_URL", redis.url())
        .spawn();
    eventually(SOON, "it is enqueued", || async { hand.take_in().await > 0 }).await;
    hand.submit_next().await;
    hand.complete_all().await;
    assert_eq!(waiting.wait(SOON).await.code(), Some(0));
    let lines = waiting.stdout();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let result: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(
        (result["id"].as_str(), result["state"].as_str()),
        (Some("w"), Some("completed"))
    );

    let early = run(
        &redis,
        &[
            "enqueue",
            "a deck",
            "--id",
            "v",
            "--wait",
            "--timeout-wait",
            "200ms",
        ],
    )
    .await;
    assert_eq!((code(&early), early.stdout.as_str()), (3, "v\n"), "{early:?}");
    assert!(early.stderr.contains("no worker has taken it in"), "{early:?}");
}

#[tokio::test]
async fn a_wait_outlives_a_restart_of_redis() {
    let redis = Redis::builder().aof_always().start().await;
    let hand = Hand::new(&redis.url()).await;
    ok(&redis, &["enqueue", "a deck", "--id", "patient"]).await;
    hand.submit_next().await;
    let waiting = gammaq(&["wait", "patient"]).env("REDIS_URL", redis.url()).spawn();
    eventually(SOON, "it waits", || async {
        redis.cli(&["CLIENT", "LIST"]).await.contains("cmd=xread")
    })
    .await;
    redis.kill().await;
    redis.restart().await;
    Hand::new(&redis.url()).await.complete_all().await;
    assert_eq!(waiting.wait(SOON).await.code(), Some(0));
    assert!(
        waiting.stdout()[0].starts_with("patient  completed"),
        "{:?}",
        waiting.stdout()
    );
}
