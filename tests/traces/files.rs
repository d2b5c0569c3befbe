//! Spans of files.

use gammaq_tests::{KEY, Stage};

use crate::collector::{Collector, hex, text};
use crate::{TRACE, named, stop, the, traceparent, worker};

/// Two files into a directory, one of which is asked for, and breaks off once.
#[tokio::test]
async fn files_have_spans_that_say_nothing_of_their_links() {
    let flags = ["--generation-time", "50ms", "--export-time", "300ms"];
    let stage = Stage::start(&flags).await;
    let (collector, store) = (Collector::start().await, tempfile::tempdir().unwrap());
    let place = format!("file://{}", store.path().display());
    let settings = [
        ("EXPORTS__STORE", place.as_str()),
        ("EXPORTS__KEEP_FILES", "false"),
        ("EXPORTS__ALLOWED_HOSTS", "127.0.0.1"),
        ("EXPORTS__MIN_FREE", "1 MiB"),
    ];
    let worker = worker(
        &stage,
        "worker",
        &collector.url,
        "OTEL_BSP_SCHEDULE_DELAY=50",
        &settings,
    )
    .await;
    let request = r#"{"inputText":"secret plan [[fake:download=half*1]]","title":"deck"}"#;
    let fields = [
        ("id", "deck"),
        ("exports", "pdf,pptx"),
        ("traceparent", &traceparent()),
        ("request", request),
    ];
    stage.xadd(&fields).await;
    stage.until("deck", "completed").await;
    stop(&worker).await;

    let spans = collector.spans_of("deck");
    let parent = the(&spans, "submit gammaq:{main}").parent_span_id.clone();
    let asked = the(&spans, "export gammaq:{main}");
    assert_eq!(text(asked, "gammaq.outcome"), "export_begun");
    assert_eq!(text(asked, "gammaq.file.format"), "pptx");
    assert_eq!(text(asked, "http.request.method"), "POST");
    assert_eq!(text(asked, "url.template"), "/v1.0/gammas/{gammaId}/export");
    assert_eq!(text(asked, "http.response.status_code").len(), 3);
    // Those that found it still being made are left out.
    let looked = the(&spans, "look_export gammaq:{main}");
    assert_eq!(text(looked, "gammaq.outcome"), "export_ready");
    assert_eq!(text(looked, "url.template"), "/v1.0/exports/{exportId}");
    let downloads = named(&spans, "download gammaq:{main}");
    let outcomes: Vec<String> = downloads
        .iter()
        .map(|span| text(span, "gammaq.outcome"))
        .collect();
    assert_eq!(
        outcomes.iter().filter(|it| *it == "stored").count(),
        2,
        "{outcomes:?}"
    );
    assert_eq!(
        outcomes.iter().filter(|it| *it == "again").count(),
        1,
        "{outcomes:?}"
    );
    for span in downloads.iter().chain(&[asked, looked]) {
        assert_eq!(
            (hex(&span.trace_id).as_str(), &span.parent_span_id),
            (TRACE, &parent)
        );
        if text(span, "gammaq.outcome") == "stored" {
            let format = text(span, "gammaq.file.format");
            let size = stage.field("deck", &format!("{format}_bytes")).await;
            assert_eq!(text(span, "gammaq.file.bytes"), size);
        }
    }
    let everything = collector.everything();
    for secret in [KEY, "secret plan", "/export/", "gamma.app/", place.as_str()] {
        assert!(!everything.contains(secret), "{secret} was exported");
    }
    stage.assert_silent(&[&worker], &["secret plan"]);
}
