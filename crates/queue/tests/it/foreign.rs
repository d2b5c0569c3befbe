//! Accounts that a worker has no key for: left to others, and in nobody's way.

use gammaq_queue::claim::{Claim, ClaimRequest};
use gammaq_queue::settle::{Settled, Verb};

use crate::bench::{Bench, LONG, asking, ids};

impl Bench {
    async fn claim_without(&self, worker: &str, want: usize, foreign: &[String]) -> Claim {
        let request = ClaimRequest {
            want,
            foreign,
            ..asking(worker)
        };
        self.queue.claim_jobs(&request).await.unwrap()
    }
}

#[tokio::test]
async fn submits_of_foreign_accounts_wait_for_another_worker() {
    let bench = Bench::start().await;
    let foreign: Vec<String> = ["f1", "f2"].map(str::to_owned).into();
    for account in ["f1", "own", "f2"] {
        bench.account(account, 9, LONG).await;
        for n in 0..2 {
            bench.add_to(account, &format!("{account}-{n}")).await;
        }
    }
    let claim = bench.claim_without("A", 9, &foreign).await;
    assert_eq!(ids(&claim.jobs), ["own-0", "own-1"]);
    let claim = bench.claim_without("A", 9, &foreign).await;
    assert!(
        claim.jobs.is_empty() && claim.next_at.unwrap() > claim.now,
        "{claim:?}"
    );
    assert_eq!(bench.claim("B", 9).await.len(), 4);
}

/// Both wake when a look is due. The one that can't look is first, again and again: the other must still find it.
#[tokio::test]
async fn a_foreign_look_stays_where_it_is_for_the_worker_that_can_look() {
    let bench = Bench::start().await;
    bench.add("a").await;
    let job = bench.generating("B", "g").await;
    let foreign = ["default".to_owned()];
    for _ in 0..3 {
        let claim = bench.claim_without("A", 9, &foreign).await;
        assert!(claim.jobs.is_empty());
        // Not at once again, either.
        assert!(claim.next_at.unwrap() > claim.now, "{claim:?}");
        assert!(bench.score("due", "a").await.unwrap() <= claim.now);
    }
    let look = bench.claim_one("B").await;
    // The record of its generation raised it, too.
    assert_eq!((look.id.as_str(), look.fence), ("a", job.fence + 2));
}

/// Nobody looks at them for long, so they make room for what stands behind them.
#[tokio::test]
async fn looks_that_nobody_can_make_do_not_hide_those_behind_them() {
    let bench = Bench::start().await;
    bench.account("f", 999, LONG).await;
    let foreign = ["f".to_owned()];
    bench.add("own").await;
    bench.generating("A", "g").await;
    bench
        .eval::<()>(
            "for i = 1, 500 do
               redis.call('HSET', base .. 'job:f' .. i, 'id', 'f' .. i, 'state', 'generating', 'account', 'f',
                 'fence', 1, 'generation_id', 'g')
               redis.call('ZADD', base .. 'due', i, 'f' .. i)
             end",
        )
        .await;
    let mut calls = 0;
    loop {
        calls += 1;
        let claim = bench.claim_without("A", 10, &foreign).await;
        if !claim.jobs.is_empty() {
            assert_eq!(ids(&claim.jobs), ["own"]);
            break;
        }
        assert!(claim.next_at.unwrap() <= claim.now && calls < 9, "{claim:?}");
    }
    let claim = bench.claim_without("A", 10, &foreign).await;
    assert!(claim.next_at.unwrap() > claim.now + 100, "{claim:?}");
    assert_eq!(bench.count("due").await, 501);
}

#[tokio::test]
async fn what_a_dead_worker_of_a_foreign_account_held_is_cleared_up_by_anyone() {
    let bench = Bench::start().await;
    bench.add("queued").await;
    bench.add("submitting").await;
    let jobs = bench.claim("dead", 2).await;
    bench.begin("dead", &jobs[1]).await;
    for job in &jobs {
        bench.hurry(&job.id).await;
    }
    let claim = bench.claim_without("A", 9, &["default".to_owned()]).await;
    assert!(claim.jobs.is_empty());
    assert_eq!(bench.state("submitting").await, "ambiguous");
    assert_eq!(
        bench.queue.pending_ids("default", 0, 9).await.unwrap(),
        ["queued"]
    );
}

#[tokio::test]
async fn a_thousand_foreign_accounts_do_not_hide_an_own_one() {
    let bench = Bench::start().await;
    let foreign: Vec<String> = (0..1_000).map(|n| format!("f{n}")).collect();
    bench
        .eval::<()>(
            "for i = 0, 999 do
               redis.call('ZADD', base .. 'accounts', i, 'f' .. i)
               redis.call('ZADD', base .. 'pending:f' .. i, i, 'x' .. i)
             end",
        )
        .await;
    bench.add("own").await;
    let claim = bench.claim_without("A", 9, &foreign).await;
    assert_eq!(ids(&claim.jobs), ["own"]);
    assert_eq!(
        bench.end("A", &claim.jobs[0], Verb::Requeue(LONG)).await,
        Settled::Done
    );
    let claim = bench.claim_without("A", 9, &foreign).await;
    assert!(
        claim.jobs.is_empty() && claim.next_at.unwrap() > claim.now,
        "{claim:?}"
    );
}
