//! Tests of what the other tests stand on.

#![expect(
    clippy::expect_used,
    reason = "in a helper of a test, too, the message of a failure is enough"
)]

mod binary;
mod eventually;
mod port;
mod process;
mod proxy;
mod redis;
mod seed;

use std::time::Duration;

use gammaq_testkit::eventually;

/// Ample on a busy machine: no test here waits so long unless it fails.
const SOON: Duration = Duration::from_secs(20);
/// How long something that must not happen is given to happen.
const A_WHILE: Duration = Duration::from_millis(200);

/// The state letter of a process, as `ps` shows it.
fn state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// Waits until a process has ended whose parent may be gone: then it is not for us to reap it.
async fn ended(pid: u32) {
    eventually(SOON, "the process has ended", || async {
        matches!(state(pid), None | Some('Z'))
    })
    .await;
}

/// The message of a panic.
fn message(panic: Box<dyn std::any::Any + Send>) -> String {
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

/// What `future` panics with.
async fn panic_of<F: Future + Send + 'static>(future: F) -> String
where
    F::Output: Send,
{
    match tokio::spawn(future).await {
        Ok(_) => panic!("it did not panic"),
        Err(error) => message(error.into_panic()),
    }
}
