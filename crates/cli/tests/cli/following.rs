//! `events --follow` over restarts of Redis.

use std::collections::BTreeSet;

use gammaq_testkit::{Redis, eventually};

use crate::hand::Hand;
use crate::{SOON, gammaq, ok};

const EVENTS: &str = "gammaq:{main}:events";

async fn happen(redis: &Redis, n: u32) {
    let id = format!("job-{n:03}");
    redis
        .cli(&[
            "XADD", EVENTS, "*", "id", &id, "state", "queued", "from", "", "at", "1",
        ])
        .await;
}

/// Every event once and in order, though Redis is killed twice while they are read.
#[tokio::test]
async fn following_goes_on_over_restarts_without_gap_or_double() {
    let redis = Redis::builder().aof_always().start().await;
    drop(Hand::new(&redis.url()).await);
    let follower = gammaq(&["events", "--follow", "--since", "0", "--json"])
        .env("REDIS_URL", redis.url())
        .spawn();
    let seen = || -> Vec<String> {
        let id = |line: String| line.split("job-").nth(1).map(|it| it[..3].to_owned());
        follower.lines().into_iter().filter_map(id).collect()
    };
    let mut n = 0;
    for _ in 0..3 {
        for _ in 0..40 {
            happen(&redis, n).await;
            n += 1;
        }
        redis.kill().await;
        redis.restart().await;
        // What happens before it is back on the line is not missed.
        happen(&redis, n).await;
        n += 1;
        let last = format!("job-{:03}", n - 1);
        follower.wait_line(&last, SOON).await;
    }
    let expected: Vec<String> = (0..n).map(|n| format!("{n:03}")).collect();
    eventually(SOON, "every event was told once", || async {
        let seen = seen();
        if seen == expected { Ok(()) } else { Err(seen.len()) }
    })
    .await;
    assert!(follower.lines().iter().any(|line| line.contains("Redis is back")));
    assert!(
        !follower
            .lines()
            .iter()
            .any(|line| line.contains("may be missing"))
    );
}

/// A Redis that keeps nothing loses the stream with all else: what was not read by then can't be told.
#[tokio::test]
async fn following_says_that_events_may_be_missing() {
    let redis = Redis::start().await;
    drop(Hand::new(&redis.url()).await);
    happen(&redis, 0).await;
    let follower = gammaq(&["events", "--follow"])
        .env("REDIS_URL", redis.url())
        .spawn();
    follower.wait_line("job-000", SOON).await;
    redis.kill().await;
    follower.wait_line("trying again", SOON).await;
    redis.restart().await;
    follower.wait_line("events may be missing here", SOON).await;
    happen(&redis, 1).await;
    follower.wait_line("job-001", SOON).await;
}

#[tokio::test]
async fn events_of_one_job_are_found_behind_those_of_many_others() {
    let redis = Redis::start().await;
    drop(Hand::new(&redis.url()).await);
    let load =
        "for n = 1, 3000 do redis.call('XADD', KEYS[1] .. 'events', '*', 'id', n == 5 and 'rare' or 'common',
        'state', 'queued', 'from', '', 'at', '1') end";
    redis.cli(&["EVAL", load, "1", "gammaq:{main}:"]).await;
    let found = ok(&redis, &["events", "--id", "rare"]).await;
    assert_eq!(found.lines().count(), 1, "{found}");
    let newest = ok(&redis, &["events", "--json", "--limit", "2500"]).await;
    let ids: BTreeSet<&str> = newest.lines().collect();
    assert_eq!((newest.lines().count(), ids.len()), (2_500, 2_500));
    assert_eq!(ok(&redis, &["events", "--limit", "0"]).await, "");
}
