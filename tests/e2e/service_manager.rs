//! What a worker tells systemd, heard on a real socket in systemd's place.

use std::time::Duration;

use gammaq_testkit::{Redis, Signal};
use gammaq_tests::{PATIENCE, Stage};
use tokio::net::UnixDatagram;
use tokio::time::timeout;

/// The watchdog's period, in microseconds as systemd says it.
const PERIOD: Duration = Duration::from_millis(1_500);

/// The other end of `NOTIFY_SOCKET`.
struct Manager {
    socket: UnixDatagram,
    prepare: String,
    // Keeps the directory of the socket.
    _place: Redis,
}

#[expect(clippy::expect_used, reason = "a manager that can't hear ends its test")]
impl Manager {
    async fn new() -> Self {
        let place = Redis::start().await;
        let path = place.dir().join("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket in a directory of its own");
        let prepare = format!(
            "export NOTIFY_SOCKET={} WATCHDOG_USEC={}",
            path.display(),
            PERIOD.as_micros()
        );
        Self {
            socket,
            prepare,
            _place: place,
        }
    }

    async fn next(&self) -> String {
        let mut message = [0; 4_096];
        let length = self.socket.recv(&mut message).await.expect("the socket stays");
        String::from_utf8_lossy(&message[..length]).into_owned()
    }

    /// The next message with a line that begins so, and what was said before it.
    async fn until(&self, begin: &str) -> (String, String) {
        let mut before = String::new();
        let found = timeout(PATIENCE, async {
            loop {
                let message = self.next().await;
                if message.lines().any(|line| line.starts_with(begin)) {
                    return message;
                }
                before += &message;
            }
        });
        match found.await {
            Ok(message) => (before, message),
            Err(_) => panic!("nothing with {begin:?} but {before}"),
        }
    }

    /// Takes what is there already.
    fn drain(&self) {
        let mut message = [0; 4_096];
        while self.socket.try_recv(&mut message).is_ok() {}
    }
}

#[tokio::test]
async fn ready_alive_and_stopping_are_said_when_they_are_so() {
    let manager = Manager::new().await;
    let stage = Stage::start(&["--generation-time", "20s"]).await;
    stage.redis.pause().await;
    let settings = [
        ("WORKER__SHUTDOWN_GRACE", "7s"),
        ("REDIS__RESPONSE_TIMEOUT", "300ms"),
    ];
    let worker = stage.spawn_worker_after(&manager.prepare, "worker", &settings);
    let (before, waiting) = manager.until("STATUS=waiting for Redis").await;
    assert!(waiting.contains("EXTEND_TIMEOUT_USEC=60000000"), "{waiting}");
    assert!(
        !before.contains("READY=1") && !waiting.contains("READY=1"),
        "{before}{waiting}"
    );
    stage.redis.resume();

    let (before, ready) = manager.until("READY=1").await;
    assert!(!before.contains("WATCHDOG=1"), "{before}");
    assert!(
        ready.contains("WATCHDOG=1") && ready.contains("STATUS=0 of 256 steps"),
        "{ready}"
    );
    for _ in 0..3 {
        manager.until("WATCHDOG=1").await;
    }

    // A Redis that is away is no reason to kill the worker, which may hold what was paid for.
    stage.redis.pause().await;
    manager.until("STATUS=waiting for Redis").await;
    for _ in 0..3 {
        manager.until("WATCHDOG=1").await;
    }
    stage.redis.resume();
    manager.until("STATUS=0 of 256").await;

    worker.signal(Signal::TERM);
    let (_, stopping) = manager.until("STOPPING=1").await;
    assert!(stopping.contains("EXTEND_TIMEOUT_USEC=12000000"), "{stopping}");
    assert!(stopping.contains("STATUS=stopping"), "{stopping}");
    assert!(worker.wait(PATIENCE).await.success());
}

#[tokio::test]
async fn a_process_that_stands_still_feeds_no_watchdog() {
    let manager = Manager::new().await;
    let stage = Stage::start(&[]).await;
    let worker = stage.spawn_worker_after(&manager.prepare, "worker", &[]);
    manager.until("READY=1").await;
    manager.until("WATCHDOG=1").await;
    worker.pause().await;
    manager.drain();
    // A length of time, since nothing has to happen in it: systemd would kill the worker at its end.
    let said = timeout(PERIOD, manager.next()).await;
    assert!(said.is_err(), "{said:?}");
    worker.resume();
    manager.until("WATCHDOG=1").await;
}

#[tokio::test]
async fn nothing_is_said_where_nobody_asked() {
    let stage = Stage::start(&["--generation-time", "50ms"]).await;
    let worker = stage.spawn_worker_after("unset NOTIFY_SOCKET", "worker", &[]);
    stage.submit("a", "text").await;
    stage.until("a", "completed").await;
    worker.signal(Signal::TERM);
    assert!(worker.wait(PATIENCE).await.success());
}
