//! A Redis that is lost, or hangs.

use gammaq_testkit::Redis;
use gammaq_tests::{PATIENCE, Stage};

use super::{ENTER, ESCAPE, USUAL, counts, gone, sees, top};

#[tokio::test]
async fn a_redis_that_is_lost_freezes_no_key_and_is_found_again() {
    let stage = Stage::on(
        Redis::builder().aof_always().start().await,
        &["--generation-time", "100ms"],
    )
    .await;
    let _worker = stage.worker("worker", &[]).await;
    stage.submit("before", "text").await;
    stage.until("before", "completed").await;
    let mut terminal = top(&stage, USUAL);
    counts(&terminal, "completed", 1).await;

    stage.redis.kill().await;
    // What was seen stays there, and its age is told.
    let screen = sees(&terminal, &["STALE for", "since", "can't be reached"]).await;
    assert!(screen.contains("completed"), "{screen}");
    sees(&terminal, &["STALE for 1 s"]).await;
    terminal.press("?").await;
    sees(&terminal, &["everywhere"]).await;
    // Escape and a key at once would be one key with Alt.
    terminal.press(ESCAPE).await;
    gone(&terminal, "everywhere").await;
    terminal.press("2").await;
    sees(&terminal, &["[jobs]", "STALE, nothing read yet"]).await;
    // A command is not lost in silence either.
    terminal.press("/before\rc").await;
    sees(&terminal, &["Cancel job before?"]).await;
    terminal.press("y").await;
    sees(&terminal, &["cancel before: not answered", "safe to repeat"]).await;
    terminal.press(ENTER).await;
    terminal.press("1").await;

    stage.redis.restart().await;
    let fresh = |screen: &str| screen.contains("as of") && !screen.contains("STALE");
    terminal.wait(PATIENCE, "it goes on by itself", fresh).await;
    stage.submit("after", "text").await;
    counts(&terminal, "completed", 2).await;
}

#[tokio::test]
async fn a_redis_that_hangs_freezes_no_key() {
    let stage = Stage::start(&[]).await;
    let _worker = stage.worker("worker", &[]).await;
    let mut terminal = top(&stage, USUAL);
    sees(&terminal, &["as of", "WORKER"]).await;
    stage.redis.pause().await;
    // At once, though a read waits for its answer.
    terminal.press("4").await;
    sees(&terminal, &["[events]", "reading"]).await;
    terminal.press("/some-job").await;
    sees(&terminal, &["> some-job_"]).await;
    terminal.press(ESCAPE).await;
    gone(&terminal, "some-job").await;
    sees(&terminal, &["STALE", "not answer"]).await;
    stage.redis.resume();
    terminal.press("1").await;
    let fresh = |screen: &str| screen.contains("[overview]") && screen.contains("as of");
    terminal.wait(PATIENCE, "it goes on by itself", fresh).await;
    terminal.press("q").await;
    assert!(terminal.ended(PATIENCE).await.is_restored());
}
