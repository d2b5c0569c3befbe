//! The reading commands with very many finished jobs: what they ask of Redis is bounded, and no more than with few.

use gammaq_testkit::{Process, gammaq_bin};
use gammaq_tests::finished::{COMMANDS, add, calls, small};
use gammaq_tests::{PATIENCE, Stage};

/// What goes through all keys, or through a whole key of any size.
const FORBIDDEN: [&str; 8] = [
    "keys", "scan", "hscan", "zscan", "sscan", "sort", "eval", "evalsha",
];

/// The calls of each command line, all together and by name.
async fn asked(stage: &Stage) -> Vec<u64> {
    let mut all = Vec::new();
    for command in COMMANDS {
        stage.redis.cli(&["CONFIG", "RESETSTAT"]).await;
        let finished = Process::builder(gammaq_bin())
            .args(command)
            .env("REDIS_URL", stage.redis.url())
            .run(PATIENCE)
            .await;
        assert!(finished.status.success(), "{command:?}: {finished:?}");
        let calls = calls(stage).await;
        for name in FORBIDDEN {
            assert!(!calls.contains_key(name), "{command:?}: {calls:?}");
        }
        all.push(calls.values().sum());
    }
    all
}

#[tokio::test]
async fn reading_asks_no_more_with_fifty_thousand_jobs() {
    let stage = small().await;
    add(&stage, 0, 12_000).await;
    let few = asked(&stage).await;
    add(&stage, 12_000, 50_000).await;
    let many = asked(&stage).await;
    assert_eq!(few, many, "{COMMANDS:?}");
    for (command, calls) in COMMANDS.iter().zip(many) {
        // A search for an account reads its 5,000 jobs, no more than their accounts, and says that it stopped.
        let bound = if command.contains(&"nobody") { 5_200 } else { 500 };
        assert!(calls <= bound, "{command:?}: {calls}");
    }
}
