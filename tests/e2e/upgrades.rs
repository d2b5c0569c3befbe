//! Two versions of gammaq at one queue: an older worker leaves what it doesn't know, and says so.

use gammaq_testkit::eventually;
use gammaq_tests::{PATIENCE, Stage};

/// The layout is brought to a newer version while an older worker is in the middle of a POST.
#[tokio::test]
async fn a_layout_that_becomes_newer_stops_a_worker_that_does_not_know_it() {
    let stage = Stage::start(&["--generation-time", "60s"]).await;
    let settings = [("GAMMA__REQUEST_TIMEOUT", "5s"), ("WORKER__LEASE", "20s")];
    let worker = stage.worker("worker", &settings).await;
    stage.submit("posting", "text [[fake:post=slow=2s]]").await;
    eventually(PATIENCE, "the POST is under way", || async {
        stage.ledger().await.posts.len() == 1
    })
    .await;
    stage.redis.cli(&["SET", "gammaq:{main}:schema", "2"]).await;
    stage.submit("waits", "text").await;
    let line = worker.wait_line("the worker stops", PATIENCE).await;
    assert!(
        line.contains("schema version 2") && line.contains("up to 1"),
        "{line}"
    );
    assert_eq!(worker.wait(PATIENCE).await.code(), Some(70));
    // What it had begun it brought to an end, and nothing else was begun or taken in.
    let ledger = stage.ledger().await;
    assert_eq!(ledger.posts.len(), 1);
    let made = ledger.generations[0].generation_id.clone();
    let record = stage
        .redis
        .cli(&["HGET", "gammaq:{main}:job:posting", "generation_id"])
        .await;
    assert_eq!(record.trim(), made);
    assert_eq!(stage.number("XLEN", "inbox").await, 1);

    // Nor does one begin that is started now.
    let again = stage.spawn_worker("again", &stage.redis.url(), &[]);
    assert_eq!(again.wait(PATIENCE).await.code(), Some(70));
    stage.redis.cli(&["SET", "gammaq:{main}:schema", "1"]).await;
    let _anew = stage.worker("anew", &[]).await;
    stage.until("waits", "generating").await;
}

/// Its record is of a newer version: an older worker works on with all others, for as long as it takes.
#[tokio::test]
async fn a_newer_record_waits_while_the_others_are_worked_on() {
    let stage = Stage::start(&["--generation-time", "50ms"]).await;
    let newer = "redis.call('HSET', KEYS[1] .. 'job:new', 'id', 'new', 'v', '2', 'state', 'queued', 'account', 'default', 'fence', '0')
                 redis.call('ZADD', KEYS[1] .. 'pending:default', 1, 'new')
                 redis.call('HSET', KEYS[1] .. 'job:polled', 'id', 'polled', 'v', '2', 'state', 'generating', 'account', 'default', 'fence', '1')
                 redis.call('ZADD', KEYS[1] .. 'due', 1, 'polled')";
    stage.redis.cli(&["EVAL", newer, "1", "gammaq:{main}:"]).await;
    let worker = stage.worker("worker", &[]).await;
    for id in ["a", "b", "c"] {
        stage.submit(id, "text").await;
        stage.until(id, "completed").await;
    }
    let said = || {
        worker
            .lines()
            .iter()
            .filter(|line| line.contains("left to newer workers"))
            .count()
    };
    assert!(
        (1..=2).contains(&said()),
        "once for each at the most: {:?}",
        worker.lines()
    );
    for (id, state) in [("new", "queued"), ("polled", "generating")] {
        let found = stage
            .redis
            .cli(&["HGET", &format!("gammaq:{{main}}:job:{id}"), "state"])
            .await;
        assert_eq!(found.trim(), state);
    }
    assert_eq!(stage.ledger().await.posts.len(), 3);
    let counted = stage
        .redis
        .cli(&["HGET", "gammaq:{main}:stats", "newer_records"])
        .await;
    assert_eq!(counted.trim(), "2");
}
