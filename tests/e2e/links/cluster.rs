//! A cluster of three masters, and slots that move under load.

use std::time::{Duration, Instant};

use gammaq_testkit::{Cluster, Process, eventually, gammaq_bin};
use gammaq_tests::{PATIENCE, Stage};

/// A worker works again within this time after a fault is over; the machine may be busy.
const AGAIN: Duration = Duration::from_secs(7);

/// A worker of the stage's queue in the cluster. Nothing is put right by the end of a lease: what works again does so
/// by itself.
async fn worker(stage: &Stage, cluster: &Cluster, settings: &[(&str, &str)]) -> Process {
    let mut all = vec![("REDIS__MODE", "cluster"), ("WORKER__LEASE", "60s")];
    all.extend(settings);
    let worker = stage.spawn_worker("worker", &cluster.url(), &all);
    worker.wait_line("the worker is ready", PATIENCE).await;
    worker
}

async fn submit_many(stage: &Stage, name: &str, count: u32) {
    for n in 0..count {
        stage.submit(&format!("{name}-{n}"), "text").await;
    }
}

#[tokio::test]
async fn queues_whose_slots_are_moved_back_and_forth_under_load() {
    let cluster = Cluster::start(3, 0).await;
    let flags = ["--generation-time", "300ms", "--generation-time-max", "1s"];
    let mut stages = Vec::new();
    // Two of these three lie on different nodes.
    for queue in ["main", "second", "third"] {
        let redis = std::sync::Arc::clone(&cluster.nodes()[0]);
        stages.push(Stage::for_queue(queue, redis, &flags).await);
    }
    let mut workers = Vec::new();
    for stage in &stages {
        workers.push(worker(stage, &cluster, &[]).await);
        submit_many(stage, "early", 15).await;
    }
    let moved = &stages[0];
    for round in 0..3 {
        let from = cluster.owner(&moved.key("")).await;
        let step = cluster.begin_move(&moved.key(""), (from + 1) % 3).await;
        // Key by key, with callers who go on: their client follows the keys, the workers wait.
        let mut n = 0;
        while cluster.move_keys(step, 5).await {
            moved.submit(&format!("meanwhile-{round}-{n}"), "text").await;
            n += 1;
            // Others that are not concerned work on.
            if n == 1 {
                let id = format!("other-{round}");
                stages[1].submit(&id, "[[fake:time=50ms]]").await;
                stages[1].until(&id, "completed").await;
            }
            assert!(n < 200, "moving comes to an end");
        }
        cluster.end_move(step).await;
        let since = Instant::now();
        moved
            .submit(&format!("after-{round}"), "[[fake:time=50ms]]")
            .await;
        moved.until(&format!("after-{round}"), "completed").await;
        assert!(since.elapsed() < AGAIN, "round {round}: {:?}", since.elapsed());
        submit_many(moved, &format!("more-{round}"), 10).await;
    }
    for (stage, worker) in stages.iter().zip(&workers) {
        let jobs = u64::try_from(stage.ledger().await.generations.len()).unwrap_or(0);
        assert!(jobs > 0);
        eventually(PATIENCE, "the inbox is taken in", || async {
            stage.number("XLEN", "inbox").await == 0
        })
        .await;
        eventually(PATIENCE * 2, "all complete", || async {
            let made = stage.ledger().await.generations.len() as u64;
            let done = stage.number("ZCARD", "completed").await;
            let busy = stage.number("ZCARD", "due").await + stage.number("ZCARD", "pending:default").await;
            if done == made && busy == 0 {
                Ok(())
            } else {
                Err(format!(
                    "{done} of {made}, {busy} under way: {:?}",
                    worker.lines().last()
                ))
            }
        })
        .await;
        let accepted = stage.redis.cli(&["HGET", &stage.key("stats"), "accepted"]).await;
        let accepted = accepted.lines().last().unwrap_or_default().parse().unwrap();
        stage.assert_honest(accepted, &[]).await;
        assert_eq!(
            stage.number("ZCARD", "ambiguous").await,
            0,
            "every answer was recorded"
        );
        let text = worker.lines().join("\n");
        assert!(!text.contains("Redis refuse"), "nothing ran on a part of a queue");
    }
}

#[tokio::test]
async fn a_slot_that_is_being_moved_is_nobodys_also_after_a_failover() {
    // What takes over doesn't know that the slot was being moved, and would run scripts on what is left there.
    let cluster = Cluster::start(3, 1).await;
    let from = cluster.owner("gammaq:{main}:").await;
    let seer = std::sync::Arc::clone(&cluster.nodes()[(from + 2) % 3]);
    let stage = Stage::on(seer, &["--generation-time", "100ms"]).await;
    let worker = worker(&stage, &cluster, &[]).await;
    submit_many(&stage, "early", 5).await;
    stage.until_count("completed", 5).await;

    let step = cluster.begin_move(&stage.key(""), (from + 1) % 3).await;
    // The schedule and half of the records go, the others stay.
    cluster.move_keys(step, 6).await;
    // A replica that joined a moment ago may be without all of it.
    cluster.nodes()[from].replicated().await;
    cluster.nodes()[from].kill().await;
    let heir = {
        let found = std::sync::Mutex::new(from);
        eventually(PATIENCE, "a replica takes over", || async {
            let owner = cluster.owner_seen_by((from + 2) % 3, "gammaq:{main}:").await;
            *found.lock().unwrap() = owner;
            owner != from
        })
        .await;
        found.into_inner().unwrap()
    };
    // It would serve: a script that declares the base alone is run there.
    eventually(PATIENCE, "the heir runs scripts", || async {
        let ran = cluster.nodes()[heir]
            .cli(&["EVAL", "return 'ran'", "1", "gammaq:{main}:"])
            .await;
        ran == "ran"
    })
    .await;
    let mark = worker.mark();
    worker.wait_line_after(mark, "being moved", PATIENCE).await;
    // The operator has all nodes up again and the keys brought together.
    cluster.nodes()[from].restart().await;
    eventually(PATIENCE, "all nodes are up", || async {
        let nodes = stage.redis.cli(&["CLUSTER", "NODES"]).await;
        !nodes.contains("fail") && !nodes.contains("disconnected")
    })
    .await;
    stage
        .redis
        .cli(&["--cluster", "fix", &cluster.nodes()[heir].address()])
        .await;
    let since = Instant::now();
    stage.submit("after", "[[fake:time=50ms]]").await;
    stage.until("after", "completed").await;
    assert!(since.elapsed() < AGAIN, "{:?}", since.elapsed());
    stage.assert_honest(6, &[]).await;
}

#[tokio::test]
async fn callers_and_operators_find_the_queue_too() {
    let cluster = Cluster::start(3, 0).await;
    let owner = cluster.owner("gammaq:{main}:").await;
    // One node is enough to find the others, and it need not be the one that has the queue.
    let other = std::sync::Arc::clone(&cluster.nodes()[(owner + 1) % 3]);
    let stage = Stage::on(std::sync::Arc::clone(&other), &["--generation-time", "50ms"]).await;
    let _worker = worker(&stage, &cluster, &[]).await;
    let gammaq = |args: &[&str]| {
        Process::builder(gammaq_bin())
            .args(args)
            .env("REDIS_URL", other.url())
            .env("GAMMAQ__REDIS__MODE", "cluster")
            .run(PATIENCE)
    };
    let said = gammaq(&["enqueue", "Renewable energy", "--id", "a", "--wait"]).await;
    assert_eq!(said.status.code(), Some(0), "{}", said.stderr);
    let said = gammaq(&["status", "--json"]).await;
    assert!(said.stdout.contains("\"completed\":1"), "{}", said.stdout);

    // With the rights of the shipped file and no more.
    let users = include_str!("../../../deploy/redis/users.acl");
    let rights = users
        .lines()
        .find_map(|line| line.strip_prefix("user producer off resetpass "))
        .unwrap();
    let mut setting = vec!["ACL", "SETUSER", "producer", "on", ">secret"];
    setting.extend(rights.split(' '));
    for node in cluster.nodes() {
        assert_eq!(node.cli(&setting).await, "OK");
    }
    let said = Process::builder(gammaq_bin())
        .args(["enqueue", "Renewable energy", "--id", "b", "--wait"])
        .env(
            "REDIS_URL",
            format!("redis://producer:secret@{}", other.address()),
        )
        .env("GAMMAQ__REDIS__MODE", "cluster")
        .run(PATIENCE)
        .await;
    assert_eq!(said.status.code(), Some(0), "{}", said.stderr);

    // A key of the base's name would let scripts run while the slot is being moved.
    stage.redis.cli(&["SET", "gammaq:{main}:", "x"]).await;
    let said = gammaq(&["status"]).await;
    assert_eq!(said.status.code(), Some(64), "{}", said.stderr);
    assert!(said.stderr.contains("none may"), "{}", said.stderr);
}
