//! Redis is killed again and again while callers append and workers work.

use std::time::{Duration, Instant};

use gammaq_testkit::{Redis, seed};
use gammaq_tests::{Stage, append_until};
use tokio::sync::watch;

use crate::outages::works_again;

const KILLS: u64 = 6;

#[tokio::test]
async fn killed_every_few_seconds_under_load_no_acknowledged_entry_is_lost() {
    let mut random = seed();
    let stage = Stage::on(
        Redis::builder().aof_always().start().await,
        &["--generation-time", "200ms", "--generation-time-max", "1500ms"],
    )
    .await;
    let _workers = [
        stage.worker("one", &[]).await,
        stage.worker("two", &[]).await,
        stage.worker("three", &[]).await,
    ];
    let stop = watch::Sender::new(false);
    let caller = |name: &'static str| {
        let mut stop = stop.subscribe();
        let address = stage.redis.address();
        tokio::spawn(async move {
            let stopped = stop.wait_for(|stop| *stop);
            append_until(address, name, Duration::from_millis(50), stopped).await
        })
    };
    let callers = [caller("a"), caller("b")];
    for _ in 0..KILLS {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        // The time that Redis is given between two kills, from a moment to a few seconds.
        tokio::time::sleep(Duration::from_millis(300 + (random >> 33) % 2_700)).await;
        stage.redis.kill().await;
        stage.redis.restart().await;
    }
    works_again(&stage, "after", Instant::now(), "text").await;
    stop.send_replace(true);
    let [a, b] = callers;
    let mut appended = a.await.unwrap().with(b.await.unwrap());
    assert!(appended.acknowledged.len() > 50, "{appended:?}");
    appended.acknowledged.push("after".to_owned());
    stage.assert_all_kept(&appended).await;
}
