use std::cell::Cell;
use std::time::{Duration, Instant, SystemTime};

use gammaq_testkit::{eventually, now_ms};

use super::panic_of;

#[tokio::test]
async fn gives_back_what_the_probe_found() {
    let looks = Cell::new(0);
    let third = || async {
        looks.set(looks.get() + 1);
        (looks.get() == 3).then_some("found")
    };
    assert_eq!(
        eventually(Duration::from_secs(5), "the third look", third).await,
        "found"
    );
    assert_eq!(looks.get(), 3);
    eventually(Duration::ZERO, "true at once", || async { true }).await;
}

#[tokio::test]
async fn says_what_it_waited_for_what_it_saw_and_who_asked() {
    let asked_on = line!() + 2;
    let panic = panic_of(async {
        eventually(Duration::from_millis(30), "the moon is blue", || async {
            Err::<(), _>("white")
        })
        .await
    });
    let panic = panic.await;
    assert!(
        panic.contains("the moon is blue") && panic.contains("white"),
        "{panic}"
    );
    assert!(panic.contains(&format!("{}:{asked_on}:", file!())), "{panic}");
}

#[tokio::test]
async fn a_look_that_hangs_does_not_outlast_the_deadline() {
    let began = Instant::now();
    let panic = panic_of(eventually(
        Duration::from_millis(30),
        "an answer",
        std::future::pending::<bool>,
    ))
    .await;
    assert!(panic.contains("an answer"), "{panic}");
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn now_is_in_unix_milliseconds() {
    let before = SystemTime::UNIX_EPOCH + Duration::from_millis(now_ms());
    let after = SystemTime::now();
    assert!(before <= after && after < before + Duration::from_secs(5));
}
