//! Answers without end: each is cut off at a cap or by the time, and what the process holds meanwhile is measured.

use std::process::Command;
use std::time::Duration;

use gammaq_gamma::{Client, ClientSettings, Engine, Polled};

use crate::server::{Connection, Server};
use crate::{assert_unclear, client, submit, target};

/// What a process may hold beyond the cap on an answer, in KiB.
const ROOM_KIB: u64 = 32 * 1024;
const CAP_KIB: u64 = 4 * 1024;
const BASE: &str = "GAMMAQ_TEST_CAPS_BASE";

/// The words in the path of the base URL, and whether only the time ends it.
const CASES: [(&str, bool); 13] = [
    ("endless-body", false),
    ("endless-chunks", false),
    ("gzip-bomb", false),
    ("brotli", false),
    ("million-headers", false),
    ("endless-header", false),
    ("endless-status-line", false),
    ("huge-chunk-size", false),
    ("endless-chunk-extension", false),
    ("endless-trailers", false),
    ("endless-1xx", true),
    ("dripping-head", true),
    ("dripping-body", true),
];

/// Repeats `piece` until the other side has had enough.
async fn pour(connection: &mut Connection, head: &str, piece: &[u8]) {
    if connection.try_write(head.as_bytes()).await {
        let many = piece.repeat((64 * 1024 / piece.len()).max(1));
        while connection.try_write(&many).await {}
    }
}

/// A byte at a time.
async fn drip(connection: &mut Connection, head: &str) {
    if connection.try_write(head.as_bytes()).await {
        while connection.try_write(b"x").await {
            // The pace is the fault under test: less than a second, so that the test needn't last for many.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

async fn misbehave(mut connection: Connection) {
    connection.read_request().await;
    let request = connection.seen();
    let case = CASES
        .iter()
        .find(|(case, _)| request.contains(&format!("/{case}/")));
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let on = &mut connection;
    match case.map_or("", |(case, _)| case) {
        "endless-body" => pour(on, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b"x").await,
        "endless-chunks" => pour(on, chunked, b"20\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n").await,
        // Each piece of a kilobyte would become a megabyte.
        "gzip-bomb" => {
            let head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n";
            pour(on, head, include_bytes!("zeros.gz")).await;
        }
        "brotli" => {
            let head = "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nConnection: close\r\n\r\n";
            pour(on, head, &[0x5b, 0xff, 0xff, 0x0f]).await;
        }
        "million-headers" => pour(on, "HTTP/1.1 200 OK\r\n", b"x-a: b\r\n").await,
        "endless-header" => pour(on, "HTTP/1.1 200 OK\r\nx-a: ", b"b").await,
        "endless-status-line" => pour(on, "HTTP/1.1 200 ", b"b").await,
        "huge-chunk-size" => pour(on, &format!("{chunked}7fffffffffffffff\r\n"), b"x").await,
        "endless-chunk-extension" => pour(on, &format!("{chunked}5;"), b"x").await,
        "endless-trailers" => pour(on, &format!("{chunked}2\r\n{{}}\r\n0\r\n"), b"x-a: b\r\n").await,
        "endless-1xx" => pour(on, "", b"HTTP/1.1 103 Early Hints\r\nx-a: b\r\n\r\n").await,
        "dripping-head" => drip(on, "HTTP/1.1 200 OK\r\nx-a: ").await,
        "dripping-body" => drip(on, "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n").await,
        _ => on.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await,
    }
}

/// What this process has held at the most, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// In a process of its own, so that what is measured is the client's.
///
/// On two threads, as the binary has several: a connection that never runs dry keeps one of them busy, and the time
/// has to be looked at all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by its parent, with a server"]
async fn as_a_child() {
    let base = std::env::var(BASE).unwrap();
    // All that is set up once is not counted.
    submit(&client(), &format!("{base}/warm-up")).await;
    for (case, ends_by_time) in CASES {
        let settings = ClientSettings {
            connect_timeout: Duration::from_millis(500),
            request_timeout: Duration::from_secs(if ends_by_time { 1 } else { 20 }),
            ..ClientSettings::default()
        };
        let client = Client::new(&settings).unwrap();
        let url = format!("{base}/{case}");
        let before = peak();
        let begun = std::time::Instant::now();
        let answer = submit(&client, &url).await;
        // A POST whose answer can't be read was sent all the same; of the trailers' answer the body was whole.
        let status = answer.http_status;
        assert_unclear(&answer, status, "");
        let look = client.poll(&target(&url), Engine::Classic, "g1").await;
        assert!(
            matches!(look.outcome, Polled::Unavailable { .. }),
            "{case}: {look:?}"
        );
        let took = begun.elapsed();
        let grown = peak() - before;
        println!("{case}: {grown} KiB more at the most, {took:?}");
        assert!(grown <= CAP_KIB + ROOM_KIB, "{case}: {grown} KiB");
        // Two requests, each of them at an end when its time is over.
        let most = 2 * settings.request_timeout + Duration::from_secs(5);
        assert!(took < most, "{case}: {took:?}");
    }
}

#[tokio::test]
async fn answers_without_end_are_cut_off_and_memory_stays_near_the_cap() {
    let server = Server::start(misbehave);
    let base = server.base();
    let child = tokio::task::spawn_blocking(move || {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "caps::as_a_child", "--ignored", "--nocapture"])
            .env(BASE, base)
            .output()
            .unwrap()
    });
    let output = child.await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let problem = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}\n{problem}");
    assert_eq!(
        said.matches("KiB more at the most").count(),
        CASES.len(),
        "{said}"
    );
    println!("{said}");
    // A POST each, and none twice.
    let received = server.finish().await;
    let posts = received.iter().filter(|seen| seen.starts_with("POST ")).count();
    assert_eq!(posts, CASES.len() + 1);
}

#[tokio::test]
async fn what_says_it_is_compressed_is_not_unpacked() {
    let head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n";
    let server = Server::start(move |mut connection| async move {
        connection.read_request().await;
        connection
            .write(&[head.as_bytes(), include_bytes!("accepted.gz")].concat())
            .await;
    });
    let answer = submit(&client(), &server.base()).await;
    assert_unclear(&answer, Some(200), "");
    let received = server.finish().await;
    let lower = received[0].to_lowercase();
    assert!(lower.contains("accept-encoding: identity"), "{lower}");
}
