//! Records and layouts of a newer version: left alone, in nobody's way, and said once.

use std::collections::BTreeMap;

use gammaq_queue::Error;
use gammaq_queue::accept::Accepted;
use gammaq_queue::claim::{Claim, ClaimRequest, Claimed};
use gammaq_queue::settle::{Settled, Verb};
use gammaq_queue::submit::{Begun, Recorded};

use crate::bench::{Bench, LONG, REQUEST, SOON, asking, generation, ids, item, millis};

type Fields = BTreeMap<String, String>;

impl Bench {
    /// A newer worker wrote the record.
    async fn renew_version(&self, id: &str) {
        let job = format!("@job:{id}");
        self.cmd::<()>(&["HSET", &job, "v", "2", "state_of_the_art", "yes"])
            .await;
    }

    async fn fields(&self, id: &str) -> Fields {
        self.cmd(&["HGETALL", &format!("@job:{id}")]).await
    }

    async fn claim_as(&self, worker: &str, want: usize) -> Claim {
        let request = ClaimRequest {
            want,
            ..asking(worker)
        };
        self.queue.claim_jobs(&request).await.unwrap()
    }

    /// Events that say that a record was left to newer workers.
    async fn said(&self) -> usize {
        let events = self.queue.newest_events(10_000).await.unwrap();
        events
            .iter()
            .filter(|it| it.note.contains("left to newer workers"))
            .count()
    }
}

#[tokio::test]
async fn in_line_it_lets_others_by_and_waits_for_a_newer_worker() {
    let bench = Bench::start().await;
    for id in ["new", "own", "later"] {
        bench.add(id).await;
    }
    bench.renew_version("new").await;
    let before = bench.fields("new").await;
    let claim = bench.claim_as("A", 9).await;
    assert_eq!((ids(&claim.jobs), claim.newer), (vec!["own", "later"], 1));
    for _ in 0..3 {
        let claim = bench.claim_as("A", 9).await;
        assert!(claim.jobs.is_empty() && claim.newer == 0, "{claim:?}");
        // Not at once again, either.
        assert!(claim.next_at.is_none_or(|time| time > claim.now), "{claim:?}");
    }
    assert_eq!(bench.fields("new").await, before);
    assert_eq!((bench.stat("newer_records").await, bench.said().await), (1, 1));
    // What comes after it is found all the same.
    bench.add("next").await;
    assert_eq!(bench.claim_one("A").await.id, "next");
    // A worker that knows its version finds it where it stands.
    bench.cmd::<()>(&["HSET", "@job:new", "v", "1"]).await;
    assert_eq!(bench.claim_one("B").await.id, "new");
}

#[tokio::test]
async fn a_line_full_of_them_hides_nothing() {
    let bench = Bench::start().await;
    bench
        .eval::<()>(
            "for i = 1, 1500 do
               redis.call('HSET', base .. 'job:n' .. i, 'id', 'n' .. i, 'v', '7', 'state', 'queued', 'account', 'default')
               redis.call('ZADD', base .. 'pending:default', i, 'n' .. i)
             end",
        )
        .await;
    bench.add("own").await;
    let (mut calls, mut newer) = (0, 0);
    loop {
        calls += 1;
        let claim = bench.claim_as("A", 9).await;
        newer += claim.newer;
        if !claim.jobs.is_empty() {
            assert_eq!(ids(&claim.jobs), ["own"]);
            break;
        }
        assert!(claim.next_at.unwrap() <= claim.now && calls < 9, "{claim:?}");
    }
    assert_eq!((newer, bench.stat("newer_records").await), (1_500, 1_500));
    assert!(bench.said().await <= calls, "{} events", bench.said().await);
    let claim = bench.claim_as("A", 9).await;
    assert!(claim.next_at.is_none_or(|time| time > claim.now), "{claim:?}");
    assert_eq!(bench.count("pending:default").await, 1_500);
}

/// Accounts of which only such jobs are left make room for others, and stay where a newer worker finds them.
#[tokio::test]
async fn accounts_full_of_them_hide_no_other() {
    let bench = Bench::start().await;
    bench
        .eval::<()>(
            "for i = 1, 2500 do
               redis.call('HSET', base .. 'job:n' .. i, 'id', 'n' .. i, 'v', '7', 'state', 'queued', 'account', 'a' .. i)
               redis.call('ZADD', base .. 'pending:a' .. i, 1e15 + i, 'n' .. i)
               redis.call('ZADD', base .. 'accounts', i, 'a' .. i)
             end",
        )
        .await;
    bench.add("own").await;
    for calls in 1.. {
        let claim = bench.claim_as("A", 9).await;
        if !claim.jobs.is_empty() {
            assert_eq!(ids(&claim.jobs), ["own"]);
            break;
        }
        assert!(claim.next_at.unwrap() <= claim.now && calls < 9, "{claim:?}");
    }
    assert!(bench.score("accounts", "a7").await.is_some());
}

#[tokio::test]
async fn what_is_due_waits_for_a_newer_worker_whatever_its_state() {
    let bench = Bench::start().await;
    for id in ["delayed", "begun", "polled", "other", "own"] {
        bench.add(id).await;
    }
    for job in bench.claim("A", 9).await {
        if job.id == "delayed" {
            bench.end("A", &job, Verb::Requeue(LONG)).await;
            continue;
        }
        assert_eq!(bench.begin("A", &job).await, Begun::Yes);
        if job.id != "begun" {
            bench.record("A", &job, &job.id).await;
        }
    }
    let mut before = BTreeMap::new();
    for id in ["delayed", "begun", "polled", "other"] {
        bench.renew_version(id).await;
        if id == "other" {
            bench
                .cmd::<()>(&["HSET", "@job:other", "state", "narrating"])
                .await;
        }
        bench.hurry(id).await;
        before.insert(id, bench.fields(id).await);
    }
    let claim = bench.claim_as("B", 9).await;
    assert_eq!((ids(&claim.jobs), claim.newer), (vec!["own"], 4));
    let claim = bench.claim_as("B", 9).await;
    assert!(
        claim.jobs.is_empty() && claim.next_at.unwrap() > claim.now,
        "{claim:?}"
    );
    // For a second they are where a newer worker finds them; then they are met again, and not said again.
    let time = bench.score("due", "begun").await.unwrap();
    bench.past(time + 1_001).await;
    assert_eq!(bench.claim_as("B", 9).await.newer, 0);
    assert!(bench.score("due", "begun").await.unwrap() > time + 30_000);
    for (id, fields) in before {
        assert_eq!(bench.fields(id).await, fields);
        assert!(bench.score("due", id).await.is_some(), "{id}");
    }
    assert_eq!((bench.stat("newer_records").await, bench.said().await), (4, 1));
    bench.cmd::<()>(&["HSET", "@job:begun", "v", "1"]).await;
    bench.hurry("begun").await;
    bench.claim_as("B", 9).await;
    assert_eq!(bench.state("begun").await, "ambiguous");
}

/// Whoever is due at the same time as a worker that can't use it: the other has a second for it.
#[tokio::test]
async fn a_newer_worker_that_comes_second_still_finds_it() {
    let bench = Bench::start().await;
    bench.add("a").await;
    bench.generating("A", "g").await;
    bench.renew_version("a").await;
    let due = bench.score("due", "a").await.unwrap();
    bench.past(due).await;
    let claim = bench.claim_as("B", 9).await;
    assert!(
        claim.now < due + 1_000,
        "the machine is too slow for this test: {claim:?}"
    );
    assert_eq!((claim.jobs.len(), claim.newer), (0, 0));
    assert_eq!(bench.score("due", "a").await, Some(due));
    assert!(claim.next_at.unwrap() > claim.now, "{claim:?}");
}

/// A newer worker may bring a record to its version while an older one has it in hand.
#[tokio::test]
async fn in_hand_nothing_is_written_any_more_but_a_generation() {
    let bench = Bench::start().await;
    let mut held: Vec<Claimed> = Vec::new();
    for id in ["claimed", "begun", "polled"] {
        bench.add(id).await;
        let job = bench.claim_one("A").await;
        if id != "claimed" {
            assert_eq!(bench.begin("A", &job).await, Begun::Yes);
        }
        if id == "polled" {
            bench.record("A", &job, "g").await;
            held.push(bench.claim_one("A").await);
        } else {
            held.push(job);
        }
    }
    let mut before = Vec::new();
    for job in &held {
        bench.renew_version(&job.id).await;
        before.push((bench.fields(&job.id).await, bench.score("due", &job.id).await));
    }
    assert_eq!(bench.begin("A", &held[0]).await, Begun::Stale);
    for job in &held {
        for verb in [
            Verb::Release,
            Verb::Requeue(LONG),
            Verb::Park,
            Verb::Fail,
            Verb::Complete,
        ] {
            assert_eq!(bench.end("A", job, verb).await, Settled::Stale, "{verb:?}");
        }
    }
    let pairs: Vec<_> = held.iter().map(|job| (job.id.clone(), job.fence)).collect();
    let lost = bench.queue.renew_leases("A", LONG * 9, &pairs).await.unwrap();
    assert_eq!(lost, ["claimed", "begun", "polled"]);
    let given = bench
        .queue
        .recover_claims("A", 0..=u64::MAX >> 12, &[])
        .await
        .unwrap();
    assert_eq!(given.0, 0);
    for (job, (fields, due)) in held.iter().zip(&before) {
        assert_eq!(
            (bench.fields(&job.id).await, bench.score("due", &job.id).await),
            (fields.clone(), *due)
        );
    }

    // Paid for, so it is kept: beside what the newer version knows, which nobody here can judge.
    assert_eq!(bench.record("A", &held[1], "paid").await, Recorded::Kept);
    assert_eq!(bench.record("A", &held[1], "paid").await, Recorded::Known);
    let mut fields = before[1].0.clone();
    fields.insert("extra_generation_id".to_owned(), "paid".to_owned());
    assert_eq!(bench.fields("begun").await, fields);
    let note = bench.queue.newest_events(1).await.unwrap()[0].note.clone();
    assert!(note.contains("newer version: paid"), "{note}");
}

#[tokio::test]
async fn ended_ones_are_neither_swept_nor_marked() {
    let policy = gammaq_queue::Policy {
        results_ttl: millis(1),
        ..gammaq_queue::Policy::default()
    };
    let bench = Bench::with(policy).await;
    bench
        .eval::<()>(
            "redis.call('HSET', base .. 'job:new', 'id', 'new', 'v', '2', 'state', 'completed', 'account', 'default')
             redis.call('ZADD', base .. 'completed', 1, 'new')
             redis.call('ZADD', base .. 'completed', 2, 'gone')",
        )
        .await;
    assert_eq!(bench.queue.sweep_jobs(9).await.unwrap(), 1);
    let before = bench.fields("new").await;
    assert_eq!(
        bench.add_fields(&[("request", REQUEST), ("id", "new")]).await,
        Accepted::Conflict
    );
    assert_eq!(bench.fields("new").await, before);
    assert_eq!(bench.count("completed").await, 1);
}

#[tokio::test]
async fn under_a_newer_layout_nothing_is_begun() {
    let bench = Bench::start().await;
    bench.add("held").await;
    bench.add("posted").await;
    bench.add("waits").await;
    let held = bench.claim("A", 1).await.remove(0);
    let posted = bench.submitting("A", LONG).await;
    bench
        .queue
        .append(&[("request", REQUEST.as_bytes())])
        .await
        .unwrap();
    let entries = bench.queue.read_inbox("intake", 9, SOON).await.unwrap();
    bench.cmd::<()>(&["SET", "@schema", "2"]).await;

    let claim = bench.queue.claim_jobs(&asking("A")).await;
    assert!(matches!(claim, Err(Error::NewerSchema { .. })), "{claim:?}");
    let items: Vec<_> = entries.iter().map(|entry| item(entry, true)).collect();
    let accepted = bench.queue.accept_jobs("A", &items).await;
    assert!(matches!(accepted, Err(Error::NewerSchema { .. })), "{accepted:?}");
    assert_eq!(bench.queue.inbox_len().await.unwrap(), 1);
    assert_eq!(bench.begin("A", &held).await, Begun::Stale);
    // What is in hand comes to its end.
    assert_eq!(bench.end("A", &held, Verb::Release).await, Settled::Done);
    let told = bench
        .queue
        .record_generation("A", &generation(&posted, "g"))
        .await;
    assert_eq!(told.unwrap(), Recorded::Generating);
    for unreadable in ["two", "1.1", "999999999999"] {
        bench.cmd::<()>(&["SET", "@schema", unreadable]).await;
        let claim = bench.queue.claim_jobs(&asking("A")).await;
        assert!(
            matches!(claim, Err(Error::NewerSchema { .. })),
            "{unreadable}: {claim:?}"
        );
    }
    bench.cmd::<()>(&["SET", "@schema", "1"]).await;
    assert_eq!(bench.claim_as("A", 9).await.jobs.len(), 3);
}

/// What a newer version added to a record of this version is there after every step.
#[tokio::test]
async fn unknown_fields_survive_every_step() {
    let bench = Bench::start().await;
    for (id, ends) in [
        ("done", vec![Verb::Again(millis(0)), Verb::Complete]),
        ("late", vec![Verb::TimeOut, Verb::Complete]),
        ("rested", vec![Verb::TimeOut, Verb::Rest]),
        ("failed", vec![Verb::Release, Verb::Fail]),
    ] {
        bench.add(id).await;
        let job = format!("@job:{id}");
        bench
            .cmd::<()>(&["HSET", &job, "future", "kept", "future_empty", ""])
            .await;
        for verb in [Verb::Release, Verb::Requeue(millis(0))] {
            let held = bench.claim_one("A").await;
            assert_eq!(bench.end("A", &held, verb).await, Settled::Done);
        }
        let held = bench.submitting("A", LONG).await;
        assert_eq!(
            bench.end("A", &held, Verb::Resubmit(millis(0))).await,
            Settled::Done
        );
        let held = bench.submitting("A", LONG).await;
        assert_eq!(bench.end("A", &held, Verb::Park).await, Settled::Done);
        bench.record("A", &held, &format!("g-{id}")).await;
        bench.record("A", &held, &format!("h-{id}")).await;
        for verb in ends {
            bench.hurry(id).await;
            let held = bench.claim_one("A").await;
            bench
                .queue
                .renew_leases("A", LONG, &[(id.to_owned(), held.fence)])
                .await
                .unwrap();
            assert_eq!(bench.end("A", &held, verb).await, Settled::Done, "{id} {verb:?}");
            let fields = bench.fields(id).await;
            assert_eq!(
                (fields["future"].as_str(), fields["future_empty"].as_str()),
                ("kept", "")
            );
        }
    }
}
