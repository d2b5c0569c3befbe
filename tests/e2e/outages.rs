//! Redis goes away and comes back. Worker and jobs live on, and what was known is not lost.

use std::time::{Duration, Instant};

use gammaq_testkit::{Proxy, Redis, eventually};
use gammaq_tests::{PATIENCE, Stage};

/// A worker works again within this time after a fault is over.
const AGAIN: Duration = Duration::from_secs(5);

/// Sends a job and asserts that the first POST for it comes soon enough after `since`.
async fn works_again(stage: &Stage, id: &str, since: Instant) {
    stage.submit(id, "text").await;
    stage.until(id, "completed").await;
    assert!(
        since.elapsed() < AGAIN + Duration::from_secs(2),
        "{id}: {:?}",
        since.elapsed()
    );
}

#[tokio::test]
async fn restarted_in_the_middle() {
    let redis = Redis::builder().aof_always().start().await;
    let stage = Stage::on(
        redis,
        &["--generation-time", "500ms", "--generation-time-max", "2s"],
    )
    .await;
    let worker = stage.worker("worker", &[]).await;
    for n in 0..40 {
        stage.submit(&format!("job-{n}"), "text").await;
    }
    for n in 0..3 {
        stage.redis.kill().await;
        stage.redis.restart().await;
        works_again(&stage, &format!("after-{n}"), Instant::now()).await;
    }
    eventually(PATIENCE, "all end", || async {
        stage.number("ZCARD", "completed").await + stage.number("ZCARD", "ambiguous").await == 43
    })
    .await;
    assert_eq!(
        stage.number("ZCARD", "ambiguous").await,
        0,
        "every answer was recorded: {:?}",
        worker.lines()
    );
    stage.assert_honest(43, &[]).await;
}

#[tokio::test]
async fn clients_killed_and_a_half_open_link() {
    let stage = Stage::start(&["--generation-time", "300ms"]).await;
    let proxy = Proxy::start(stage.redis.address()).await;
    let _worker = stage.worker_behind("worker", &proxy, &[]).await;
    works_again(&stage, "before", Instant::now()).await;

    stage
        .redis
        .cli(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"])
        .await;
    works_again(&stage, "after-kill", Instant::now()).await;

    proxy.cut().await;
    works_again(&stage, "after-cut", Instant::now()).await;

    // Old connections stay open and swallow everything; new ones work.
    proxy.freeze_existing();
    works_again(&stage, "after-freeze", Instant::now()).await;
    stage.assert_honest(4, &[]).await;
}

#[tokio::test]
async fn thirty_seconds_without_redis_and_a_generation_that_could_not_be_stored() {
    let stage = Stage::start(&["--generation-time", "100ms"]).await;
    let proxy = Proxy::start(stage.redis.address()).await;
    let settings = [("GAMMA__REQUEST_TIMEOUT", "5s"), ("WORKER__LEASE", "60s")];
    let worker = stage.worker_behind("worker", &proxy, &settings).await;
    stage.submit("paid", "text [[fake:post=slow=1s]]").await;
    eventually(PATIENCE, "Gamma accepted", || async {
        stage.ledger().await.generations.len() == 1
    })
    .await;
    // The answer comes when Redis is gone.
    proxy.refuse(true).await;
    proxy.cut().await;
    let line = worker.wait_line("could not be stored yet", PATIENCE).await;
    let generation = stage.ledger().await.generations[0].generation_id.clone();
    assert!(line.contains(&generation), "the id is logged: {line}");
    tokio::time::sleep(Duration::from_secs(30)).await; // The outage itself: that long, and nothing to wait for.
    assert_eq!(stage.field("paid", "state").await, "submitting");
    proxy.refuse(false).await;
    works_again(&stage, "after", Instant::now()).await;
    stage.until("paid", "completed").await;
    stage.assert_honest(2, &[]).await;
}

#[tokio::test]
async fn a_worker_waits_for_a_redis_that_is_not_there_yet() {
    let stage = Stage::start(&["--generation-time", "100ms"]).await;
    let proxy = Proxy::start(stage.redis.address()).await;
    proxy.refuse(true).await;
    let worker = stage.spawn_worker("early", &format!("redis://{}", proxy.address()), &[]);
    worker.wait_line("waiting for Redis", PATIENCE).await;
    proxy.refuse(false).await;
    worker.wait_line("the worker is ready", PATIENCE).await;
    works_again(&stage, "a", Instant::now()).await;
    stage.assert_honest(1, &[]).await;
}
