//! Workers that die, stop and leave.

use std::time::{Duration, Instant};

use gammaq_testkit::{Signal, eventually};
use gammaq_tests::{PATIENCE, Stage};

#[tokio::test]
async fn killed_while_it_submits_one_charge_and_the_job_is_parked() {
    let stage = Stage::start(&["--generation-time", "50ms"]).await;
    let settings = [("GAMMA__REQUEST_TIMEOUT", "5s"), ("WORKER__LEASE", "10s")];
    let worker = stage.worker("victim", &settings).await;
    stage.submit("a", "text [[fake:post=slow=60s]]").await;
    eventually(PATIENCE, "Gamma accepted", || async {
        stage.ledger().await.generations.len() == 1
    })
    .await;
    worker.signal(Signal::KILL);
    worker.wait(PATIENCE).await;
    assert_eq!(stage.field("a", "state").await, "submitting");
    let heir = stage.worker("heir", &settings).await;
    stage.until("a", "ambiguous").await;
    stage.submit("b", "text").await;
    stage.until("b", "completed").await;
    assert_eq!(
        stage.ledger().await.posts.len(),
        2,
        "the lost one was not sent again"
    );
    stage.assert_honest(2, &["a"]).await;
    drop(heir);
}

#[tokio::test]
async fn killed_while_it_looks_another_goes_on() {
    let stage = Stage::start(&["--generation-time", "2s"]).await;
    let worker = stage.worker("victim", &[]).await;
    for n in 0..10 {
        stage.submit(&format!("job-{n}"), "text").await;
    }
    eventually(PATIENCE, "all are being made", || async {
        stage.ledger().await.generations.len() == 10
    })
    .await;
    worker.signal(Signal::KILL);
    worker.wait(PATIENCE).await;
    let _heir = stage.worker("heir", &[]).await;
    // A job in the victim's hands at that moment may have had its answer on the way: it may be parked.
    eventually(PATIENCE, "all end", || async {
        stage.number("ZCARD", "completed").await + stage.number("ZCARD", "ambiguous").await == 10
    })
    .await;
    assert_eq!(stage.ledger().await.posts.len(), 10);
}

#[tokio::test]
async fn stopped_past_its_lease_and_woken_it_writes_nothing_stale() {
    let stage = Stage::start(&["--generation-time", "4s"]).await;
    let sleeper = stage.worker("sleeper", &[]).await;
    for n in 0..5 {
        stage.submit(&format!("job-{n}"), "text").await;
    }
    eventually(PATIENCE, "all are being made", || async {
        stage.number("ZCARD", "due").await == 5 && stage.ledger().await.generations.len() == 5
    })
    .await;
    sleeper.pause().await;
    let _heir = stage.worker("heir", &[]).await;
    stage.until_count("completed", 5).await;
    let before = stage.redis.cli(&["HGETALL", "gammaq:{main}:job:job-0"]).await;
    let mark = sleeper.mark();
    sleeper.resume();
    // It works again, and what it held is no longer its own.
    stage.submit("after", "text [[fake:time=50ms]]").await;
    stage.until("after", "completed").await;
    sleeper.signal(Signal::TERM);
    sleeper.wait(PATIENCE).await;
    assert_eq!(
        stage.redis.cli(&["HGETALL", "gammaq:{main}:job:job-0"]).await,
        before,
        "{:?}",
        &sleeper.lines()[mark..]
    );
    stage.assert_honest(6, &[]).await;
}

#[tokio::test]
async fn stopped_between_the_intent_and_the_answer_its_generation_is_recorded_late() {
    let stage = Stage::start(&["--generation-time", "200ms"]).await;
    let settings = [("GAMMA__REQUEST_TIMEOUT", "2s"), ("WORKER__LEASE", "4s")];
    let sleeper = stage.worker("sleeper", &settings).await;
    stage.submit("a", "text [[fake:post=slow=500ms]]").await;
    eventually(PATIENCE, "Gamma accepted", || async {
        stage.ledger().await.generations.len() == 1
    })
    .await;
    sleeper.pause().await;
    let _heir = stage.worker("heir", &settings).await;
    stage.until("a", "ambiguous").await;
    sleeper.resume();
    stage.until("a", "completed").await;
    assert_eq!(stage.ledger().await.posts.len(), 1);
    stage.assert_honest(1, &[]).await;
}

#[tokio::test]
async fn drained_on_sigterm_the_post_under_way_ends_and_the_rest_is_handed_back() {
    let stage = Stage::start(&["--generation-time", "20s"]).await;
    let worker = stage
        .worker(
            "leaver",
            &[
                ("WORKER__SHUTDOWN_GRACE", "8s"),
                ("GAMMA__REQUEST_TIMEOUT", "5s"),
                ("WORKER__LEASE", "60s"),
            ],
        )
        .await;
    stage.submit("looked-at", "text").await;
    stage.until("looked-at", "generating").await;
    stage
        .submit("posting", "text [[fake:post=slow=2s]] [[fake:time=100ms]]")
        .await;
    eventually(PATIENCE, "the POST is under way", || async {
        stage.ledger().await.generations.len() == 2
    })
    .await;
    let asked = Instant::now();
    worker.signal(Signal::TERM);
    let status = worker.wait(PATIENCE).await;
    assert_eq!(status.code(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(8), "{:?}", asked.elapsed());
    for id in ["looked-at", "posting"] {
        assert_eq!(stage.field(id, "state").await, "generating");
        assert_eq!(stage.field(id, "worker").await, "", "{id} is in nobody's hands");
    }
    assert_eq!(stage.number("ZCARD", "workers").await, 0, "it signed off");
    // Handed back and not merely left: another goes on long before the lease of a minute ends.
    let _heir = stage.worker("heir", &[]).await;
    stage.until("posting", "completed").await;
    assert!(asked.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn idle_it_leaves_at_once_and_a_second_signal_does_not_wait() {
    let stage = Stage::start(&["--generation-time", "50ms"]).await;
    let worker = stage.worker("idle", &[]).await;
    let asked = Instant::now();
    worker.signal(Signal::INT);
    assert_eq!(worker.wait(PATIENCE).await.code(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());

    let worker = stage
        .worker(
            "hurried",
            &[("GAMMA__REQUEST_TIMEOUT", "20s"), ("WORKER__LEASE", "60s")],
        )
        .await;
    stage.submit("a", "text [[fake:post=slow=60s]]").await;
    eventually(PATIENCE, "Gamma accepted", || async {
        stage.ledger().await.generations.len() == 1
    })
    .await;
    worker.signal(Signal::TERM);
    worker.wait_line("stopping", PATIENCE).await;
    let asked = Instant::now();
    worker.signal(Signal::TERM);
    assert_eq!(worker.wait(PATIENCE).await.code(), Some(128 + 15));
    assert!(asked.elapsed() < Duration::from_secs(1));
}
