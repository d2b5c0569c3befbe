//! `accept_jobs`: an entry is either in the inbox or a job, and an id is one job.

use std::time::Duration;

use gammaq_job::State;
use gammaq_queue::Policy;
use gammaq_queue::accept::Accepted;

use crate::bench::{Bench, REQUEST, SOON, item, millis};
use gammaq_testkit::eventually;

#[tokio::test]
async fn a_good_entry_waits_for_a_slot_and_leaves_the_inbox() {
    let bench = Bench::start().await;
    bench.add("a").await;
    assert_eq!(bench.state("a").await, "queued");
    assert_eq!(bench.field("a", "request").await, REQUEST);
    assert_eq!(bench.queue.pending_ids("default", 0, 9).await.unwrap(), ["a"]);
    assert_eq!(bench.cmd::<u64>(&["XLEN", "@inbox"]).await, 0);
    let (read, ..): (u64, redis::Value, redis::Value, redis::Value) =
        bench.cmd(&["XPENDING", "@inbox", "workers"]).await;
    assert_eq!(read, 0);
    assert_eq!(bench.stat("accepted").await, 1);
}

#[tokio::test]
async fn accepting_twice_changes_nothing() {
    let bench = Bench::start().await;
    bench
        .queue
        .append(&[("request", REQUEST.as_bytes()), ("id", b"a")])
        .await
        .unwrap();
    let entries = bench.queue.read_inbox("A", 10, millis(1)).await.unwrap();
    let items = [item(&entries[0], true)];
    assert_eq!(
        bench.queue.accept_jobs("A", &items).await.unwrap(),
        [Accepted::Queued]
    );
    let record = bench.queue.record("a").await.unwrap();
    assert_eq!(
        bench.queue.accept_jobs("B", &items).await.unwrap(),
        [Accepted::Gone]
    );
    // Also when the job was worked on, ended and expired since: its entry must not bring it back.
    bench.cmd::<u64>(&["DEL", "@job:a", "@pending:default"]).await;
    assert_eq!(
        bench.queue.accept_jobs("B", &items).await.unwrap(),
        [Accepted::Gone]
    );
    assert!(record.is_some() && bench.queue.record("a").await.unwrap().is_none());
}

#[tokio::test]
async fn a_known_id_is_one_job_and_another_wish_under_it_is_noted() {
    let bench = Bench::start().await;
    bench.add("a").await;
    let same = r#"{ "textMode":"generate", "inputText":"Renewable energy" }"#;
    let other = r#"{"inputText":"Something else"}"#;
    assert_eq!(
        bench.add_fields(&[("request", same), ("id", "a")]).await,
        Accepted::Known
    );
    assert_eq!(
        bench.add_fields(&[("request", other), ("id", "a")]).await,
        Accepted::Conflict
    );
    let exports = [("request", REQUEST), ("id", "a"), ("exports", "pdf")];
    assert_eq!(bench.add_fields(&exports).await, Accepted::Conflict);
    assert_eq!(bench.field("a", "conflicts").await, "2");
    assert_eq!(bench.field("a", "request").await, REQUEST);
    assert_eq!(bench.count("pending:default").await, 1);
    let notes: Vec<_> = bench.queue.newest_events(9).await.unwrap();
    assert_eq!(
        notes
            .iter()
            .filter(|e| e.id == "a" && e.note.starts_with("conflict"))
            .count(),
        2
    );
}

#[tokio::test]
async fn duplicates_within_one_batch_are_one_job() {
    let bench = Bench::start().await;
    let other = r#"{"inputText":"Something else"}"#;
    for request in [REQUEST, REQUEST, other] {
        bench
            .queue
            .append(&[("request", request.as_bytes()), ("id", b"a")])
            .await
            .unwrap();
    }
    let outcomes = bench.accept_waiting().await;
    assert_eq!(outcomes, [Accepted::Queued, Accepted::Known, Accepted::Conflict]);
    assert_eq!(bench.count("pending:default").await, 1);
}

#[tokio::test]
async fn an_account_nobody_knows_fails_and_one_that_another_worker_knows_waits() {
    let bench = Bench::start().await;
    bench.account("theirs", 5, SOON).await;
    for account in ["theirs", "nobodys"] {
        let fields = [
            ("request", REQUEST.as_bytes()),
            ("id", account.as_bytes()),
            ("account", account.as_bytes()),
        ];
        bench.queue.append(&fields).await.unwrap();
    }
    let entries = bench.queue.read_inbox("A", 10, millis(1)).await.unwrap();
    let items: Vec<_> = entries.iter().map(|entry| item(entry, false)).collect();
    let outcomes = bench.queue.accept_jobs("A", &items).await.unwrap();
    assert_eq!(outcomes, [Accepted::Queued, Accepted::Failed]);
    let result = bench.queue.result("nobodys").await.unwrap().unwrap();
    assert_eq!(result.error.unwrap().kind.as_str(), "unknown_account");
    assert_eq!(bench.stat("rejected").await, 1);
    assert_eq!(bench.count("pending:nobodys").await, 0);
}

#[tokio::test]
async fn a_delayed_start_waits_in_the_schedule_and_then_for_its_turn() {
    let bench = Bench::start().await;
    let run_at = bench.queue.time().await.unwrap() + 60;
    let fields = [
        ("request", REQUEST),
        ("id", "later"),
        ("run_at", &run_at.to_string()),
    ];
    assert_eq!(bench.add_fields(&fields).await, Accepted::Queued);
    assert_eq!(bench.score("due", "later").await, Some(run_at));
    assert_eq!(bench.count("pending:default").await, 0);
    let claim = bench.claim_for("A", 1, SOON).await;
    if claim.now < run_at {
        assert!(claim.jobs.is_empty());
        assert_eq!(claim.next_at, Some(run_at));
    }
    bench.past(run_at).await;
    let job = bench.claim_one("A").await;
    assert_eq!(job.id, "later");
    assert!(job.claimed_at >= run_at);
}

#[tokio::test]
async fn a_key_of_another_type_is_left_alone_and_stops_nobody() {
    let bench = Bench::start().await;
    bench.cmd::<()>(&["SET", "@job:odd", "mine"]).await;
    for id in ["odd", "good"] {
        bench
            .queue
            .append(&[("request", REQUEST.as_bytes()), ("id", id.as_bytes())])
            .await
            .unwrap();
    }
    assert_eq!(
        bench.accept_waiting().await,
        [Accepted::Conflict, Accepted::Queued]
    );
    assert_eq!(bench.cmd::<String>(&["GET", "@job:odd"]).await, "mine");
}

/// An id is free again when its record has expired. What the earlier job left must not touch the new one.
#[tokio::test]
async fn a_new_job_under_an_expired_id_is_not_swept_with_the_old_ones_index() {
    let results_ttl = Duration::from_millis(40);
    let bench = Bench::with(Policy {
        results_ttl,
        ..Policy::default()
    })
    .await;
    assert_eq!(
        bench.add_fields(&[("request", "nonsense"), ("id", "a")]).await,
        Accepted::Failed
    );
    let old = bench.score("failed", "a").await.unwrap();
    eventually(SOON, "the record has expired", || async {
        bench.queue.record("a").await.unwrap().is_none()
    })
    .await;
    // As an older version of the sweeper, or one that is late, finds it.
    bench.add("a").await;
    assert_eq!(bench.score("failed", "a").await, None);
    bench
        .cmd::<u64>(&["ZADD", "@failed", &old.to_string(), "a"])
        .await;
    bench.cmd::<()>(&["SET", "@result:a", "{}"]).await;
    assert_eq!(bench.queue.sweep_jobs(1_000).await.unwrap(), 1);
    assert_eq!(bench.state("a").await, "queued");
    assert_eq!(bench.queue.pending_ids("default", 0, 9).await.unwrap(), ["a"]);
    assert_eq!(bench.queue.ended_ids(State::Failed, 0, 9).await.unwrap().len(), 0);
}

#[tokio::test]
async fn an_old_result_is_not_the_new_jobs() {
    let bench = Bench::start().await;
    bench.cmd::<()>(&["SET", "@result:a", "{}"]).await;
    bench.add("a").await;
    assert_eq!(bench.queue.result_text("a").await.unwrap(), None);
}

/// A break in the middle, as of a key that is no stream: nothing is lost by it, and nothing counted twice.
#[tokio::test]
async fn what_breaks_off_in_the_middle_is_taken_in_once_it_can_be() {
    let bench = Bench::start().await;
    for id in ["a", "b", "c"] {
        let fields = [("request", REQUEST.as_bytes()), ("id", id.as_bytes())];
        bench.queue.append(&fields).await.unwrap();
    }
    let entries = bench.queue.read_inbox("A", 9, millis(1)).await.unwrap();
    let items: Vec<_> = entries.iter().map(|entry| item(entry, true)).collect();
    // An index of the wrong type is found before anything is written, one way or the other.
    for (key, left) in [("@links", 0), ("@pending:default", 0), ("@events", 1)] {
        bench.cmd::<u64>(&["DEL", key]).await;
        bench.cmd::<()>(&["SET", key, "mine"]).await;
        let broken = bench.queue.accept_jobs("A", &items).await;
        assert!(broken.is_err(), "{key}: {broken:?}");
        assert_eq!(bench.cmd::<u64>(&["XLEN", "@inbox"]).await, 3, "{key}");
        assert_eq!(bench.stat("accepted").await, left, "{key}");
        bench.cmd::<u64>(&["DEL", key]).await;
    }
    // The first was written, and its entry was not taken off.
    assert_eq!(bench.state("a").await, "queued");
    assert_eq!(
        bench.queue.accept_jobs("A", &items).await.unwrap(),
        [Accepted::Known, Accepted::Queued, Accepted::Queued]
    );
    assert_eq!(bench.cmd::<u64>(&["XLEN", "@inbox"]).await, 0);
    assert_eq!(bench.stat("accepted").await, 3);
    let claimed = bench.claim("A", 9).await;
    assert_eq!(crate::bench::ids(&claimed), ["a", "b", "c"]);
}
