//! A disk that is really full: a small one of the worker's own, which exists in its mount namespace alone and goes with it.

use std::path::PathBuf;
use std::process::Command;

use gammaq_testkit::eventually;
use gammaq_tests::{PATIENCE, Stage};
use tempfile::TempDir;

use crate::downloads::{FAKE, names};

const MIB: usize = 1 << 20;

/// Whether this machine lets a process have mounts of its own.
fn may_mount(place: &str) -> bool {
    let tried = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount"])
        .args(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place])
        .output();
    tried.is_ok_and(|it| it.status.success())
}

#[tokio::test]
async fn a_disk_that_fills_while_a_file_comes_gets_no_wrong_file_and_the_file_comes_when_there_is_room() {
    let (stage, store) = (Stage::start(FAKE).await, TempDir::new().unwrap());
    let place = store.path().to_str().unwrap();
    if !may_mount(place) {
        eprintln!("SKIPPED: this machine lets nobody mount a small disk (unshare --user --mount)");
        return;
    }
    let mount = format!("mount -t tmpfs -o size=16m tmpfs {place}");
    let prepare = format!(
        "exec unshare --user --map-root-user --mount bash -c '{mount} && exec \"$0\" \"$@\"' \"$0\" \"$@\""
    );
    let url = format!("file://{place}");
    let settings = [
        ("EXPORTS__STORE", url.as_str()),
        ("EXPORTS__KEEP_FILES", "false"),
        ("EXPORTS__ALLOWED_HOSTS", "127.0.0.1"),
        ("EXPORTS__MIN_FREE", "1 MiB"),
    ];
    let worker = stage.spawn_worker_after(&prepare, "worker", &settings);
    worker.wait_line("the worker is ready", PATIENCE).await;
    // As the worker sees it.
    let inside = PathBuf::from(format!("/proc/{}/root{place}", worker.pid()));
    std::fs::write(inside.join("ballast"), vec![0; 12 * MIB]).unwrap();

    // Nobody says how long it is, so it is begun; half of it comes, which is more than there is room for.
    let text = "text [[fake:size=12000000]] [[fake:download=unsized*1]]";
    stage.submit_with("deck", "pdf", text).await;
    eventually(PATIENCE, "the record says why", || async {
        let why = stage.field("deck", "last_error").await;
        if why.contains("the disk of exports.store is full") {
            Ok(())
        } else {
            Err(why)
        }
    })
    .await;
    worker
        .wait_line("the disk of exports.store is full", PATIENCE)
        .await;
    assert_eq!(
        names(&inside),
        ["ballast"],
        "no wrong file, and no beginning of one"
    );
    assert_eq!(stage.field("deck", "state").await, "exporting");

    std::fs::remove_file(inside.join("ballast")).unwrap();
    // In a minute, by itself; a test need not wait for it.
    let due = stage.key("due");
    stage.redis.cli(&["ZADD", &due, "XX", "1", "deck"]).await;
    let file = stage.completed("deck").await;
    assert_eq!(file["error"], serde_json::Value::Null);
    assert_eq!(names(&inside), ["deck.pdf"]);
    let copy = std::fs::read(inside.join("deck.pdf")).unwrap();
    assert!(copy == stage.behind(file["url"].as_str().unwrap()).await);
    assert_eq!(file["bytes"], copy.len());
}
