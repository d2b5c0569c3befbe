//! Redis goes back in time, as after a failover or from a backup, and the journal of the host remembers.

#![expect(clippy::unwrap_used, reason = "what a test can't set up or read ends it")]

use std::collections::BTreeMap;
use std::path::Path;

use gammaq_testkit::{Process, Signal, eventually};
use gammaq_tests::{PATIENCE, Stage};
use tempfile::TempDir;

/// Everything that Redis holds, to go back to.
pub(crate) async fn save(stage: &Stage) -> Vec<u8> {
    assert_eq!(stage.redis.cli(&["SAVE"]).await, "OK");
    std::fs::read(stage.redis.dir().join("dump.rdb")).unwrap()
}

/// Ends Redis as a crash would, and starts it with what it held then.
pub(crate) async fn go_back(stage: &Stage, saved: &[u8]) {
    stage.redis.kill().await;
    std::fs::write(stage.redis.dir().join("dump.rdb"), saved).unwrap();
    stage.redis.restart().await;
}

/// A job with this id for `run_at`.
pub(crate) async fn submit_at(stage: &Stage, id: &str, text: &str, run_at: &str) {
    let request = serde_json::json!({ "inputText": text, "title": id, "textMode": "generate" }).to_string();
    stage
        .xadd(&[("id", id), ("request", &request), ("run_at", run_at)])
        .await;
}

/// POSTs by title, accepted or not.
async fn posts(stage: &Stage) -> BTreeMap<String, usize> {
    let mut posts = BTreeMap::new();
    for post in stage.ledger().await.posts {
        *posts.entry(post.title.unwrap_or_default()).or_insert(0) += 1;
    }
    posts
}

pub(crate) async fn redis_ms(stage: &Stage) -> u64 {
    let time = stage.redis.cli(&["TIME"]).await;
    let mut lines = time.lines().map(|line| line.trim().parse::<u64>().unwrap());
    lines.next().unwrap() * 1_000 + lines.next().unwrap() / 1_000
}

struct Play {
    journal: bool,
    workers: usize,
    restarted: bool,
}

/// What became of it: the stage, its workers, the journal.
struct Played {
    stage: Stage,
    workers: Vec<Process>,
    journal: TempDir,
}

/// Jobs wait, are being submitted and stand in the inbox when the copy is made; then all of them, and some more, are
/// submitted; then Redis goes back to the copy.
async fn play(play: Play) -> Played {
    let stage = Stage::start(&["--generation-time", "2s"]).await;
    let journal = TempDir::new().unwrap();
    let directory = journal.path().display().to_string();
    let mut settings = vec![
        ("GAMMA__REQUEST_TIMEOUT", "4s"),
        ("WORKER__LEASE", "9s"),
        ("LOG__FILTER", "debug"),
    ];
    if play.journal {
        settings.push(("SUBMIT__JOURNAL", directory.as_str()));
    }
    let mut workers = Vec::new();
    for n in 0..play.workers {
        workers.push(stage.worker(&format!("worker-{n}"), &settings).await);
    }
    let soon = (redis_ms(&stage).await + 2_500).to_string();
    for n in 0..20 {
        submit_at(&stage, &format!("waits-{n}"), "text", &soon).await;
    }
    for n in 0..5 {
        submit_at(
            &stage,
            &format!("unclear-{n}"),
            "text [[fake:post=lost_after]]",
            &soon,
        )
        .await;
    }
    for n in 0..5 {
        stage
            .submit(&format!("under-way-{n}"), "text [[fake:post=slow=3s]]")
            .await;
    }
    eventually(PATIENCE, "all are taken in, and some under way", || async {
        let waiting = stage.number("ZCARD", "due").await;
        let begun = posts(&stage).await.len();
        if waiting == 30 && begun == 5 {
            Ok(())
        } else {
            Err((waiting, begun))
        }
    })
    .await;
    for worker in &workers {
        worker.pause().await;
    }
    for n in 0..5 {
        stage.submit(&format!("inbox-{n}"), "text").await;
    }
    let saved = save(&stage).await;
    workers.iter().for_each(Process::resume);
    for n in 0..5 {
        stage.submit(&format!("after-{n}"), "text").await;
    }
    eventually(PATIENCE, "all are submitted, and all answers there", || async {
        let unclear = stage.number("ZCARD", "ambiguous").await;
        let recorded = stage
            .redis
            .cli(&["HGET", "gammaq:{main}:stats", "submitted"])
            .await;
        let posts = posts(&stage).await.len();
        if posts == 40 && unclear == 5 && recorded == "35" {
            Ok(())
        } else {
            Err((posts, unclear, recorded))
        }
    })
    .await;
    go_back(&stage, &saved).await;
    if play.restarted {
        for worker in workers.drain(..) {
            worker.signal(Signal::KILL);
            worker.wait(PATIENCE).await;
        }
        for n in 0..play.workers {
            workers.push(stage.worker(&format!("heir-{n}"), &settings).await);
        }
    }
    eventually(PATIENCE, "all that Redis still knows of end", || async {
        let ended = stage.number("ZCARD", "completed").await + stage.number("ZCARD", "ambiguous").await;
        let left = stage.number("XLEN", "inbox").await + stage.number("ZCARD", "due").await;
        if ended == 35 && left == 0 {
            Ok(())
        } else {
            Err((ended, left))
        }
    })
    .await;
    Played {
        stage,
        workers,
        journal,
    }
}

impl Played {
    /// Nothing was sent twice; what was made is on its record, and what nobody knows is parked and says so.
    async fn assert_remembered(&self) {
        let stage = &self.stage;
        let twice: Vec<_> = posts(stage)
            .await
            .into_iter()
            .filter(|(_, count)| *count > 1)
            .collect();
        assert!(twice.is_empty(), "sent twice: {twice:?}");
        for made in stage.ledger().await.generations {
            let title = made.title.unwrap_or_default();
            let (state, recorded) = (
                stage.field(&title, "state").await,
                stage.field(&title, "generation_id").await,
            );
            if title.starts_with("after-") {
                assert_eq!(
                    (state.as_str(), recorded.as_str()),
                    ("", ""),
                    "{title} is gone with Redis"
                );
            } else if title.starts_with("unclear-") {
                assert_eq!(state, "ambiguous", "{title}");
                let error = stage.result(&title).await["error"]["message"].to_string();
                assert!(error.contains("the journal of this host"), "{title}: {error}");
            } else {
                assert_eq!(
                    (state.as_str(), recorded),
                    ("completed", made.generation_id),
                    "{title}"
                );
            }
        }
        // What was sent is charged, remembered or not: all but what is gone altogether.
        assert_eq!(stage.number("ZCARD", "budget:default").await, 35);
        for n in 0..5 {
            let gone = format!("after-{n}");
            let events = stage
                .redis
                .cli(&["XRANGE", "gammaq:{main}:events", "-", "+"])
                .await;
            assert!(events.contains(&gone), "{gone} is said in events");
        }
        let said = self.workers.iter().flat_map(Process::lines);
        assert!(said.into_iter().any(|line| line.contains("gone from Redis")));
        assert_plain(self.journal.path());
        stage.assert_silent(&self.workers.iter().collect::<Vec<_>>(), &[]);
    }
}

/// The journal holds neither keys nor prompts.
fn assert_plain(journal: &Path) {
    for entry in std::fs::read_dir(journal).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for secret in [gammaq_tests::KEY, "fake:post", "/export/"] {
            assert!(!text.contains(secret), "{secret} stands in the journal");
        }
        for line in text.lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(line["event"].is_string() && line["worker"].is_string(), "{line}");
        }
    }
}

#[tokio::test]
async fn redis_goes_back_and_the_worker_that_submitted_lives_on() {
    let played = play(Play {
        journal: true,
        workers: 1,
        restarted: false,
    })
    .await;
    played.assert_remembered().await;
}

#[tokio::test]
async fn redis_goes_back_and_two_workers_of_the_host_share_what_they_know() {
    let played = play(Play {
        journal: true,
        workers: 2,
        restarted: false,
    })
    .await;
    played.assert_remembered().await;
}

#[tokio::test]
async fn redis_goes_back_and_other_workers_read_the_journal() {
    let played = play(Play {
        journal: true,
        workers: 2,
        restarted: true,
    })
    .await;
    played.assert_remembered().await;
    // A caller that sends its job again, since it is gone, gets what was paid for.
    let stage = &played.stage;
    stage.submit("after-0", "text").await;
    stage.until("after-0", "completed").await;
    // Another request under that id is another matter: parked, and nothing is sent.
    stage.submit("after-1", "something else").await;
    stage.until("after-1", "ambiguous").await;
    let error = stage.result("after-1").await["error"]["message"].to_string();
    assert!(error.contains("another request"), "{error}");
    assert_eq!(
        (posts(stage).await["after-0"], posts(stage).await["after-1"]),
        (1, 1)
    );
}

/// The contrast: what the journal is for, and that the tests above can fail.
#[tokio::test]
async fn without_a_journal_what_redis_forgot_is_paid_for_twice() {
    let played = play(Play {
        journal: false,
        workers: 1,
        restarted: true,
    })
    .await;
    let posts = posts(&played.stage).await;
    let twice = posts.values().filter(|count| **count > 1).count();
    assert!(twice >= 20, "{posts:?}");
}

#[tokio::test]
async fn what_redis_knows_of_is_sent_again_where_that_was_decided() {
    let home = TempDir::new().unwrap();
    let path = home.path().display().to_string();
    let stage = Stage::start(&["--generation-time", "50ms"]).await;
    let settings = [
        ("SUBMIT__JOURNAL", path.as_str()),
        ("SUBMIT__ON_AMBIGUOUS", "resubmit"),
    ];
    let _worker = stage.worker("worker", &settings).await;
    stage.submit("unclear", "text [[fake:post=lost_before*1]]").await;
    stage.until("unclear", "completed").await;
    stage.submit("limited", "text [[fake:post=429*2]]").await;
    stage.until("limited", "completed").await;
    let sent = posts(&stage).await;
    assert_eq!((sent["unclear"], sent["limited"]), (2, 3));
    stage.assert_honest(2, &[]).await;
    // The journal tells the same story.
    let mut told = Vec::new();
    for entry in std::fs::read_dir(&path).unwrap() {
        for line in std::fs::read_to_string(entry.unwrap().path()).unwrap().lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            if line["event"] != "segment" {
                told.push(
                    line["outcome"]
                        .as_str()
                        .or(line["event"].as_str())
                        .unwrap()
                        .to_owned(),
                );
            }
        }
    }
    let expected =
        "intent unclear intent generation intent not_accepted intent not_accepted intent generation";
    assert_eq!(told.join(" "), expected);
}

#[tokio::test]
async fn a_journal_that_can_not_be_written_stops_submits_and_not_looks() {
    let home = TempDir::new().unwrap();
    let (directory, away) = (home.path().join("journal"), home.path().join("away"));
    let path = directory.display().to_string();
    let stage = Stage::start(&["--generation-time", "1s"]).await;
    let worker = stage.worker("worker", &[("SUBMIT__JOURNAL", &path)]).await;
    stage.submit("looked-at", "text [[fake:time=20s]]").await;
    stage.until("looked-at", "generating").await;

    std::fs::rename(&directory, &away).unwrap();
    for n in 0..5 {
        stage.submit(&format!("waits-{n}"), "text").await;
    }
    worker.wait_line("the journal can't be written", PATIENCE).await;
    let looks = || async { stage.ledger().await.generations[0].polls.len() };
    let before = looks().await;
    eventually(PATIENCE, "looks go on", || async { looks().await > before + 10 }).await;
    assert_eq!(posts(&stage).await.len(), 1, "nothing was submitted");
    for n in 0..5 {
        assert_eq!(stage.field(&format!("waits-{n}"), "state").await, "queued");
    }
    let said = worker.lines();
    let times = said
        .iter()
        .filter(|line| line.contains("the journal can't be written"))
        .count();
    assert_eq!(times, 1, "said once, and then now and then");

    std::fs::rename(&away, &directory).unwrap();
    for n in 0..5 {
        stage.until(&format!("waits-{n}"), "completed").await;
    }
    assert!(posts(&stage).await.values().all(|count| *count == 1));
    // No slot was lost to those that were handed back.
    assert_eq!(stage.number("ZCARD", "budget:default").await, 6);
}

#[tokio::test]
async fn a_disk_that_is_full_stops_submits_until_it_is_not() {
    let home = TempDir::new().unwrap();
    let path = home.path().join("journal").display().to_string();
    let stage = Stage::start(&["--generation-time", "50ms"]).await;
    // No file of the worker may be larger than 1 KiB; what is over is refused, as on a full disk.
    let settings = [("SUBMIT__JOURNAL", path.as_str())];
    let worker = stage.spawn_worker_after("trap '' XFSZ; ulimit -f 1", "limited", &settings);
    worker.wait_line("the worker is ready", PATIENCE).await;
    for n in 0..6 {
        stage.submit(&format!("job-{n}"), "text").await;
    }
    // A file takes one intent or two; the next goes to a new file. Nothing is sent without its intent whole on disk.
    stage.until_count("completed", 6).await;
    let sent = posts(&stage).await;
    assert!(sent.values().all(|count| *count == 1), "{sent:?}");
    let mut intents = 0;
    for entry in std::fs::read_dir(&path).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let whole = text
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        intents += whole.filter(|line| line["event"] == "intent").count();
    }
    assert!(intents >= 6, "{intents}");
    assert!(
        worker
            .lines()
            .iter()
            .any(|line| line.contains("the journal can't be written")),
        "a file was full once"
    );
}
