//! Claims whose answer nobody heard, entries given to a reader that went away, and a server whose disk is full.

use gammaq_queue::claim::{ClaimRequest, Step};
use gammaq_queue::settle::Verb;
use gammaq_queue::submit::Begun;
use gammaq_queue::{Error, Policy};
use gammaq_testkit::{Redis, eventually};

use crate::bench::{Bench, LONG, REQUEST, SOON, asking, millis};

#[tokio::test]
async fn a_claim_that_comes_too_late_takes_nothing() {
    let bench = Bench::start().await;
    bench.add("a").await;
    let now = bench.queue.time().await.unwrap();
    let late = bench
        .queue
        .claim_jobs(&ClaimRequest {
            not_after: now - 1,
            ..asking("A")
        })
        .await
        .unwrap();
    assert!(late.jobs.is_empty() && late.now >= now);
    assert_eq!(
        (
            bench.count("pending:default").await,
            bench.count("budget:default").await
        ),
        (1, 0)
    );
    assert_eq!(bench.claim_one("A").await.id, "a");
}

#[tokio::test]
async fn what_was_claimed_for_nobody_is_given_back_and_nothing_else() {
    let bench = Bench::start().await;
    let since = bench.queue.time().await.unwrap() + u64::try_from(LONG.as_millis()).unwrap();
    // One of each: looked at, held by the worker, begun, another worker's, and claimed for nobody.
    bench.add("looked-at").await;
    let job = bench.claim_one("A").await;
    assert_eq!(bench.begin("A", &job).await, Begun::Yes);
    bench.record("A", &job, "g1").await;
    bench.hurry("looked-at").await;
    assert_eq!(bench.claim_one("A").await.step, Step::Look);
    for id in ["held", "begun", "others", "lost"] {
        bench.add(id).await;
        let worker = if id == "others" { "B" } else { "A" };
        let job = bench.claim_one(worker).await;
        if id == "begun" {
            assert_eq!(bench.begin(worker, &job).await, Begun::Yes);
        }
    }
    assert_eq!(bench.count("budget:default").await, 5);
    let held = [("held".to_owned(), 1)];
    assert_eq!(
        bench
            .queue
            .recover_claims("A", since..=since + 60_000, &held)
            .await
            .unwrap(),
        (2, false)
    );
    assert_eq!(
        bench
            .queue
            .recover_claims("A", since..=since + 60_000, &held)
            .await
            .unwrap(),
        (0, false),
        "safe to run twice"
    );
    assert_eq!(
        bench.count("budget:default").await,
        4,
        "the slot of the lost one came back"
    );
    assert_eq!(bench.count("pending:default").await, 1);
    for (id, worker) in [
        ("held", "A"),
        ("begun", "A"),
        ("others", "B"),
        ("lost", ""),
        ("looked-at", ""),
    ] {
        assert_eq!(bench.field(id, "worker").await, worker, "{id}");
    }
    let mut again = bench.claim("B", 9).await;
    again.sort_by(|left, right| left.id.cmp(&right.id));
    let steps: Vec<_> = again.iter().map(|job| (job.id.as_str(), job.step)).collect();
    assert_eq!(steps, [("looked-at", Step::Look), ("lost", Step::Submit)]);
}

#[tokio::test]
async fn an_older_claim_is_left_alone() {
    let bench = Bench::start().await;
    bench.add("a").await;
    bench.claim_for("A", 1, millis(5_000)).await;
    let since = bench.queue.time().await.unwrap() + 20_000;
    assert_eq!(
        bench
            .queue
            .recover_claims("A", since..=since + 60_000, &[])
            .await
            .unwrap(),
        (0, false)
    );
    assert_eq!(bench.field("a", "worker").await, "A");
}

#[tokio::test]
async fn entries_given_to_a_reader_that_went_away_are_read_again() {
    let bench = Bench::start().await;
    bench
        .queue
        .append(&[("request", REQUEST.as_bytes())])
        .await
        .unwrap();
    let first = bench.queue.read_inbox("A", 9, millis(1)).await.unwrap();
    assert!(
        bench
            .queue
            .read_inbox("A", 9, millis(1))
            .await
            .unwrap()
            .is_empty(),
        "given once"
    );
    assert_eq!(bench.queue.read_again("A", "0", 9).await.unwrap(), first);
    assert!(
        bench.queue.read_again("B", "0", 9).await.unwrap().is_empty(),
        "and to A alone"
    );
    bench.accept_waiting().await;
    let deleted: u64 = bench.cmd(&["XDEL", "@inbox", &first[0].id]).await;
    assert_eq!(deleted, 1);
    let gone = bench.queue.read_again("A", "0", 9).await.unwrap();
    assert!(gone.iter().all(|entry| entry.fields.is_empty()), "{gone:?}");
}

#[tokio::test]
async fn a_server_that_can_not_write_its_disk_counts_as_full() {
    let redis = Redis::builder().config("save", "3600 1").start().await;
    let bench = Bench::on(redis, Policy::default()).await;
    bench.add("a").await;
    let job = bench.claim_one("A").await;
    // Its snapshots have nowhere to go.
    std::fs::remove_dir_all(bench.redis().dir()).unwrap();
    let _: redis::Value = bench.cmd(&["BGSAVE"]).await;
    let refused = eventually(SOON, "writes are refused", || async {
        bench.queue.append(&[("request", b"{}")]).await.err()
    })
    .await;
    assert!(matches!(refused, Error::Full(_)), "{refused:?}");
    let settlement = crate::bench::settlement(&job, Verb::Release);
    let settled = bench
        .queue
        .settle_jobs("A", &crate::bench::SETTLE, &[settlement])
        .await;
    assert!(settled.as_ref().is_err_and(Error::is_temporary), "{settled:?}");
}

#[tokio::test]
async fn a_probe_that_was_claimed_for_nobody_keeps_no_account_shut() {
    let bench = Bench::start().await;
    bench.add("a").await;
    let job = bench.claim_one("A").await;
    let limited = crate::bench::limited(&job, Verb::Requeue(millis(0)), Some(millis(1)));
    bench.settle("A", limited).await;
    let over: u64 = bench.cmd(&["HGET", "@account:default", "paused_until"]).await;
    bench.past(over).await;
    let since = bench.queue.time().await.unwrap() + 60_000;
    assert!(bench.claim_one("A").await.probe);
    bench.add("b").await;
    assert!(bench.claim("B", 9).await.is_empty(), "one tries");
    let given = bench
        .queue
        .recover_claims("A", since..=since + 60_000, &[])
        .await
        .unwrap();
    assert_eq!(given, (1, false));
    assert!(bench.claim_one("B").await.probe, "and the next one does");
}

#[tokio::test]
async fn an_older_hold_of_the_same_job_does_not_hide_a_lost_claim() {
    let bench = Bench::start().await;
    bench.add("a").await;
    let old = bench.claim_one("A").await;
    bench.hurry("a").await;
    let since = bench.queue.time().await.unwrap() + 60_000;
    let new = bench.claim_one("A").await;
    assert!(new.fence > old.fence);
    let held = [("a".to_owned(), old.fence)];
    let given = bench
        .queue
        .recover_claims("A", since..=since + 60_000, &held)
        .await
        .unwrap();
    assert_eq!(given, (1, false));
}

#[tokio::test]
async fn lost_claims_are_found_behind_any_number_of_others() {
    let bench = Bench::start().await;
    let since = bench.queue.time().await.unwrap() + 60_000;
    bench
        .eval::<redis::Value>("for i = 1, 5000 do redis.call('ZADD', base .. 'due', 1, 'x' .. i) end")
        .await;
    let start = (since + 1).to_string();
    let fill = format!("for i = 1, 5000 do redis.call('ZADD', base .. 'due', {start}, 'x' .. i) end");
    bench.eval::<redis::Value>(&fill).await;
    bench.add("lost").await;
    bench.claim_one("A").await;
    let given = bench
        .queue
        .recover_claims("A", since..=since + 60_000, &[])
        .await
        .unwrap();
    assert_eq!(given, (1, false));
}

#[tokio::test]
async fn a_key_of_another_type_in_the_way_leaves_the_entry_where_it_is() {
    let bench = Bench::start().await;
    bench.cmd::<()>(&["SET", "@pending:default", "not ours"]).await;
    let entry = bench
        .queue
        .append(&[("request", REQUEST.as_bytes()), ("id", b"a")])
        .await
        .unwrap();
    let entries = bench.queue.read_inbox("A", 9, millis(1)).await.unwrap();
    let items: Vec<_> = entries
        .iter()
        .map(|entry| crate::bench::item(entry, true))
        .collect();
    for _ in 0..2 {
        let refused = bench.queue.accept_jobs("A", &items).await;
        assert!(
            refused.as_ref().is_err_and(|error| !error.is_temporary()),
            "{refused:?}"
        );
        assert!(
            bench.queue.record("a").await.unwrap().is_none(),
            "nothing half-done"
        );
    }
    bench.cmd::<u64>(&["DEL", "@pending:default"]).await;
    let again = bench.queue.read_again("A", "0", 9).await.unwrap();
    assert_eq!(again[0].id, entry);
    assert!(
        bench.queue.read_again("A", &entry, 9).await.unwrap().is_empty(),
        "a walk ends"
    );
    bench.queue.accept_jobs("A", &items).await.unwrap();
    assert_eq!(bench.state("a").await, "queued");
}
