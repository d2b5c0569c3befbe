//! Files of a deck, by the links that Gamma gives: as many formats as are wanted, one generation, whatever goes wrong.

use gammaq_testkit::{Signal, eventually};
use gammaq_tests::{PATIENCE, Stage};
use serde_json::{Value, json};

const FAKE: &[&str] = &["--generation-time", "100ms", "--export-time", "200ms"];

#[tokio::test]
async fn every_format_comes_of_one_generation() {
    let stage = Stage::start(FAKE).await;
    let worker = stage.worker("worker", &[]).await;
    stage
        .submit_with("deck", "pptx,pdf,png", "Our plan [[fake:export_time=1500ms]]")
        .await;
    stage.until("deck", "exporting").await;
    // From the beginning of the exports the deck is there for everybody, and what it cost.
    let early = stage.result("deck").await;
    assert_eq!(early["state"], "exporting");
    assert!(
        early["gammaUrl"]
            .as_str()
            .unwrap()
            .starts_with("https://gamma.app/docs/")
    );
    assert!(
        early["pptxUrl"].is_string() && early["credits"]["deducted"].is_number(),
        "{early}"
    );
    assert_eq!(
        (&early["pdfUrl"], &early["exports"][1]["error"]),
        (&Value::Null, &Value::Null)
    );
    stage.until("deck", "completed").await;

    let result = stage.result("deck").await;
    assert_eq!(result["exportUrl"], result["pptxUrl"]);
    for (number, (format, link)) in [("pptx", "pptxUrl"), ("pdf", "pdfUrl"), ("png", "pngUrl")]
        .iter()
        .enumerate()
    {
        let file = &result["exports"][number];
        assert_eq!(
            (&file["format"], &file["url"], &file["error"]),
            (&json!(format), &result[link], &Value::Null)
        );
        assert!(result[link].as_str().unwrap().contains("/export/"), "{result}");
    }
    let ledger = stage.ledger().await;
    assert_eq!((ledger.posts.len(), ledger.generations.len()), (1, 1));
    let asked: Vec<_> = ledger
        .exports
        .iter()
        .map(|it| it.export_as.clone().unwrap())
        .collect();
    assert_eq!(
        asked,
        ["pdf", "png"],
        "each once, and not the one that went with the POST"
    );
    assert_eq!(ledger.downloads.len(), 0, "without a store nothing is downloaded");
    stage.assert_honest(1, &[]).await;
    stage.assert_silent(&[&worker], &["Our plan"]);
}

#[tokio::test]
async fn a_file_that_cannot_be_had_ends_alone_and_the_deck_is_there() {
    let stage = Stage::start(FAKE).await;
    let _worker = stage.worker("worker", &[]).await;
    let cases = [
        ("too-large", "deck_too_large", "deck_too_large: ", 1),
        ("empty", "no_content", "no_content: ", 1),
        ("broken", "export_failed", "export_failed: ", 1),
        ("slow", "render_timeout", "render_timeout: ", 4),
        ("refused", "400", "Gamma refused it with HTTP 400", 1),
    ];
    for (id, fault, ..) in cases {
        stage
            .submit_with(id, "pdf,png", &format!("text [[fake:export={fault}]]"))
            .await;
    }
    stage
        .submit_with("slow-twice", "pdf,png", "text [[fake:export=render_timeout*2]]")
        .await;
    for (id, _, says, times) in cases {
        stage.until(id, "completed").await;
        let (pdf, png) = (stage.export(id, 0).await, stage.export(id, 1).await);
        assert!(pdf["url"].is_string() && pdf["error"].is_null(), "{id}: {pdf}");
        assert!(
            png["url"].is_null() && png["error"].as_str().unwrap().starts_with(says),
            "{id}: {png}"
        );
        assert_eq!(stage.result(id).await["error"], Value::Null, "{id}");
        let asked = stage.ledger().await;
        let deck = stage.field(id, "gamma_id").await;
        let asked = asked.exports.iter().filter(|it| it.gamma_id == deck).count();
        assert_eq!(asked, times, "{id}");
    }
    stage.until("slow-twice", "completed").await;
    assert!(stage.export("slow-twice", 1).await["url"].is_string());
    stage.assert_honest(6, &[]).await;
}

#[tokio::test]
async fn a_deck_without_the_link_that_went_with_it_gets_one() {
    let stage = Stage::start(FAKE).await;
    let _worker = stage.worker("worker", &[]).await;
    stage
        .submit_with("deck", "pdf", "text [[fake:result=no_export]]")
        .await;
    stage.until("deck", "completed").await;
    let result = stage.result("deck").await;
    assert!(
        result["pdfUrl"].is_string() && result["exportUrl"] == result["pdfUrl"],
        "{result}"
    );
    assert_eq!(stage.ledger().await.exports.len(), 1);
    stage.assert_honest(1, &[]).await;
}

#[tokio::test]
async fn answers_that_are_lost_or_broken_are_asked_for_again() {
    let stage = Stage::start(FAKE).await;
    let _worker = stage.worker("worker", &[]).await;
    let faults = [
        "export=lost_after*1",
        "export=lost_before*2",
        "export=silent*1",
        "export=500*1",
        "export=after_503*1",
        "export=no_id*1",
        "export=malformed*1",
        "export=404*1",
        "export_poll=half*1",
        "export_poll=502*2",
        "export_poll=garbage*1",
        "export_poll=unknown*2",
        "export_poll=404*1",
    ];
    for (n, fault) in faults.iter().enumerate() {
        stage
            .submit_with(&format!("j{n}"), "pdf,pptx", &format!("text [[fake:{fault}]]"))
            .await;
    }
    for (n, fault) in faults.iter().enumerate() {
        stage.until(&format!("j{n}"), "completed").await;
        let file = stage.export(&format!("j{n}"), 1).await;
        assert!(
            file["url"].is_string() && file["error"].is_null(),
            "{fault}: {file}"
        );
    }
    stage.assert_honest(faults.len() as u64, &[]).await;
}

#[tokio::test]
async fn a_429_about_a_file_has_the_whole_account_wait() {
    let stage = Stage::start(FAKE).await;
    let _worker = stage.worker("worker", &[]).await;
    stage
        .submit_with("deck", "pdf,pptx", "text [[fake:export=429s=2*1]]")
        .await;
    stage.until("deck", "exporting").await;
    eventually(PATIENCE, "the account waits", || async {
        stage
            .redis
            .cli(&["HGET", "gammaq:{main}:account:default", "pause_reason"])
            .await
            .trim()
            == "rate_limited"
    })
    .await;
    let paused_at = stage.ledger().await.elapsed_ms;
    stage.submit("other", "text").await;
    stage.until("deck", "completed").await;
    stage.until("other", "completed").await;
    let ledger = stage.ledger().await;
    let other = ledger
        .posts
        .iter()
        .find(|post| post.title.as_deref() == Some("other"))
        .unwrap();
    // It is not known when exactly the pause began, but surely not before the deck was there.
    assert!(
        other.elapsed_ms + 200 >= paused_at.max(ledger.exports[0].elapsed_ms + 2_000),
        "{ledger:?}"
    );
    assert_eq!(ledger.exports.len(), 2);
    stage.assert_honest(2, &[]).await;
}

#[tokio::test]
async fn a_file_that_takes_too_long_is_given_up_and_said_so() {
    let stage = Stage::start(FAKE).await;
    let _worker = stage.worker("worker", &[("EXPORTS__TIMEOUT", "1s")]).await;
    stage
        .submit_with("deck", "pdf,pptx", "text [[fake:export_poll=stuck]]")
        .await;
    stage.until("deck", "completed").await;
    let file = stage.export("deck", 1).await;
    assert!(
        file["error"].as_str().unwrap().contains("exports.timeout"),
        "{file}"
    );
}

#[tokio::test]
async fn another_worker_goes_on_where_one_died_and_a_cancelled_job_keeps_its_deck() {
    let stage = Stage::start(FAKE).await;
    let first = stage.worker("first", &[]).await;
    stage
        .submit_with("deck", "pdf,pptx", "text [[fake:export_time=2s]]")
        .await;
    stage
        .submit_with("unwanted", "pdf,pptx", "text [[fake:export_time=60s]]")
        .await;
    for id in ["deck", "unwanted"] {
        eventually(PATIENCE, "its export is begun", || async {
            stage.field(id, "files").await.contains("export_id")
        })
        .await;
    }
    first.signal(Signal::KILL);
    first.wait(PATIENCE).await;
    let _second = stage.worker("second", &[]).await;
    stage
        .redis
        .cli(&[
            "XADD",
            "gammaq:{main}:control",
            "*",
            "op",
            "cancel",
            "id",
            "unwanted",
        ])
        .await;
    stage.until("unwanted", "cancelled").await;
    let result = stage.result("unwanted").await;
    assert!(
        result["gammaUrl"].is_string() && result["pdfUrl"].is_string(),
        "{result}"
    );
    stage.until("deck", "completed").await;
    assert!(stage.export("deck", 1).await["url"].is_string());
    let ledger = stage.ledger().await;
    assert_eq!(
        ledger.exports.len(),
        2,
        "what was begun was gone on with: {:?}",
        ledger.exports
    );
    stage.assert_honest(2, &[]).await;
}
