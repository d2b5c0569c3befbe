//! Copies of files: whole, checked and once under their names, whatever comes behind a link.

#![expect(clippy::unwrap_used, reason = "what a test can't set up or read ends it")]

use std::path::Path;

use gammaq_testkit::{Signal, eventually};
use gammaq_tests::{KEY, PATIENCE, Stage};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const FAKE: &[&str] = &["--generation-time", "100ms", "--export-time", "100ms"];

/// Everything that lies in the store, parts too; but for the lock.
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
    names.retain(|name| name != "lock");
    names.sort();
    names
}

/// Keys that hold a link to a file anywhere in their values.
const WITH_LINKS: &str = "
local function holds(value)
  if type(value) ~= 'table' then return string.find(tostring(value), '/export/', 1, true) ~= nil end
  for _, part in ipairs(value) do if holds(part) then return true end end
  return false
end
local read = { string = { 'GET' }, hash = { 'HGETALL' }, zset = { 'ZRANGE', '0', '-1' }, stream = { 'XRANGE', '-', '+' } }
local found = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  local command = read[redis.call('TYPE', key).ok]
  if holds(redis.call(command[1], key, unpack(command, 2))) then found[#found + 1] = key end
end
table.sort(found)
return found";

async fn keys_with_links(stage: &Stage) -> Vec<String> {
    let found = stage.redis.cli(&["EVAL", WITH_LINKS, "0"]).await;
    found.lines().map(str::to_owned).collect()
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
    let (record, result) = (stage.key("job:deck"), stage.key("result:deck"));
    assert_eq!(keys_with_links(&stage).await, [record, result]);
    assert_eq!(stage.number("ZCARD", "links").await, 1);
}

#[tokio::test]
async fn what_breaks_off_is_gone_on_with_and_what_is_lost_is_fetched_again() {
    let (stage, store) = (Stage::start(FAKE).await, TempDir::new().unwrap());
    let _worker = stage.storing("worker", store.path(), &[]).await;
    for (id, fault, resumed) in [
        ("half", "half*2", true),
        ("half-reset", "reset_half*2", true),
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
    assert_eq!(names(store.path()).len(), 11, "{:?}", names(store.path()));
    stage.assert_honest(11, &[]).await;
}

#[tokio::test]
async fn a_link_that_expired_while_the_store_was_away_is_asked_for_anew() {
    let flags = [FAKE, &["--link-ttl", "1s"]].concat();
    let (stage, store) = (Stage::start(&flags).await, TempDir::new().unwrap());
    let worker = stage.storing("worker", store.path(), &[]).await;
    // By rights it would still take everything from a worker that runs as root.
    let parts = store.path().join(".parts");
    std::fs::remove_dir_all(&parts).unwrap();
    std::fs::write(&parts, "no directory").unwrap();
    stage
        .submit_with("deck", "pdf", "text [[fake:size=500000]]")
        .await;
    eventually(PATIENCE, "the record says why", || async {
        let said = stage.field("deck", "last_error").await;
        if said.contains("the store takes no file") {
            Ok(())
        } else {
            Err(said)
        }
    })
    .await;
    let expired = stage.field("deck", "pdf_url").await;
    assert!(expired.contains("/export/"), "{expired}");
    // The link was made at the look that found the deck.
    eventually(PATIENCE, "the link is good no more", || async {
        let ledger = stage.ledger().await;
        let made = ledger.generations[0].polls.last().unwrap().elapsed_ms;
        ledger.elapsed_ms > made + 1_000
    })
    .await;
    assert_eq!(stage.field("deck", "state").await, "exporting");
    let ledger = stage.ledger().await;
    assert_eq!((ledger.downloads.len(), ledger.exports.len()), (0, 0));
    std::fs::remove_file(&parts).unwrap();
    std::fs::create_dir(&parts).unwrap();

    let mut file = stage.completed("deck").await;
    assert_eq!(file["error"], Value::Null);
    assert_ne!(file["url"], expired);
    let ledger = stage.ledger().await;
    let first = &ledger.downloads[0];
    assert_eq!((first.status, first.fault.as_deref()), (Some(403), None));
    assert_eq!(ledger.downloads.last().unwrap().status, Some(200));
    assert!(!ledger.exports.is_empty(), "{ledger:?}");
    assert_eq!((ledger.posts.len(), ledger.generations.len()), (1, 1));
    // The new link may be over by now as well: what lies behind it is seen through one that is not.
    file["url"] = fresh_link(&stage, &ledger.generations[0].gamma_id).await.into();
    stage.assert_copy(&file).await;
    assert_eq!(names(store.path()), ["deck.pdf"]);
    stage.assert_honest(1, &[]).await;
    stage.assert_silent(&[&worker], &[]);
}

/// Another link to the PDF of a deck.
async fn fresh_link(stage: &Stage, gamma_id: &str) -> String {
    let path = format!("/v1.0/gammas/{gamma_id}/export");
    let begun = stage
        .ask_fake_as(KEY, "POST", &path, r#"{"exportAs":"pdf"}"#)
        .await;
    let begun: Value = serde_json::from_str(&begun).unwrap();
    let path = format!("/v1.0/exports/{}", begun["exportId"].as_str().unwrap());
    eventually(PATIENCE, "the file is made", || async {
        let said: Value = serde_json::from_str(&stage.ask_fake_as(KEY, "GET", &path, "").await).unwrap();
        said["exportUrl"].as_str().map(str::to_owned)
    })
    .await
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

/// One byte a second, for half a minute: far longer than all the others take.
#[tokio::test]
async fn slow_downloads_take_no_room_from_submits_and_looks() {
    let (stage, store) = (Stage::start(FAKE).await, TempDir::new().unwrap());
    let settings = [
        ("WORKER__CONCURRENCY", "2"),
        ("EXPORTS__MAX_DOWNLOADS", "2"),
        ("EXPORTS__MIN_SPEED", "1 B"),
    ];
    let worker = stage.storing("worker", store.path(), &settings).await;
    for n in 0..6 {
        let id = format!("slow-{n}");
        stage.submit_with(&id, "pdf", "text [[fake:download=drip]]").await;
    }
    for n in 0..6 {
        stage.until(&format!("slow-{n}"), "exporting").await;
    }
    eventually(PATIENCE, "two downloads are under way", || async {
        let begun = stage.ledger().await.downloads.len();
        if begun >= 2 { Ok(()) } else { Err(begun) }
    })
    .await;
    for n in 0..20 {
        stage.submit(&format!("quick-{n}"), "text").await;
    }
    stage.until_count("completed", 20).await;
    assert_eq!(
        stage.ledger().await.downloads.len(),
        2,
        "they are still under way"
    );
    for n in 0..6 {
        assert_eq!(stage.field(&format!("slow-{n}"), "state").await, "exporting");
    }
    worker.signal(Signal::TERM);
    assert!(worker.wait(PATIENCE).await.success());
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
