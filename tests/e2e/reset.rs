//! Redis loses the queue while workers run. They stop and say why, instead of starting over.

use std::time::Duration;

use gammaq_testkit::{Process, Signal, eventually, gammaq_bin};
use gammaq_tests::{PATIENCE, Stage};

/// Longer than claims and reads of the inbox are apart: what would be begun is begun by then.
const A_FEW_ROUNDS: Duration = Duration::from_secs(3);

#[tokio::test]
async fn flushed_by_mistake_workers_stop_submitting_and_say_why() {
    let stage = Stage::start(&["--generation-time", "60s"]).await;
    let settings = [
        ("GAMMA__REQUEST_TIMEOUT", "5s"),
        ("WORKER__LEASE", "20s"),
        // A window that no test outlives: what was charged before the loss is all that there is.
        ("ACCOUNTS__DEFAULT__LIMIT", "3"),
    ];
    let one = stage.worker("one", &settings).await;
    let two = stage.worker("two", &settings).await;
    for id in ["made-1", "made-2"] {
        stage.submit(id, "text").await;
        stage.until(id, "generating").await;
    }
    stage.submit("posting", "text [[fake:post=slow=2s]]").await;
    stage.submit("waits", "text").await;
    eventually(PATIENCE, "the POST is under way", || async {
        stage.ledger().await.generations.len() == 3
    })
    .await;
    stage.until("waits", "queued").await;

    stage.redis.cli(&["FLUSHALL"]).await;
    // Callers who miss their jobs ask again.
    for id in ["made-1", "waits", "new"] {
        stage.submit(id, "text").await;
    }
    for worker in [&one, &two] {
        let line = worker
            .wait_line("halted: the queue lost its data", PATIENCE)
            .await;
        assert!(
            line.contains("ERROR") && line.contains("restart the workers"),
            "{line}"
        );
    }
    // What was under way is recorded where it can be.
    let made = stage.ledger().await.generations[2].generation_id.clone();
    eventually(PATIENCE, "the generation stands in events", || async {
        let events = stage
            .redis
            .cli(&["XRANGE", "gammaq:{main}:events", "-", "+"])
            .await;
        if events.contains(&made) {
            Ok(())
        } else {
            Err(events)
        }
    })
    .await;
    let says = [one.lines(), two.lines()].concat();
    assert!(
        says.iter()
            .any(|line| line.contains("record is gone") && line.contains(&made)),
        "{says:?}"
    );
    // Operators see it.
    eventually(PATIENCE, "both say so in their hashes", || async {
        let status = Process::builder(gammaq_bin())
            .args(["status"])
            .env("REDIS_URL", stage.redis.url())
            .run(PATIENCE)
            .await;
        let said = status
            .stdout
            .matches("has halted: the queue lost its data")
            .count();
        if said == 2 { Ok(()) } else { Err(status) }
    })
    .await;
    tokio::time::sleep(A_FEW_ROUNDS).await; // That nothing happens takes a while to see.
    assert_eq!(stage.ledger().await.posts.len(), 3, "nothing was submitted");
    assert_eq!(stage.number("XLEN", "inbox").await, 3, "nothing was taken in");
    let said = one.lines().iter().filter(|line| line.contains("halted:")).count();
    assert_eq!(said, 1, "said once, and not at every claim");

    // An operator has looked and restarts one of them: it begins anew, and the other stays as it is.
    one.signal(Signal::TERM);
    assert_eq!(one.wait(PATIENCE).await.code(), Some(0));
    let _anew = stage.worker("anew", &settings).await;
    for id in ["made-1", "waits", "new"] {
        stage.until(id, "generating").await;
    }
    tokio::time::sleep(A_FEW_ROUNDS).await; // The same again.
    assert_eq!(stage.ledger().await.posts.len(), 6);
    two.signal(Signal::TERM);
    assert_eq!(two.wait(PATIENCE).await.code(), Some(0));
    let begun = |worker: &Process| {
        worker
            .lines()
            .iter()
            .filter(|line| line.contains("accepted by Gamma"))
            .count()
    };
    assert_eq!(begun(&one) + begun(&two), 3);
}

/// Commands that this server was ever given.
async fn calls(stage: &Stage) -> u64 {
    let stats = stage.redis.cli(&["INFO", "stats"]).await;
    let line = stats
        .lines()
        .find_map(|line| line.strip_prefix("total_commands_processed:"));
    line.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
}

#[tokio::test]
async fn a_redis_that_keeps_nothing_over_a_restart_is_the_same_loss() {
    let stage = Stage::start(&["--generation-time", "50ms"]).await;
    let worker = stage.worker("worker", &[]).await;
    stage.submit("before", "text").await;
    stage.until("before", "completed").await;
    stage.redis.kill().await;
    stage.redis.restart().await;
    stage.submit("before", "text").await;
    worker
        .wait_line("halted: the queue lost its data", PATIENCE)
        .await;
    let calls = calls(&stage).await;
    tokio::time::sleep(A_FEW_ROUNDS).await; // That nothing happens takes a while to see.
    assert_eq!(stage.ledger().await.posts.len(), 1);
    let more = self::calls(&stage).await - calls;
    assert!(more < 60, "{more} commands in 3 s of a halted worker");
    assert!(
        worker.try_wait().is_none(),
        "it doesn't end: nothing would make it begin anew by itself"
    );
}
