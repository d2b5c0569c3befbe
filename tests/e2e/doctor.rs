//! Records broken by hand under a live worker, and the doctor beside a queue that works.

#![expect(
    clippy::expect_used,
    reason = "an answer of the doctor that can't be read ends its test"
)]

use std::time::Duration;

use gammaq_testkit::{Process, eventually, gammaq_bin, now_ms};
use gammaq_tests::{PATIENCE, Stage};
use serde_json::Value;

/// Carries out commands that stand one after the other, with semicolons between them; `@` begins a key.
async fn break_by_hand(stage: &Stage, commands: &str) {
    for command in commands.split(';') {
        let words: Vec<String> = command
            .split_whitespace()
            .map(|word| word.replace('@', "gammaq:{main}:"))
            .collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let said = stage.redis.cli(&words).await;
        assert!(
            !said.starts_with("ERR") && !said.starts_with("WRONGTYPE"),
            "{command}: {said}"
        );
    }
}

/// What becomes of a job that was broken.
enum Then {
    /// It is set aside, and `events` says so.
    SetAside,
    /// It gets there all the same, or ends with its error said.
    State(&'static str),
    /// Its last error says so, and it is tried on.
    LastError(&'static str),
}
use Then::{LastError, SetAside, State};

/// Jobs whose generation takes a while: the name, what is broken, and what follows.
const LOOKED_AT: &[(&str, &str, Then)] = &[
    ("g-type", "DEL @job:g-type;SET @job:g-type x", SetAside),
    ("g-list", "DEL @job:g-list;RPUSH @job:g-list x", SetAside),
    ("g-gone", "DEL @job:g-gone", SetAside),
    ("g-stateless", "HDEL @job:g-stateless state", SetAside),
    ("g-state", "HSET @job:g-state state elsewhere", SetAside),
    ("g-account", "HDEL @job:g-account account", SetAside),
    ("g-fence", "HSET @job:g-fence fence x", State("completed")),
    (
        "g-deadline",
        "HSET @job:g-deadline deadline soon",
        State("completed"),
    ),
    ("g-polls", "HSET @job:g-polls polls many", State("completed")),
    (
        "g-warnings",
        "HSET @job:g-warnings warnings {broken",
        State("completed"),
    ),
    ("g-kind", "HSET @job:g-kind kind opera", State("completed")),
    ("g-result", "RPUSH @result:g-result x", State("completed")),
    // Out of the hands of the worker that keeps it and knows the id.
    (
        "g-id",
        "HDEL @job:g-id generation_id;HINCRBY @job:g-id fence 1",
        LastError("can't be asked for"),
    ),
    ("g-ttl", "PEXPIRE @job:g-ttl 1", SetAside),
];

/// Jobs that are not due yet.
const DELAYED: &[(&str, &str, Then)] = &[
    ("d-type", "DEL @job:d-type;SADD @job:d-type x", SetAside),
    ("d-state", "HSET @job:d-state state {}", SetAside),
    ("d-request", "HDEL @job:d-request request", State("failed")),
    (
        "d-attempts",
        "HSET @job:d-attempts attempts x",
        State("completed"),
    ),
    (
        "d-order",
        "HSET @job:d-order priority x seq x",
        State("completed"),
    ),
    (
        "d-exports",
        "HSET @job:d-exports exports x,,y",
        State("completed"),
    ),
    (
        "d-timeout",
        "HSET @job:d-timeout timeout x deadline x",
        State("completed"),
    ),
];

async fn events(stage: &Stage) -> String {
    stage
        .redis
        .cli(&["XRANGE", "gammaq:{main}:events", "-", "+"])
        .await
}

#[tokio::test]
async fn a_record_broken_by_hand_stops_no_worker_is_set_aside_and_said() {
    let stage = Stage::start(&["--generation-time", "50ms"]).await;
    let settings = [
        ("POLL__LATE_INTERVAL", "200ms"),
        ("ACCOUNTS__OTHER__API_KEY", "sk-gamma-stage-other"),
        ("ACCOUNTS__LINE__API_KEY", "sk-gamma-stage-line"),
    ];
    let worker = stage.worker("worker", &settings).await;
    for (id, ..) in LOOKED_AT {
        stage.submit(id, "[[fake:time=4s]]").await;
    }
    let run_at = (now_ms() + 3_000).to_string();
    for (id, ..) in DELAYED {
        let request = format!(r#"{{"inputText":"x","textMode":"generate","title":"{id}"}}"#);
        stage
            .xadd(&[("id", id), ("run_at", &run_at), ("request", &request)])
            .await;
    }
    for (id, ..) in LOOKED_AT {
        stage.until(id, "generating").await;
    }
    for (_, commands, _) in LOOKED_AT.iter().chain(DELAYED) {
        break_by_hand(&stage, commands).await;
    }
    // A whole account, too: its jobs wait, and no other's do.
    break_by_hand(
        &stage,
        "DEL @account:other;SET @account:other x;SET @pending:line x",
    )
    .await;
    for account in ["other", "line"] {
        stage
            .xadd(&[
                ("id", account),
                ("account", account),
                ("request", r#"{"inputText":"x","textMode":"generate"}"#),
            ])
            .await;
    }

    for (id, _, then) in LOOKED_AT.iter().chain(DELAYED) {
        match then {
            State(state) => stage.until(id, state).await,
            SetAside => {
                let what = format!("{id} is set aside");
                eventually(PATIENCE, &what, || async {
                    let seen = events(&stage).await;
                    let lines: Vec<&str> = seen.lines().collect();
                    let said = lines.windows(2).any(|two| two == ["id", *id]) && {
                        let of_it = lines
                            .split(|line| *line == "id")
                            .filter(|part| part.first() == Some(id));
                        of_it
                            .into_iter()
                            .any(|part| part.iter().any(|line| line.starts_with("set aside")))
                    };
                    if said {
                        Ok(())
                    } else {
                        Err(format!("{} lines", lines.len()))
                    }
                })
                .await;
            }
            LastError(words) => {
                eventually(PATIENCE, "its last error says so", || async {
                    let seen = stage.field(id, "last_error").await;
                    if seen.contains(words) { Ok(()) } else { Err(seen) }
                })
                .await;
            }
        }
    }
    // The line that can't be written to keeps its entry in the inbox; the other account is put off.
    worker.wait_line("can't be made a job", PATIENCE).await;
    assert_eq!(stage.number("XLEN", "inbox").await, 1);
    assert!(events(&stage).await.contains("account other set aside"));

    stage.submit("good", "wind").await;
    stage.until("good", "completed").await;
    assert!(worker.try_wait().is_none(), "the worker goes on");
    // Mended by hand, it goes on.
    break_by_hand(&stage, "DEL @account:other;ZADD @accounts 1 other").await;
    stage.until("other", "completed").await;
    let twice = stage.ledger().await;
    assert!(
        twice.posts.len() <= LOOKED_AT.len() + DELAYED.len() + 2,
        "nothing was sent twice"
    );
    let found = doctor(&stage).await;
    for word in [
        "record_wrong_type",
        "record_unknown_state",
        "record_without_state",
        "generation_missing",
    ] {
        assert!(found.iter().any(|it| it == word), "{word}: {found:?}");
    }
}

/// The words that the doctor says of the queue; the server of these tests is not a safe one.
async fn doctor(stage: &Stage) -> Vec<String> {
    let finished = Process::builder(gammaq_bin())
        .args(["doctor", "--json"])
        .env("REDIS_URL", stage.redis.url())
        .run(PATIENCE)
        .await;
    let report: Value = serde_json::from_str(&finished.stdout).expect("the doctor answers with JSON");
    let findings = report["findings"].as_array().expect("findings").iter();
    let of_the_queue = findings.filter(|it| it["key"] != "");
    let words: Vec<String> = of_the_queue
        .map(|it| it["what"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(report["more"], serde_json::json!({}));
    words
}

#[tokio::test]
async fn the_doctor_raises_no_false_alarm_on_a_busy_queue() {
    let stage = Stage::start(&["--generation-time", "200ms"]).await;
    // Results that expire while it looks, and two workers that take jobs from each other.
    let settings = [("RESULTS__TTL", "2s"), ("POLL__INTERVAL", "50ms")];
    let _one = stage.worker("one", &settings).await;
    let _two = stage.worker("two", &settings).await;
    let mut jobs = 0;
    let mut rounds = 0;
    let end = tokio::time::Instant::now() + Duration::from_secs(10);
    while tokio::time::Instant::now() < end {
        for _ in 0..40 {
            let text = if jobs % 10 == 0 {
                "[[fake:post=500]]"
            } else {
                "wind"
            };
            stage.submit(&format!("j{jobs}"), text).await;
            jobs += 1;
        }
        let found = doctor_with_ttl(&stage, "2s").await;
        assert_eq!(found, Vec::<String>::new(), "round {rounds}, {jobs} jobs");
        rounds += 1;
    }
    assert!(rounds >= 3, "{rounds} rounds");
}

async fn doctor_with_ttl(stage: &Stage, ttl: &str) -> Vec<String> {
    let finished = Process::builder(gammaq_bin())
        .args(["doctor", "--json"])
        .env("REDIS_URL", stage.redis.url())
        .env("GAMMAQ__RESULTS__TTL", ttl)
        .run(PATIENCE)
        .await;
    let report: Value = serde_json::from_str(&finished.stdout).expect("the doctor answers with JSON");
    let findings = report["findings"].as_array().expect("findings").iter();
    findings
        .filter(|it| it["key"] != "")
        .map(ToString::to_string)
        .collect()
}
