//! What a failover to a lagging replica may not forget, and what the append-only file has to hold.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gammaq_testkit::{Process, Redis, Signal, eventually, seed};
use gammaq_tests::{PATIENCE, Stage};

use super::sentinel::{Pair, worker};

/// Until the replica has a queue that was begun with, and every request, and no worker has looked at one.
async fn requests_replicated(stage: &Stage, pair: &Pair, count: u32) {
    let first = worker(stage, pair, "none");
    first.wait_line("the worker is ready", PATIENCE).await;
    first.signal(Signal::TERM);
    first.wait(PATIENCE).await;
    for n in 0..count {
        stage.submit(&format!("job-{n}"), "text").await;
    }
    eventually(PATIENCE, "the replica has the inbox", || async {
        pair.replica.cli(&["XLEN", "gammaq:{main}:inbox"]).await == count.to_string()
    })
    .await;
}

/// How many POSTs each job had.
async fn posts(stage: &Stage) -> BTreeMap<String, u32> {
    let mut posts = BTreeMap::new();
    for generation in stage.ledger().await.generations {
        *posts.entry(generation.title.unwrap_or_default()).or_insert(0) += 1;
    }
    posts
}

/// The master dies while its replica hears nothing of it; afterwards the old one is there again, as a replica.
async fn failover_to_a_deaf_replica(pair: &Pair, stage: &mut Stage) {
    pair.master.kill().await;
    pair.between.cut().await;
    pair.between.hold(false);
    pair.failed_over().await;
    stage.redis = Arc::clone(&pair.replica);
    pair.master.restart().await;
}

#[tokio::test]
async fn without_durability_a_lagging_replica_forgets_what_was_paid() {
    // The contrast: this is what `redis.durability = "replica"` is for.
    let pair = Pair::start().await;
    let mut stage = Stage::on(Arc::clone(&pair.master), &["--generation-time", "300ms"]).await;
    requests_replicated(&stage, &pair, 8).await;
    pair.between.hold(true);
    let first = worker(&stage, &pair, "none");
    eventually(PATIENCE, "all are paid for", || async {
        posts(&stage).await.len() == 8
    })
    .await;
    drop(first);
    failover_to_a_deaf_replica(&pair, &mut stage).await;
    let _second = worker(&stage, &pair, "none");
    stage.until_count("completed", 8).await;
    assert!(
        posts(&stage).await.values().all(|count| *count == 2),
        "each is paid for a second time"
    );
}

#[tokio::test]
async fn with_it_nothing_is_sent_that_the_replica_does_not_have() {
    let pair = Pair::start().await;
    let mut stage = Stage::on(Arc::clone(&pair.master), &["--generation-time", "300ms"]).await;
    requests_replicated(&stage, &pair, 8).await;
    pair.between.hold(true);
    let worker = worker(&stage, &pair, "replica");
    worker.wait_line("no replica had it", PATIENCE).await;
    // Again and again, and each time given back.
    let mark = worker.mark();
    worker.wait_line_after(mark, "no replica had it", PATIENCE).await;
    assert_eq!(posts(&stage).await.len(), 0);
    failover_to_a_deaf_replica(&pair, &mut stage).await;
    stage.until_count("completed", 8).await;
    assert!(posts(&stage).await.values().all(|count| *count == 1));
    stage.assert_honest(8, &[]).await;
}

#[tokio::test]
async fn what_is_recorded_and_not_proven_yet_is_looked_at_all_the_same() {
    let pair = Pair::start().await;
    let stage = Stage::on(Arc::clone(&pair.master), &["--generation-time", "300ms"]).await;
    let worker = worker(&stage, &pair, "replica");
    worker.wait_line("the worker is ready", PATIENCE).await;
    stage.submit("job", "text [[fake:post=slow=700ms]]").await;
    eventually(PATIENCE, "its POST is under way", || async {
        stage.field("job", "state").await == "submitting" && stage.ledger().await.posts.len() == 1
    })
    .await;
    pair.between.hold(true);
    worker.wait_line("could not be stored yet", PATIENCE).await;
    // While the replica hears nothing, which may last.
    let since = Instant::now();
    stage.until("job", "completed").await;
    assert!(since.elapsed() < Duration::from_secs(12), "{:?}", since.elapsed());
    pair.between.hold(false);
    worker.signal(Signal::TERM);
    worker.wait(PATIENCE).await;
    stage.assert_honest(1, &[]).await;
}

#[tokio::test]
async fn a_master_dies_under_load_and_no_intent_or_generation_is_lost() {
    let seed = seed();
    let pair = Pair::start().await;
    let flags = ["--generation-time", "500ms", "--generation-time-max", "2s"];
    let mut stage = Stage::on(Arc::clone(&pair.master), &flags).await;
    let worker = worker(&stage, &pair, "replica");
    worker.wait_line("the worker is ready", PATIENCE).await;
    // The replica is always behind, so at any moment something acknowledged is not there yet.
    pair.between.delay(Duration::from_millis(100));
    for n in 0..40 {
        stage
            .submit(&format!("job-{n}"), "text [[fake:post=slow=200ms]]")
            .await;
    }
    pair.replica_has_it_all().await;
    let after = 1 + usize::try_from(seed % 20).unwrap_or(0);
    eventually(PATIENCE, "some are paid for", || async {
        posts(&stage).await.len() >= after
    })
    .await;
    pair.master.kill().await;
    let paid = stage.ledger().await.generations;
    pair.between.cut().await;
    pair.failed_over().await;
    stage.redis = Arc::clone(&pair.replica);
    // Each that was paid for is known to be: its intent is there, or its id.
    for generation in &paid {
        let id = generation.title.clone().unwrap_or_default();
        let state = stage.field(&id, "state").await;
        assert!(!["", "queued"].contains(&state.as_str()), "{id} is {state:?}");
    }
    pair.between.delay(Duration::ZERO);
    pair.master.restart().await;
    let since = Instant::now();
    eventually(PATIENCE * 2, "all end", || async {
        let ended = stage.number("ZCARD", "completed").await + stage.number("ZCARD", "ambiguous").await;
        if ended == 40 { Ok(()) } else { Err(ended) }
    })
    .await;
    assert!(since.elapsed() < Duration::from_secs(30), "{:?}", since.elapsed());
    let posts = posts(&stage).await;
    assert!(
        posts.values().all(|count| *count == 1),
        "paid for twice: {posts:?}"
    );
    // A POST whose answer came while no Redis was there is recorded all the same.
    stage.assert_honest(40, &[]).await;
    assert_eq!(
        stage.number("ZCARD", "ambiguous").await,
        0,
        "{:?}",
        worker.lines().last()
    );
}

async fn refuses(redis: Redis, says: &str) {
    let stage = Stage::on(redis, &[]).await;
    let worker: Process = stage.spawn_worker("worker", &stage.redis.url(), &[("REDIS__DURABILITY", "aof")]);
    let status = worker.wait(PATIENCE).await;
    assert_eq!(status.code(), Some(64));
    let said = worker.lines().join("\n");
    assert!(said.contains("redis.durability") && said.contains(says), "{said}");
}

#[tokio::test]
async fn aof_wants_a_server_that_syncs() {
    refuses(Redis::start().await, "appendonly yes").await;
    let every_second = Redis::builder().config("appendonly", "yes").start().await;
    let info = every_second.cli(&["INFO", "server"]).await;
    // 7.2 and newer say themselves when it is in the file; Valkey counts as 7.2.
    let old = ["redis_version:6.", "redis_version:7.0", "redis_version:7.1"]
        .iter()
        .any(|it| info.contains(it));
    if old {
        refuses(every_second, "appendfsync always").await;
    }
    let redis = Redis::builder().aof_always().start().await;
    let stage = Stage::on(redis, &["--generation-time", "50ms"]).await;
    let _worker = stage.worker("worker", &[("REDIS__DURABILITY", "aof")]).await;
    stage.submit("a", "text").await;
    stage.until("a", "completed").await;
    // Looked at again for each connection: a server that stopped to sync gets no more intents.
    stage.redis.cli(&["CONFIG", "SET", "appendonly", "no"]).await;
    stage
        .redis
        .cli(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"])
        .await;
    stage.submit("b", "text").await;
    eventually(PATIENCE, "b is given back", || async {
        stage
            .field("b", "fence")
            .await
            .parse::<u32>()
            .is_ok_and(|fence| fence > 1)
    })
    .await;
    assert_eq!(stage.ledger().await.posts.len(), 1);
    stage.redis.cli(&["CONFIG", "SET", "appendonly", "yes"]).await;
    stage.until("b", "completed").await;
    stage.assert_honest(2, &[]).await;
}
