//! Jobs that a worker keeps between looks: who has them when their worker dies, has to wait, or leaves.

use gammaq_testkit::{Signal, eventually};
use gammaq_tests::{PATIENCE, Stage};

use super::done;

const SETTINGS: [(&str, &str); 3] = [
    ("POLL__INTERVAL", "300ms"),
    ("POLL__SLOW_INTERVAL", "300ms"),
    ("WORKER__LEASE", "4s"),
];

/// Looks at all of them, as Gamma counts them.
async fn looks(stage: &Stage) -> usize {
    let generations = stage.ledger().await.generations;
    generations.iter().map(|it| it.polls.len()).sum()
}

/// Until each has been looked at so often that its worker kept it meanwhile.
async fn until_kept(stage: &Stage, ids: &[&str]) {
    for id in ids {
        eventually(PATIENCE, "it is kept", || async {
            let polls = stage.field(id, "polls").await.parse().unwrap_or(0);
            polls >= 3 && !stage.field(id, "kept_fence").await.is_empty()
        })
        .await;
    }
}

#[tokio::test]
async fn whoever_dies_leaves_them_to_another() {
    let stage = Stage::start(&["--generation-time", "12s"]).await;
    let victim = stage.worker("victim", &SETTINGS).await;
    for id in ["a", "b"] {
        stage.submit(id, "text").await;
    }
    until_kept(&stage, &["a", "b"]).await;
    // There while the victim lives: it leaves them alone until then.
    let _heir = stage.worker("heir", &SETTINGS).await;
    let holder = stage.field("a", "worker").await;
    assert!(!holder.is_empty());
    victim.signal(Signal::KILL);
    victim.wait(PATIENCE).await;
    eventually(PATIENCE, "another looks at it", || async {
        let worker = stage.field("a", "worker").await;
        !worker.is_empty() && worker != holder
    })
    .await;
    for id in ["a", "b"] {
        stage.until(id, "completed").await;
    }
    stage.assert_honest(2, &[]).await;
}

#[tokio::test]
async fn a_pause_is_heard_by_every_worker_and_a_cancel_by_its_own() {
    let stage = Stage::start(&["--generation-time", "600s"]).await;
    let _workers = [
        stage.worker("one", &SETTINGS).await,
        stage.worker("other", &SETTINGS).await,
    ];
    let ids = ["a", "b", "c", "d", "e", "f"];
    for id in ids {
        stage.submit(id, "text").await;
    }
    until_kept(&stage, &ids).await;
    done(&stage, &["pause", "default"]).await;
    // Nobody has them any more, so no look is under way …
    for id in ids {
        eventually(PATIENCE, "it is let go", || async {
            stage.field(id, "worker").await.is_empty()
        })
        .await;
    }
    let before = looks(&stage).await;
    // … and when their time came they were put off.
    for id in ids {
        let next_at: f64 = stage.field(id, "next_at").await.parse().unwrap();
        eventually(PATIENCE, "it is put off", || async {
            let due = stage.redis.cli(&["ZSCORE", &stage.key("due"), id]).await;
            due.trim().parse::<f64>().unwrap() > next_at + 5_000.0
        })
        .await;
    }
    assert_eq!(looks(&stage).await, before, "looked at in a pause");
    done(&stage, &["resume", "default"]).await;
    eventually(PATIENCE, "they are looked at again", || async {
        looks(&stage).await > before + 12
    })
    .await;
    done(&stage, &["cancel", "a"]).await;
    stage.until("a", "cancelled").await;
    let polls = stage.field("a", "polls").await;
    until_kept(&stage, &["b", "c"]).await;
    assert_eq!(stage.field("a", "polls").await, polls);
}

#[tokio::test]
async fn a_worker_that_stops_gives_them_back_with_their_times() {
    let stage = Stage::start(&["--generation-time", "600s"]).await;
    let settings = [
        ("POLL__INTERVAL", "3s"),
        ("POLL__SLOW_INTERVAL", "3s"),
        ("POLL__BACKOFF_MAX", "9s"),
        ("WORKER__LEASE", "60s"),
    ];
    let worker = stage.worker("leaves", &settings).await;
    let ids = ["a", "b", "c"];
    for id in ids {
        stage.submit(id, "text").await;
    }
    for id in ids {
        eventually(PATIENCE, "it is kept", || async {
            !stage.field(id, "kept_fence").await.is_empty()
        })
        .await;
    }
    worker.signal(Signal::TERM);
    assert!(worker.wait(PATIENCE).await.success());
    for id in ids {
        assert_eq!(stage.field(id, "worker").await, "");
        let due = stage.redis.cli(&["ZSCORE", &stage.key("due"), id]).await;
        assert_eq!(due.trim(), stage.field(id, "next_at").await, "{id}");
    }
}
