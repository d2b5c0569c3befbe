//! Commands for whoever has `redis-cli` and nothing else.

use std::collections::BTreeSet;

use gammaq_testkit::{Signal, eventually};
use gammaq_tests::{PATIENCE, Stage};

use super::{control, events, outcome, paid};

#[tokio::test]
async fn commands_of_the_control_stream_are_carried_out_and_answered_in_events() {
    let stage = Stage::start(&["--generation-time", "60s"]).await;
    // Appended before there is a worker: it waits.
    let early = control(&stage, &["op", "cancel", "id", "nobody"]).await;
    let worker = stage.worker("worker", &[]).await;
    stage.submit("made", "text").await;
    stage.submit("lost", "text [[fake:post=lost_after*1]]").await;
    stage.until("made", "generating").await;
    stage.until("lost", "ambiguous").await;
    let (_, generations) = paid(&stage, "lost").await;
    let found = generations[0].as_str();
    let hidden = "sk-gamma-by-mistake";
    let cases: [(&[&str], &str); 9] = [
        (&["op", "cancel", "id", "made"], "cancel; Gamma had begun it"),
        (
            &["op", "cancel", "id", "made"],
            "already: job made is cancelled already",
        ),
        (&["op", "cancel", "id", "lost"], "refused: job lost is parked"),
        (
            &[
                "op",
                "resolve",
                "id",
                "lost",
                "as",
                "generation",
                "generation_id",
                found,
            ],
            "resolve: generation ",
        ),
        (
            &["op", "delete", "id", "made"],
            "refused: op: \"delete\" is not allowed; cancel, retry",
        ),
        (&["op", "cancel"], "refused: id: missing; a job's id"),
        (
            &["op", "pause"],
            "refused: account: missing; an account's name is, or *",
        ),
        (
            &["op", "pause", "account", hidden],
            "refused: account: what looks like an API key",
        ),
        (
            &["nonsense", "x"],
            "refused: nonsense: not a field of a command; op, id",
        ),
    ];
    for (fields, said) in cases {
        let entry = control(&stage, fields).await;
        let (note, by) = outcome(&stage, &entry).await;
        assert!(note.starts_with(said), "{fields:?}: {note}");
        assert_eq!(by, format!("control:{entry}"));
    }
    let (note, _) = outcome(&stage, &early).await;
    assert_eq!(note, "missing: there is no job nobody");
    assert_eq!(stage.number("XLEN", "control").await, 0, "none is left");
    assert_eq!(stage.field("made", "state").await, "cancelled");
    assert_eq!(stage.field("lost", "generation_id").await, found);
    let told = events(&stage).await;
    assert!(told.iter().all(|event| !event["note"].contains(hidden)));
    stage.assert_silent(&[&worker], &[hidden]);
}

/// Workers are killed while they carry out commands: each command is carried out, and told, once.
#[tokio::test]
async fn each_command_runs_once_though_workers_are_killed() {
    const JOBS: usize = 60;
    let stage = Stage::start(&["--generation-time", "100ms"]).await;
    let first = stage.worker("first", &[]).await;
    // Refused by Gamma, so that a retry that ran twice would show as one more POST.
    for n in 0..JOBS {
        stage.submit(&format!("bad-{n}"), "text [[fake:post=422]]").await;
    }
    stage.until_count("failed", JOBS as u64).await;
    let posts = stage.ledger().await.posts.len();
    assert_eq!(posts, JOBS);
    first.pause().await;
    let second = stage.worker("second", &[]).await;
    second.pause().await;
    let mut entries = Vec::new();
    for n in 0..JOBS {
        entries.push(control(&stage, &["op", "retry", "id", &format!("bad-{n}"), "by", "carol"]).await);
    }
    first.resume();
    second.resume();
    eventually(PATIENCE, "some are carried out", || async {
        let left = stage.number("XLEN", "control").await;
        if left < JOBS as u64 { Ok(()) } else { Err(left) }
    })
    .await;
    first.signal(Signal::KILL);
    second.signal(Signal::KILL);
    first.wait(PATIENCE).await;
    second.wait(PATIENCE).await;
    let left = stage.number("XLEN", "control").await;
    println!("killed with {left} of {JOBS} commands left");
    let _heir = stage.worker("heir", &[]).await;
    eventually(
        PATIENCE * 2,
        "all of them are carried out, and failed again",
        || async {
            let left = stage.number("XLEN", "control").await;
            let ended = stage.number("ZCARD", "failed").await + stage.number("ZCARD", "ambiguous").await;
            if left == 0 && ended == JOBS as u64 {
                Ok(())
            } else {
                Err((left, ended))
            }
        },
    )
    .await;
    let told = events(&stage).await;
    let retries: Vec<&str> = told
        .iter()
        .filter_map(|event| {
            event["note"]
                .strip_prefix("control ")?
                .split_once(": ")
                .map(|(entry, _)| entry)
        })
        .collect();
    let each: BTreeSet<&str> = retries.iter().copied().collect();
    assert_eq!((retries.len(), each.len()), (JOBS, JOBS), "each is told once");
    assert!(entries.iter().all(|entry| each.contains(entry.as_str())));
    for n in 0..JOBS {
        let id = format!("bad-{n}");
        assert_eq!(stage.field(&id, "asked_again").await, "1", "{id}");
        assert!(paid(&stage, &id).await.0 <= 2, "{id}");
    }
}
