//! A worker with nothing to do leaves Redis alone. Counted by Redis's own clock: a slow machine can only make it fewer.

use gammaq_testkit::{Process, eventually};
use gammaq_tests::{PATIENCE, Stage};

/// What is counted, in seconds.
const WINDOW: f64 = 10.0;
const CALLS_A_SECOND: f64 = 4.0;
/// Calls of a sweep that finds nothing, and how far apart they are, in seconds.
const SWEEP: usize = 6;
const SWEPT_EVERY: f64 = 30.0;

/// Lines of MONITOR are `time [db client] "command" …`; what scripts do inside is said by `lua`.
fn call(line: &str) -> Option<(f64, &str)> {
    let (time, rest) = line.split_once(" [0 ")?;
    let (client, command) = rest.split_once("] ")?;
    (client != "lua").then_some((time.parse().ok()?, command))
}

/// The calls of a window that begins a moment after the monitor is there.
async fn watched(stage: &Stage) -> Vec<String> {
    let port = stage.redis.port().to_string();
    // Into a pipe it would write in blocks.
    let monitor = Process::builder("stdbuf")
        .args(["-oL", "redis-cli", "-p", &port, "MONITOR"])
        .spawn();
    let mut seen = Vec::new();
    eventually(PATIENCE * 2, "the window is over", || {
        // What whoever waits asks itself is not the worker's.
        let calls: Vec<(f64, String)> = monitor
            .stdout()
            .iter()
            .filter_map(|line| call(line).map(|(at, command)| (at, command.to_owned())))
            .collect();
        let from = calls.first().map_or(f64::MAX, |(at, _)| at + 1.0);
        let over = calls.last().is_some_and(|(at, _)| *at > from + WINDOW);
        seen = calls
            .into_iter()
            .filter(|(at, _)| (from..from + WINDOW).contains(at))
            .map(|(_, command)| command)
            .collect();
        std::future::ready(over)
    })
    .await;
    seen
}

#[track_caller]
fn assert_idle(calls: &[String]) {
    // Sweeps come every half a minute, whether they fall into the window or not: there they are counted for themselves. A
    // script that the server does not know yet is refused, loaded, and called again.
    let is_of_a_sweep = |call: &&String| call.ends_with("\"50\"");
    let loads = calls
        .iter()
        .filter(|call| call.starts_with("\"SCRIPT\" \"LOAD\""))
        .count();
    let sweeping = calls.iter().filter(is_of_a_sweep).count();
    let others = calls.len() - sweeping - loads;
    let a_second = others as f64 / WINDOW + SWEEP as f64 / SWEPT_EVERY;
    assert!(
        others > 0 && sweeping <= SWEEP + loads && a_second <= CALLS_A_SECOND,
        "{a_second} calls a second, {sweeping} of sweeps: {calls:#?}"
    );
}

#[tokio::test]
async fn a_worker_with_nothing_to_do() {
    let stage = Stage::start(&[]).await;
    let worker = stage.worker("idle", &[("WORKER__LEASE", "60s")]).await;
    assert_idle(&watched(&stage).await);
    assert!(!worker.lines().is_empty());
}

#[tokio::test]
async fn a_worker_whose_jobs_wait_for_a_slot() {
    let stage = Stage::start(&["--generation-time", "1s"]).await;
    let settings = [
        ("WORKER__LEASE", "60s"),
        ("ACCOUNTS__DEFAULT__LIMIT", "1"),
        ("POLL__INTERVAL", "1s"),
        ("POLL__SLOW_INTERVAL", "1s"),
    ];
    let _worker = stage.worker("waits", &settings).await;
    for id in ["first", "waits-1", "waits-2"] {
        stage.submit(id, "text").await;
    }
    stage.until("first", "completed").await;
    stage.until("waits-2", "queued").await;
    assert_idle(&watched(&stage).await);
    let claims = stage.number("ZCARD", "budget:default").await;
    assert_eq!(claims, 1);
}
