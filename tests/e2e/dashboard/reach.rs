//! What the dashboard may take from its worker.

use std::time::Instant;

use gammaq_testkit::eventually;
use gammaq_tests::dashboard::Shown;
use gammaq_tests::{PATIENCE, admin};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

#[tokio::test]
async fn connections_that_say_nothing_hold_nobody_up_for_long() {
    let shown = Shown::start(false).await;
    let mut open = Vec::new();
    for _ in 0..200 {
        open.push(TcpStream::connect(&shown.address).await.unwrap());
    }
    let began = Instant::now();
    // As many as there may be are taken; the rest waits until those are closed for saying nothing.
    let files = format!("/proc/{}/fd", shown.worker.pid());
    let held = std::fs::read_dir(&files).unwrap().count();
    assert!(held < 190, "{held} files");
    // Work goes on meanwhile.
    shown.stage.submit("deck", "text").await;
    shown.stage.until("deck", "completed").await;
    eventually(PATIENCE, "served again", || async {
        let answered = tokio::time::timeout(PATIENCE, admin::get(&shown.address, "/healthz")).await;
        answered.is_ok_and(|(status, _)| status == 200)
    })
    .await;
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    let mut first = open.swap_remove(0);
    let mut byte = [0];
    let read = tokio::time::timeout(PATIENCE, first.read(&mut byte))
        .await
        .unwrap();
    assert!(matches!(read, Ok(0) | Err(_)), "it was closed");
}
