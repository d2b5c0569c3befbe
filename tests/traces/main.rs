//! Traces: real workers that were built with the feature `otel`, a real Redis, the fake Gamma, and a collector that takes
//! what they export. `make test-traces` builds the binary and names it.

mod collector;
mod files;

use std::time::{Duration, Instant};

use collector::{Collector, hex, text, wire};
use gammaq_producer::{GenerationRequest, NewJob, Producer, ProducerSettings};
use gammaq_testkit::{Process, Signal, eventually, free_port, gammaq_bin};
use gammaq_tests::{KEY, PATIENCE, Stage};
use opentelemetry::Context;
use opentelemetry::trace::{
    FutureExt, SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState,
};
use opentelemetry_proto::tonic::trace::v1::Span;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";
const COLLECTOR_KEY: &str = "collector-key-5d41402a";

fn traceparent() -> String {
    format!("00-{TRACE}-{CALLER}-01")
}

/// Starts a worker that exports to `url`, and waits until it is ready.
async fn worker(stage: &Stage, name: &str, url: &str, more: &str, settings: &[(&str, &str)]) -> Process {
    let prepare = format!("export OTEL_EXPORTER_OTLP_ENDPOINT={url} {more}");
    let worker = stage.spawn_worker_after(&prepare, name, settings);
    worker.wait_line("the worker is ready", PATIENCE).await;
    worker
}

/// Stops a worker as a supervisor does; answers how long it took.
async fn stop(worker: &Process) -> Duration {
    let asked = Instant::now();
    worker.signal(Signal::TERM);
    let status = worker.wait(PATIENCE).await;
    assert!(status.success(), "{status:?}");
    asked.elapsed()
}

fn named<'a>(spans: &'a [Span], name: &str) -> Vec<&'a Span> {
    spans.iter().filter(|span| span.name == name).collect()
}

fn the<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let found = named(spans, name);
    let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(found.len(), 1, "{name}: {names:?}");
    found[0]
}

#[tokio::test]
async fn one_trace_from_the_caller_to_the_result_over_two_workers() {
    let stage = Stage::start(&[]).await;
    let collector = Collector::start().await;
    let (gamma, sent_to_gamma) = wire(stage.fake_address()).await;
    let base_url = format!("http://{gamma}");
    let settings = [("GAMMA__BASE_URL", base_url.as_str())];
    // Only its end flushes: nothing is exported before.
    let headers =
        format!("OTEL_BSP_SCHEDULE_DELAY=600000 OTEL_EXPORTER_OTLP_HEADERS=api-key={COLLECTOR_KEY}");
    let first = worker(&stage, "first", &collector.url, &headers, &settings).await;

    let enqueued = Process::builder(gammaq_bin())
        .args([
            "enqueue",
            "Our secret plan [[fake:time=2s]]",
            "--title",
            "traced",
            "--id",
            "traced",
        ])
        .args(["--export", "pdf", "--meta", "private words"])
        .env("REDIS_URL", stage.redis.url())
        .env("TRACEPARENT", traceparent())
        .env("TRACESTATE", "vendor=abc")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url)
        .run(PATIENCE)
        .await;
    assert!(enqueued.status.success(), "{enqueued:?}");
    eventually(PATIENCE, "the first worker looks", || async {
        let polls = stage.field("traced", "polls").await;
        if polls.parse::<u64>().unwrap_or(0) >= 2 {
            Ok(())
        } else {
            Err(polls)
        }
    })
    .await;
    assert!(
        collector
            .spans()
            .iter()
            .all(|span| span.name.starts_with("send "))
    );
    stop(&first).await;
    let handed_over = stage.field("traced", "polls").await;
    let second = worker(
        &stage,
        "second",
        &collector.url,
        "OTEL_BSP_SCHEDULE_DELAY=50",
        &settings,
    )
    .await;
    stage.until("traced", "completed").await;
    let end = "end gammaq:{main}";
    eventually(PATIENCE, "the end is exported", || async {
        let spans = collector.spans();
        if named(&spans, end).is_empty() {
            Err(spans.len())
        } else {
            Ok(())
        }
    })
    .await;

    let spans = collector.spans_of("traced");
    for span in &spans {
        assert_eq!(hex(&span.trace_id), TRACE, "{}", span.name);
    }
    assert_eq!(spans.len(), collector.spans().len(), "there is nothing else");
    let send = the(&spans, "send gammaq:{main}");
    assert_eq!(hex(&send.parent_span_id), CALLER);
    assert_eq!(send.trace_state, "vendor=abc");
    let on_record = format!("00-{TRACE}-{}-01", hex(&send.span_id));
    assert_eq!(stage.field("traced", "traceparent").await, on_record);
    assert_eq!(stage.field("traced", "tracestate").await, "vendor=abc");

    let (accept, submit) = (
        the(&spans, "accept gammaq:{main}"),
        the(&spans, "submit gammaq:{main}"),
    );
    let (looks, end) = (named(&spans, "look gammaq:{main}"), the(&spans, end));
    for span in [accept, submit, end].iter().chain(&looks) {
        assert_eq!(span.parent_span_id, send.span_id, "{}", span.name);
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
        assert_eq!(text(span, "messaging.destination.name"), "gammaq:{main}");
        let took = Duration::from_nanos(span.end_time_unix_nano - span.start_time_unix_nano);
        assert!(took < PATIENCE, "{} is one step and no more", span.name);
    }
    let post = the(&spans, "POST /v1.0/generations");
    assert_eq!(post.parent_span_id, submit.span_id);
    assert_eq!(text(post, "http.response.status_code"), "201");
    assert_eq!(text(post, "server.address"), "127.0.0.1");
    assert_eq!(text(submit, "gammaq.outcome"), "accepted");
    let generation = stage.field("traced", "generation_id").await;
    assert_eq!(text(submit, "gammaq.generation.id"), generation);
    assert_eq!(text(accept, "gammaq.outcome"), "queued");
    assert_eq!(text(end, "gammaq.job.state"), "completed");
    assert_ne!(
        text(submit, "messaging.client.id"),
        text(end, "messaging.client.id")
    );
    assert_eq!(
        text(submit, "messaging.client.id"),
        text(accept, "messaging.client.id")
    );
    assert_eq!(
        text(looks[0], "messaging.client.id"),
        text(accept, "messaging.client.id")
    );

    // Looks that brought nothing are thinned out, over both workers alike; the last one is there.
    let polls: u64 = stage.field("traced", "polls").await.parse().unwrap();
    assert!(polls > handed_over.parse().unwrap());
    let shown = |outcome: &str| -> Vec<u64> {
        let of = looks
            .iter()
            .filter(|span| text(span, "gammaq.outcome") == outcome);
        of.map(|span| text(span, "gammaq.look.number").parse().unwrap())
            .collect()
    };
    let mut pending = shown("pending");
    // A look that the first worker made and could not settle is made again.
    pending.dedup();
    let expected: Vec<u64> = (0..60).map(|n| 1 << n).filter(|n| *n < polls).collect();
    assert_eq!(pending, expected, "{polls} looks");
    assert_eq!(shown("completed"), [polls]);

    let everything = collector.everything();
    let result = stage.result("traced").await;
    let pdf = result["pdfUrl"].as_str().unwrap();
    for secret in [KEY, "secret plan", "private words", pdf, "/export/", "gamma.app/"] {
        assert!(!everything.contains(secret), "{secret} was exported");
    }
    assert!(everything.contains(COLLECTOR_KEY), "the collector has its header");
    stage.assert_silent(&[&first, &second], &[COLLECTOR_KEY, "secret plan"]);
    let sent = String::from_utf8_lossy(&sent_to_gamma.lock().unwrap()).to_lowercase();
    assert!(
        sent.contains("post /v1.0/generations")
            && sent.contains(&format!("get /v1.0/generations/{generation}").to_lowercase())
    );
    for header in ["traceparent", "tracestate", "baggage", TRACE] {
        assert!(!sent.contains(header), "{header} went to Gamma");
    }
}

#[tokio::test]
async fn a_job_without_a_trace_gets_one_and_one_that_is_not_recorded_stays_so() {
    let stage = Stage::start(&["--generation-time", "50ms"]).await;
    let collector = Collector::start().await;
    let worker = worker(
        &stage,
        "worker",
        &collector.url,
        "OTEL_BSP_SCHEDULE_DELAY=50",
        &[],
    )
    .await;
    let request = |title: &str| format!(r#"{{"inputText":"a","title":"{title}"}}"#);
    let unrecorded = traceparent().replace("-01", "-00");
    stage
        .xadd(&[
            ("id", "quiet"),
            ("traceparent", &unrecorded),
            ("request", &request("quiet")),
        ])
        .await;
    stage.xadd(&[("id", "own"), ("request", &request("own"))]).await;
    stage.until("own", "completed").await;
    // The same wish again, of another trace: no conflict, and the record keeps the trace that it has.
    stage
        .xadd(&[
            ("id", "own"),
            ("traceparent", &traceparent()),
            ("request", &request("own")),
        ])
        .await;
    eventually(PATIENCE, "the repeat is taken in", || async {
        let stats = stage
            .redis
            .cli(&["HGET", &stage.key("stats"), "duplicates"])
            .await;
        if stats.trim() == "1" { Ok(()) } else { Err(stats) }
    })
    .await;
    assert_eq!(stage.field("own", "conflicts").await, "");
    stage.until("quiet", "completed").await;
    stop(&worker).await;

    assert_eq!(collector.spans_of("quiet"), []);
    assert_eq!(stage.field("quiet", "traceparent").await, unrecorded);
    let spans = collector.spans_of("own");
    let repeat: Vec<&Span> = spans.iter().filter(|span| hex(&span.trace_id) == TRACE).collect();
    assert_eq!(repeat.len(), 1, "the repeat is seen in the caller's trace");
    assert_eq!(
        (
            text(repeat[0], "gammaq.outcome").as_str(),
            hex(&repeat[0].parent_span_id).as_str()
        ),
        ("known", CALLER)
    );
    let accept = named(&spans, "accept gammaq:{main}");
    let root = accept
        .iter()
        .find(|span| span.parent_span_id.is_empty())
        .expect("a root");
    let on_record = format!("00-{}-{}-01", hex(&root.trace_id), hex(&root.span_id));
    assert_eq!(stage.field("own", "traceparent").await, on_record);
    for name in ["submit gammaq:{main}", "end gammaq:{main}"] {
        let span = the(&spans, name);
        assert_eq!(
            (&span.trace_id, &span.parent_span_id),
            (&root.trace_id, &root.span_id),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_collector_that_is_away_or_hangs_harms_nothing() {
    const JOBS: u64 = 60;
    let stage = Stage::start(&["--generation-time", "50ms"]).await;
    let hanging = Collector::hanging().await;
    let away = format!("http://127.0.0.1:{}", free_port());
    // So small that it is full, and so patient that nobody would wait for it.
    let buffer = "OTEL_BSP_SCHEDULE_DELAY=50 OTEL_BSP_MAX_QUEUE_SIZE=8 OTEL_BSP_MAX_EXPORT_BATCH_SIZE=4 OTEL_EXPORTER_OTLP_TIMEOUT=600000";
    let grace = [("WORKER__SHUTDOWN_GRACE", "3s")];
    let first = worker(&stage, "first", &hanging.url, buffer, &grace).await;
    let second = worker(&stage, "second", &away, buffer, &grace).await;
    for n in 0..JOBS {
        let id = format!("job-{n}");
        stage.submit(&id, "a").await;
    }
    stage.until_count("completed", JOBS).await;
    stage.assert_honest(JOBS, &[]).await;
    eventually(PATIENCE, "the collector hangs", || async {
        hanging.exports() == 1
    })
    .await;
    second.wait_line("spans could not be exported", PATIENCE).await;
    for worker in [&first, &second] {
        let took = stop(worker).await;
        assert!(
            took < Duration::from_secs(20),
            "it waited for its collector: {took:?}"
        );
    }
    assert_eq!(hanging.exports(), 1, "one export at a time");
}

#[tokio::test]
async fn a_producer_hands_on_the_trace_that_it_runs_in() {
    let stage = Stage::start(&[]).await;
    let settings = ProducerSettings {
        url: stage.redis.url(),
        ..ProducerSettings::default()
    };
    let producer = Producer::new(settings).unwrap();
    let context = SpanContext::new(
        TraceId::from_hex(TRACE).unwrap(),
        SpanId::from_hex(CALLER).unwrap(),
        TraceFlags::SAMPLED,
        true,
        TraceState::NONE,
    );
    let here = Context::new().with_remote_span_context(context);
    let other = "00-11111111111111111111111111111111-2222222222222222-00";
    let job = |id: &str| NewJob::new(GenerationRequest::new("a")).id(id);
    producer
        .enqueue(job("one"))
        .with_context(here.clone())
        .await
        .unwrap();
    let many = [job("two"), job("three").traceparent(other)];
    producer.enqueue_many(many).with_context(here).await.unwrap();
    producer.enqueue(job("four")).await.unwrap();
    producer.enqueue(job("five").traceparent(other)).await.unwrap();

    let entries = stage.redis.cli(&["XRANGE", &stage.key("inbox"), "-", "+"]).await;
    let lines: Vec<&str> = entries.lines().collect();
    let of = |id: &str| {
        let at = lines.iter().position(|line| *line == id).unwrap();
        let rest = &lines[at + 1..];
        rest.first().filter(|it| **it == "traceparent").map(|_| rest[1])
    };
    assert_eq!(of("one"), Some(traceparent().as_str()));
    assert_eq!(of("two"), Some(traceparent().as_str()));
    assert_eq!(of("three"), Some(other));
    assert_eq!(of("four"), None);
    assert_eq!(of("five"), Some(other));
}
