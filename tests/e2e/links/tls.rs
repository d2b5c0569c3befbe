//! Redis behind TLS, with an authority of one's own.

use gammaq_testkit::{Certificates, Process, Redis, gammaq_bin};
use gammaq_tests::{PATIENCE, Stage};

fn path(path: std::path::PathBuf) -> String {
    path.display().to_string()
}

#[tokio::test]
async fn a_private_authority_is_trusted_for_redis_and_no_other() {
    let (ours, other, elsewhere) = (
        Certificates::new(&["127.0.0.1", "localhost"]),
        Certificates::new(&["127.0.0.1"]),
        Certificates::new(&["redis.example"]),
    );
    let redis = Redis::builder().tls(&ours).start().await;
    let url = redis.tls_url();
    let misnamed = Redis::builder().tls(&elsewhere).start().await;
    let stage = Stage::on(redis, &["--generation-time", "50ms"]).await;

    let trusted = path(ours.authority());
    let worker = stage.spawn_worker("worker", &url, &[("REDIS__TLS_CA_FILE", &trusted)]);
    worker.wait_line("the worker is ready", PATIENCE).await;
    let gammaq = |url: &str, authority: Option<&str>| {
        let mut builder = Process::builder(gammaq_bin())
            .args([
                "enqueue",
                "--request",
                r#"{"inputText":"text","title":"a"}"#,
                "--id",
                "a",
                "--wait",
            ])
            .env("REDIS_URL", url);
        if let Some(authority) = authority {
            builder = builder.env("GAMMAQ__REDIS__TLS_CA_FILE", authority);
        }
        builder.run(PATIENCE)
    };
    let said = gammaq(&url, Some(&trusted)).await;
    assert_eq!(said.status.code(), Some(0), "{}", said.stderr);
    stage.assert_honest(1, &[]).await;

    // Another authority, the public ones, and a certificate for another name: said so, and nothing is sent.
    for (url, authority, why) in [
        (&url, Some(path(other.authority())), "certificate"),
        (&url, None, "certificate"),
        (
            &misnamed.tls_url(),
            Some(path(elsewhere.authority())),
            "not valid for name",
        ),
    ] {
        let said = gammaq(url, authority.as_deref()).await;
        assert_eq!(said.status.code(), Some(69), "{}", said.stderr);
        assert!(said.stderr.contains(why), "{why}: {}", said.stderr);
    }
    let lost = path(other.authority());
    let worker = stage.spawn_worker("untrusting", &url, &[("REDIS__TLS_CA_FILE", &lost)]);
    let line = worker.wait_line("waiting for Redis", PATIENCE).await;
    assert!(line.contains("certificate"), "{line}");
}
