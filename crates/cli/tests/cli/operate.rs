//! `cancel`, `retry`, `resolve`, `repoll`, `pause` and `resume`.

use gammaq_testkit::Redis;
use serde_json::{Value, json};

use crate::hand::Hand;
use crate::{SOON, code, gammaq, json as json_of, ok, run};

/// A Redis with an account, and the worker by hand.
async fn stage() -> (Redis, Hand) {
    let redis = Redis::start().await;
    let hand = Hand::new(&redis.url()).await;
    (redis, hand)
}

async fn enqueue(redis: &Redis, id: &str) {
    ok(redis, &["enqueue", "a deck", "--id", id]).await;
}

/// A job that failed, as Gamma said.
async fn failed(redis: &Redis, hand: &Hand, id: &str) {
    enqueue(redis, id).await;
    assert_eq!(hand.submit_next().await, id);
    hand.fail_all().await;
}

async fn field(redis: &Redis, id: &str, name: &str) -> String {
    redis
        .cli(&["HGET", &format!("gammaq:{{main}}:job:{id}"), name])
        .await
}

#[tokio::test]
async fn each_says_what_it_did_and_ends_with_its_code() {
    let (redis, hand) = stage().await;
    enqueue(&redis, "waits").await;
    hand.take_in().await;
    let said = ok(&redis, &["cancel", "waits"]).await;
    assert_eq!(said, "job waits is cancelled; nothing was spent on it\n");
    assert!(
        ok(&redis, &["cancel", "waits"])
            .await
            .contains("cancelled already")
    );

    // Refused is 1, with the reason; not there is 2; the worst of several counts.
    enqueue(&redis, "done").await;
    hand.submit_next().await;
    hand.complete_all().await;
    for (args, exit, said) in [
        (
            &["cancel", "done"][..],
            1,
            "job done is completed: nothing to cancel",
        ),
        (&["cancel", "nobody"], 2, "there is no job nobody"),
        (&["cancel", "nobody", "done"], 2, "nothing to cancel"),
        (&["retry", "done"], 1, "another id"),
        (&["repoll", "done"], 1, "its deck is there"),
        (&["resolve", "done", "--fail"], 1, "only a parked job"),
        (&["pause", "nobody"], 2, "there is no account nobody"),
        (&["resume", "nobody"], 2, "there is no account nobody"),
    ] {
        let finished = run(&redis, args).await;
        assert_eq!(code(&finished), exit, "{args:?}: {finished:?}");
        assert!(finished.stderr.contains(said), "{args:?}: {finished:?}");
        assert_eq!(finished.stdout, "", "{args:?}");
    }

    // Who asked stands on the record and in `events`.
    let finished = gammaq(&["retry", "waits"])
        .env("REDIS_URL", redis.url())
        .env("USER", "carol")
        .run(SOON)
        .await;
    assert_eq!(code(&finished), 0, "{finished:?}");
    let by = field(&redis, "waits", "last_operation_by").await;
    assert!(by.starts_with("carol@"), "{by}");
    let events = ok(&redis, &["events", "--json", "--limit", "1"]).await;
    let event: Value = serde_json::from_str(&events).unwrap();
    assert_eq!(
        (event["by"].as_str(), event["state"].as_str()),
        (Some(by.as_str()), Some("queued"))
    );
    // A container may have no name for its user.
    let finished = gammaq(&["cancel", "waits"])
        .env("REDIS_URL", redis.url())
        .env("USER", "")
        .env("LOGNAME", "")
        .run(SOON)
        .await;
    assert_eq!(code(&finished), 0, "{finished:?}");
    assert!(
        field(&redis, "waits", "last_operation_by")
            .await
            .starts_with("uid-")
    );
}

#[tokio::test]
async fn a_parked_job_has_three_ways_out() {
    let (redis, hand) = stage().await;
    for id in ["found", "again", "lost"] {
        enqueue(&redis, id).await;
        assert_eq!(hand.park_next().await, id);
    }
    let said = json_of(&redis, &["resolve", "found", "--generation", "g-1", "--json"]).await;
    assert_eq!(
        said,
        json!({"op": "resolve", "id": "found", "as": "generation", "generation_id": "g-1", "outcome": "done",
               "text": "job found is generating: generation g-1 is looked at from now on"})
    );
    let said = ok(&redis, &["resolve", "again", "--resubmit"]).await;
    assert!(
        said.contains("queued again") && said.contains("paid for twice"),
        "{said}"
    );
    let said = ok(&redis, &["resolve", "lost", "--fail"]).await;
    assert!(said.contains("given up"), "{said}");
    for (id, state) in [("found", "generating"), ("again", "queued"), ("lost", "failed")] {
        assert_eq!(field(&redis, id, "state").await, state);
    }
    assert_eq!(hand.submit_next().await, "again");
    // What the result says to do next can be done.
    let shown = run(&redis, &["wait", "lost"]).await;
    assert!(shown.stdout.contains("gammaq retry lost"), "{shown:?}");
    ok(&redis, &["retry", "lost"]).await;
}

#[tokio::test]
async fn many_are_shown_first_and_then_retried() {
    let (redis, hand) = stage().await;
    let long_ago = "gammaq:{main}:failed";
    for n in 0..13 {
        failed(&redis, &hand, &format!("bad-{n}")).await;
    }
    redis.cli(&["ZADD", long_ago, "1000", "bad-0"]).await;
    // One that can't be: its request is gone.
    redis.cli(&["HDEL", "gammaq:{main}:job:bad-1", "request"]).await;
    redis
        .cli(&["HSET", "gammaq:{main}:job:bad-2", "account", "other"])
        .await;
    let of_hour = [
        "retry",
        "--state",
        "failed",
        "--account",
        "default",
        "--since",
        "1h",
    ];

    let finished = run(&redis, &of_hour).await;
    assert_eq!(code(&finished), 0, "{finished:?}");
    assert!(
        finished.stderr.contains("11 jobs would be submitted once more"),
        "{finished:?}"
    );
    assert!(
        finished.stdout.contains("bad-12") && finished.stdout.contains("and 1 more"),
        "{finished:?}"
    );
    assert!(
        finished
            .stdout
            .contains("generation_failed: Failed to generate text."),
        "{finished:?}"
    );
    let shown = json_of(&redis, &[&of_hour[..], &["--json"]].concat()).await;
    assert_eq!(
        (shown["matched"].as_u64(), shown["yes"].as_bool()),
        (Some(11), Some(false))
    );
    assert_eq!(shown["first"].as_array().unwrap().len(), 10);
    assert_eq!(
        field(&redis, "bad-12", "state").await,
        "failed",
        "nothing was changed"
    );

    // A few at a time, the newest first.
    let few = json_of(
        &redis,
        &[&of_hour[..], &["--limit", "2", "--yes", "--json"]].concat(),
    )
    .await;
    assert_eq!(
        (few["done"].as_u64(), few["more"].as_bool()),
        (Some(2), Some(true))
    );
    assert_eq!(field(&redis, "bad-12", "state").await, "queued");
    assert_eq!(field(&redis, "bad-10", "state").await, "failed");

    let finished = run(&redis, &[&of_hour[..], &["--yes"]].concat()).await;
    assert_eq!(code(&finished), 1, "one was refused: {finished:?}");
    assert!(
        finished
            .stdout
            .contains("8 jobs are queued again, 1 were refused"),
        "{finished:?}"
    );
    assert!(
        finished.stderr.contains("its request is kept no more"),
        "{finished:?}"
    );
    for (id, state) in [
        ("bad-0", "failed"),
        ("bad-1", "failed"),
        ("bad-2", "failed"),
        ("bad-3", "queued"),
    ] {
        assert_eq!(field(&redis, id, "state").await, state, "{id}");
    }
    let finished = run(&redis, &["retry", "--state", "cancelled"]).await;
    assert_eq!(code(&finished), 2, "{finished:?}");
    let finished = run(&redis, &["retry", "--state", "cancelled", "--yes"]).await;
    assert_eq!(code(&finished), 2, "{finished:?}");
}

#[tokio::test]
async fn accounts_and_the_queue_are_paused_and_resumed() {
    let (redis, hand) = stage().await;
    enqueue(&redis, "a").await;
    hand.take_in().await;
    assert!(
        ok(&redis, &["pause", "default"])
            .await
            .contains("until it is resumed")
    );
    assert!(ok(&redis, &["pause", "default"]).await.contains("already"));
    assert!(
        ok(&redis, &["resume", "default"])
            .await
            .contains("one job goes first")
    );
    let said = json_of(&redis, &["pause", "--all", "--json"]).await;
    assert_eq!(
        (
            said["op"].as_str(),
            said["account"].as_str(),
            said["outcome"].as_str()
        ),
        (Some("pause"), Some("*"), Some("done"))
    );
    assert_eq!(redis.cli(&["EXISTS", "gammaq:{main}:paused"]).await, "1");
    let text = ok(&redis, &["status"]).await;
    assert!(
        text.contains("paused the queue") && text.contains("`gammaq resume --all`"),
        "{text}"
    );
    assert!(ok(&redis, &["resume", "--all"]).await.contains("resumed"));
    assert!(ok(&redis, &["resume", "--all"]).await.contains("not paused"));
    assert_eq!(hand.submit_next().await, "a");
}
