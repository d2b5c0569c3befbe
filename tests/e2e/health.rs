//! `/healthz`, `/readyz` and `/metrics` while Redis hangs, drops connections, is gone or forgets, and while a worker
//! stops.

use std::time::{Duration, Instant};

use gammaq_testkit::{Signal, eventually, free_port};
use gammaq_tests::{PATIENCE, Stage, admin, dashboard};
use serde_json::Value;

const LISTEN: (&str, &str) = ("ADMIN__LISTEN", "127.0.0.1:0");
/// What the answers are worth something for: a second for Redis, and what a busy machine takes.
const SOON: Duration = Duration::from_secs(8);

async fn until_ready(address: &str) {
    eventually(PATIENCE, "the worker is ready", || async {
        let (status, body) = admin::get(address, "/readyz").await;
        if status == 200 { Ok(()) } else { Err(body) }
    })
    .await;
}

/// Waits until the worker says that it isn't ready for this reason; the process is healthy all the while.
async fn until_not(address: &str, reason: &str) -> String {
    let (detail, _) = tokio::join!(
        eventually(PATIENCE, reason, || async {
            let (status, body) = admin::get(address, "/readyz").await;
            let said: Value = serde_json::from_str(&body).unwrap_or_default();
            if status == 503 && said["reason"] == reason && said["ready"] == false {
                Ok(said["detail"].as_str().unwrap_or_default().to_owned())
            } else {
                Err((status, body))
            }
        }),
        async {
            let (status, body) = admin::get(address, "/healthz").await;
            assert_eq!((status, body.trim()), (200, r#"{"healthy":true}"#));
        }
    );
    detail
}

#[tokio::test]
async fn a_redis_that_hangs_or_drops_connections_or_dies() {
    let stage = Stage::start(&["--generation-time", "50ms"]).await;
    let worker = stage
        .worker("worker", &[LISTEN, ("REDIS__RESPONSE_TIMEOUT", "1s")])
        .await;
    let address = admin::address(&worker).await;
    until_ready(&address).await;
    let nothing = dashboard::ask(&address, "GET", "/nothing", &[], "").await;
    assert_eq!(nothing.status, 404);

    // It hangs: no answer waits for it, and what is the process's own is there.
    stage.redis.pause().await;
    until_not(&address, "unreachable").await;
    let asked = Instant::now();
    let many = (0..8).map(|_| {
        tokio::spawn({
            let address = address.clone();
            async move { admin::metrics(&address).await }
        })
    });
    for samples in many.collect::<Vec<_>>() {
        let samples = samples.await.expect("samples");
        assert!(samples["gammaq_queue_read_failures_total"] > 0.0);
        assert_eq!(samples["gammaq_worker_capacity_jobs"], 256.0);
        assert!(!samples.contains_key("gammaq_inbox_entries"), "{samples:?}");
    }
    assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
    stage.redis.resume();
    until_ready(&address).await;

    // It drops every connection: they are counted, and the worker goes on.
    let before = admin::metrics(&address).await["gammaq_redis_reconnects_total"];
    stage.redis.cli(&["CLIENT", "KILL", "TYPE", "normal"]).await;
    eventually(PATIENCE, "connected again", || async {
        let now = admin::metrics(&address).await["gammaq_redis_reconnects_total"];
        if now >= before + 2.0 {
            Ok(())
        } else {
            Err((before, now))
        }
    })
    .await;
    until_ready(&address).await;

    stage.redis.kill().await;
    until_not(&address, "unreachable").await;
    assert!(worker.try_wait().is_none());
}

#[tokio::test]
async fn it_says_that_it_starts_and_that_it_halted() {
    let stage = Stage::start(&["--generation-time", "50ms"]).await;
    let nowhere = format!("redis://127.0.0.1:{}", free_port());
    let early = stage.spawn_worker("early", &nowhere, &[LISTEN]);
    let address = admin::address(&early).await;
    until_not(&address, "starting").await;
    assert!(
        admin::get(&address, "/metrics")
            .await
            .1
            .contains("gammaq_build_info{version=")
    );

    let worker = stage.worker("worker", &[LISTEN]).await;
    let address = admin::address(&worker).await;
    until_ready(&address).await;
    stage.redis.cli(&["FLUSHALL"]).await;
    let detail = until_not(&address, "halted").await;
    assert!(detail.contains("lost its data"), "{detail}");
    assert_eq!(admin::metrics(&address).await["gammaq_worker_halted"], 1.0);
}

/// Such a Redis answers, and lets looks through, but takes no budget: nothing is submitted.
#[tokio::test]
async fn it_says_that_its_budgets_wait_for_redis() {
    let stage = Stage::start(&["--generation-time", "50ms"]).await;
    // The queue is there, so that only what is new finds no room.
    let first = stage.worker("first", &[]).await;
    stage.submit("a", "text").await;
    stage.until("a", "completed").await;
    drop(first);
    stage.redis.cli(&["CONFIG", "SET", "maxmemory", "1"]).await;
    let other = ("ACCOUNTS__DEFAULT__LIMIT", "7");
    let worker = stage.spawn_worker("worker", &stage.redis.url(), &[LISTEN, other]);
    let address = admin::address(&worker).await;
    let detail = until_not(&address, "budgets").await;
    assert!(detail.contains("nothing is submitted"), "{detail}");
    stage.redis.cli(&["CONFIG", "SET", "maxmemory", "0"]).await;
    until_ready(&address).await;
    assert_eq!(
        stage
            .redis
            .cli(&["HGET", &stage.key("account:default"), "limit"])
            .await
            .trim(),
        "7"
    );
}

#[tokio::test]
async fn it_says_that_it_drains_and_no_request_holds_it_up() {
    let stage = Stage::start(&["--generation-time", "50ms"]).await;
    let settings = [
        LISTEN,
        ("GAMMA__REQUEST_TIMEOUT", "10s"),
        ("WORKER__LEASE", "60s"),
    ];
    let worker = stage.worker("worker", &settings).await;
    let address = admin::address(&worker).await;
    until_ready(&address).await;
    stage.submit("a", "text [[fake:post=slow=3s]]").await;
    eventually(PATIENCE, "Gamma accepted", || async {
        stage.ledger().await.generations.len() == 1
    })
    .await;
    worker.signal(Signal::TERM);
    let detail = until_not(&address, "draining").await;
    assert!(detail.contains("jobs in hand: 1"), "{detail}");
    assert_eq!(admin::metrics(&address).await["gammaq_worker_running_jobs"], 1.0);
    // Requests that are never finished, and connections that say nothing.
    let mut open = Vec::new();
    for _ in 0..20 {
        let stream = tokio::net::TcpStream::connect(&address)
            .await
            .expect("it listens");
        stream
            .try_write(b"GET /metrics HT")
            .expect("it takes the start of a request");
        open.push(stream);
    }
    let status = worker.wait(PATIENCE).await;
    assert_eq!(status.code(), Some(0));
    assert_eq!(stage.field("a", "state").await, "generating");
    drop(open);
}
