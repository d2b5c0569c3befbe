//! `sweep_jobs`: takes what is gone and too old, and nothing that lives.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::time::Duration;

use gammaq_job::State;
use gammaq_queue::Policy;
use gammaq_queue::settle::{Settled, Verb};
use gammaq_queue::sweep::{Fate, OldJob};
use gammaq_testkit::eventually;

use crate::bench::{Bench, SOON};

fn short() -> Policy {
    Policy {
        results_ttl: Duration::from_millis(30),
        ..Policy::default()
    }
}

#[tokio::test]
async fn entries_of_expired_records_go() {
    let bench = Bench::with(short()).await;
    bench.add_fields(&[("request", "nonsense"), ("id", "a")]).await;
    eventually(SOON, "the record has expired", || async {
        bench.queue.record("a").await.unwrap().is_none()
    })
    .await;
    assert_eq!(bench.queue.sweep_jobs(10).await.unwrap(), 1);
    assert_eq!(bench.queue.sweep_jobs(10).await.unwrap(), 0);
    assert_eq!(bench.count("failed").await, 0);
}

#[tokio::test]
async fn what_is_looked_at_or_parked_stays_however_old() {
    let bench = Bench::with(short()).await;
    bench.add("looked-at").await;
    bench.generating("A", "g").await;
    let job = bench.claim_one("A").await;
    assert_eq!(bench.end("A", &job, Verb::TimeOut).await, Settled::Done);
    bench.add("parked").await;
    let jobs = bench.claim("A", 9).await;
    let parked = jobs.iter().find(|job| job.id == "parked").unwrap();
    bench.begin("A", parked).await;
    assert_eq!(bench.end("A", parked, Verb::Park).await, Settled::Done);
    let now = bench.queue.time().await.unwrap();
    bench.past(now + 40).await;
    assert_eq!(bench.queue.sweep_jobs(10).await.unwrap(), 0);
    assert_eq!(bench.state("looked-at").await, "timed_out");
    assert_eq!(bench.state("parked").await, "ambiguous");
}

/// The time that results are kept was made shorter: records written before have the longer one.
#[tokio::test]
async fn what_is_older_than_results_may_be_goes_with_its_result() {
    let bench = Bench::start().await;
    for id in ["old", "new"] {
        bench.add_fields(&[("request", "nonsense"), ("id", id)]).await;
    }
    let week = Policy::default().results_ttl.as_millis() as u64;
    let old = bench.queue.time().await.unwrap() - week;
    bench
        .cmd::<u64>(&["ZADD", "@failed", &old.to_string(), "old"])
        .await;
    assert_eq!(bench.queue.sweep_jobs(10).await.unwrap(), 1);
    assert!(bench.queue.record("old").await.unwrap().is_none());
    assert!(bench.queue.result_text("old").await.unwrap().is_none());
    assert_eq!(bench.state("new").await, "failed");
}

fn few(most: u64) -> Policy {
    Policy {
        max_jobs: NonZeroU64::new(most),
        ..Policy::default()
    }
}

/// Each ends at once, at a time of its own.
async fn failed(bench: &Bench, ids: &[&str]) {
    for id in ids {
        bench.add_fields(&[("request", "nonsense"), ("id", id)]).await;
        let now = bench.queue.time().await.unwrap();
        bench.past(now).await;
    }
}

#[tokio::test]
async fn more_than_may_be_kept_go_the_oldest_first() {
    let bench = Bench::with(few(2)).await;
    failed(&bench, &["a", "b"]).await;
    assert_eq!(bench.queue.sweep_jobs(10).await.unwrap(), 0);
    assert_eq!(bench.queue.swept_until().await.unwrap(), 0);
    failed(&bench, &["c", "d", "e"]).await;
    let ended = bench.score("failed", "b").await.unwrap();
    // However few a call looks at.
    assert_eq!(bench.queue.sweep_jobs(1).await.unwrap(), 1);
    assert!(bench.queue.record("a").await.unwrap().is_none());
    assert!(bench.queue.result_text("a").await.unwrap().is_none());
    assert_eq!(bench.queue.sweep_jobs(1).await.unwrap(), 1);
    assert_eq!(bench.queue.swept_until().await.unwrap(), ended);
    assert_eq!(bench.queue.sweep_jobs(9).await.unwrap(), 1);
    assert_eq!(bench.queue.sweep_jobs(9).await.unwrap(), 0);
    for id in ["d", "e"] {
        assert_eq!(bench.state(id).await, "failed");
        assert!(bench.queue.result_text(id).await.unwrap().is_some());
    }
}

/// The ids are a moment old when they are taken: an operator may have been there meanwhile.
#[tokio::test]
async fn what_was_begun_anew_since_it_was_looked_at_stays() {
    let bench = Bench::with(few(1)).await;
    failed(&bench, &["again", "newer", "newest"]).await;
    let seen = bench.queue.old_jobs(State::Failed, 0, 9).await.unwrap();
    let fates: Vec<Fate> = seen.iter().map(|job| job.fate).collect();
    assert_eq!(fates, [Fate::Over, Fate::Over, Fate::Kept]);
    // As `retry` leaves it, and as an older version does, which left the entry.
    bench
        .cmd::<u64>(&["HSET", "@job:again", "state", "generating"])
        .await;
    assert_eq!(bench.queue.take_jobs(State::Failed, &seen).await.unwrap(), 2);
    assert_eq!(bench.state("again").await, "generating");
    assert!(bench.queue.record("newer").await.unwrap().is_none());
    assert_eq!(bench.state("newest").await, "failed");
    assert_eq!(bench.count("failed").await, 1);
    // Said twice, as after an answer that was lost.
    assert_eq!(bench.queue.take_jobs(State::Failed, &seen).await.unwrap(), 0);
    let all = |job: &OldJob| OldJob {
        fate: Fate::Over,
        ..job.clone()
    };
    let all: Vec<OldJob> = seen.iter().map(all).collect();
    assert_eq!(bench.queue.take_jobs(State::Failed, &all).await.unwrap(), 0);
    assert_eq!(bench.state("newest").await, "failed");
}

#[tokio::test]
async fn those_that_are_held_hide_none_behind_them() {
    let bench = Bench::with(few(1)).await;
    failed(&bench, &["newer-version", "step-to-come", "old", "young"]).await;
    bench.cmd::<u64>(&["HSET", "@job:newer-version", "v", "2"]).await;
    let later = bench.queue.time().await.unwrap() + 60_000;
    bench
        .cmd::<u64>(&["ZADD", "@due", &later.to_string(), "step-to-come"])
        .await;
    let fates = |page: Vec<OldJob>| page.into_iter().map(|job| job.fate).collect::<Vec<_>>();
    let page = bench.queue.old_jobs(State::Failed, 0, 2).await.unwrap();
    assert_eq!(bench.queue.take_jobs(State::Failed, &page).await.unwrap(), 0);
    assert_eq!(fates(page), [Fate::Held, Fate::Held]);
    let page = bench.queue.old_jobs(State::Failed, 2, 2).await.unwrap();
    assert_eq!(bench.queue.take_jobs(State::Failed, &page).await.unwrap(), 1);
    assert_eq!(fates(page), [Fate::Over, Fate::Kept]);
}

#[tokio::test]
async fn under_a_newer_layout_nothing_is_swept() {
    let bench = Bench::with(few(1)).await;
    failed(&bench, &["a", "b"]).await;
    bench.cmd::<()>(&["SET", "@schema", "2"]).await;
    assert_eq!(bench.queue.sweep_jobs(9).await.unwrap(), 0);
    assert_eq!(bench.count("failed").await, 2);
}

impl Bench {
    /// What the server carried out since `CONFIG RESETSTAT`, those of scripts among it.
    pub(crate) async fn carried_out(&self) -> BTreeMap<String, u64> {
        let stats: String = self.cmd(&["INFO", "commandstats"]).await;
        let one = |line: &str| {
            let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
            Some((name.to_owned(), rest.split(',').next()?.parse().ok()?))
        };
        let ours = |(name, _): &(String, u64)| !name.starts_with("config") && !name.starts_with("script");
        stats.lines().filter_map(one).filter(ours).collect()
    }
}

/// What keeps a sweep short: it touches what it is asked for, however many jobs there are.
#[tokio::test]
async fn a_sweep_touches_no_more_with_very_many_jobs() {
    const PAGE: u64 = 100;
    // By script and command, all that touches a job: 2 calls, TIME, ZRANGE and ZCARD of each, and what is done for each job.
    const CALLS: u64 = 2 * 4 + 2;
    const EACH: u64 = 2 * 2 + 6;
    for by_count in [false, true] {
        let bench = Bench::with(few(if by_count { 50 } else { u64::MAX })).await;
        let mut seen = Vec::new();
        for size in [200, 10_000, 100_000] {
            let at = if by_count {
                bench.queue.time().await.unwrap()
            } else {
                1
            };
            let body = format!(
                "job(id, 'state', 'completed') redis.call('SET', base .. 'result:' .. id, '{{}}')
                 redis.call('ZADD', base .. 'completed', {at} + i, id)"
            );
            bench.seed(size, &body).await;
            // The scripts are known to the server from here on.
            assert_eq!(bench.queue.sweep_jobs(1).await.unwrap(), 1);
            bench.cmd::<()>(&["CONFIG", "RESETSTAT"]).await;
            let page = bench.queue.old_jobs(State::Completed, 0, 100).await.unwrap();
            assert_eq!(
                bench.queue.take_jobs(State::Completed, &page).await.unwrap(),
                PAGE
            );
            let calls = bench.carried_out().await;
            let all: u64 = calls.values().sum();
            assert!(all <= CALLS + PAGE * EACH, "{size}: {all} {calls:?}");
            assert_eq!(calls.get("unlink"), Some(&PAGE), "{size}");
            assert_eq!(bench.count("completed").await, size - PAGE - 1);
            seen.push(calls);
        }
        assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:?}");
    }
}

/// The same of links that are good no more.
#[tokio::test]
async fn links_that_go_touch_no_more_with_very_many_jobs() {
    const PAGE: u64 = 50;
    let mut seen = Vec::new();
    for size in [200, 50_000] {
        let bench = Bench::start().await;
        let body = "job(id, 'state', 'completed', 'exports', 'pdf,pptx', 'pdf_url', 'https://x/1', 'pptx_url', 'https://x/2')
             redis.call('SET', base .. 'result:' .. id, '{}') redis.call('ZADD', base .. 'links', i, id)";
        bench.seed(size, body).await;
        // The script is known to the server from here on.
        assert_eq!(bench.queue.drop_links(1).await.unwrap(), 1);
        bench.cmd::<()>(&["CONFIG", "RESETSTAT"]).await;
        assert_eq!(bench.queue.drop_links(PAGE as usize).await.unwrap(), PAGE);
        let calls = bench.carried_out().await;
        assert_eq!(calls.get("hdel"), Some(&PAGE), "{size}: {calls:?}");
        assert!(calls.values().sum::<u64>() <= 8 + PAGE * 8, "{size}: {calls:?}");
        assert_eq!(bench.count("links").await, size - PAGE - 1);
        seen.push(calls);
    }
    assert_eq!(seen[0], seen[1]);
}
