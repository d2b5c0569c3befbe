//! Copies go with their jobs: all of them, before the record does, and never those of a newer job.

#![expect(clippy::unwrap_used, reason = "what a test can't set up or read ends it")]

use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use gammaq_crash::points::{SWEEP_POINTS, Swept};
use gammaq_testkit::{Process, Signal, eventually, free_port};
use gammaq_tests::{PATIENCE, Stage};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::buckets::S3;
use crate::downloads::{FAKE, names};

/// Of each state the newest alone.
const ONE: (&str, &str) = ("RESULTS__MAX_JOBS", "1");

/// Before a point, within and after it.
const MARKS: [&str; 3] = ["", "~", "+"];
const AT_ONCE: usize = 4;

async fn stop(worker: Process) {
    worker.signal(Signal::TERM);
    assert!(worker.wait(PATIENCE).await.success());
}

/// Jobs with a PDF each, one after the other.
async fn complete(stage: &Stage, ids: &[&str]) {
    for id in ids {
        stage.submit_with(id, "pdf", "text").await;
        stage.until(id, "completed").await;
    }
}

async fn until_left(stage: &Stage, count: u64) {
    eventually(PATIENCE, &format!("{count} completed jobs are left"), || async {
        let left = stage.number("ZCARD", "completed").await;
        if left == count { Ok(()) } else { Err(left) }
    })
    .await;
}

fn part(store: &Path, id: &str) {
    let name = format!("{id}.pptx.0123abcd.ff.part");
    std::fs::write(store.join(".parts").join(name), "PK").unwrap();
}

/// More entries than one page has, of jobs whose records are gone.
async fn add_ghosts(stage: &Stage, count: u32) {
    let (key, ids) = (
        stage.key("completed"),
        (0..count).map(|n| format!("ghost-{n}")).collect::<Vec<_>>(),
    );
    let mut words = vec!["ZADD", &key];
    ids.iter().for_each(|id| words.extend(["1", id]));
    stage.redis.cli(&words).await;
}

#[tokio::test]
async fn copies_and_parts_go_with_their_jobs_by_number_and_by_age() {
    let (stage, place) = (Stage::start(FAKE).await, TempDir::new().unwrap());
    let store = place.path().join("store");
    let worker = stage.storing("generous", &store, &[]).await;
    stage.submit_with("old", "pdf,pptx,png", "text").await;
    stage.until("old", "completed").await;
    complete(&stage, &["old.pdf", "new"]).await;
    stop(worker).await;
    // One that an older version left, and what is not of these jobs.
    std::fs::write(store.join("old.png"), "").unwrap();
    for name in ["mine.pdf", "older.pdf", "old.txt", "old"] {
        std::fs::write(store.join(name), "").unwrap();
    }
    for id in ["old", "old.pdf", "new", "mine"] {
        part(&store, id);
    }
    // An entry that somebody wrote by hand names no file elsewhere.
    std::fs::write(place.path().join("outside.pdf"), "").unwrap();
    stage
        .redis
        .cli(&["ZADD", &stage.key("completed"), "1", "../outside"])
        .await;

    // Those that keep copies, and those that have none, take no file.
    let settings = [ONE, ("EXPORTS__KEEP_FILES", "true")];
    let keeper = stage.storing("keeper", &store, &settings).await;
    until_left(&stage, 1).await;
    stop(keeper).await;
    assert_eq!(names(&store).len(), 14, "{:?}", names(&store));
    // Its files are found by their names alone.
    stage
        .redis
        .cli(&[
            "ZADD",
            &stage.key("completed"),
            "1",
            "old",
            "2",
            "old.pdf",
            "3",
            "../outside",
        ])
        .await;

    let (one, two) = tokio::join!(
        stage.storing("one", &store, &[ONE]),
        stage.storing("two", &store, &[ONE])
    );
    until_left(&stage, 1).await;
    let kept = [
        "mine.pdf",
        "mine.pptx.0123abcd.ff.part",
        "new.pdf",
        "new.pptx.0123abcd.ff.part",
        "old",
        "old.txt",
        "older.pdf",
    ];
    assert_eq!(names(&store), kept);
    assert!(place.path().join("outside.pdf").exists());
    stage.assert_copy(&stage.export("new", 0).await).await;
    stage.assert_silent(&[&one, &two], &[]);
    stop(one).await;
    stop(two).await;

    let _worker = stage.storing("second", &store, &[("RESULTS__TTL", "1s")]).await;
    until_left(&stage, 0).await;
    assert!(!names(&store).iter().any(|name| name.starts_with("new")));
}

#[tokio::test]
async fn a_copy_that_cannot_be_removed_keeps_its_job() {
    let (stage, store) = (Stage::start(FAKE).await, TempDir::new().unwrap());
    let worker = stage.storing("generous", store.path(), &[]).await;
    complete(&stage, &["stuck", "old", "new"]).await;
    stop(worker).await;
    // Nobody unlinks a directory.
    let place = store.path().join("stuck.pptx");
    std::fs::create_dir(&place).unwrap();
    add_ghosts(&stage, 120).await;
    let worker = stage.storing("frugal", store.path(), &[ONE]).await;
    let line = worker.wait_line("could not be removed", PATIENCE).await;
    assert!(line.contains("\"jobs\":1"), "{line}");
    // It hides none behind it.
    until_left(&stage, 2).await;
    assert_eq!(stage.field("stuck", "state").await, "completed");
    stop(worker).await;
    std::fs::remove_dir(&place).unwrap();
    let worker = stage.storing("heir", store.path(), &[ONE]).await;
    until_left(&stage, 1).await;
    assert_eq!(names(store.path()), ["new.pdf"]);
    stop(worker).await;
}

/// Between the look at a job and the removal of its copy its id may become another job's, with a copy of the same name.
#[tokio::test]
async fn the_copy_of_a_newer_job_stays_however_long_a_sweep_stands_still() {
    let (stage, store) = (Stage::start(FAKE).await, TempDir::new().unwrap());
    let worker = stage.storing("generous", store.path(), &[]).await;
    complete(&stage, &["again", "old", "new"]).await;
    stop(worker).await;
    let lock = File::open(store.path().join(".parts/lock")).unwrap();
    lock.lock_shared().unwrap();
    let worker = stage.storing("frugal", store.path(), &[ONE]).await;
    let descriptors = format!("/proc/{}/fd", worker.pid());
    eventually(
        PATIENCE,
        "the sweep has looked, and waits for the lock",
        || async {
            let mut open = std::fs::read_dir(&descriptors).unwrap().flatten();
            open.any(|it| std::fs::read_link(it.path()).is_ok_and(|to| to.ends_with(".parts/lock")))
        },
    )
    .await;
    // As when its record expired: the id is another job's now.
    stage.redis.cli(&["DEL", &stage.key("job:again")]).await;
    stage
        .submit_with("again", "pdf", "text [[fake:size=77777]]")
        .await;
    stage.until("again", "completed").await;
    lock.unlock().unwrap();
    until_left(&stage, 1).await;
    let file = stage.export("again", 0).await;
    assert!(file["bytes"].as_u64() >= Some(77_777), "the new one: {file}");
    stage.assert_copy(&file).await;
    assert_eq!(names(store.path()), ["again.pdf"]);
    stop(worker).await;
}

/// What holds of a directory whoever died: each copy has a job that is still to be swept, and who claims one that is gone
/// is swept next.
async fn die_and_go_on(point: &str, mark: &str, s3: Option<&S3>) {
    let (stage, store) = (Stage::start(FAKE).await, TempDir::new().unwrap());
    let what = format!("{point}{mark}");
    let spawn = async |prepare: &str, name: &str, settings: &[(&str, &str)]| match s3 {
        Some(s3) => s3.worker_with(&stage, prepare, name, settings),
        None => {
            let place = format!("file://{}", store.path().display());
            let mut all = vec![
                ("EXPORTS__STORE", place.as_str()),
                ("EXPORTS__KEEP_FILES", "false"),
                ("EXPORTS__ALLOWED_HOSTS", "127.0.0.1"),
                ("EXPORTS__MIN_FREE", "1 MiB"),
            ];
            all.extend_from_slice(settings);
            stage.spawn_worker_after(prepare, name, &all)
        }
    };
    let list = async || match s3 {
        Some(s3) => s3
            .keys()
            .await
            .into_iter()
            .map(|key| key.replace("of/today/", ""))
            .collect(),
        None => names(store.path()),
    };
    let worker = spawn("true", "generous", &[]).await;
    complete(&stage, &["one", "two", "new"]).await;
    stop(worker).await;
    add_ghosts(&stage, 120).await;
    let victim = spawn(&format!("export GAMMAQ_CRASH_AT='{what}'"), &what, &[ONE]).await;
    let status = victim.wait(PATIENCE).await;
    assert_eq!(status.signal(), Some(Signal::KILL.as_raw()), "{what}: {status}");
    let there = list().await;
    for id in ["one", "two", "new"] {
        let known = stage.redis.cli(&["ZSCORE", &stage.key("completed"), id]).await;
        let has_copy = there.contains(&format!("{id}.pdf"));
        assert!(
            !has_copy || !known.trim().is_empty(),
            "{what}: nobody knows of the copy of {id}"
        );
        assert!(has_copy || id != "new", "{what}: the copy of a job that stays");
    }
    let heir = spawn("true", "heir", &[ONE]).await;
    until_left(&stage, 1).await;
    assert_eq!(list().await, ["new.pdf"], "{what}");
    assert_eq!(stage.field("new", "state").await, "completed", "{what}");
    stop(heir).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_may_die_at_any_point_of_a_sweep() {
    let s3 = S3::start().await;
    // A bucket is one for all, so one after the other; each directory is of its own, and most of the time all only wait.
    let in_the_bucket = async {
        for (point, met) in SWEEP_POINTS {
            for mark in MARKS {
                match met {
                    Swept::Bucket => die_and_go_on(point, mark, Some(&s3)).await,
                    Swept::BucketLeft => {
                        s3.leave_upload("one").await;
                        die_and_go_on(point, mark, Some(&s3)).await;
                        assert_eq!(s3.parts_left().await, 0);
                    }
                    Swept::Directory | Swept::Anywhere | Swept::Pages => {}
                }
            }
        }
    };
    let in_directories = async {
        let mut running = JoinSet::new();
        for (point, met) in SWEEP_POINTS {
            if matches!(met, Swept::Bucket | Swept::BucketLeft) {
                continue;
            }
            for mark in MARKS {
                if running.len() == AT_ONCE {
                    running.join_next().await.unwrap().unwrap();
                }
                running.spawn(die_and_go_on(point, mark, None));
            }
        }
        while let Some(ended) = running.join_next().await {
            ended.unwrap();
        }
    };
    tokio::join!(in_the_bucket, in_directories);
}

#[tokio::test]
async fn copies_in_a_bucket_go_too_and_one_that_is_away_keeps_their_jobs() {
    let (stage, s3) = (Stage::start(FAKE).await, S3::start().await);
    let worker = s3.worker_with(&stage, "true", "generous", &[]);
    complete(&stage, &["one", "two", "new"]).await;
    stop(worker).await;
    s3.leave_upload("two").await;
    s3.leave_upload("new").await;
    let away = format!("export AWS_ENDPOINT=http://127.0.0.1:{}", free_port());
    let worker = s3.worker_with(&stage, &away, "away", &[ONE]);
    worker.wait_line("could not be removed", PATIENCE).await;
    assert_eq!(stage.number("ZCARD", "completed").await, 3);
    stop(worker).await;
    let (one, two) = (
        s3.worker_with(&stage, "true", "one", &[ONE]),
        s3.worker_with(&stage, "true", "two", &[ONE]),
    );
    until_left(&stage, 1).await;
    let kept = ["of/today/.uploads/new.pdf", "of/today/new.pdf"];
    assert_eq!(s3.keys().await, kept);
    assert_eq!(s3.parts_left().await, 1);
    stage.assert_silent(&[&one, &two], &["secret-of-s3"]);
    stop(one).await;
    stop(two).await;
}
