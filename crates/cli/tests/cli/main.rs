//! The real binary against a Redis of its own; jobs are ended by hand, so no worker and no Gamma is needed.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests, which clippy takes for ordinary code"
)]

mod accounts;
mod broken;
mod doctor;
mod dry_run;
mod enqueue;
mod following;
// The worker by hand of the producer's tests.
#[path = "../../../producer/tests/producer/hand.rs"]
mod hand;
mod jsonl;
mod operate;
mod paging;
mod processes;
mod reading;
mod schema1;
mod usage;
mod waiting;

use std::time::Duration;

use gammaq_testkit::{Finished, Process, ProcessBuilder, Redis};
use serde_json::Value;

/// Ample on a machine that is busy with other tests.
const SOON: Duration = Duration::from_secs(60);

/// The binary, away from any settings of this repository.
fn gammaq(args: &[&str]) -> ProcessBuilder {
    Process::builder(env!("CARGO_BIN_EXE_gammaq"))
        .args(args)
        .env("NO_COLOR", "1")
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
}

/// Runs a command on `redis` to its end.
async fn run(redis: &Redis, args: &[&str]) -> Finished {
    gammaq(args).env("REDIS_URL", redis.url()).run(SOON).await
}

fn code(finished: &Finished) -> i32 {
    finished.status.code().unwrap_or(-1)
}

/// The command's standard output, after it ended well.
async fn ok(redis: &Redis, args: &[&str]) -> String {
    let finished = run(redis, args).await;
    assert_eq!(code(&finished), 0, "{args:?}: {finished:?}");
    finished.stdout
}

/// Its standard output as JSON.
async fn json(redis: &Redis, args: &[&str]) -> Value {
    let out = ok(redis, args).await;
    assert_eq!(out.lines().count(), 1, "{out}");
    serde_json::from_str(&out).unwrap()
}

/// The fields of the newest entry of the inbox, one after the other.
async fn newest_entry(redis: &Redis) -> Vec<String> {
    let lines = redis
        .cli(&["XREVRANGE", "gammaq:{main}:inbox", "+", "-", "COUNT", "1"])
        .await;
    lines.lines().skip(1).map(str::to_owned).collect()
}
