//! Copies of files: whole, checked and once under their names, whatever comes behind a link.

use std::path::Path;
use std::process::Command;

use gammaq_testkit::{Process, Signal, eventually};
use gammaq_tests::{PATIENCE, Stage};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) const FAKE: &[&str] = &["--generation-time", "100ms", "--export-time", "100ms"];

impl Stage {
    /// A worker that keeps copies in this directory. The fake is allowed outright: it is on the loopback.
    pub(crate) async fn storing(&self, name: &str, directory: &Path, more: &[(&str, &str)]) -> Process {
        let store = format!("file://{}", directory.display());
        let mut settings = vec![
            ("EXPORTS__STORE", store.as_str()),
            ("EXPORTS__ALLOWED_HOSTS", "127.0.0.1,*.gamma.app"),
            ("EXPORTS__MIN_FREE", "1 MiB"),
        ];
        settings.extend_from_slice(more);
        self.worker(name, &settings).await
    }

    /// The bytes behind a link, as the fake sends them.
    pub(crate) async fn behind(&self, link: &str) -> Vec<u8> {
        let path = link.splitn(4, '/').nth(3).unwrap();
        let mut stream = TcpStream::connect(self.fake_address()).await.unwrap();
        let request = format!("GET /{path} HTTP/1.1\r\nhost: fake\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let head = answer.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
        assert!(
            answer.starts_with(b"HTTP/1.1 200"),
            "{}",
            String::from_utf8_lossy(&answer[..head])
        );
        answer.split_off(head + 4)
    }

    /// Asserts that the copy is what the fake has, and that its size and checksum are right.
    pub(crate) async fn assert_copy(&self, file: &Value) {
        let path = file["stored"]
            .as_str()
            .unwrap()
            .strip_prefix("file://")
            .unwrap()
            .to_owned();
        let copy = std::fs::read(&path).unwrap();
        assert!(
            copy == self.behind(file["url"].as_str().unwrap()).await,
            "{path} is another file"
        );
        assert_eq!(file["bytes"], copy.len() as u64);
        let said = Command::new("sha256sum").arg(&path).output().unwrap();
        let said = String::from_utf8(said.stdout).unwrap();
        assert_eq!(file["sha256"], said.split_whitespace().next().unwrap());
    }

    async fn completed(&self, id: &str) -> Value {
        self.until(id, "completed").await;
        self.export(id, 0).await
    }
}

/// Everything that lies in the store, parts too.
pub(crate) fn names(directory: &Path) -> Vec<String> {
    let list = |directory: &Path| -> Vec<String> {
        let entries = std::fs::read_dir(directory).into_iter().flatten();
        entries
            .map(|it| it.unwrap().file_name().into_string().unwrap())
            .collect()
    };
    let mut names = list(directory);
    names.retain(|name| name != ".parts");
    names.extend(list(&directory.join(".parts")));
    names.sort();
    names
}

#[tokio::test]
async fn every_file_is_kept_whole_and_never_with_the_key() {
    let (stage, store) = (Stage::start(FAKE).await, TempDir::new().unwrap());
    let worker = stage.storing("worker", store.path(), &[]).await;
    stage
        .submit_with("deck", "pdf,pptx,png", "text [[fake:size=3000000]]")
        .await;
    stage.until("deck", "completed").await;
    for number in 0..3 {
        let file = stage.export("deck", number).await;
        assert_eq!(file["error"], Value::Null);
        stage.assert_copy(&file).await;
    }
    assert_eq!(names(store.path()), ["deck.pdf", "deck.png.zip", "deck.pptx"]);
    let ledger = stage.ledger().await;
    assert!(
        ledger.downloads.iter().all(|it| !it.api_key),
        "{:?}",
        ledger.downloads
    );
    stage.assert_honest(1, &[]).await;
    stage.assert_silent(&[&worker], &[]);
    // Nor does anything in Redis beside the record and its result hold a link, and those let it go.
    let keys = stage.redis.cli(&["KEYS", "*/export/*"]).await;
    assert_eq!(keys.trim(), "");
    assert_eq!(stage.number("ZCARD", "links").await, 1);
}

#[tokio::test]
async fn what_breaks_off_is_gone_on_with_and_what_is_lost_is_fetched_again() {
    let (stage, store) = (Stage::start(FAKE).await, TempDir::new().unwrap());
    let _worker = stage.storing("worker", store.path(), &[]).await;
    for (id, fault, resumed) in [
        ("half", "half*2", true),
        ("reset", "lost_before*1", false),
        ("garbage", "garbage*1", false),
        ("busy", "503*2", false),
        ("limited", "429s=1*1", false),
        ("expired", "expired*1", false),
        ("gone", "404*1", false),
        ("page", "wrong_type*1", false),
        ("unsized", "unsized*1", true),
        ("sent-on", "302*1", false),
    ] {
        let before = stage.ledger().await.downloads.len();
        stage
            .submit_with(
                id,
                "pdf",
                &format!("text [[fake:size=500000]] [[fake:download={fault}]]"),
            )
            .await;
        let file = stage.completed(id).await;
        assert_eq!(file["error"], Value::Null, "{id}");
        let downloads = stage.ledger().await.downloads.split_off(before);
        let ranges = downloads.iter().filter(|it| it.range.is_some()).count();
        assert_eq!(ranges > 0, resumed, "{id}: {downloads:?}");
        assert!(downloads.len() > 1, "{id}: {downloads:?}");
        stage.assert_copy(&file).await;
    }
    assert_eq!(names(store.path()).len(), 10, "{:?}", names(store.path()));
    stage.assert_honest(10, &[]).await;
}

#[tokio::test]
async fn what_is_no_such_file_gets_no_name() {
    let (stage, store) = (Stage::start(FAKE).await, TempDir::new().unwrap());
    let worker = stage
        .storing("worker", store.path(), &[("EXPORTS__MAX_BYTES", "1 MiB")])
        .await;
    for (id, fault, says) in [
        (
            "page",
            "[[fake:download=wrong_type]]",
            "is no pdf by its first bytes",
        ),
        ("endless", "[[fake:download=huge]]", "larger than 1048576 bytes"),
        ("large", "[[fake:size=2000000]]", "larger than 1048576 bytes"),
        (
            "elsewhere",
            "[[fake:download=redirect=evil.example]]",
            "\"evil.example\"",
        ),
        (
            "inside",
            "[[fake:download=redirect=169.254.169.254]]",
            "\"169.254.169.254\"",
        ),
        ("around", "[[fake:download=302]]", "redirects too often"),
    ] {
        stage.submit_with(id, "pdf", &format!("text {fault}")).await;
        let file = stage.completed(id).await;
        assert!(file["error"].as_str().unwrap().contains(says), "{id}: {file}");
        assert_eq!(
            (&file["stored"], &file["sha256"]),
            (&Value::Null, &Value::Null),
            "{id}"
        );
        assert!(stage.result(id).await["gammaUrl"].is_string(), "{id}");
    }
    assert!(names(store.path()).is_empty(), "{:?}", names(store.path()));
    stage.assert_honest(6, &[]).await;
    stage.assert_silent(&[&worker], &[]);
}

#[tokio::test]
async fn a_link_to_a_host_that_is_not_allowed_is_not_followed() {
    let (stage, store) = (Stage::start(FAKE).await, TempDir::new().unwrap());
    let hosts = [("EXPORTS__ALLOWED_HOSTS", "*.gamma.app")];
    let _worker = stage.storing("worker", store.path(), &hosts).await;
    stage.submit_with("deck", "pdf", "text").await;
    let file = stage.completed("deck").await;
    assert!(
        file["error"].as_str().unwrap().contains("exports.allowed_hosts"),
        "{file}"
    );
    assert!(stage.ledger().await.downloads.is_empty());
}

#[tokio::test]
async fn a_full_disk_stops_downloads_and_is_said_and_what_waited_goes_on() {
    let (stage, store) = (Stage::start(FAKE).await, TempDir::new().unwrap());
    // More than any disk has free.
    let full = [("EXPORTS__MIN_FREE", "512000 GiB")];
    let worker = stage.storing("full", store.path(), &full).await;
    stage.submit_with("deck", "pdf", "text").await;
    worker.wait_line("no download is begun", PATIENCE).await;
    eventually(PATIENCE, "the record says why", || async {
        stage.field("deck", "last_error").await.contains("nearly full")
    })
    .await;
    assert_eq!(stage.field("deck", "state").await, "exporting");
    assert!(stage.ledger().await.downloads.is_empty());
    assert!(
        stage.result("deck").await["pdfUrl"].is_string(),
        "the link is there meanwhile"
    );
    worker.signal(Signal::TERM);
    worker.wait(PATIENCE).await;
    // In a minute, by itself; an operator need not wait for it.
    stage
        .redis
        .cli(&["ZADD", "gammaq:{main}:due", "XX", "1", "deck"])
        .await;
    let _worker = stage.storing("room", store.path(), &[]).await;
    let file = stage.completed("deck").await;
    stage.assert_copy(&file).await;
}

#[tokio::test]
async fn a_store_that_cannot_be_written_is_told_at_the_start() {
    let (stage, store) = (Stage::start(FAKE).await, TempDir::new().unwrap());
    std::fs::write(store.path().join("file"), "no directory").unwrap();
    let url = format!("file://{}/file/below", store.path().display());
    let worker = stage.spawn_worker("worker", &stage.redis.url(), &[("EXPORTS__STORE", &url)]);
    worker.wait(PATIENCE).await;
    assert!(
        worker.lines().iter().any(|line| line.contains("exports.store")),
        "{:?}",
        worker.lines()
    );
}
