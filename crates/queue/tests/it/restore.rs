//! What a journal knows and Redis forgot: told to it, once, and to the job that it belongs to alone.

use std::time::Duration;

use gammaq_job::{ErrorKind, JobError, JobResult};
use gammaq_queue::claim::Step;
use gammaq_queue::restore::{Forgotten, Restored, Standing, intent_name};
use gammaq_queue::settle::{Settled, Verb};
use gammaq_queue::submit::{Begun, Recorded};
use gammaq_testkit::Redis;

use crate::bench::{Bench, LONG, millis};

/// A POST that was begun a minute ago.
async fn forgotten<'a>(bench: &Bench, seen: &'a Standing, generation_id: Option<&'a str>) -> Forgotten<'a> {
    let now = bench.queue.time().await.unwrap();
    Forgotten {
        standing: seen,
        known: 1,
        intent: "gone#1#2",
        slot: "a#1.0",
        sent_at: now - 60_000,
        until: now - 30_000,
        base_url: "http://gamma",
        generation_id,
        first_look: millis(0),
        timeout: LONG,
        error: r#"{"kind":"ambiguous","message":"said so","status":null,"requestId":null}"#,
        probe: false,
    }
}

impl Bench {
    async fn standing(&self, id: &str) -> Standing {
        let mut standings = self.queue.standings(&[id.to_owned()]).await.unwrap();
        standings.pop().unwrap().unwrap()
    }

    async fn restore(&self, forgotten: &Forgotten<'_>) -> Restored {
        self.queue.restore_submit("J", forgotten).await.unwrap()
    }
}

#[tokio::test]
async fn the_record_names_each_attempt() {
    let bench = Bench::start().await;
    assert_eq!(bench.queue.standings(&["a".to_owned()]).await.unwrap(), [None]);
    bench.add("a").await;
    let before = bench.standing("a").await;
    assert_eq!((before.seq, before.attempts, before.intent.as_str()), (1, 0, ""));
    let job = bench.claim_one("A").await;
    assert_eq!(bench.begin("A", &job).await, Begun::Yes);
    let after = bench.standing("a").await;
    let name = intent_name("A", job.fence, u64::MAX >> 12);
    assert_eq!((after.attempts, after.intent), (1, name));
    assert_eq!((after.seq, after.created_at), (before.seq, before.created_at));
    bench.record("A", &job, "g1").await;
    bench.record("A", &job, "g2").await;
    bench.record("A", &job, "g3").await;
    let generations: Vec<_> = bench.standing("a").await.generations.into_iter().collect();
    assert_eq!(generations, ["g1", "g2", "g3"]);
}

#[tokio::test]
async fn a_waiting_job_gets_its_generation_and_its_charge_back() {
    let bench = Bench::start().await;
    bench.add("a").await;
    let seen = bench.standing("a").await;
    let lost = forgotten(&bench, &seen, Some("g")).await;
    assert_eq!(bench.restore(&lost).await, Restored::Generating);
    assert_eq!(bench.restore(&lost).await, Restored::Changed, "safe to run twice");
    assert_eq!(bench.count("pending:default").await, 0);
    assert_eq!(bench.score("budget:default", "a#1.0").await, Some(lost.until));
    assert_eq!(
        (bench.stat("restored").await, bench.stat("submitted").await),
        (1, 1)
    );
    let now = bench.standing("a").await;
    assert_eq!((now.attempts, now.intent.as_str()), (1, "gone#1#2"));
    // Nobody submits it: it is looked at, and ends as any other.
    let look = bench.claim_one("B").await;
    assert_eq!((look.step, look.generation_id.as_str()), (Step::Look, "g"));
    assert_eq!(look.base_url, "http://gamma");
    assert_eq!(bench.end("B", &look, Verb::Complete).await, Settled::Done);
}

#[tokio::test]
async fn where_nobody_knows_of_a_generation_it_is_parked_and_an_answer_may_still_come() {
    let bench = Bench::start().await;
    bench.add("a").await;
    let seen = bench.standing("a").await;
    let lost = forgotten(&bench, &seen, None).await;
    assert_eq!(bench.restore(&lost).await, Restored::Parked);
    assert_eq!(bench.restore(&lost).await, Restored::Changed);
    let told: JobResult = bench.queue.result("a").await.unwrap().unwrap();
    let error: JobError = told.error.unwrap();
    assert_eq!(
        (error.kind, error.message.as_str()),
        (ErrorKind::Ambiguous, "said so")
    );
    assert_eq!((bench.count("ambiguous").await, bench.count("due").await), (1, 0));
    assert_eq!(
        bench.count("budget:default").await,
        1,
        "the POST may have reached Gamma"
    );
    assert!(bench.claim("B", 9).await.is_empty());
    // The worker that sent it lives, and its answer comes after all.
    let job = gammaq_queue::submit::Generation {
        id: "a",
        fence: 1,
        generation_id: "late",
        first_look: millis(0),
        timeout: LONG,
        probe: false,
        account: "default",
        slot: "a#1.0",
        kept: Some(Duration::ZERO),
        fields: &[],
    };
    let recorded = bench.queue.record_generation("A", &job).await.unwrap();
    assert_eq!(recorded, Recorded::Generating);
    assert_eq!(bench.claim_one("B").await.generation_id, "late");
}

#[tokio::test]
async fn whoever_holds_the_job_can_not_begin_and_its_slot_is_not_charged_twice() {
    let bench = Bench::start().await;
    bench.add("a").await;
    let job = bench.claim_one("A").await;
    assert_eq!(
        job.slot, "a#1.0",
        "the very slot that Redis forgot is given out again"
    );
    let seen = bench.standing("a").await;
    let lost = forgotten(&bench, &seen, Some("g")).await;
    assert_eq!(bench.restore(&lost).await, Restored::Generating);
    assert_eq!(bench.begin("A", &job).await, Begun::Stale);
    assert_eq!(bench.end("A", &job, Verb::Release).await, Settled::Stale);
    assert_eq!(bench.count("budget:default").await, 1);
    assert_eq!(bench.score("budget:default", "a#1.0").await, Some(lost.until));
}

#[tokio::test]
async fn a_post_of_another_hour_is_not_charged() {
    let bench = Bench::start().await;
    bench.add("a").await;
    let seen = bench.standing("a").await;
    let mut lost = forgotten(&bench, &seen, Some("g")).await;
    lost.until -= 3_600_000;
    assert_eq!(bench.restore(&lost).await, Restored::Generating);
    assert_eq!(bench.count("budget:default").await, 0);
}

#[tokio::test]
async fn a_job_that_changed_or_another_one_of_the_id_is_left_alone() {
    let bench = Bench::start().await;
    bench.add("a").await;
    let seen = bench.standing("a").await;
    for other in [
        Standing {
            seq: 9,
            ..seen.clone()
        },
        Standing {
            created_at: 9,
            ..seen.clone()
        },
        Standing {
            attempts: 1,
            ..seen.clone()
        },
    ] {
        let lost = forgotten(&bench, &other, Some("g")).await;
        assert_eq!(bench.restore(&lost).await, Restored::Changed, "{other:?}");
    }
    let job = bench.claim_one("A").await;
    assert_eq!(bench.begin("A", &job).await, Begun::Yes);
    // Begun since it was read: the POST under way is Redis's own business.
    let begun = Standing {
        attempts: 1,
        ..seen.clone()
    };
    let lost = forgotten(&bench, &begun, Some("g")).await;
    assert_eq!(bench.restore(&lost).await, Restored::Changed);
    assert_eq!(bench.state("a").await, "submitting");
    let gone = Standing {
        id: "b".to_owned(),
        ..seen
    };
    let lost = forgotten(&bench, &gone, Some("g")).await;
    assert_eq!(bench.restore(&lost).await, Restored::Missing);
    assert_eq!(bench.stat("restored").await, 0);
}

#[tokio::test]
async fn what_was_forgotten_is_told_to_a_full_redis_too_and_a_delayed_job_waits_no_more() {
    let bench = Bench::on(Redis::start().await, gammaq_queue::Policy::default()).await;
    let later = (bench.queue.time().await.unwrap() + 60_000).to_string();
    let fields = [
        ("request", crate::bench::REQUEST),
        ("id", "a"),
        ("run_at", &later),
    ];
    bench.add_fields(&fields).await;
    let seen = bench.standing("a").await;
    let lost = forgotten(&bench, &seen, Some("g")).await;
    bench.redis().cli(&["CONFIG", "SET", "maxmemory", "1"]).await;
    assert_eq!(bench.restore(&lost).await, Restored::Generating);
    assert_eq!(bench.claim_one("B").await.generation_id, "g");
}

#[tokio::test]
async fn a_job_that_was_to_try_a_pause_out_leaves_that_to_the_next() {
    let bench = Bench::start().await;
    bench.add("a").await;
    let seen = bench.standing("a").await;
    let _: u64 = bench
        .cmd(&["HSET", "@account:default", "probe_until", "9999999999999"])
        .await;
    let mut lost = forgotten(&bench, &seen, None).await;
    lost.probe = true;
    assert_eq!(bench.restore(&lost).await, Restored::Parked);
    let left: Option<String> = bench.cmd(&["HGET", "@account:default", "probe_until"]).await;
    assert_eq!(left, None);
}
