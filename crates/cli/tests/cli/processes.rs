//! The commands that run until they are told to stop.

use gammaq_testkit::{Redis, Signal};

use crate::{SOON, code, gammaq, run};

#[tokio::test]
async fn the_fake_ends_at_either_signal() {
    for signal in [Signal::INT, Signal::TERM] {
        let fake = gammaq(&["fake-gamma", "--listen", "127.0.0.1:0"]).spawn();
        let line = fake.wait_line("listening on http://127.0.0.1:", SOON).await;
        let address = line.rsplit_once("http://").unwrap().1.to_owned();
        let second = gammaq(&["fake-gamma", "--listen", &address]).run(SOON).await;
        assert_eq!(code(&second), 64, "{second:?}");
        assert!(second.stderr.contains("--listen"), "{second:?}");
        fake.signal(signal);
        assert_eq!(fake.wait(SOON).await.code(), Some(0));
    }
}

#[tokio::test]
async fn a_worker_starts_stops_and_refuses_bad_settings() {
    let redis = Redis::start().await;
    let without_key = run(&redis, &["worker"]).await;
    assert_eq!(code(&without_key), 64, "{without_key:?}");

    let worker = gammaq(&["worker", "--set", "admin.listen=off"])
        .env("REDIS_URL", redis.url())
        .env("GAMMA_API_KEY", "sk-gamma-hush")
        .spawn();
    worker.wait_line("the worker is ready", SOON).await;
    worker.signal(Signal::TERM);
    assert_eq!(worker.wait(SOON).await.code(), Some(0));
    assert!(
        !worker.lines().iter().any(|line| line.contains("hush")),
        "{:?}",
        worker.lines()
    );
}
