//! A pair of servers that a sentinel watches.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gammaq_testkit::{Process, Proxy, Redis, eventually, free_port, gammaq_bin};
use gammaq_tests::{PATIENCE, Stage};

/// The sentinel's name for the master.
pub(super) const MASTER: &str = "paid";

/// A master, a replica that follows it through a proxy, and a sentinel.
pub(super) struct Pair {
    pub(super) master: Arc<Redis>,
    pub(super) replica: Arc<Redis>,
    pub(super) between: Proxy,
    pub(super) sentinel: Redis,
}

impl Pair {
    pub(super) async fn start() -> Self {
        let master = Arc::new(
            Redis::builder()
                .config("repl-diskless-sync-delay", "0")
                // Where it comes back it has nothing: no sentinel may make that the truth.
                .config("replica-priority", "0")
                .start()
                .await,
        );
        let between = Proxy::start(master.address()).await;
        let replica = Arc::new(Redis::builder().replica_of(between.port()).start().await);
        let sentinel = Redis::builder().sentinel_of(MASTER, master.port()).start().await;
        let pair = Self {
            master,
            replica,
            between,
            sentinel,
        };
        eventually(PATIENCE, "the replica follows", || async {
            pair.replica
                .cli(&["INFO", "replication"])
                .await
                .contains("master_link_status:up")
        })
        .await;
        eventually(PATIENCE, "the sentinel knows the replica", || async {
            let known = pair.sentinel.cli(&["SENTINEL", "REPLICAS", MASTER]).await;
            known.contains(&pair.replica.port().to_string()) && known.contains("master-link-status\nok")
        })
        .await;
        pair
    }

    /// Sentinels to ask: one that isn't there before the one that is.
    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{},{}", free_port(), self.sentinel.url())
    }

    /// Waits until the replica has all that was written so far.
    pub(super) async fn replica_has_it_all(&self) {
        self.master.replicated().await;
    }

    /// Waits until the replica is the master, and known to be.
    pub(super) async fn failed_over(&self) {
        // The sentinel first: what it promotes it also cuts from all its clients.
        eventually(PATIENCE, "the sentinel names the replica", || async {
            let named = self
                .sentinel
                .cli(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER])
                .await;
            named.lines().last() == Some(&self.replica.port().to_string())
        })
        .await;
        eventually(PATIENCE, "the replica is promoted", || async {
            self.replica
                .cli(&["INFO", "replication"])
                .await
                .contains("role:master")
        })
        .await;
    }
}

/// A worker that finds its Redis by the sentinels.
pub(super) fn worker(stage: &Stage, pair: &Pair, durability: &str) -> Process {
    let settings = [
        ("REDIS__MODE", "sentinel"),
        ("REDIS__SENTINEL_MASTER", MASTER),
        ("REDIS__DURABILITY", durability),
        ("REDIS__RESPONSE_TIMEOUT", "1500ms"),
        ("WORKER__LEASE", "60s"),
        ("LOG__FILTER", "info,gammaq_worker=debug"),
    ];
    stage.spawn_worker("worker", &pair.url(), &settings)
}

#[tokio::test]
async fn the_master_is_followed_over_a_failover_and_back() {
    let pair = Pair::start().await;
    let mut stage = Stage::on(Arc::clone(&pair.master), &["--generation-time", "300ms"]).await;
    let worker = worker(&stage, &pair, "none");
    worker.wait_line("the worker is ready", PATIENCE).await;
    for n in 0..10 {
        stage.submit(&format!("early-{n}"), "text").await;
    }
    stage.until_count("completed", 10).await;
    pair.replica_has_it_all().await;

    pair.master.kill().await;
    pair.failed_over().await;
    let since = Instant::now();
    stage.redis = Arc::clone(&pair.replica);
    stage.submit("after", "[[fake:time=50ms]]").await;
    stage.until("after", "completed").await;
    assert!(since.elapsed() < Duration::from_secs(7), "{:?}", since.elapsed());

    // The old one comes back as a master that knows nothing of it, until the sentinel tells it otherwise.
    pair.master.restart().await;
    eventually(PATIENCE, "the old master follows the new one", || async {
        pair.master
            .cli(&["INFO", "replication"])
            .await
            .contains("role:slave")
    })
    .await;
    let gammaq = Process::builder(gammaq_bin())
        .args([
            "enqueue",
            "--request",
            r#"{"inputText":"text","title":"cli"}"#,
            "--id",
            "cli",
            "--wait",
        ])
        .env("REDIS_URL", pair.url())
        .env("GAMMAQ__REDIS__MODE", "sentinel")
        .env("GAMMAQ__REDIS__SENTINEL_MASTER", MASTER)
        .run(PATIENCE)
        .await;
    assert_eq!(gammaq.status.code(), Some(0), "{}", gammaq.stderr);
    stage.assert_honest(12, &[]).await;
}
