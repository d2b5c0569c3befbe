//! A slot that is being moved: no script runs on a part of the queue, and no command makes anew what is only elsewhere.

use std::time::Duration;

use gammaq_job::QueueName;
use gammaq_queue::{Error, Keys, Link, LinkSettings, Mode, Policy, Queue};
use gammaq_testkit::Cluster;

use crate::bench::{LONG, asking, generation};

const BASE: &str = "gammaq:{main}:";

fn queue(cluster: &Cluster) -> Queue {
    let settings = LinkSettings {
        url: cluster.url(),
        tls_ca: None,
        connect_timeout: Duration::from_secs(10),
        response_timeout: Duration::from_secs(10),
    };
    let keys = Keys::new(
        &QueueName::new("gammaq").unwrap(),
        &QueueName::new("main").unwrap(),
    );
    let link = Link::to_queue(settings, &Mode::Cluster, &keys).unwrap();
    Queue::new(link.into(), keys, Policy::default())
}

fn waits<T: std::fmt::Debug>(what: &str, answer: Result<T, Error>) {
    assert!(matches!(answer, Err(Error::Unreachable(_))), "{what}: {answer:?}");
}

#[tokio::test]
async fn nothing_runs_on_a_part_of_a_queue() {
    let cluster = Cluster::start(3, 0).await;
    let queue = queue(&cluster);
    queue.check_schema().await.unwrap();
    queue.create_inbox().await.unwrap();
    let entry: [(&str, &[u8]); 1] = [("request", br#"{"inputText":"text"}"#)];
    queue.append(&entry).await.unwrap();
    let entries = queue.read_inbox("A", 9, Duration::from_millis(1)).await.unwrap();
    queue
        .accept_jobs("A", &[crate::bench::item(&entries[0], true)])
        .await
        .unwrap();
    let job = queue.claim_jobs(&asking("A")).await.unwrap().jobs.pop().unwrap();
    let from = cluster.owner(BASE).await;
    let to = (from + 1) % 3;
    let connects = queue.link().connects();

    // Not one key has left: scripts wait all the same, and single keys are read and written where they are.
    let step = cluster.begin_move(BASE, to).await;
    waits("claim", queue.claim_jobs(&asking("A")).await);
    waits(
        "begin",
        queue
            .begin_submit("A", &job.id, job.fence, u64::MAX >> 12, LONG, "http://gamma")
            .await,
    );
    assert!(queue.record(&job.id).await.unwrap().is_some());
    queue.append(&entry).await.unwrap();

    // Every key has left, and the slot has not: what is elsewhere is not taken for missing.
    while cluster.move_keys(step, 10).await {}
    waits(
        "record",
        queue.record_generation("A", &generation(&job, "g")).await,
    );
    waits(
        "renew",
        queue
            .renew_leases("A", LONG, &[(job.id.clone(), job.fence)])
            .await,
    );
    waits("read", queue.record(&job.id).await);
    waits("append", queue.append(&entry).await);
    waits("append many", queue.append_many(&[&entry, &entry]).await);
    waits(
        "read the inbox",
        queue.read_inbox("A", 9, Duration::from_millis(1)).await,
    );
    waits("make the inbox", queue.create_inbox().await);
    waits("write the schema", queue.check_schema().await);
    let text = cluster.nodes()[from]
        .cli(&["CLUSTER", "COUNTKEYSINSLOT", "12501"])
        .await;
    assert_eq!(text, "0", "nothing was made anew");
    assert_eq!(
        queue.link().connects(),
        connects,
        "and nobody connected again and again"
    );
    // A client that comes now isn't let in either.
    waits(
        "a new client",
        self::queue(&cluster).claim_jobs(&asking("B")).await,
    );

    cluster.end_move(step).await;
    waits(
        "the last that is sent to the old node",
        queue.claim_jobs(&asking("A")).await,
    );
    let recorded = queue.record_generation("A", &generation(&job, "g")).await;
    recorded.unwrap();
    assert_eq!(
        queue.record(&job.id).await.unwrap().unwrap().get("generation_id"),
        Some("g")
    );
    assert_eq!(
        (queue.inbox_len().await.unwrap(), queue.link().connects()),
        (1, connects + 1)
    );
}

#[tokio::test]
async fn a_reader_that_waits_at_the_old_node_is_sent_on() {
    let cluster = Cluster::start(3, 0).await;
    let queue = queue(&cluster);
    queue.create_inbox().await.unwrap();
    let block = Duration::from_secs(30);
    let reader = queue.on(queue.link().for_blocking(block).into());
    let waiting = tokio::spawn(async move { reader.read_inbox("A", 9, block).await });
    let to = (cluster.owner(BASE).await + 1) % 3;
    gammaq_testkit::eventually(Duration::from_secs(40), "it waits", || async {
        let from = cluster.owner(BASE).await;
        cluster.nodes()[from]
            .cli(&["INFO", "clients"])
            .await
            .contains("blocked_clients:1")
    })
    .await;
    cluster.move_slot(BASE, to).await;
    // Long before its time is up.
    let answer = tokio::time::timeout(Duration::from_secs(20), waiting)
        .await
        .unwrap()
        .unwrap();
    assert!(
        matches!(answer, Err(Error::Unreachable(_) | Error::NoGroup)),
        "{answer:?}"
    );
}
