//! Callbacks in trouble: broken keys, newer records, claims that come late, a full Redis.

use std::time::Duration;

use gammaq_queue::Error;
use gammaq_queue::callbacks::{BusyHost, CallbackRequest, CallbackSettled, Told};
use gammaq_queue::read::pages::CallbackList;
use gammaq_queue::settle::{Settled, Verb};
use gammaq_queue::submit::Recorded;

use crate::bench::{Bench, LONG, SETTLE, settlement};
use crate::callbacks::{DAY, again};

#[tokio::test]
async fn what_is_broken_or_newer_harms_no_job_and_holds_nothing_up() {
    let bench = Bench::start().await;
    bench.completed("good").await;
    bench.completed("newer").await;
    bench.completed("torn").await;
    bench.completed("no-result").await;
    bench.cmd::<u64>(&["HSET", "@job:newer", "v", "2"]).await;
    bench.cmd::<u64>(&["HDEL", "@job:torn", "callback_id"]).await;
    bench.cmd::<u64>(&["DEL", "@result:no-result"]).await;
    bench.cmd::<u64>(&["SADD", "@result:no-result", "x"]).await;
    bench.cmd::<()>(&["SET", "@job:odd", "x"]).await;
    bench.cmd::<u64>(&["ZADD", "@callbacks", "0", "odd"]).await;
    let mut ids: Vec<_> = bench.callbacks("A").await.into_iter().map(|it| it.id).collect();
    ids.sort();
    assert_eq!(ids, ["good", "no-result"]);
    let now = bench.queue.time().await.unwrap();
    assert!(bench.score("callbacks", "newer").await.unwrap() > now + 30_000);
    assert_eq!(bench.score("callbacks", "odd").await, None);
    assert_eq!(bench.score("callbacks", "torn").await, None);
    assert_eq!(bench.of("newer", "callback_worker").await, "");

    bench.cmd::<u64>(&["DEL", "@callbacks"]).await;
    bench.cmd::<()>(&["SET", "@callbacks", "x"]).await;
    bench.cmd::<()>(&["SET", "@callback_failed", "x"]).await;
    bench.completed("all-the-same").await;
    assert_eq!(bench.state("all-the-same").await, "completed");
    assert!(bench.queue.result("all-the-same").await.unwrap().is_some());
    let request = CallbackRequest {
        worker: "A",
        want: 9,
        lease: LONG,
        retry_for: DAY,
        not_after: u64::MAX,
        per_host: 9,
        busy: &[],
    };
    let refused = bench.queue.claim_callbacks(&request).await;
    assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    bench.queue.sweep_jobs(10).await.unwrap();
}

#[tokio::test]
async fn a_claim_that_comes_late_or_under_a_newer_layout_takes_nothing() {
    let bench = Bench::start().await;
    bench.completed("a").await;
    let now = bench.queue.time().await.unwrap();
    let request = CallbackRequest {
        worker: "A",
        want: 9,
        lease: LONG,
        retry_for: DAY,
        not_after: now - 1,
        per_host: 9,
        busy: &[],
    };
    assert!(
        bench
            .queue
            .claim_callbacks(&request)
            .await
            .unwrap()
            .callbacks
            .is_empty()
    );
    assert!(bench.score("callbacks", "a").await.unwrap() <= now);
    bench.cmd::<()>(&["SET", "@schema", "2"]).await;
    let request = CallbackRequest {
        not_after: u64::MAX,
        ..request
    };
    let refused = bench.queue.claim_callbacks(&request).await;
    assert!(matches!(refused, Err(Error::NewerSchema { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_full_redis_takes_all_of_it() {
    let bench = Bench::start().await;
    for id in ["a", "b", "c"] {
        bench.add_with_callback(id).await;
    }
    let jobs = bench.claim("A", 3).await;
    for job in &jobs {
        bench.begin("A", job).await;
        assert_eq!(bench.record("A", job, &job.id).await, Recorded::Generating);
    }
    bench.fill().await;
    let looks = bench.claim("A", 3).await;
    let items: Vec<_> = looks.iter().map(|job| settlement(job, Verb::Complete)).collect();
    let settled = bench.queue.settle_jobs("A", &SETTLE, &items).await.unwrap();
    assert_eq!(settled, [Settled::Done; 3]);
    bench.cmd::<()>(&["SCRIPT", "FLUSH"]).await;
    let callbacks = bench.callbacks("A").await;
    assert_eq!(callbacks.len(), 3);
    bench.cmd::<()>(&["SCRIPT", "FLUSH"]).await;
    for (callback, told) in callbacks.iter().zip([
        Told::Delivered,
        again(Duration::ZERO),
        Told::Failed("gone".to_owned()),
    ]) {
        let settled = bench.tell("A", callback, told.clone()).await;
        let expected = match told {
            Told::Delivered => CallbackSettled::Delivered,
            Told::Again(..) => CallbackSettled::Again,
            Told::Failed(_) => CallbackSettled::Failed,
        };
        assert_eq!(settled, expected);
    }
    assert_eq!(bench.listed(CallbackList::Failed).await.len(), 1);
    assert_eq!(bench.callbacks("A").await.len(), 1);
}

#[tokio::test]
async fn a_receiver_without_room_lets_others_by() {
    let bench = Bench::start().await;
    let urls = [
        "https://slow.example/a",
        "https://SLOW.example:8443/b?c=https://quick.example",
        "https://user@slow.example",
        "https://slow.example#quick",
        "https://[::1]:8443/x",
        "https://quick.example/a",
    ];
    for (n, url) in urls.iter().enumerate() {
        let id = n.to_string();
        let fields = [("request", "nonsense"), ("id", &*id), ("callback", *url)];
        bench.add_fields(&fields).await;
        // In this order.
        bench.cmd::<u64>(&["ZADD", "@callbacks", &id, &id]).await;
    }
    let busy = [BusyHost {
        host: "slow.example".to_owned(),
        attempts: 1,
        later: LONG,
    }];
    let request = CallbackRequest {
        worker: "A",
        want: 3,
        lease: LONG,
        retry_for: DAY,
        not_after: u64::MAX,
        per_host: 2,
        busy: &busy,
    };
    let claim = bench.queue.claim_callbacks(&request).await.unwrap();
    let got: Vec<_> = claim.callbacks.iter().map(|it| (&*it.id, &*it.host)).collect();
    assert_eq!(
        got,
        [("0", "slow.example"), ("4", "[::1]"), ("5", "quick.example")]
    );
    assert_eq!(claim.put_off, 3);
    for id in ["1", "2", "3"] {
        // Nobody has it, and it is due again within that time.
        let at = bench.score("callbacks", id).await.unwrap();
        assert!(
            at > claim.now && at <= claim.now + LONG.as_millis() as u64,
            "{at}"
        );
        assert_eq!(bench.of(id, "callback_fence").await, "1");
        assert_eq!(bench.of(id, "callback_worker").await, "");
        bench.cmd::<u64>(&["ZADD", "@callbacks", id, id]).await;
    }
    // Room for one more there.
    let request = CallbackRequest {
        per_host: 1,
        busy: &[],
        ..request
    };
    let claim = bench.queue.claim_callbacks(&request).await.unwrap();
    assert_eq!(
        (claim.callbacks.len(), &*claim.callbacks[0].id, claim.put_off),
        (1, "1", 2)
    );
    // It is due again soon: the receiver may be quick.
    let at = claim.next_at.unwrap();
    assert!(at > claim.now && at <= claim.now + 100, "{at}");
}
