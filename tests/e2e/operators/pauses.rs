//! An account, and the whole queue, paused and resumed.

use gammaq_tests::Stage;

use super::{control, done, outcome, paid};

#[tokio::test]
async fn a_paused_account_sends_nothing_while_others_work() {
    let stage = Stage::start(&["--generation-time", "300ms"]).await;
    let settings = [("ACCOUNTS__OTHER__API_KEY", "sk-gamma-other")];
    let _worker = stage.worker("worker", &settings).await;
    let made = |id: &str| {
        serde_json::json!({ "inputText": "text", "title": id, "textMode": "generate" }).to_string()
    };
    done(&stage, &["pause", "default"]).await;
    stage.submit("held", "text").await;
    stage.until("held", "queued").await;
    for n in 0..3 {
        let id = format!("other-{n}");
        stage
            .xadd(&[("id", &id), ("account", "other"), ("request", &made(&id))])
            .await;
        stage.until(&id, "completed").await;
    }
    assert_eq!(stage.field("held", "state").await, "queued");
    assert_eq!(paid(&stage, "held").await.0, 0);
    done(&stage, &["resume", "default"]).await;
    stage.until("held", "completed").await;
    stage.assert_honest(4, &[]).await;
}

#[tokio::test]
async fn a_paused_queue_brings_to_an_end_what_is_paid_for_and_begins_nothing() {
    let stage = Stage::start(&["--generation-time", "1500ms"]).await;
    let _workers = [stage.worker("a", &[]).await, stage.worker("b", &[]).await];
    stage.submit("paid", "text").await;
    stage.until("paid", "generating").await;
    done(&stage, &["pause", "--all"]).await;
    stage.submit("held", "text").await;
    stage.until("held", "queued").await;
    stage.until("paid", "completed").await;
    assert_eq!(stage.field("held", "state").await, "queued");
    assert_eq!(stage.ledger().await.posts.len(), 1);
    let entry = control(&stage, &["op", "resume", "account", "*", "by", "carol"]).await;
    let (note, by) = outcome(&stage, &entry).await;
    assert_eq!((note.as_str(), by.as_str()), ("the queue is resumed", "carol"));
    stage.until("held", "completed").await;
    stage.assert_honest(2, &[]).await;
}
