//! A queue that loses its data under its workers: who began with the old one starts nothing in the new one.

use gammaq_queue::Policy;
use gammaq_queue::accept::Accepted;
use gammaq_queue::settle::{Settled, Verb};
use gammaq_queue::submit::{Begun, Recorded};

use crate::bench::{Bench, LONG, REQUEST, asking, item, millis, queue_at};

impl Bench {
    async fn mark(&self) -> String {
        self.cmd::<Option<String>>(&["HGET", "@stats", "queue_id"])
            .await
            .unwrap_or_default()
    }
}

#[tokio::test]
async fn a_mark_is_given_once_in_a_life_and_another_in_the_next() {
    let bench = Bench::start().await;
    let first = bench.mark().await;
    assert_eq!(first.len(), 16, "{first}");
    let second_worker = queue_at(bench.redis(), "main", Policy::default());
    second_worker.begin_life(rand::random()).await.unwrap();
    assert_eq!(bench.mark().await, first, "the one that is there stays");
    assert!(!second_worker.is_reset().await.unwrap());

    bench.cmd::<()>(&["FLUSHALL"]).await;
    assert!(
        second_worker.is_reset().await.unwrap(),
        "no mark is another life, too"
    );
    let third_worker = queue_at(bench.redis(), "main", Policy::default());
    third_worker.begin_life(rand::random()).await.unwrap();
    assert_ne!(bench.mark().await, first);
    assert!(!third_worker.is_reset().await.unwrap());
    // Begun with is begun with: a second call doesn't make the old worker a new one.
    second_worker.begin_life(rand::random()).await.unwrap();
    assert!(second_worker.is_reset().await.unwrap());
}

#[tokio::test]
async fn a_full_redis_takes_the_mark_of_a_queue_made_by_an_earlier_version() {
    let bench = Bench::start().await;
    bench.cmd::<u64>(&["HDEL", "@stats", "queue_id"]).await;
    bench.cmd::<()>(&["CONFIG", "SET", "maxmemory", "1"]).await;
    bench.cmd::<()>(&["SCRIPT", "FLUSH"]).await;
    let upgraded = queue_at(bench.redis(), "main", Policy::default());
    upgraded.begin_life(rand::random()).await.unwrap();
    assert!(!bench.mark().await.is_empty());
}

#[tokio::test]
async fn nothing_new_starts_in_an_emptied_queue() {
    let bench = Bench::start().await;
    for id in ["posting", "claimed", "looked-at"] {
        bench.add(id).await;
    }
    let jobs = bench.claim("A", 3).await;
    let (posting, claimed) = (&jobs[0], &jobs[1]);
    assert_eq!(bench.begin("A", posting).await, Begun::Yes);
    bench.cmd::<()>(&["FLUSHALL"]).await;

    assert_eq!(bench.begin("A", claimed).await, Begun::Reset);
    assert!(bench.queue.claim_jobs(&asking("A")).await.unwrap().reset);
    // The group is gone with the inbox. Even where another worker has made both again, nothing is taken in.
    bench.queue.create_inbox().await.unwrap();
    bench
        .queue
        .append(&[("request", REQUEST.as_bytes()), ("id", b"posting")])
        .await
        .unwrap();
    let entries = bench.queue.read_inbox("A", 9, millis(1)).await.unwrap();
    let items = [item(&entries[0], true)];
    assert_eq!(
        bench.queue.accept_jobs("A", &items).await.unwrap(),
        [Accepted::Reset]
    );
    assert_eq!(bench.cmd::<u64>(&["XLEN", "@inbox"]).await, 1);
    assert_eq!(bench.cmd::<u64>(&["EXISTS", "@job:posting"]).await, 0);

    // What Gamma made is recorded in what is there: in `events`, as its job is gone.
    assert_eq!(bench.record("A", posting, "made").await, Recorded::Missing);
    let said = bench.queue.newest_events(9).await.unwrap();
    assert!(said.iter().any(|event| event.note.contains("made")), "{said:?}");
    assert_eq!(bench.end("A", claimed, Verb::Release).await, Settled::Missing);
}

#[tokio::test]
async fn in_the_next_life_the_old_worker_looks_and_records_and_submits_nothing() {
    let bench = Bench::start().await;
    bench.add("a").await;
    let posting = bench.submitting("A", LONG).await;
    bench.cmd::<()>(&["FLUSHALL"]).await;
    let queue = queue_at(bench.redis(), "main", Policy::default());
    queue.create_inbox().await.unwrap();
    queue.begin_life(rand::random()).await.unwrap();
    for id in ["a", "b", "c"] {
        let fields: &[(&str, &[u8])] = &[("request", REQUEST.as_bytes()), ("id", id.as_bytes())];
        queue.append(fields).await.unwrap();
    }
    let entries = queue.read_inbox("B", 9, millis(1)).await.unwrap();
    let items: Vec<_> = entries.iter().map(|entry| item(entry, true)).collect();
    assert_eq!(
        queue.accept_jobs("B", &items).await.unwrap(),
        [Accepted::Queued; 3]
    );

    // The caller asked for `a` again, and then the answer to the old life's POST came: that one is looked at.
    assert_eq!(bench.record("A", &posting, "made").await, Recorded::Generating);
    let claim = bench
        .queue
        .claim_jobs(&gammaq_queue::claim::ClaimRequest {
            want: 9,
            ..asking("A")
        })
        .await
        .unwrap();
    assert!(claim.reset);
    assert_eq!(crate::bench::ids(&claim.jobs), ["a"], "looks cost nothing");
    assert_eq!(
        bench.queue.pending_ids("default", 0, 9).await.unwrap(),
        ["b", "c"]
    );
    // The new life's worker has them.
    let claim = queue.claim_jobs(&asking("B")).await.unwrap();
    assert!(!claim.reset);
    assert_eq!(crate::bench::ids(&claim.jobs), ["b"]);
    let not_after = u64::MAX >> 12;
    let job = &claim.jobs[0];
    let begin = async |worker| {
        let begun = bench
            .queue
            .begin_submit(worker, &job.id, job.fence, not_after, LONG, "http://gamma");
        begun.await.unwrap()
    };
    assert_eq!(
        begin("B").await,
        Begun::Reset,
        "the worker's own mark counts, not its name"
    );
    let begun = queue
        .begin_submit("B", &job.id, job.fence, not_after, LONG, "http://gamma")
        .await;
    assert_eq!(begun.unwrap(), Begun::Yes);
}
