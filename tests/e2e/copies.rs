//! Copies of files, seen from the kernel and from the metrics.

use gammaq_tests::{PATIENCE, Stage, admin};
use tempfile::TempDir;

use crate::downloads::FAKE;

/// After a power cut a name stands for all of its bytes, or isn't there: a process that is killed can't show that, so the kernel's
/// view of what the worker asks for has to.
#[tokio::test]
async fn the_bytes_are_on_disk_before_the_name_and_the_name_before_the_job_is_completed() {
    let (stage, store, seen) = (
        Stage::start(FAKE).await,
        TempDir::new().unwrap(),
        TempDir::new().unwrap(),
    );
    let calls = seen.path().join("calls");
    let url = format!("file://{}", store.path().display());
    let traced = format!(
        "exec strace -f -y -o '{}' -e trace=fsync,fdatasync,rename,renameat,renameat2 \"$0\" \"$@\"",
        calls.display()
    );
    let settings = [
        ("EXPORTS__STORE", &*url),
        ("EXPORTS__ALLOWED_HOSTS", "127.0.0.1"),
        ("EXPORTS__MIN_FREE", "1 MiB"),
    ];
    let worker = stage.spawn_worker_after(&traced, "worker", &settings);
    worker.wait_line("the worker is ready", PATIENCE).await;
    stage
        .submit_with("deck", "pdf", "text [[fake:size=500000]]")
        .await;
    let file = stage.completed("deck").await;
    stage.assert_copy(&file).await;

    let calls = std::fs::read_to_string(&calls).unwrap();
    let first = |words: &[&str]| {
        let line = calls
            .lines()
            .position(|line| words.iter().all(|word| line.contains(word)));
        line.unwrap_or_else(|| panic!("no call with {words:?}:\n{calls}"))
    };
    let directory = format!("<{}>", store.path().display());
    let bytes = first(&["sync(", "/.parts/deck.pdf.", ".part>"]);
    let name = first(&["rename", "/.parts/deck.pdf.", "/deck.pdf\""]);
    let entry = first(&["fsync(", &directory]);
    assert!(bytes < name && name < entry, "{calls}");
}

#[tokio::test]
async fn downloads_and_exports_are_counted_as_the_other_side_saw_them() {
    let (stage, store) = (Stage::start(FAKE).await, TempDir::new().unwrap());
    let worker = stage
        .storing("worker", store.path(), &[("ADMIN__LISTEN", "127.0.0.1:0")])
        .await;
    for (id, fault) in [
        ("busy", "503*2"),
        ("expired", "expired*1"),
        ("page", "wrong_type*1"),
    ] {
        let text = format!("text [[fake:size=100000]] [[fake:download={fault}]]");
        stage.submit_with(id, "pdf,pptx", &text).await;
        stage.completed(id).await;
    }
    let samples = admin::metrics(&admin::address(&worker).await).await;
    let of = |name: &str| {
        let of = samples.iter().filter(|(sample, _)| sample.starts_with(name));
        of.map(|(_, value)| *value as usize).sum::<usize>()
    };
    let outcome = |word: &str| of(&format!("gammaq_downloads_total{{outcome=\"{word}\"}}"));
    let ledger = stage.ledger().await;
    assert_eq!(outcome("stored"), 6);
    let failed = |status: &[u16]| {
        let those = ledger
            .downloads
            .iter()
            .filter(|it| it.status.is_some_and(|it| status.contains(&it)));
        those.count()
    };
    assert_eq!(outcome("again"), failed(&[503]));
    assert_eq!(outcome("expired"), failed(&[401, 403, 404, 410]));
    assert!(outcome("again") > 0 && outcome("expired") > 0 && outcome("wrong_type") > 0);
    assert_eq!(of("gammaq_downloads_total"), ledger.downloads.len());
    assert_eq!(
        of("gammaq_http_requests_total{kind=\"export\""),
        ledger.exports.len()
    );
    assert!(of("gammaq_http_requests_total{kind=\"export_poll\"") >= ledger.exports.len());
}
