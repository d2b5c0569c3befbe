//! The inbox through its consumer group, and every entry that can't be used.

use std::time::{Duration, Instant};

use gammaq_job::{ErrorKind, State};
use gammaq_queue::Error;
use gammaq_queue::accept::Accepted;

use crate::bench::{Bench, REQUEST, SOON, item, millis};

#[tokio::test]
async fn the_inbox_is_made_once_and_its_loss_is_said() {
    let bench = Bench::start().await;
    bench.queue.create_inbox().await.unwrap();
    bench
        .queue
        .append(&[("request", REQUEST.as_bytes())])
        .await
        .unwrap();
    bench
        .cmd::<u64>(&["XGROUP", "DESTROY", "@inbox", "workers"])
        .await;
    let lost = bench.queue.read_inbox("A", 10, millis(1)).await;
    assert!(matches!(lost, Err(Error::NoGroup)), "{lost:?}");
    let lost = bench.queue.take_over_entries("A", millis(0), "0-0", 10).await;
    assert!(matches!(lost, Err(Error::NoGroup)), "{lost:?}");
    // What was appended before the group was made again is read all the same.
    bench.queue.create_inbox().await.unwrap();
    assert_eq!(bench.queue.read_inbox("A", 10, millis(1)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn each_entry_goes_to_one_reader_and_reading_without_waiting_comes_back() {
    let bench = Bench::start().await;
    let asked = Instant::now();
    assert!(
        bench
            .queue
            .read_inbox("A", 10, Duration::ZERO)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(asked.elapsed() < SOON / 4, "{:?}", asked.elapsed());
    let request: &[(&str, &[u8])] = &[("request", REQUEST.as_bytes())];
    let ids = bench
        .queue
        .append_many(&[request, request, request])
        .await
        .unwrap();
    let first = bench.queue.read_inbox("A", 2, millis(1)).await.unwrap();
    let rest = bench.queue.read_inbox("B", 9, millis(1)).await.unwrap();
    let read: Vec<_> = first.iter().chain(&rest).map(|entry| entry.id.clone()).collect();
    assert_eq!(read, ids);
    assert_eq!((first.len(), rest.len()), (2, 1));
}

#[tokio::test]
async fn entries_of_a_dead_reader_are_taken_over_and_become_one_job_each() {
    let bench = Bench::start().await;
    let request: &[(&str, &[u8])] = &[("request", REQUEST.as_bytes())];
    let mut ids = bench.queue.append_many(&[request; 5]).await.unwrap();
    let slow = bench.queue.read_inbox("dead", 9, millis(1)).await.unwrap();
    assert_eq!(slow.len(), 5);
    // Nobody takes them over before their time.
    let (_, early) = bench.queue.take_over_entries("B", SOON, "0-0", 9).await.unwrap();
    assert!(early.is_empty());
    // One of them is gone from the stream: 6.2 answers nil for it, later versions leave it out.
    bench.cmd::<u64>(&["XDEL", "@inbox", &ids.remove(2)]).await;
    let (mut cursor, mut taken) = ("0-0".to_owned(), Vec::new());
    loop {
        let (next, entries) = bench
            .queue
            .take_over_entries("B", millis(0), &cursor, 2)
            .await
            .unwrap();
        taken.extend(entries);
        cursor = next;
        if cursor == "0-0" {
            break;
        }
    }
    assert_eq!(
        taken.iter().map(|entry| entry.id.clone()).collect::<Vec<_>>(),
        ids
    );
    let items: Vec<_> = taken.iter().map(|entry| item(entry, true)).collect();
    assert_eq!(
        bench.queue.accept_jobs("B", &items).await.unwrap(),
        [Accepted::Queued; 4]
    );
    // It was not dead after all, only slow.
    let items: Vec<_> = slow.iter().map(|entry| item(entry, true)).collect();
    assert_eq!(
        bench.queue.accept_jobs("dead", &items).await.unwrap(),
        [Accepted::Gone; 5]
    );
    assert_eq!(bench.count("pending:default").await, 4);
    assert_eq!(bench.stat("accepted").await, 4);
}

#[tokio::test]
async fn readers_that_left_are_forgotten_and_those_that_hold_entries_are_not() {
    let bench = Bench::start().await;
    bench.queue.read_inbox("left", 1, millis(1)).await.unwrap();
    bench
        .queue
        .append(&[("request", REQUEST.as_bytes())])
        .await
        .unwrap();
    bench.queue.read_inbox("holds", 1, millis(1)).await.unwrap();
    let now = bench.queue.time().await.unwrap();
    bench.past(now + 5).await;
    bench.queue.forget_consumers(millis(1)).await.unwrap();
    let left: Vec<std::collections::HashMap<String, redis::Value>> =
        bench.cmd(&["XINFO", "CONSUMERS", "@inbox", "workers"]).await;
    let names: Vec<_> = left.iter().map(|consumer| consumer["name"].clone()).collect();
    assert_eq!(names, [redis::Value::BulkString(b"holds".to_vec())]);
}

#[tokio::test]
async fn every_unusable_entry_becomes_a_failed_job_that_says_why() {
    let bench = Bench::start().await;
    let huge = format!(r#"{{"inputText":"{}"}}"#, "x".repeat(2 * 1024 * 1024));
    let meta = "m".repeat(4 * 1024 + 1);
    let bad_id = "i".repeat(65);
    let good = ("request", REQUEST);
    let cases: &[(&str, &[(&str, &str)])] = &[
        ("request", &[("other", "x")]),
        ("request", &[("request", "")]),
        ("request", &[("request", "nonsense")]),
        ("request", &[("request", "[]")]),
        ("request", &[("request", &huge)]),
        ("inputText", &[("request", r#"{"textMode":"generate"}"#)]),
        ("numCards", &[("request", r#"{"inputText":"x","numCards":0}"#)]),
        ("request", &[good, good]),
        ("id", &[good, ("id", "")]),
        ("id", &[good, ("id", "a:b")]),
        ("id", &[good, ("id", &bad_id)]),
        ("account", &[good, ("account", "a b")]),
        ("kind", &[good, ("kind", "Generation")]),
        ("exports", &[good, ("exports", "pdf,docx")]),
        ("priority", &[good, ("priority", "10")]),
        ("run_at", &[good, ("run_at", "tomorrow")]),
        ("timeout", &[good, ("timeout", "0")]),
        ("callback", &[good, ("callback", "http://example.org")]),
        ("meta", &[good, ("meta", &meta)]),
    ];
    for (field, entry) in cases {
        let entry: Vec<_> = entry.iter().map(|(n, v)| (*n, v.as_bytes())).collect();
        fails(&bench, field, &entry).await;
    }
    fails(
        &bench,
        "meta",
        &[("request", REQUEST.as_bytes()), ("meta", b"\xff")],
    )
    .await;
    fails(&bench, "request", &[("request", b"{\"inputText\":\"\xff\"}")]).await;
    fails(&bench, "request", &[(" ", b"\0"), ("", b"")]).await;
    assert_eq!(bench.cmd::<u64>(&["XLEN", "@inbox"]).await, 0);
    assert_eq!(bench.stat("rejected").await, cases.len() as u64 + 3);
    assert!(bench.claim("A", 9).await.is_empty());
    assert_eq!(bench.stat("accepted").await, bench.count("failed").await);
}

async fn fails(bench: &Bench, field: &str, entry: &[(&str, &[u8])]) {
    let entry_id = bench.queue.append(entry).await.unwrap();
    assert_eq!(bench.accept_waiting().await, [Accepted::Failed], "{field}");
    // An entry whose own id can't be used has the entry's.
    let result = bench.queue.result(&entry_id).await.unwrap().unwrap();
    let error = result.error.unwrap();
    assert_eq!(
        (result.state, error.kind),
        (State::Failed, ErrorKind::InvalidRequest)
    );
    assert!(error.message.contains(field), "{field}: {}", error.message);
    assert!(error.message.len() < 2_000, "{field}: {}", error.message.len());
    assert_eq!(
        bench.queue.ended_ids(State::Failed, 0, 1).await.unwrap(),
        [entry_id]
    );
}
