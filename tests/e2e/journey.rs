//! The journey: a request goes into Redis, a finished deck comes out.

use gammaq_testkit::eventually;
use gammaq_tests::{PATIENCE, Stage};
use serde_json::json;
use tempfile::TempDir;

#[tokio::test]
async fn from_xadd_to_the_deck_and_its_file() {
    let stage = Stage::start(&["--generation-time", "300ms", "--cost", "150"]).await;
    let worker = stage.worker("worker", &[]).await;
    let request =
        r#"{"inputText":"Our secret plan","title":"invoice-42","textMode":"generate","numCards":8}"#;
    let id = stage
        .xadd(&[
            ("id", "invoice-42"),
            ("exports", "pdf"),
            ("meta", "order 7"),
            ("priority", "2"),
            ("timeout", "60"),
            (
                "traceparent",
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            ),
            ("request", request),
        ])
        .await;
    assert!(id.contains('-'), "XADD answers the entry's id: {id}");
    stage.until("invoice-42", "completed").await;

    let result = stage.result("invoice-42").await;
    assert_eq!(result["state"], "completed");
    assert_eq!(
        (&result["meta"], &result["account"], &result["error"]),
        (&json!("order 7"), &json!("default"), &json!(null))
    );
    assert_eq!(result["credits"]["deducted"], 150);
    assert!(
        result["gammaUrl"]
            .as_str()
            .unwrap()
            .starts_with("https://gamma.app/docs/")
    );
    let pdf = result["pdfUrl"].as_str().unwrap();
    assert_eq!(
        (&result["exports"][0]["format"], &result["exports"][0]["url"]),
        (&json!("pdf"), &json!(pdf))
    );
    assert_eq!(result["exportUrl"], pdf);
    let path = pdf.splitn(4, '/').nth(3).unwrap();
    assert!(
        stage
            .ask_fake("GET", &format!("/{path}"), "")
            .await
            .starts_with("%PDF-")
    );

    // A finished job keeps neither its request nor anything without an end.
    assert_eq!(stage.field("invoice-42", "request").await, "");
    for key in ["job:invoice-42", "result:invoice-42"] {
        let ttl = stage.number("PTTL", key).await;
        assert!((1..=7 * 24 * 3_600_000).contains(&ttl), "{key}: {ttl}");
    }
    let ledger = stage.ledger().await;
    assert_eq!(ledger.posts.len(), 1);
    let polls = &ledger.generations[0].polls;
    assert_eq!(stage.field("invoice-42", "polls").await, polls.len().to_string());
    for pair in polls.windows(2) {
        assert!(
            pair[1].elapsed_ms >= pair[0].elapsed_ms + 100,
            "looked too early: {pair:?}"
        );
    }
    stage.assert_honest(1, &[]).await;
    stage.assert_silent(&[&worker], &["secret plan"]);
}

#[tokio::test]
async fn two_hundred_jobs_over_three_workers() {
    let stage = Stage::start(&["--generation-time", "200ms", "--generation-time-max", "900ms"]).await;
    let mut workers = Vec::new();
    for name in ["one", "two", "three"] {
        workers.push(stage.worker(name, &[("WORKER__CONCURRENCY", "20")]).await);
    }
    for n in 0..200 {
        stage.submit(&format!("job-{n}"), "text").await;
    }
    stage.until_count("completed", 200).await;
    assert_eq!(stage.ledger().await.posts.len(), 200);
    stage.assert_honest(200, &[]).await;
}

#[tokio::test]
async fn bad_entries_fail_at_once_and_say_why_while_the_queue_goes_on() {
    let stage = Stage::start(&["--generation-time", "100ms"]).await;
    let _worker = stage.worker("worker", &[]).await;
    let good = r#"{"inputText":"a","title":"good"}"#;
    let (long_id, deep) = ("x".repeat(65), "[".repeat(10_000) + &"]".repeat(10_000));
    let long_text = format!(r#"{{"inputText":"{}"}}"#, "a".repeat(400_001));
    let cases: Vec<(Vec<(&str, &str)>, &str)> = vec![
        (vec![("meta", "x")], "request: missing"),
        (vec![("request", "nope")], "not usable JSON"),
        (vec![("request", "[1]")], "a JSON object is"),
        (
            vec![("request", r#"{"inputText":""}"#)],
            "inputText: 0 characters",
        ),
        (
            vec![("request", r#"{"inputText":"a","numCards":0}"#)],
            "numCards: 0",
        ),
        (
            vec![("request", r#"{"inputText":"a","numCards":-1}"#)],
            "numCards: -1",
        ),
        (
            vec![("request", r#"{"inputText":"a","numCards":2.5}"#)],
            "numCards: 2.5",
        ),
        (
            vec![("request", r#"{"inputText":"a","numCards":"8"}"#)],
            "numCards: \"8\"",
        ),
        (vec![("exports", "docx"), ("request", good)], "exports: \"docx\""),
        (
            vec![("account", "nobody"), ("request", good)],
            "no worker has an API key for \"nobody\"",
        ),
        (vec![("id", "a b"), ("request", good)], "id: \"a b\""),
        (vec![("id", &long_id), ("request", good)], "id: \"xxx"),
        (
            vec![("run_at", "tomorrow"), ("request", good)],
            "run_at: \"tomorrow\"",
        ),
        (vec![("request", &deep)], "recursion limit"),
        (
            vec![("request", r#"{"inputText":"a","inputText":"b"}"#)],
            "stands twice",
        ),
        (
            vec![("request", good), ("request", good)],
            "request: stands 2 times",
        ),
    ];
    for (fields, part) in &cases {
        let id = stage.xadd(fields).await;
        stage.until(&id, "failed").await;
        let error = stage.result(&id).await["error"].clone();
        let kind = if *part == "no worker has an API key for \"nobody\"" {
            "unknown_account"
        } else {
            "invalid_request"
        };
        assert_eq!(error["kind"], kind);
        assert!(
            error["message"].as_str().unwrap().contains(part),
            "{part}: {error}"
        );
    }
    // What no command line can hold goes in through standard input.
    let raw = [
        (b"\xff\xfe{}".to_vec(), "not UTF-8"),
        (vec![b'x'; 2 * 1024 * 1024 + 1], "2097153 bytes"),
        (long_text.into_bytes(), "inputText: 400001 characters"),
    ];
    let rejected = cases.len() + raw.len();
    for (bytes, part) in raw {
        let args = ["-x", "XADD", "gammaq:{main}:inbox", "*", "request"];
        let id = String::from_utf8(stage.redis.cli_raw(&args, &bytes).await)
            .unwrap()
            .trim()
            .trim_matches('"')
            .to_owned();
        stage.until(&id, "failed").await;
        assert!(stage.field(&id, "error").await.contains(part), "{part}");
    }
    assert_eq!(stage.ledger().await.posts.len(), 0, "nothing bad reached Gamma");
    stage.submit("good", "a").await;
    stage.until("good", "completed").await;
    let counted = stage
        .redis
        .cli(&["HGET", "gammaq:{main}:stats", "rejected"])
        .await;
    assert_eq!(counted.trim(), rejected.to_string());
}

#[tokio::test]
async fn the_id_is_the_idempotency_key() {
    let stage = Stage::start(&["--generation-time", "100ms"]).await;
    let _worker = stage.worker("worker", &[]).await;
    let request = r#"{"inputText":"a","title":"same","numCards":8}"#;
    stage.xadd(&[("id", "same"), ("request", request)]).await;
    stage.until("same", "completed").await;
    stage
        .xadd(&[
            ("id", "same"),
            (
                "request",
                r#"{ "numCards": 8.0, "title":"same", "inputText":"a" }"#,
            ),
        ])
        .await;
    stage
        .xadd(&[("id", "same"), ("request", r#"{"inputText":"another wish"}"#)])
        .await;
    eventually(PATIENCE, "the conflict is noted", || async {
        stage.field("same", "conflicts").await == "1"
    })
    .await;
    let events = stage
        .redis
        .cli(&["XREVRANGE", "gammaq:{main}:events", "+", "-", "COUNT", "5"])
        .await;
    assert!(events.contains("conflict"), "{events}");
    assert_eq!(stage.ledger().await.posts.len(), 1);
    stage.assert_honest(1, &[]).await;
}

#[tokio::test]
async fn delayed_starts_priorities_and_other_formats() {
    let stage = Stage::start(&["--generation-time", "50ms", "--link-names", "page"]).await;
    let time = stage.redis.cli(&["TIME"]).await;
    let now: u64 = time.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1000;
    let later = (now + 3_000).to_string();
    // Entered before a worker is there, so that the order is the priority's and not the arrival's.
    for (id, priority, run_at) in [
        ("last", "9", "0"),
        ("later", "0", later.as_str()),
        ("usual", "5", "0"),
        ("first", "0", "0"),
    ] {
        let request =
            json!({ "inputText": "a", "title": id, "exportOptions": { "formats": ["pptx"] } }).to_string();
        stage
            .xadd(&[
                ("id", id),
                ("priority", priority),
                ("run_at", run_at),
                ("request", &request),
            ])
            .await;
    }
    let _worker = stage.worker("worker", &[("WORKER__CONCURRENCY", "1")]).await;
    stage.until("later", "completed").await;
    stage.until_count("completed", 4).await;
    let ledger = stage.ledger().await;
    let titles: Vec<_> = ledger
        .posts
        .iter()
        .map(|post| post.title.clone().unwrap())
        .collect();
    assert_eq!(titles, ["first", "usual", "last", "later"]);
    assert!(ledger.posts[3].at >= now + 3_000, "started before its time");
    let result = stage.result("first").await;
    assert!(
        result["pptxUrl"].as_str().unwrap().contains("/export/"),
        "{result}"
    );
    assert_eq!(result["exportUrl"], result["pptxUrl"]);
}

#[tokio::test]
async fn templates_and_agents_go_their_own_ways() {
    let stage = Stage::start(&["--generation-time", "200ms"]).await;
    let _worker = stage.worker("worker", &[]).await;
    let template = r#"{"prompt":"a","gammaId":"g_template"}"#;
    stage
        .xadd(&[("id", "t"), ("kind", "template"), ("request", template)])
        .await;
    stage
        .xadd(&[("id", "g5"), ("kind", "agent"), ("request", r#"{"prompt":"a"}"#)])
        .await;
    for (id, endpoint) in [("t", "from-template"), ("g5", "agent")] {
        stage.until(id, "completed").await;
        assert!(stage.result(id).await["gammaUrl"].is_string(), "{id}");
        let ledger = stage.ledger().await;
        let made = ledger
            .generations
            .iter()
            .find(|made| made.endpoint == endpoint)
            .unwrap();
        assert_eq!(made.generation_id, stage.field(id, "generation_id").await);
    }
    // The deadline of an agent is its own.
    let (submitted, deadline) = (
        stage.field("g5", "submitted_at").await,
        stage.field("g5", "deadline").await,
    );
    let minutes = (deadline.parse::<u64>().unwrap() - submitted.parse::<u64>().unwrap()) / 60_000;
    assert_eq!(minutes, 40);
}

#[tokio::test]
async fn templates_and_agents_get_their_files_too() {
    let stage = Stage::start(&["--generation-time", "100ms", "--export-time", "100ms"]).await;
    let store = TempDir::new().unwrap();
    let _worker = stage.storing("worker", store.path(), &[]).await;
    for (id, kind, request, asked) in [
        (
            "t",
            "template",
            json!({ "prompt": "a", "title": "t", "gammaId": "g_template" }),
            &["pptx"][..],
        ),
        ("g5", "agent", json!({ "prompt": "a", "title": "g5" }), &["pptx"]),
        // No link comes with the deck, so both are asked for by the `gammaId` within `gamma`.
        (
            "g5-bare",
            "agent",
            json!({ "prompt": "a [[fake:result=no_export]]", "title": "g5-bare" }),
            &["pdf", "pptx"],
        ),
    ] {
        let fields = [("id", id), ("kind", kind), ("exports", "pdf,pptx")];
        let request = request.to_string();
        stage
            .xadd(&[&fields[..], &[("request", request.as_str())]].concat())
            .await;
        stage.until(id, "completed").await;
        let ledger = stage.ledger().await;
        let made = ledger.generations.last().unwrap();
        assert_eq!(stage.result(id).await["gammaId"], made.gamma_id, "{id}");
        let exports = ledger.exports.iter().filter(|it| it.gamma_id == made.gamma_id);
        let exports: Vec<_> = exports.filter_map(|it| it.export_as.as_deref()).collect();
        assert_eq!(exports, asked, "{id}");
        for (number, format) in ["pdf", "pptx"].iter().enumerate() {
            let file = stage.export(id, number).await;
            assert_eq!((&file["format"], &file["error"]), (&json!(format), &json!(null)));
            stage.assert_copy(&file).await;
        }
    }
    stage.assert_honest(3, &[]).await;
}

#[tokio::test]
async fn a_backlog_is_worked_off_at_twice_the_usual_rate_at_most() {
    let stage = Stage::start(&["--generation-time", "600s"]).await;
    let settings = [("POLL__INTERVAL", "2s"), ("POLL__SLOW_INTERVAL", "2s")];
    let worker = stage.worker("first", &settings).await;
    for n in 0..100 {
        stage.submit(&format!("job-{n}"), "text").await;
    }
    eventually(PATIENCE, "all are being made", || async {
        stage.ledger().await.generations.len() == 100
    })
    .await;
    worker.signal(gammaq_testkit::Signal::TERM);
    worker.wait(PATIENCE).await;
    // Nobody looks until all are far behind.
    let last: u64 = stage
        .redis
        .cli(&["ZRANGE", "gammaq:{main}:due", "-1", "-1", "WITHSCORES"])
        .await
        .split_whitespace()
        .last()
        .unwrap()
        .parse()
        .unwrap();
    eventually(PATIENCE, "a backlog", || async {
        let time = stage.redis.cli(&["TIME"]).await;
        time.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1000 > last + 5_000
    })
    .await;
    let before: usize = stage
        .ledger()
        .await
        .generations
        .iter()
        .map(|made| made.polls.len())
        .sum();
    let _second = stage.worker("second", &settings).await;
    eventually(PATIENCE, "all are looked at again", || async {
        stage
            .ledger()
            .await
            .generations
            .iter()
            .map(|made| made.polls.len())
            .sum::<usize>()
            >= before + 100
    })
    .await;
    let ledger = stage.ledger().await;
    let mut looks: Vec<u64> = ledger
        .generations
        .iter()
        .flat_map(|made| &made.polls)
        .map(|poll| poll.elapsed_ms)
        .collect();
    looks.sort_unstable();
    // 100 jobs every 2 s are 50 a second; the backlog comes at 100 a second at most, and a few in front.
    let backlog = &looks[before..before + 100];
    assert!(
        backlog[99] - backlog[0] >= 750,
        "100 looks within {} ms",
        backlog[99] - backlog[0]
    );
}
