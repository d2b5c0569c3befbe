//! The numbers of `/metrics` against what the fake Gamma, the events and `stats` say: equal, to the last one.

use std::collections::BTreeMap;

use gammaq_testkit::eventually;
use gammaq_tests::{PATIENCE, Stage, admin};
use serde_json::json;

const SETTINGS: [(&str, &str); 3] = [
    ("ADMIN__LISTEN", "127.0.0.1:0"),
    ("ACCOUNTS__SPARE__API_KEY", "sk-gamma-stage-spare"),
    ("POLL__BACKOFF_MAX", "300ms"),
];

/// What a job is told to meet, and how many jobs.
const JOBS: [(&str, usize); 12] = [
    ("", 30),
    ("[[fake:poll=500*1]]", 4),
    ("[[fake:poll=404*2]]", 4),
    ("[[fake:poll=429s=1*1]]", 1),
    ("[[fake:post=429s=1*1]]", 2),
    ("[[fake:post=400]]", 3),
    ("[[fake:post=422]]", 2),
    ("[[fake:post=500]]", 2),
    ("[[fake:post=lost_after]]", 2),
    ("[[fake:result=failed]]", 3),
    ("[[fake:result=failed_string]]", 1),
    ("[[fake:time=1500ms]]", 4),
];

async fn stats(stage: &Stage) -> BTreeMap<String, f64> {
    let text = stage.redis.cli(&["HGETALL", &stage.key("stats")]).await;
    let lines: Vec<&str> = text.lines().collect();
    let pairs = lines.chunks_exact(2);
    pairs
        .filter_map(|pair| Some((pair[0].to_owned(), pair[1].parse().ok()?)))
        .collect()
}

/// The moves that stand in `events`, as the metric has them.
async fn moves(stage: &Stage) -> BTreeMap<String, f64> {
    let script = "local out = {} for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+')) do local e = {} \
                  for i = 1, #entry[2], 2 do e[entry[2][i]] = entry[2][i + 1] end \
                  if e.state ~= '' and e.state ~= e.from then out[#out + 1] = e.from .. '>' .. e.state end end return out";
    let text = stage
        .redis
        .cli(&["EVAL", script, "1", &stage.key("events")])
        .await;
    let mut moves = BTreeMap::new();
    for (from, to) in text.lines().filter_map(|line| line.split_once('>')) {
        let from = if from.is_empty() { "none" } else { from };
        let name = format!("gammaq_job_transitions_total{{from=\"{from}\",to=\"{to}\"}}");
        *moves.entry(name).or_insert(0.0) += 1.0;
    }
    moves
}

/// The samples of one metric that are not 0.
fn of(samples: &BTreeMap<String, f64>, name: &str) -> BTreeMap<String, f64> {
    let samples = samples
        .iter()
        .filter(|(key, value)| key.split('{').next() == Some(name) && **value != 0.0);
    samples.map(|(key, value)| (key.clone(), *value)).collect()
}

/// What Gamma was asked, by kind and status, as its ledger has it.
async fn asked(stage: &Stage) -> BTreeMap<String, f64> {
    let ledger = stage.ledger().await;
    let mut asked = BTreeMap::new();
    let mut count = |kind: &str, status: &str| {
        let name = format!("gammaq_http_requests_total{{kind=\"{kind}\",status=\"{status}\"}}");
        *asked.entry(name).or_insert(0.0) += 1.0;
    };
    for post in &ledger.posts {
        let status = post
            .status
            .map_or_else(|| "none".to_owned(), |status| status.to_string());
        count("submit", &status);
    }
    for poll in ledger.generations.iter().flat_map(|made| &made.polls) {
        // A status word came with 200; else it is the fault, which begins with its status.
        match poll.answer.get(..3).filter(|start| start.parse::<u16>().is_ok()) {
            Some(status) => count("poll", status),
            None => count("poll", "200"),
        }
    }
    asked
}

#[tokio::test]
async fn after_a_run_they_equal_the_ledger_the_events_and_the_stats() {
    let stage = Stage::start(&["--generation-time", "200ms"]).await;
    let (one, two) = tokio::join!(stage.worker("one", &SETTINGS), stage.worker("two", &SETTINGS));
    let (one, two) = (admin::address(&one).await, admin::address(&two).await);
    let addresses = [one.as_str(), two.as_str()];
    let mut jobs = 0;
    for (meets, count) in JOBS {
        for n in 0..count {
            stage
                .submit(&format!("j{jobs}"), &format!("text {n} {meets}"))
                .await;
            jobs += 1;
        }
    }
    // Twice the same is no second job, nothing at all is one that fails at once, and a key that Gamma doesn't know
    // pauses its account.
    stage.submit("j0", "text 0 ").await;
    stage.xadd(&[("id", "empty"), ("request", "{}")]).await;
    let spare = json!({ "inputText": "text [[fake:post=401]]", "title": "spare" }).to_string();
    stage
        .xadd(&[("id", "spare"), ("account", "spare"), ("request", &spare)])
        .await;
    let all_in = f64::from(jobs) + 2.0;
    eventually(
        PATIENCE * 3,
        "all but the one of the paused account are over",
        || async {
            let mut ended = 0;
            for index in ["completed", "failed", "ambiguous"] {
                ended += stage.number("ZCARD", index).await;
            }
            let queued = stage.number("ZCARD", "pending:spare").await;
            let accepted = stats(&stage).await.get("accepted").copied();
            let inbox = stage.number("XLEN", "inbox").await;
            let paused = stage
                .redis
                .cli(&["HGET", &stage.key("account:spare"), "pause_reason"])
                .await;
            if (ended, queued, accepted, inbox) == (jobs as u64 + 1, 1, Some(all_in), 0)
                && paused.contains("unauthorized")
            {
                Ok(())
            } else {
                Err((ended, queued, accepted, inbox))
            }
        },
    )
    .await;

    // What operators ask for by the stream is moved by a worker, too: one that is parked is given up, one in line ends.
    let parked = stage
        .redis
        .cli(&["ZRANGE", &stage.key("ambiguous"), "0", "0"])
        .await;
    for fields in [
        ["op", "resolve", "id", parked.trim(), "as", "fail"].as_slice(),
        &["op", "cancel", "id", "spare"],
    ] {
        let key = stage.key("control");
        stage.redis.cli(&[&["XADD", &key, "*"], fields].concat()).await;
    }
    eventually(PATIENCE, "both commands are carried out", || async {
        let left = (
            stage.number("XLEN", "control").await,
            stage.number("ZCARD", "pending:spare").await,
        );
        if left == (0, 0) { Ok(()) } else { Err(left) }
    })
    .await;

    // A worker counts what Redis told it a moment after Redis did it.
    eventually(
        PATIENCE,
        "the numbers are those of the events and the ledger",
        || async {
            let samples = admin::summed(&addresses).await;
            let seen = (
                of(&samples, "gammaq_job_transitions_total"),
                of(&samples, "gammaq_http_requests_total"),
            );
            let expected = (moves(&stage).await, asked(&stage).await);
            if seen == expected {
                Ok(())
            } else {
                Err(format!("{seen:#?}, not {expected:#?}"))
            }
        },
    )
    .await;
    let samples = admin::summed(&addresses).await;
    let (ledger, stats) = (stage.ledger().await, stats(&stage).await);
    let sample = |name: &str| samples.get(name).copied();
    assert_eq!(
        sample("gammaq_jobs_accepted_total"),
        stats.get("accepted").copied()
    );
    assert_eq!(
        sample("gammaq_jobs_rejected_total"),
        stats.get("rejected").copied()
    );
    assert_eq!(sample("gammaq_jobs_accepted_total"), Some(all_in));
    assert_eq!(sample("gammaq_jobs_rejected_total"), Some(1.0));
    let polls: usize = ledger.generations.iter().map(|made| made.polls.len()).sum();
    assert_eq!(stats.get("polls").copied(), Some(polls as f64));
    assert_eq!(sample("gammaq_poll_lateness_seconds_count"), Some(polls as f64));
    let completed: u64 = ledger
        .generations
        .iter()
        .filter(|made| !made.polls.is_empty() && made.outcome == "completed")
        .map(|made| made.credits)
        .sum();
    let credits = sample("gammaq_credits_deducted_total{account=\"default\"}");
    assert_eq!(credits, stats.get("credits_deducted").copied());
    assert!(
        credits >= Some(completed as f64) && completed > 0,
        "{credits:?}, {completed}"
    );
    let posts = |kind: &str| {
        sample(&format!(
            "gammaq_http_request_duration_seconds_count{{kind=\"{kind}\"}}"
        ))
    };
    assert_eq!(posts("submit"), Some(ledger.posts.len() as f64));
    assert_eq!(posts("poll"), Some(polls as f64));

    // The queue's gauges: the same from both.
    let gauges = admin::metrics(&two).await;
    let accounts_used = stage.number("ZCARD", "budget:default").await as f64;
    for (name, value) in [
        ("gammaq_inbox_entries", 0.0),
        ("gammaq_due_jobs", 0.0),
        ("gammaq_oldest_due_lateness_seconds", 0.0),
        ("gammaq_jobs{state=\"ambiguous\"}", 3.0),
        ("gammaq_jobs{state=\"failed\"}", 11.0),
        ("gammaq_jobs{state=\"completed\"}", f64::from(jobs) - 13.0),
        ("gammaq_jobs{state=\"timed_out\"}", 0.0),
        ("gammaq_jobs{state=\"cancelled\"}", 1.0),
        ("gammaq_account_pending_jobs{account=\"default\"}", 0.0),
        ("gammaq_account_pending_jobs{account=\"spare\"}", 0.0),
        ("gammaq_account_paused{account=\"default\"}", 0.0),
        ("gammaq_account_paused{account=\"spare\"}", 1.0),
        ("gammaq_account_budget_limit{account=\"default\"}", 1000.0),
        ("gammaq_account_budget_used{account=\"default\"}", accounts_used),
        ("gammaq_account_budget_used{account=\"spare\"}", 0.0),
        ("gammaq_workers", 2.0),
        ("gammaq_worker_running_jobs", 0.0),
        ("gammaq_worker_capacity_jobs", 256.0),
        ("gammaq_worker_halted", 0.0),
        ("gammaq_queue_read_failures_total", 0.0),
        ("gammaq_redis_reconnects_total", 0.0),
    ] {
        assert_eq!(gauges.get(name).copied(), Some(value), "{name}");
    }
    let account = stage.key("account:default");
    let left = stage.redis.cli(&["HGET", &account, "credits_remaining"]).await;
    assert_eq!(
        gauges
            .get("gammaq_account_credits_remaining{account=\"default\"}")
            .copied(),
        left.parse::<f64>().ok(),
        "{left}"
    );
    assert!(!left.is_empty());
    document_names_what_is_served(&one).await;
}

/// Every metric that the document names is served, with its help and type, and no other.
async fn document_names_what_is_served(address: &str) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/METRICS.md");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `gammaq_"));
    let documented: BTreeMap<String, String> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
            (format!("gammaq_{}", cells[0]), cells[1].to_owned())
        })
        .collect();
    let (_, body) = admin::get(address, "/metrics").await;
    let lines = body.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let served: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(' '))
        .map(|(name, kind)| (name.to_owned(), kind.to_owned()))
        .collect();
    assert_eq!(served, documented);
    for name in served.keys() {
        assert!(body.contains(&format!("# HELP {name} ")), "{name}");
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_a_warning_and_off_serves_nothing() {
    let stage = Stage::start(&["--generation-time", "50ms"]).await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let worker = stage.worker("worker", &[("ADMIN__LISTEN", &address)]).await;
    let line = worker
        .wait_line("admin.listen can't be listened on", PATIENCE)
        .await;
    assert!(line.contains("WARN") && line.contains(&address), "{line}");
    stage.submit("a", "text").await;
    stage.until("a", "completed").await;
    drop(worker);
    let off = stage.worker("off", &[("ADMIN__LISTEN", "off")]).await;
    stage.submit("b", "text").await;
    stage.until("b", "completed").await;
    let said = off.lines().iter().any(|line| line.contains("health and metrics"));
    assert!(!said, "nothing is served");
}
