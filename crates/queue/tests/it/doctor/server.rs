//! What the doctor says of servers, and of users who may not look at everything.

use gammaq_queue::Policy;
use gammaq_queue::doctor::Expected;
use gammaq_testkit::Redis;

use super::{corrupt, examine, people, sound, words};
use crate::bench::Bench;

#[tokio::test]
async fn a_server_that_is_not_fit_is_told_by_its_settings() {
    for (config, expected) in [
        (
            vec![("maxmemory-policy", "allkeys-lru")],
            vec!["maxmemory_policy", "aof_off"],
        ),
        (
            vec![("appendonly", "yes"), ("appendfsync", "everysec")],
            vec!["aof_fsync"],
        ),
        (vec![("maxmemory", "500kb")], vec!["memory_full", "aof_off"]),
    ] {
        let mut builder = Redis::builder();
        for (key, value) in &config {
            builder = builder.config(key, value);
        }
        let redis = builder.start().await;
        let queue = crate::bench::queue_at(&redis, "main", Policy::default());
        let report = queue.examine(&Expected::default()).await.unwrap();
        assert_eq!(words(&report), expected, "{config:?}: {report:#?}");
    }
}

#[tokio::test]
async fn a_replica_is_no_place_for_a_queue() {
    let (master, replica) = (sound().await, sound().await);
    let port = master.port().to_string();
    replica
        .cli(&["CONFIG", "SET", "replica-serve-stale-data", "yes"])
        .await;
    replica.cli(&["REPLICAOF", "127.0.0.1", &port]).await;
    let queue = crate::bench::queue_at(&replica, "main", Policy::default());
    gammaq_testkit::eventually(crate::bench::SOON, "the replica is told", || async {
        let report = queue
            .examine(&Expected::default())
            .await
            .map_err(|error| error.to_string())?;
        match words(&report).contains(&"server_is_replica") {
            true => Ok(()),
            false => Err(format!("{report:?}")),
        }
    })
    .await;
}

#[tokio::test]
async fn what_a_user_may_not_look_at_is_said_and_what_a_worker_lacks_too() {
    let bench = Bench::on(sound().await, Policy::default()).await;
    people(&bench).await;
    // Reads everything, and may be asked about; can't write.
    corrupt(&bench, "ACL SETUSER reader on nopass ~* +@all -hset -xadd").await;
    corrupt(
        &bench,
        "ACL SETUSER worker on nopass ~gammaq:* +@read +@write -@dangerous +eval +evalsha +script +info +time +ping",
    )
    .await;
    corrupt(
        &bench,
        "ACL SETUSER viewer on nopass ~gammaq:* +@read +info +time +ping -@dangerous",
    )
    .await;
    let as_user = |user: &str| {
        let settings = gammaq_queue::LinkSettings {
            url: bench
                .redis()
                .url()
                .replace("redis://", &format!("redis://{user}:x@")),
            tls_ca: None,
            connect_timeout: crate::bench::SOON,
            response_timeout: crate::bench::SOON,
        };
        let link = gammaq_queue::Link::new(settings).unwrap();
        bench.queue.on(link.into())
    };
    let report = as_user("viewer").examine(&Expected::default()).await.unwrap();
    let said = report.not_checked.join("\n");
    assert!(said.contains("may not run scripts"), "{said}");
    assert_eq!(words(&report), Vec::<&str>::new(), "{report:#?}");

    let report = as_user("reader").examine(&Expected::default()).await.unwrap();
    // Redis 6.2 can't be asked.
    if report.not_checked.iter().all(|it| !it.contains("ACL DRYRUN")) {
        assert_eq!(words(&report), ["acl_denied"], "{report:#?}");
        assert_eq!(report.findings[0].detail, "reader may not XADD, HSET");
    }

    let report = as_user("worker").examine(&Expected::default()).await.unwrap();
    assert_eq!(words(&report), Vec::<&str>::new(), "{report:#?}");
    let said = report.not_checked.join("\n");
    assert!(
        said.contains("CONFIG GET") && said.contains("ACL WHOAMI"),
        "{said}"
    );
    assert_eq!(words(&examine(&bench).await), Vec::<&str>::new());
}

#[tokio::test]
async fn a_server_that_is_away_is_an_error() {
    let bench = Bench::start().await;
    bench.redis().kill().await;
    assert!(bench.queue.examine(&Expected::default()).await.is_err());
}
