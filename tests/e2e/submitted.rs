//! A job that was submitted stays with its worker for its first look, and nothing of the submit gets lost by that.

use gammaq_testkit::{Signal, eventually};
use gammaq_tests::{PATIENCE, Stage};
use tempfile::TempDir;

use crate::journal::{go_back, save};

/// Between looks; much longer than a worker takes to notice that Redis was started anew.
const INTERVAL_MS: u64 = 3_000;
const SETTINGS: [(&str, &str); 4] = [
    ("GAMMA__REQUEST_TIMEOUT", "4s"),
    ("POLL__INTERVAL", "3s"),
    ("POLL__SLOW_INTERVAL", "3s"),
    ("WORKER__LEASE", "9s"),
];

/// Its first look, and every other, comes an interval after the answer before.
async fn assert_not_early(stage: &Stage) {
    for made in stage.ledger().await.generations {
        for pair in made.polls.windows(2) {
            let apart = pair[1].elapsed_ms - pair[0].elapsed_ms;
            assert!(apart >= INTERVAL_MS, "looked too early: {pair:?}");
        }
    }
}

#[tokio::test]
async fn its_worker_looks_at_it_first_and_where_that_dies_another_one() {
    let stage = Stage::start(&["--generation-time", "4s"]).await;
    let first = stage.worker("first", &SETTINGS).await;
    stage.submit("one", "text").await;
    stage.until("one", "completed").await;
    // Claimed once: the fence after it is that of the looks.
    assert_eq!(stage.field("one", "fence").await, "2");
    stage.submit("two", "text").await;
    eventually(PATIENCE, "it is kept", || async {
        !stage.field("two", "kept_fence").await.is_empty()
    })
    .await;
    first.signal(Signal::KILL);
    first.wait(PATIENCE).await;
    let _second = stage.worker("second", &SETTINGS).await;
    stage.until("two", "completed").await;
    assert_eq!(stage.field("two", "fence").await, "3");
    assert_not_early(&stage).await;
    stage.assert_honest(2, &[]).await;
}

#[tokio::test]
async fn where_redis_forgets_its_record_the_journal_is_asked_at_once() {
    let stage = Stage::start(&["--generation-time", "7s"]).await;
    let journal = TempDir::new().unwrap();
    let directory = journal.path().display().to_string();
    let mut settings = SETTINGS.to_vec();
    settings.push(("SUBMIT__JOURNAL", &directory));
    settings.push(("SUBMIT__ON_AMBIGUOUS", "resubmit"));
    let _worker = stage.worker("worker", &settings).await;
    stage.submit("kept", "text [[fake:post=slow=2s]]").await;
    eventually(PATIENCE, "its POST is under way", || async {
        stage.ledger().await.posts.len() == 1 && stage.field("kept", "state").await == "submitting"
    })
    .await;
    let saved = save(&stage).await;
    eventually(PATIENCE, "it is kept", || async {
        !stage.field("kept", "kept_fence").await.is_empty()
    })
    .await;
    go_back(&stage, &saved).await;
    assert_eq!(stage.field("kept", "state").await, "submitting");
    stage.until("kept", "completed").await;
    assert_eq!(stage.ledger().await.posts.len(), 1);
    let events = stage.key("events");
    let events = stage.redis.cli(&["XRANGE", &events, "-", "+"]).await;
    assert!(!events.contains("ambiguous"), "{events}");
    assert_not_early(&stage).await;
    stage.assert_honest(1, &[]).await;
}
