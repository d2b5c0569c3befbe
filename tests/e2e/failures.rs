//! What goes wrong with Gamma: each row of the table, with the ledger as the judge of what was paid.

use std::time::Duration;

use gammaq_testkit::{Process, eventually, free_port, gammaq_bin};
use gammaq_tests::{PATIENCE, Stage};

/// A stage and a worker whose generations take no time.
async fn play(settings: &[(&str, &str)]) -> (Stage, Process) {
    let stage = Stage::start(&["--generation-time", "50ms"]).await;
    let worker = stage.worker("worker", settings).await;
    (stage, worker)
}

async fn paid_for(stage: &Stage, title: &str) -> usize {
    stage
        .ledger()
        .await
        .generations
        .iter()
        .filter(|made| made.title.as_deref() == Some(title))
        .count()
}

#[tokio::test]
async fn an_unclear_answer_parks_the_job_and_nothing_is_sent_again() {
    let (stage, worker) = play(&[]).await;
    // The fault, and how many generations it leaves behind that nobody heard of.
    let cases = [
        ("lost_before", 0),
        ("lost_after", 1),
        ("silent", 1),
        ("silent_before", 0),
        ("half", 1),
        ("garbage", 0),
        ("no_id", 1),
        ("malformed", 1),
        ("huge", 1),
        ("drip", 1),
        ("408", 0),
        ("409", 0),
        ("425", 0),
        ("500", 0),
        ("502", 0),
        ("503", 0),
        ("504", 0),
    ];
    for (fault, _) in cases {
        stage
            .submit(fault, &format!("top secret [[fake:post={fault}]]"))
            .await;
    }
    for (fault, paid) in cases {
        stage.until(fault, "ambiguous").await;
        let result = stage.result(fault).await;
        assert_eq!(
            (&result["state"], &result["error"]["kind"]),
            (&"ambiguous".into(), &"ambiguous".into()),
            "{fault}"
        );
        assert_eq!(
            stage.number("PTTL", &format!("job:{fault}")).await,
            0,
            "a parked job has no end"
        );
        if fault != "garbage" {
            assert_eq!(paid_for(&stage, fault).await, paid, "{fault}");
        }
    }
    let posts = stage.ledger().await.posts.len();
    assert_eq!(posts, cases.len(), "one POST for each");
    stage.assert_silent(&[&worker], &["top secret"]);
}

#[tokio::test]
async fn refused_for_good_fails_the_job_and_keeps_the_slot() {
    let (stage, worker) = play(&[]).await;
    let cases = [
        "400", "403", "404", "413", "415", "422", "301", "302", "303", "307", "308",
    ];
    for status in cases {
        stage
            .submit(status, &format!("top secret [[fake:post={status}]]"))
            .await;
    }
    for status in cases {
        stage.until(status, "failed").await;
        let error = stage.result(status).await["error"].clone();
        assert_eq!(
            (&error["kind"], &error["status"]),
            (&"refused".into(), &status.parse::<u16>().unwrap().into())
        );
        assert!(error["requestId"].is_string(), "{error}");
    }
    let ledger = stage.ledger().await;
    assert_eq!((ledger.posts.len(), ledger.generations.len()), (cases.len(), 0));
    assert_eq!(stage.number("ZCARD", "budget:default").await, cases.len() as u64);
    stage.assert_silent(&[&worker], &["top secret"]);
}

#[tokio::test]
async fn never_connected_costs_nothing_and_is_tried_again() {
    let stage = Stage::start(&["--generation-time", "50ms"]).await;
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let worker = stage
        .worker(
            "worker",
            &[("GAMMA__BASE_URL", &nobody), ("POLL__BACKOFF_MAX", "300ms")],
        )
        .await;
    stage.submit("a", "text").await;
    eventually(PATIENCE, "a few tries", || async {
        stage
            .field("a", "submit_failures")
            .await
            .parse::<u32>()
            .unwrap_or(0)
            >= 3
    })
    .await;
    assert_eq!(stage.ledger().await.posts.len(), 0);
    worker.signal(gammaq_testkit::Signal::TERM);
    worker.wait(PATIENCE).await;
    assert_eq!(
        stage.number("ZCARD", "budget:default").await,
        0,
        "the slot came back"
    );
    let _worker = stage.worker("another", &[]).await;
    stage.until("a", "completed").await;
    stage.assert_honest(1, &[]).await;
}

#[tokio::test]
async fn rate_limits_pause_the_account_and_cost_the_job_nothing() {
    let (stage, _worker) = play(&[]).await;
    for (id, fault) in [("plain", "429*2"), ("seconds", "429s=1*1"), ("date", "429d=1*1")] {
        stage.submit(id, &format!("text [[fake:post={fault}]]")).await;
        stage.until(id, "completed").await;
    }
    let ledger = stage.ledger().await;
    assert_eq!(ledger.posts.len(), 3 + 4);
    let times = |id: &str| -> Vec<u64> {
        ledger
            .posts
            .iter()
            .filter(|post| post.title.as_deref() == Some(id))
            .map(|post| post.elapsed_ms)
            .collect()
    };
    let plain = times("plain");
    assert!(
        plain[1] - plain[0] >= 100 && plain[2] - plain[1] >= 200,
        "the pause doubles: {plain:?}"
    );
    for id in ["seconds", "date"] {
        let times = times(id);
        assert!(times[1] - times[0] >= 900, "Retry-After wins: {id} {times:?}");
    }
    assert_eq!(
        stage.number("ZCARD", "budget:default").await,
        3,
        "the slots of refused POSTs came back"
    );
    let paused = stage
        .redis
        .cli(&["HGET", "gammaq:{main}:account:default", "pause_reason"])
        .await;
    assert_eq!(paused.trim(), "", "the pause is over");
    stage.assert_honest(3, &[]).await;
}

#[tokio::test]
async fn account_trouble_pauses_one_account_and_no_other() {
    let stage = Stage::start(&["--generation-time", "50ms"]).await;
    let other = [
        ("ACCOUNTS__OTHER__API_KEY", "sk-gamma-stage-other"),
        ("ACCOUNTS__OTHER__LIMIT", "1000"),
    ];
    let _worker = stage.worker("worker", &other).await;
    for (n, fault) in ["401", "402", "403credits"].into_iter().enumerate() {
        stage
            .submit(fault, &format!("text [[fake:post={fault}*1]]"))
            .await;
        eventually(PATIENCE, "the account is paused", || async {
            !stage
                .redis
                .cli(&["HGET", "gammaq:{main}:account:default", "pause_reason"])
                .await
                .trim()
                .is_empty()
        })
        .await;
        assert_eq!(
            stage.field(fault, "state").await,
            "queued",
            "the job keeps its place"
        );
        let until = stage
            .redis
            .cli(&["HGET", "gammaq:{main}:account:default", "paused_until"])
            .await;
        let time = stage.redis.cli(&["TIME"]).await;
        let now = time.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1000;
        let left = until.trim().parse::<u64>().unwrap().saturating_sub(now);
        assert!((50_000..68_000).contains(&left), "a minute at first: {left}");
        let other = format!("other-{n}");
        let request = format!(r#"{{"inputText":"a","title":"{other}"}}"#);
        stage
            .xadd(&[("id", &other), ("account", "other"), ("request", &request)])
            .await;
        stage.until(&other, "completed").await;
        // What `resume` will do: the pause is taken away by hand, and the account looked at.
        let account = "gammaq:{main}:account:default";
        stage
            .redis
            .cli(&["HDEL", account, "paused_until", "pause_reason", "pause_level"])
            .await;
        stage
            .redis
            .cli(&["ZADD", "gammaq:{main}:accounts", "0", "default"])
            .await;
        stage.until(fault, "completed").await;
    }
    stage.assert_honest(6, &[]).await;
}

#[tokio::test]
async fn the_policy_resubmit_pays_again_a_bounded_number_of_times() {
    let (stage, _worker) = play(&[
        ("SUBMIT__ON_AMBIGUOUS", "resubmit"),
        ("SUBMIT__MAX_RESUBMITS", "2"),
    ])
    .await;
    stage.submit("once", "text [[fake:post=lost_after*1]]").await;
    stage.until("once", "completed").await;
    assert_eq!(
        (
            paid_for(&stage, "once").await,
            stage.field("once", "resubmits").await.as_str()
        ),
        (2, "1")
    );
    stage.submit("always", "text [[fake:post=lost_after]]").await;
    stage.until("always", "ambiguous").await;
    assert_eq!(
        (
            paid_for(&stage, "always").await,
            stage.field("always", "resubmits").await.as_str()
        ),
        (3, "2")
    );
}

#[tokio::test]
async fn looks_go_on_through_every_trouble() {
    let (stage, worker) = play(&[("POLL__BACKOFF_MAX", "400ms")]).await;
    let cases = [
        "500*2",
        "503*1",
        "404*2",
        "429*1",
        "429s=1*1",
        "malformed*1",
        "half*1",
        "garbage*1",
        "lost_before*1",
        "unknown*3",
        "silent*1",
    ];
    for (n, fault) in cases.into_iter().enumerate() {
        stage
            .submit(&format!("look-{n}"), &format!("top secret [[fake:poll={fault}]]"))
            .await;
    }
    for n in 0..cases.len() {
        stage.until(&format!("look-{n}"), "completed").await;
    }
    stage.assert_honest(cases.len() as u64, &[]).await;
    stage.assert_silent(&[&worker], &["top secret"]);
}

#[tokio::test]
async fn failed_generations_say_why_whichever_way_gamma_puts_it() {
    let (stage, _worker) = play(&[]).await;
    for word in ["failed", "failed_string"] {
        stage.submit(word, &format!("text [[fake:result={word}]]")).await;
        stage.until(word, "failed").await;
        let error = stage.result(word).await["error"].clone();
        assert_eq!(error["kind"], "generation_failed");
        assert!(!error["message"].as_str().unwrap().is_empty());
    }
    stage.assert_honest(2, &[]).await;
}

#[tokio::test]
async fn timed_out_only_by_a_look_after_the_deadline_and_completed_late_all_the_same() {
    let stage = Stage::start(&["--generation-time", "50ms"]).await;
    let settings = [("POLL__LATE_INTERVAL", "300ms"), ("POLL__LATE_FOR", "30s")];
    let worker = stage.worker("worker", &settings).await;
    let request = r#"{"inputText":"text [[fake:time=600s]]","title":"slow"}"#;
    stage
        .xadd(&[("id", "slow"), ("timeout", "2"), ("request", request)])
        .await;
    stage.until("slow", "generating").await;
    // A deadline that passes while nobody looks ends nothing.
    worker.signal(gammaq_testkit::Signal::TERM);
    worker.wait(PATIENCE).await;
    let deadline: u64 = stage.field("slow", "deadline").await.parse().unwrap();
    eventually(PATIENCE, "the deadline passed", || async {
        let time = stage.redis.cli(&["TIME"]).await;
        time.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1000 > deadline
    })
    .await;
    assert_eq!(stage.field("slow", "state").await, "generating");

    let _worker = stage.worker("another", &settings).await;
    stage.until("slow", "timed_out").await;
    assert_eq!(stage.result("slow").await["error"]["kind"], "timed_out");
    assert_eq!(
        stage.number("PTTL", "job:slow").await,
        0,
        "looked at, so it is kept"
    );
    let generation = stage.field("slow", "generation_id").await;
    stage
        .ask_fake(
            "POST",
            "/_fake/complete",
            &format!(r#"{{"generationId":"{generation}"}}"#),
        )
        .await;
    stage.until("slow", "completed").await;
    let result = stage.result("slow").await;
    assert_eq!(
        (&result["late"], &result["error"]),
        (&true.into(), &serde_json::Value::Null)
    );
    assert!(stage.number("PTTL", "job:slow").await > 0);
    stage.assert_honest(1, &[]).await;
}

#[tokio::test]
async fn late_looks_end() {
    let stage = Stage::start(&["--generation-time", "600s"]).await;
    let settings = [
        ("POLL__LATE_INTERVAL", "100ms"),
        ("POLL__LATE_FOR", "1s"),
        ("POLL__TIMEOUT", "1s"),
    ];
    let _worker = stage.worker("worker", &settings).await;
    stage.submit("stuck", "text").await;
    stage.until("stuck", "timed_out").await;
    eventually(PATIENCE, "nobody looks any more", || async {
        stage.number("ZCARD", "due").await == 0
    })
    .await;
    assert!(stage.number("PTTL", "job:stuck").await > 0);
    stage.assert_honest(1, &[]).await;
}

#[tokio::test]
async fn a_low_burst_slows_the_looks() {
    let stage = Stage::start(&["--generation-time", "1500ms", "--burst-remaining", "99"]).await;
    let _worker = stage.worker("worker", &[("POLL__SLOW_INTERVAL", "500ms")]).await;
    stage.submit("slow", "text").await;
    stage.until("slow", "completed").await;
    let polls = stage.ledger().await.generations[0].polls.clone();
    assert!(
        polls.len() >= 2
            && polls
                .windows(2)
                .all(|pair| pair[1].elapsed_ms >= pair[0].elapsed_ms + 500),
        "{polls:?}"
    );
}

#[tokio::test]
async fn wrong_settings_end_with_64_and_name_every_problem() {
    let worker = Process::builder(gammaq_bin())
        .args(["worker"])
        .env("GAMMAQ__POLL__INTERVAL", "soon")
        .env("GAMMAQ__WORKER__CONCURRENCY", "none")
        .env("GAMMAQ__ACCOUNTS__DEFAULT__LIMIT", "-1")
        .env("GAMMA_API_KEY", "sk-gamma-wrong")
        .run(Duration::from_secs(20))
        .await;
    assert_eq!(worker.status.code(), Some(64));
    let said = worker.stderr.clone();
    for key in ["poll.interval", "worker.concurrency", "accounts.default.limit"] {
        assert!(said.contains(key), "{key} is missing: {said}");
    }
    assert!(!said.contains("sk-gamma-wrong"));
}
