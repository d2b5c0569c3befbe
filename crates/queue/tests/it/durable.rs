//! Intents and generations that have to be with a replica, or on the disk, before they count.

use std::time::Duration;

use gammaq_queue::settle::{Settled, Verb};
use gammaq_queue::submit::{Begun, Recorded};
use gammaq_queue::{Durability, Error, Keys, Link, LinkSettings, Policy, Queue};
use gammaq_testkit::{Redis, eventually};

use crate::bench::{Bench, LONG, generation};

const PATIENCE: Duration = Duration::from_secs(40);

/// The bench's queue over a connection of its own; a proof may take a second.
fn durable(bench: &Bench, durability: Durability) -> Queue {
    let settings = LinkSettings {
        url: bench.redis().url(),
        tls_ca: None,
        connect_timeout: Duration::from_secs(3),
        response_timeout: Duration::from_secs(3),
    };
    let keys: Keys = bench.queue.keys().clone();
    Queue::new(Link::new(settings).unwrap().into(), keys, Policy::default()).durable(durability)
}

async fn begin(queue: &Queue, id: &str, fence: u64) -> Result<Begun, Error> {
    queue
        .begin_submit("A", id, fence, u64::MAX >> 12, LONG, "http://gamma")
        .await
}

/// How much was written to the server since it started: every write counts, also one that changes nothing.
async fn writes(bench: &Bench) -> u64 {
    let info: String = bench.cmd(&["INFO", "persistence"]).await;
    let line = info
        .lines()
        .find_map(|line| line.strip_prefix("rdb_changes_since_last_save:"));
    line.unwrap().trim().parse().unwrap()
}

#[tokio::test]
async fn without_a_replica_nothing_is_begun_and_the_job_goes_back() {
    let bench = Bench::start().await;
    let queue = durable(&bench, Durability::Replica);
    bench.add("a").await;
    let job = bench.claim_one("A").await;
    let begun = begin(&queue, "a", job.fence).await;
    assert!(matches!(begun, Err(Error::NotDurable(_))), "{begun:?}");
    assert!(begun.unwrap_err().is_temporary());
    // Nothing was sent, so the hold may give it back: from the state that this server has …
    assert_eq!(bench.state("a").await, "submitting");
    assert_eq!(
        bench.end("A", &job, Verb::Requeue(Duration::ZERO)).await,
        Settled::Done
    );
    assert_eq!(
        (
            bench.state("a").await.as_str(),
            bench.count("budget:default").await
        ),
        ("queued", 0)
    );
    // … and from the one before the intent, which is what a promoted replica may have.
    let again = bench.claim_one("A").await;
    assert_eq!(
        bench.end("A", &again, Verb::Requeue(Duration::ZERO)).await,
        Settled::Done
    );
    assert_eq!(
        (
            bench.state("a").await.as_str(),
            bench.count("budget:default").await
        ),
        ("queued", 0)
    );
    // A hold that the promoted replica never heard of changes nothing there.
    assert_eq!(
        bench.end("A", &again, Verb::Requeue(Duration::ZERO)).await,
        Settled::Stale
    );
    // What is refused needs no proof, and isn't waited for.
    assert_eq!(begin(&queue, "a", job.fence).await.unwrap(), Begun::Stale);
}

#[tokio::test]
async fn a_generation_is_recorded_again_until_a_replica_has_it() {
    let bench = Bench::start().await;
    let replica = Redis::builder().replica_of(bench.redis().port()).start().await;
    eventually(PATIENCE, "the replica follows", || async {
        replica
            .cli(&["INFO", "replication"])
            .await
            .contains("master_link_status:up")
    })
    .await;
    let queue = durable(&bench, Durability::Replica);
    bench.add("a").await;
    let job = bench.claim_one("A").await;
    assert_eq!(begin(&queue, "a", job.fence).await.unwrap(), Begun::Yes);
    assert_eq!(
        replica.cli(&["HGET", "gammaq:{main}:job:a", "state"]).await,
        "submitting"
    );

    replica.pause().await;
    let made = generation(&job, "g-1");
    let recorded = queue.record_generation("A", &made).await;
    assert!(matches!(recorded, Err(Error::NotDurable(_))), "{recorded:?}");
    assert_eq!(
        bench.field("a", "generation_id").await,
        "g-1",
        "this server has it all the same"
    );
    // Over a new connection, too, there is something to prove: each repetition writes.
    let other = durable(&bench, Durability::Replica);
    let before = writes(&bench).await;
    let repeated = other.record_generation("A", &made).await;
    assert!(matches!(repeated, Err(Error::NotDurable(_))), "{repeated:?}");
    assert!(writes(&bench).await > before);
    replica.resume();
    assert_eq!(
        other.record_generation("A", &made).await.unwrap(),
        Recorded::Known
    );
    assert_eq!(
        replica
            .cli(&["HGET", "gammaq:{main}:job:a", "generation_id"])
            .await,
        "g-1"
    );
}

#[tokio::test]
async fn a_file_that_is_not_synced_is_refused() {
    let synced = Bench::on(Redis::builder().aof_always().start().await, Policy::default()).await;
    let queue = durable(&synced, Durability::Aof);
    queue.check_durability().await.unwrap();
    synced.add("a").await;
    let job = synced.claim_one("A").await;
    assert_eq!(begin(&queue, "a", job.fence).await.unwrap(), Begun::Yes);

    let bench = Bench::start().await;
    let error = durable(&bench, Durability::Aof)
        .check_durability()
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::Settings(text) if text.contains("appendonly yes")),
        "{error:?}"
    );
    assert!(!error.is_temporary());
    // In a full rewrite of the file nothing would be synced.
    synced
        .cmd::<String>(&["CONFIG", "SET", "no-appendfsync-on-rewrite", "yes"])
        .await;
    let version: String = synced.cmd(&["INFO", "server"]).await;
    if version.contains("redis_version:7.0") {
        let error = durable(&synced, Durability::Aof)
            .check_durability()
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("no-appendfsync-on-rewrite no"),
            "{error}"
        );
    }
}
