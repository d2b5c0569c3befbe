//! The budget, as the other side sees it: never more than the limit in any rolling window, whoever sends.

use gammaq_testkit::Process;
use gammaq_tests::Stage;

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
