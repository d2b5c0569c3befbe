//! What is shipped for operators does what it says.

use gammaq_testkit::{Process, Redis, eventually, free_port};
use gammaq_tests::{PATIENCE, Stage};

#[tokio::test]
async fn redis_takes_the_shipped_configuration() {
    let conf = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/redis/redis.conf");
    // Only for a directory of its own, that goes with it.
    let place = Redis::start().await;
    let port = free_port().to_string();
    let dir = place.dir();
    let server = Process::builder("redis-server")
        .arg(conf)
        .args(["--port", &port, "--dir"])
        .arg(&dir)
        .spawn();
    server.wait_line("Ready to accept connections", PATIENCE).await;
    for (name, value) in [
        ("maxmemory-policy", "noeviction"),
        ("appendfsync", "always"),
        ("appendonly", "yes"),
    ] {
        let args = ["-p", &port, "CONFIG", "GET", name];
        let said = Process::builder("redis-cli")
            .args(args)
            .run(PATIENCE)
            .await
            .stdout;
        assert!(said.contains(value), "{name}: {said}");
    }
}

#[tokio::test]
async fn workers_find_their_key_in_a_file() {
    let stage = Stage::start(&["--generation-time", "50ms", "--key", "sk-gamma-from-a-file"]).await;
    let key = stage.redis.dir().join("key");
    std::fs::write(&key, "sk-gamma-from-a-file\n").unwrap();
    let settings = [
        ("ACCOUNTS__FILED__API_KEY_FILE", key.to_str().unwrap()),
        ("ACCOUNTS__FILED__LIMIT", "9"),
    ];
    let worker = stage.worker("worker", &settings).await;
    let request = r#"{"inputText":"a","title":"a"}"#;
    stage
        .xadd(&[("id", "a"), ("account", "filed"), ("request", request)])
        .await;
    stage.until("a", "completed").await;
    eventually(PATIENCE, "charged to that key", || async {
        stage.ledger().await.posts[0].key == "sk-gamma-from-a-file"
    })
    .await;
    stage.assert_silent(&[&worker], &["sk-gamma-from-a-file"]);
}
