//! A short journey on every server that was found beside the usual one; `.ci/servers` looks for them.

use gammaq_testkit::{Redis, Signal};
use gammaq_tests::{PATIENCE, Stage};

/// Paths of server programs, with colons between them.
const VARIABLE: &str = "GAMMAQ_TEST_SERVERS";

#[tokio::test]
async fn each_one_carries_jobs_from_the_inbox_to_their_results() {
    let others = std::env::var(VARIABLE).unwrap_or_default();
    let others = others.split(':').filter(|path| !path.is_empty());
    let mut servers = vec![Redis::builder()];
    servers.extend(others.map(|path| Redis::builder().binary(path)));
    for server in servers {
        let stage = Stage::on(server.aof_always().start().await, &["--generation-time", "300ms"]).await;
        let worker = stage.worker("worker", &[]).await;
        for n in 0..5 {
            stage.submit(&format!("job-{n}"), "text").await;
        }
        stage.submit("slow", "text [[fake:post=slow=700ms]]").await;
        stage.submit("refused", "text [[fake:post=400]]").await;
        stage.redis.cli(&["SCRIPT", "FLUSH"]).await;
        stage.until("job-4", "generating").await;
        stage.redis.kill().await;
        stage.redis.restart().await;
        stage.until_count("completed", 6).await;
        stage.until("refused", "failed").await;
        stage.assert_honest(7, &[]).await;
        worker.signal(Signal::TERM);
        assert_eq!(worker.wait(PATIENCE).await.code(), Some(0));
    }
}
