//! The budget, as the other side sees it: never more than the limit in any rolling window, whoever sends.

use gammaq_testkit::{Process, Redis, Signal, eventually};
use gammaq_tests::{PATIENCE, Stage};

use crate::faults::{fill, make_room};

/// Sends 30 jobs through `workers` workers with 6 in any 1.5 s, and lets the fake's ledger judge.
async fn judge(workers: usize) {
    let stage = Stage::start(&["--generation-time", "50ms"]).await;
    for n in 0..30 {
        stage.submit(&format!("job-{n}"), "text").await;
    }
    let settings = [
        ("ACCOUNTS__DEFAULT__LIMIT", "6"),
        ("ACCOUNTS__DEFAULT__WINDOW", "1500ms"),
    ];
    let started: Vec<_> = (0..workers)
        .map(|n| stage.spawn_worker(&format!("worker-{n}"), &stage.redis.url(), &settings))
        .collect();
    stage.until_count("completed", 30).await;
    let mut times: Vec<u64> = stage
        .ledger()
        .await
        .generations
        .iter()
        .map(|made| made.elapsed_ms)
        .collect();
    times.sort_unstable();
    assert_eq!(times.len(), 30);
    for (n, seventh) in times.iter().enumerate().skip(6) {
        // Times are cut to whole milliseconds here as there.
        assert!(
            seventh - times[n - 6] + 1 >= 1500,
            "seven within a window, with {workers} workers: {times:?}"
        );
    }
    // It is a limit and not a brake: five windows take about five windows.
    assert!(times[29] - times[0] < 1500 * 8, "{times:?}");
    stage.assert_honest(30, &[]).await;
    drop::<Vec<Process>>(started);
}

#[tokio::test]
async fn exact_with_one_worker() {
    judge(1).await;
}

#[tokio::test]
async fn exact_with_four_workers() {
    judge(4).await;
}

#[tokio::test]
async fn exact_with_eight_workers() {
    judge(8).await;
}

#[tokio::test]
async fn a_waiting_budget_sleeps_until_its_slot() {
    let stage = Stage::start(&["--generation-time", "50ms"]).await;
    let settings = [
        ("ACCOUNTS__DEFAULT__LIMIT", "1"),
        ("ACCOUNTS__DEFAULT__WINDOW", "4s"),
    ];
    let _worker = stage.worker("worker", &settings).await;
    stage.submit("first", "text").await;
    stage.until("first", "completed").await;
    stage.submit("second", "text").await;
    stage.until("second", "completed").await;
    let posts = stage.ledger().await.posts;
    let gap = posts[1].elapsed_ms - posts[0].elapsed_ms;
    assert!((3_999..4_600).contains(&gap), "the slot came after {gap} ms");
    stage.assert_honest(2, &[]).await;
}

/// One of an account's three jobs is done, and the next begins when its slot comes back in an hour.
async fn one_is_begun(stage: &Stage) {
    stage.until_count("completed", 1).await;
    let (accounts, pending) = (stage.key("accounts"), "pending:default");
    eventually(PATIENCE, "the two others wait for the next slot", || async {
        let turn = stage.redis.cli(&["ZSCORE", &accounts, "default"]).await;
        let now = stage.redis.cli(&["TIME"]).await;
        let now: Option<f64> = now.lines().next().and_then(|seconds| seconds.parse().ok());
        let turn: Option<f64> = turn.trim().parse().ok();
        let in_an_hour = now
            .zip(turn)
            .is_some_and(|(now, turn)| turn > (now + 3_000.0) * 1_000.0);
        in_an_hour && stage.number("ZCARD", pending).await == 2
    })
    .await;
    assert_eq!(stage.ledger().await.generations.len(), 1);
}

/// A worker with a budget of 1,000 was here, and went.
async fn started_before(stage: &Stage) {
    let settings = [("ACCOUNTS__DEFAULT__LIMIT", "1000")];
    let before = stage.worker("before", &settings).await;
    before.signal(Signal::TERM);
    before.wait(PATIENCE).await;
}

const ONE_AN_HOUR: [(&str, &str); 1] = [("ACCOUNTS__DEFAULT__LIMIT", "1")];

#[tokio::test]
async fn a_worker_that_finds_redis_full_submits_nothing_before_its_budget_stands_there() {
    let redis = Redis::builder()
        .config("maxmemory", "24mb")
        .config("maxmemory-policy", "noeviction");
    let stage = Stage::on(redis.start().await, &["--generation-time", "50ms"]).await;
    started_before(&stage).await;
    for n in 0..3 {
        stage.submit(&format!("job-{n}"), "text").await;
    }
    fill(&stage.redis).await;
    let worker = stage.worker("worker", &ONE_AN_HOUR).await;
    worker
        .wait_line("the accounts' budgets could not be written", PATIENCE)
        .await;
    worker
        .wait_line("the accounts' budgets wait for Redis", PATIENCE)
        .await;
    make_room(&stage.redis).await;
    worker
        .wait_line("the accounts' budgets stand in Redis again", PATIENCE)
        .await;
    one_is_begun(&stage).await;
}

#[tokio::test]
async fn a_budget_that_redis_forgot_is_written_again_before_anything_is_submitted() {
    // Keeps what it is told to save, and forgets the rest when it is killed.
    let stage = Stage::on(
        Redis::builder().config("save", "3600 1").start().await,
        &["--generation-time", "50ms"],
    )
    .await;
    started_before(&stage).await;
    assert_eq!(stage.redis.cli(&["SAVE"]).await.trim(), "OK");
    // Twice, so that the second finds nothing to change.
    let first = stage.worker("first", &ONE_AN_HOUR).await;
    first.signal(Signal::TERM);
    first.wait(PATIENCE).await;
    let worker = stage.worker("worker", &ONE_AN_HOUR).await;
    let limit = ["HGET", &stage.key("account:default"), "limit"];
    assert_eq!(stage.redis.cli(&limit).await.trim(), "1");
    stage.redis.kill().await;
    stage.redis.restart().await;
    for n in 0..3 {
        stage.submit(&format!("job-{n}"), "text").await;
    }
    worker
        .wait_line("Redis forgot the account's budget", PATIENCE)
        .await;
    one_is_begun(&stage).await;
    assert_eq!(stage.redis.cli(&limit).await.trim(), "1");
}
