//! What stands in records, results and the other keys, and how long.

use gammaq_job::{ErrorKind, ExportFormat, State};
use gammaq_queue::Policy;
use gammaq_queue::accept::Accepted;
use gammaq_queue::settle::{Settled, Verb};

use crate::bench::{Bench, REQUEST, error_field, settlement};

#[tokio::test]
async fn a_completed_jobs_result_is_what_the_contract_says() {
    let bench = Bench::start().await;
    let meta = "any \"text\"\\/ \u{7f}\u{1}ä€😀\nof the caller's";
    let fields = [
        ("request", REQUEST),
        ("id", "a"),
        ("meta", meta),
        ("exports", "pdf,png"),
        ("odd", "x"),
    ];
    assert_eq!(bench.add_fields(&fields).await, Accepted::Queued);
    bench.generating("A", "gen-1").await;
    let job = bench.claim_one("A").await;
    let mut done = settlement(&job, Verb::Complete);
    done.fields = vec![
        ("gamma_id", "g_1".to_owned()),
        ("gamma_url", "https://gamma.app/docs/1".to_owned()),
        ("pdf_url", "https://x.gamma.app/1.pdf?a=\"b\"&c=\\".to_owned()),
        ("credits_deducted", "150.5".to_owned()),
        ("credits_remaining", "3000".to_owned()),
        ("polls", "12".to_owned()),
    ];
    done.account_fields = vec![("credits_remaining", "3000".to_owned())];
    assert_eq!(bench.settle("A", done).await, Settled::Done);

    let text = bench.queue.result_text("a").await.unwrap().unwrap();
    assert!(text.contains("https://gamma.app/docs/1"), "{text}");
    let result = bench.queue.result("a").await.unwrap().unwrap();
    assert_eq!((result.state, result.polls), (State::Completed, 12));
    assert_eq!(result.generation_id.as_deref(), Some("gen-1"));
    assert_eq!(result.meta.as_deref(), Some(meta));
    assert_eq!(
        result.pdf_url.as_deref(),
        Some("https://x.gamma.app/1.pdf?a=\"b\"&c=\\")
    );
    assert_eq!(result.pptx_url, None);
    assert_eq!(
        (result.credits.deducted, result.credits.remaining),
        (Some(150.5), Some(3000.0))
    );
    assert_eq!(result.warnings.len(), 1, "{:?}", result.warnings);
    let exports: Vec<_> = result
        .exports
        .iter()
        .map(|e| (e.format, e.url.is_some(), e.error.is_some()))
        .collect();
    assert_eq!(
        exports,
        [(ExportFormat::Pdf, true, false), (ExportFormat::Png, false, true)]
    );
    assert!(result.created_at <= result.submitted_at.unwrap());
    assert!(result.submitted_at <= result.finished_at);
    // The request's text goes with the end, and credits are counted.
    assert_eq!(bench.field("a", "request").await, "");
    assert_eq!(
        bench.cmd::<f64>(&["HGET", "@stats", "credits_deducted"]).await,
        150.5
    );
    assert_eq!(
        bench
            .cmd::<String>(&["HGET", "@account:default", "credits_remaining"])
            .await,
        "3000"
    );
}

#[tokio::test]
async fn only_what_is_over_expires() {
    let bench = Bench::start().await;
    for id in [
        "completed",
        "failed",
        "ambiguous",
        "timed_out",
        "rested",
        "submitting",
        "generating",
    ] {
        bench.add(id).await;
        let job = bench.submitting("A", crate::bench::LONG).await;
        match id {
            "submitting" => continue,
            "ambiguous" => {
                assert_eq!(bench.end("A", &job, Verb::Park).await, Settled::Done);
                continue;
            }
            _ => bench.record("A", &job, id).await,
        };
        if id == "generating" {
            continue;
        }
        let look = bench.claim_one("A").await;
        let verb = match id {
            "completed" => Verb::Complete,
            "failed" => Verb::Fail,
            _ => Verb::TimeOut,
        };
        assert_eq!(bench.end("A", &look, verb).await, Settled::Done);
        if id == "rested" {
            bench.hurry(id).await;
            let look = bench.claim_one("A").await;
            assert_eq!(bench.end("A", &look, Verb::Rest).await, Settled::Done);
        }
    }
    bench.add("queued").await;
    let (ttl, minute) = (Policy::default().results_ttl.as_millis() as i64, 60_000);
    for id in ["completed", "failed", "rested"] {
        for key in [format!("@job:{id}"), format!("@result:{id}")] {
            let left: i64 = bench.cmd(&["PTTL", &key]).await;
            assert!((ttl - minute..=ttl).contains(&left), "{key}: {left}");
        }
    }
    for id in ["queued", "submitting", "generating", "ambiguous", "timed_out"] {
        assert_eq!(
            bench.cmd::<i64>(&["PTTL", &format!("@job:{id}")]).await,
            -1,
            "{id}"
        );
        let result: i64 = bench.cmd(&["PTTL", &format!("@result:{id}")]).await;
        let ended = ["ambiguous", "timed_out"].contains(&id);
        assert_eq!(result, if ended { -1 } else { -2 }, "{id}");
    }
}

/// Whatever grows with the number of jobs ends by itself: a cap, a time to live, or the end of the job.
#[tokio::test]
async fn no_key_grows_for_ever() {
    let bench = Bench::with(Policy {
        events_cap: 100,
        ..Policy::default()
    })
    .await;
    bench.account("default", 1_000, crate::bench::SOON).await;
    for n in 0..300 {
        let id = format!("j{n}");
        bench.add(&id).await;
        let job = bench.submitting("A", crate::bench::LONG).await;
        let mut refused = settlement(&job, Verb::Fail);
        refused.fields = vec![error_field(ErrorKind::Refused)];
        assert_eq!(bench.settle("A", refused).await, Settled::Done);
    }
    let events: u64 = bench.cmd(&["XLEN", "@events"]).await;
    assert!((100..=250).contains(&events), "{events}");
    assert!(bench.cmd::<i64>(&["PTTL", "@budget:default"]).await > 0);
    assert_eq!(bench.claim("A", 1).await.len(), 0);
    let mut left: Vec<String> = bench.cmd(&["KEYS", "*"]).await;
    left.retain(|key| !key.contains(":job:") && !key.contains(":result:"));
    left.sort();
    let names = [
        "account:default",
        "account_names",
        "budget:default",
        "events",
        "failed",
        "inbox",
        "schema",
        "stats",
    ];
    assert_eq!(left, names.map(|name| bench.key(name)));
    let seen = bench.queue.newest_events(3).await.unwrap();
    let last: Vec<_> = seen
        .iter()
        .map(|e| (e.from.as_str(), e.state.as_str(), e.worker.as_str()))
        .collect();
    assert_eq!(
        last,
        [
            ("", "queued", "intake"),
            ("queued", "submitting", "A"),
            ("submitting", "failed", "A")
        ]
    );
}
