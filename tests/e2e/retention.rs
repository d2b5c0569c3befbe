//! What is kept, and for how long.

use gammaq_testkit::{Process, Signal, eventually};
use gammaq_tests::{PATIENCE, Stage};

async fn stop(worker: Process) {
    worker.signal(Signal::TERM);
    assert!(worker.wait(PATIENCE).await.success());
}

/// Jobs `<prefix>-0` and on, one after the other, each to its end.
async fn complete(stage: &Stage, prefix: &str, count: u32) {
    for n in 0..count {
        let id = format!("{prefix}-{n}");
        stage.submit(&id, "the text").await;
        stage.until(&id, "completed").await;
    }
}

/// Waits until so many are left in an index.
async fn until_left(stage: &Stage, index: &str, count: u64) {
    eventually(PATIENCE, &format!("{count} are left of {index}"), || async {
        let left = stage.number("ZCARD", index).await;
        if left == count { Ok(()) } else { Err(left) }
    })
    .await;
}

#[tokio::test]
async fn the_newest_of_each_state_are_kept_and_the_ids_of_the_others_are_free() {
    let stage = Stage::start(&["--generation-time", "50ms"]).await;
    let worker = stage.worker("generous", &[]).await;
    complete(&stage, "done", 5).await;
    stage.submit("failed", "text [[fake:poll=failed]]").await;
    stage.until("failed", "failed").await;
    stop(worker).await;
    let worker = stage.worker("frugal", &[("RESULTS__MAX_JOBS", "2")]).await;
    until_left(&stage, "completed", 2).await;
    for id in ["done-0", "done-1", "done-2"] {
        assert_eq!(stage.field(id, "state").await, "", "{id}");
        assert!(stage.result(id).await.is_null(), "{id}");
    }
    for id in ["done-3", "done-4"] {
        assert_eq!(stage.result(id).await["state"], "completed", "{id}");
    }
    assert_eq!(
        stage.field("failed", "state").await,
        "failed",
        "another state has a number of its own"
    );
    let before = stage.ledger().await.generations.len();
    complete(&stage, "done", 1).await;
    assert_eq!(
        stage.ledger().await.generations.len(),
        before + 1,
        "done-0 is another job now"
    );
    drop(worker);
}

/// Long before anything would expire by itself.
#[tokio::test]
async fn a_shorter_time_holds_for_what_ended_before() {
    let stage = Stage::start(&["--generation-time", "50ms"]).await;
    let worker = stage.worker("week", &[]).await;
    complete(&stage, "done", 3).await;
    stop(worker).await;
    assert!(stage.number("PTTL", "job:done-0").await > 3_600_000);
    let _worker = stage.worker("second", &[("RESULTS__TTL", "1s")]).await;
    until_left(&stage, "completed", 0).await;
    for id in ["done-0", "done-1", "done-2"] {
        assert_eq!(stage.field(id, "state").await, "", "{id}");
    }
}

#[tokio::test]
async fn the_text_of_a_request_goes_with_success_alone() {
    let stage = Stage::start(&["--generation-time", "50ms"]).await;
    let worker = stage.worker("worker", &[]).await;
    complete(&stage, "done", 1).await;
    stage.submit("failed", "text [[fake:poll=failed]]").await;
    stage.until("failed", "failed").await;
    assert_eq!(stage.field("done-0", "request").await, "");
    assert!(
        stage.field("failed", "request").await.contains("text"),
        "it may be retried"
    );
    stop(worker).await;
    let _worker = stage
        .worker("keeper", &[("RESULTS__KEEP_REQUESTS", "true")])
        .await;
    complete(&stage, "kept", 1).await;
    assert!(stage.field("kept-0", "request").await.contains("the text"));
}

/// A journal misses jobs that are gone before their time; those that were too many are not among them.
#[tokio::test]
async fn a_journal_does_not_miss_what_was_swept() {
    let stage = Stage::start(&["--generation-time", "50ms"]).await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let worker = stage.worker("first", &[("SUBMIT__JOURNAL", path)]).await;
    complete(&stage, "done", 4).await;
    stop(worker).await;
    let settings = [("SUBMIT__JOURNAL", path), ("RESULTS__MAX_JOBS", "1")];
    let worker = stage.worker("frugal", &settings).await;
    until_left(&stage, "completed", 1).await;
    stop(worker).await;

    let missed = "gone from Redis";
    let worker = stage.worker("second", &settings).await;
    // It compares before it claims, as it does after each new connection.
    complete(&stage, "more", 1).await;
    stop_and_assert(worker, |line| !line.contains(missed)).await;
    // Without the mark of the sweep it would have missed them.
    stage
        .redis
        .cli(&["HDEL", &stage.key("stats"), "swept_until"])
        .await;
    let worker = stage.worker("third", &settings).await;
    worker.wait_line(missed, PATIENCE).await;
}

async fn stop_and_assert(worker: Process, holds: impl Fn(&str) -> bool) {
    worker.signal(Signal::TERM);
    assert!(worker.wait(PATIENCE).await.success());
    for line in worker.lines() {
        assert!(holds(&line), "{line}");
    }
}
