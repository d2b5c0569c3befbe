//! Redis answers, but says no: each reason, really brought about, with a POST under way. What Gamma made is recorded,
//! and work goes on within 5 s after the fault.

use std::time::{Duration, Instant};

use gammaq_testkit::{Process, Redis, eventually, free_port};
use gammaq_tests::{Appended, PATIENCE, Stage, append_until, version};

use crate::outages::works_again;

/// A POST that takes longer than Redis needs to get into trouble.
const SLOW: &str = "text [[fake:post=slow=1s]]";
const SETTINGS: [(&str, &str); 2] = [("GAMMA__REQUEST_TIMEOUT", "5s"), ("WORKER__LEASE", "30s")];

/// A worker with one POST under way.
async fn posting(redis: Redis) -> (Stage, Process) {
    let stage = Stage::on(redis, &["--generation-time", "100ms"]).await;
    let worker = stage.worker("worker", &SETTINGS).await;
    stage.submit("paid", SLOW).await;
    eventually(PATIENCE, "the POST is under way", || async {
        stage.ledger().await.generations.len() == 1
    })
    .await;
    (stage, worker)
}

/// The fault is over: the answer that came meanwhile is recorded, and new work is done.
async fn goes_on(stage: &Stage) {
    works_again(stage, "after", Instant::now(), "text").await;
    stage.until("paid", "completed").await;
    stage.assert_honest(2, &[]).await;
}

/// A Redis that takes seconds to load its data: each key takes a moment, as with many more of them.
async fn slow_to_load() -> Redis {
    let redis = Redis::builder()
        .aof_always()
        .config("key-load-delay", "30")
        .start()
        .await;
    let fill = "for i = 1, 100000 do redis.call('SET', 'filler:' .. i, i) end";
    redis.cli(&["EVAL", fill, "0"]).await;
    redis
}

#[tokio::test]
async fn a_worker_that_starts_while_it_loads_waits_and_asks_for_no_other_setting() {
    let stage = Stage::on(slow_to_load().await, &["--generation-time", "100ms"]).await;
    let durable = [("REDIS__DURABILITY", "aof")];
    let before = stage.worker("before", &durable).await;
    stage.redis.kill().await;
    let early = stage.spawn_worker("early", &stage.redis.url(), &durable);
    early.wait_line("waiting for Redis", PATIENCE).await;
    // It asks again every second, and loading takes some: it says meanwhile that it has no append-only file.
    stage.redis.restart().await;
    early.wait_line("loading its data", PATIENCE).await;
    early.wait_line("the worker is ready", PATIENCE).await;
    assert!(before.try_wait().is_none(), "the other one is still there");
    works_again(&stage, "after", Instant::now(), "text").await;
    stage.assert_honest(1, &[]).await;
}

#[tokio::test]
async fn loading_its_data() {
    let redis = slow_to_load().await;
    let (stage, worker) = posting(redis).await;
    stage.redis.kill().await;
    let mark = worker.mark();
    let told = worker.wait_line_after(mark, "is loading the dataset", PATIENCE);
    tokio::join!(told, stage.redis.restart());
    goes_on(&stage).await;
}

#[tokio::test]
async fn busy_with_a_script_of_somebody_else() {
    let (stage, worker) = posting(Redis::builder().config("lua-time-limit", "100").start().await).await;
    let script = async {
        let said = stage.redis.cli(&["EVAL", "while true do end", "0"]).await;
        assert!(said.contains("killed"), "{said}");
    };
    let kill = async {
        worker.wait_line("BUSY", PATIENCE).await;
        worker.wait_line("could not be stored yet", PATIENCE).await;
        assert_eq!(stage.redis.cli(&["SCRIPT", "KILL"]).await, "OK");
    };
    tokio::join!(script, kill);
    goes_on(&stage).await;
}

#[tokio::test]
async fn made_a_replica_and_a_master_again() {
    let (stage, worker) = posting(Redis::start().await).await;
    let nobody = free_port().to_string();
    stage.redis.cli(&["REPLICAOF", "127.0.0.1", &nobody]).await;
    worker.wait_line("read only replica", PATIENCE).await;
    worker.wait_line("could not be stored yet", PATIENCE).await;
    assert_eq!(stage.field("paid", "state").await, "submitting");
    stage.redis.cli(&["REPLICAOF", "NO", "ONE"]).await;
    goes_on(&stage).await;
}

#[tokio::test]
async fn without_the_replicas_that_it_wants() {
    let (stage, worker) = posting(Redis::start().await).await;
    stage
        .redis
        .cli(&["CONFIG", "SET", "min-replicas-to-write", "1"])
        .await;
    worker.wait_line("NOREPLICAS", PATIENCE).await;
    // Before 7.0 Redis asked this of commands and not of scripts.
    if version(&stage.redis).await < (7, 0) {
        stage.until("paid", "completed").await;
    } else {
        worker.wait_line("could not be stored yet", PATIENCE).await;
    }
    stage
        .redis
        .cli(&["CONFIG", "SET", "min-replicas-to-write", "0"])
        .await;
    goes_on(&stage).await;
}

/// Fills a server that has `maxmemory`.
pub(crate) async fn fill(redis: &Redis) {
    for n in 0.. {
        let fill = "return redis.call('SET', 'filler:' .. ARGV[1], string.rep('x', 1048576))";
        if redis
            .cli(&["EVAL", fill, "0", &n.to_string()])
            .await
            .contains("OOM")
        {
            break;
        }
    }
    let refused = redis.cli(&["SET", "one-more", "x"]).await;
    assert!(refused.contains("OOM"), "{refused}");
}

/// Takes away what [`fill`] wrote.
pub(crate) async fn make_room(redis: &Redis) {
    let script = "for _, k in ipairs(redis.call('KEYS', 'filler:*')) do redis.call('DEL', k) end";
    redis.cli(&["EVAL", script, "0"]).await;
}

#[tokio::test]
async fn full_nothing_new_starts_and_what_is_under_way_is_recorded() {
    let redis = Redis::builder()
        .config("maxmemory", "24mb")
        .config("maxmemory-policy", "noeviction");
    let stage = Stage::on(redis.start().await, &["--generation-time", "300ms"]).await;
    let worker = stage.worker("worker", &SETTINGS).await;
    // Taken in before, to begin when Redis is full.
    let time: u64 = stage
        .redis
        .cli(&["TIME"])
        .await
        .lines()
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let run_at = ((time + 3) * 1_000).to_string();
    let request = r#"{"inputText":"text","title":"later","textMode":"generate"}"#;
    stage
        .xadd(&[("id", "later"), ("run_at", &run_at), ("request", request)])
        .await;
    stage.until("later", "queued").await;
    stage.submit("paid", "text [[fake:post=slow=3s]]").await;
    eventually(PATIENCE, "the POST is under way", || async {
        stage.ledger().await.generations.len() == 1
    })
    .await;
    fill(&stage.redis).await;

    stage.until("paid", "completed").await;
    assert_eq!(stage.result("paid").await["state"], "completed");
    worker.wait_line("nothing was sent", PATIENCE).await;
    stage.until("later", "queued").await;
    assert_eq!(stage.ledger().await.posts.len(), 1, "nothing new was sent");
    assert!(
        stage.redis.cli(&["SET", "one-more", "x"]).await.contains("OOM"),
        "it still is full"
    );

    make_room(&stage.redis).await;
    let since = Instant::now();
    works_again(&stage, "after", since, "text").await;
    stage.until("later", "completed").await;
    assert!(since.elapsed() < Duration::from_secs(7), "{:?}", since.elapsed());
    stage.assert_honest(3, &[]).await;
}

#[tokio::test]
async fn its_scripts_flushed_every_second() {
    let stage = Stage::start(&["--generation-time", "400ms"]).await;
    let _workers = [stage.worker("one", &[]).await, stage.worker("two", &[]).await];
    let flushing = async {
        for _ in 0..6 {
            tokio::time::sleep(Duration::from_secs(1)).await; // The pace of the fault.
            stage.redis.cli(&["SCRIPT", "FLUSH"]).await;
        }
    };
    let mut appended = append_until(stage.redis.address(), "job", Duration::from_millis(40), flushing).await;
    assert!(
        appended.acknowledged.len() > 40 && appended.refused == 0,
        "{appended:?}"
    );
    works_again(&stage, "after", Instant::now(), "text").await;
    appended.acknowledged.push("after".to_owned());
    stage.assert_all_kept(&appended).await;
}

#[tokio::test]
async fn its_clients_killed_many_times_a_second() {
    let stage = Stage::start(&["--generation-time", "400ms"]).await;
    let _workers = [
        stage.worker("one", &SETTINGS).await,
        stage.worker("two", &SETTINGS).await,
    ];
    let storm = async {
        for _ in 0..60 {
            tokio::time::sleep(Duration::from_millis(75)).await; // The pace of the fault.
            let killed = stage
                .redis
                .cli(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"])
                .await;
            assert!(killed.parse::<u64>().is_ok(), "{killed}");
        }
    };
    let mut appended: Appended =
        append_until(stage.redis.address(), "job", Duration::from_millis(30), storm).await;
    assert!(appended.acknowledged.len() > 20, "{appended:?}");
    works_again(&stage, "after", Instant::now(), "text").await;
    appended.acknowledged.push("after".to_owned());
    stage.assert_all_kept(&appended).await;
}
