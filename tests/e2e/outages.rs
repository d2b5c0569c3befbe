//! Redis goes away and comes back. Worker and jobs live on, and what was known is not lost.

use std::time::{Duration, Instant};

use gammaq_testkit::{Proxy, Redis, eventually};
use gammaq_tests::{PATIENCE, Stage};

/// A worker works again within this time after a fault is over.
const AGAIN: Duration = Duration::from_secs(5);

/// Sends a job and asserts that the first POST for it comes soon enough after `since`.
pub(crate) async fn works_again(stage: &Stage, id: &str, since: Instant, text: &str) {
    stage.submit(id, text).await;
    stage.until(id, "completed").await;
    assert!(
        since.elapsed() < AGAIN + Duration::from_secs(2),
        "{id}: {:?}",
        since.elapsed()
    );
}

/// Settings under which nothing is put right by the end of a lease: what works again does so by itself.
const LONG_LEASE: [(&str, &str); 1] = [("WORKER__LEASE", "60s")];

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
        works_again(&stage, &format!("after-{n}"), Instant::now(), "text").await;
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
    let _worker = stage.worker_behind("worker", &proxy, &LONG_LEASE).await;
    works_again(&stage, "before", Instant::now(), "text").await;

    stage
        .redis
        .cli(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"])
        .await;
    works_again(&stage, "after-kill", Instant::now(), "text").await;

    proxy.cut().await;
    works_again(&stage, "after-cut", Instant::now(), "text").await;

    // Old connections stay open and swallow everything; new ones work.
    proxy.freeze_existing();
    works_again(&stage, "after-freeze", Instant::now(), "text").await;
    stage.assert_honest(4, &[]).await;
}

#[tokio::test]
async fn a_redis_that_stands_still_for_a_moment_and_longer_than_anyone_waits() {
    let stage = Stage::start(&["--generation-time", "600s"]).await;
    let _worker = stage.worker("worker", &LONG_LEASE).await;
    for n in 0..20 {
        stage.submit(&format!("job-{n}"), "text").await;
    }
    eventually(PATIENCE, "all are looked at", || async {
        let looks: usize = stage
            .ledger()
            .await
            .generations
            .iter()
            .filter(|made| made.polls.len() > 1)
            .count();
        looks == 20
    })
    .await;
    for stall in [400, 2_000, 10_000] {
        stage.redis.pause().await;
        tokio::time::sleep(Duration::from_millis(stall)).await; // The stall itself.
        stage.redis.resume();
        let since = Instant::now();
        works_again(&stage, &format!("after-{stall}"), since, "[[fake:time=50ms]]").await;
        // What fell due meanwhile was claimed by nobody who went away: every job is looked at again.
        let before: Vec<usize> = stage
            .ledger()
            .await
            .generations
            .iter()
            .map(|made| made.polls.len())
            .collect();
        eventually(PATIENCE, "all are looked at again", || async {
            let now = stage.ledger().await.generations;
            now.iter()
                .zip(&before)
                .filter(|(made, before)| made.takes_ms != Some(50) && made.polls.len() > **before)
                .count()
                == 20
        })
        .await;
        assert!(
            since.elapsed() < AGAIN + Duration::from_secs(2),
            "after {stall} ms: {:?}",
            since.elapsed()
        );
    }
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
    works_again(&stage, "after", Instant::now(), "text").await;
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
    works_again(&stage, "a", Instant::now(), "text").await;
    stage.assert_honest(1, &[]).await;
}
