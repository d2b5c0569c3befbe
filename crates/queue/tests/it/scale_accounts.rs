//! Very many accounts.

use gammaq_queue::claim::ClaimRequest;

use crate::bench::{Bench, LONG, asking};
use crate::scale::SIZES;

impl Bench {
    /// One waiting job in each of `size` accounts.
    async fn accounts(&self, size: u64, limit: u32) {
        let body = format!(
            "local account = 'a' .. i
             redis.call('HSET', base .. 'job:' .. id, 'id', id, 'account', account, 'state', 'queued', 'seq', i,
               'priority', 5, 'attempts', 0, 'request', '{{}}')
             redis.call('HSET', base .. 'account:' .. account, 'limit', {limit}, 'window_ms', 60000)
             redis.call('ZADD', base .. 'pending:' .. account, i, id)
             redis.call('ZADD', base .. 'accounts', i + 1, account)"
        );
        self.seed(size, &body).await;
    }
}

#[tokio::test]
async fn each_has_its_turn() {
    let bench = Bench::start().await;
    for size in SIZES {
        bench.accounts(size, 1).await;
        let mut handed = 0;
        for _ in 0..size.div_ceil(1_000).min(10) {
            let claim = bench
                .timed("claim", size, bench.claim_for("A", 1_000, LONG))
                .await;
            assert_eq!(claim.jobs.len() as u64, (size - handed).min(1_000));
            handed += claim.jobs.len() as u64;
        }
        let request = ClaimRequest {
            submits: 3,
            not_after: u64::MAX,
            want: 1_000,
            ..asking("A")
        };
        let claim = bench
            .timed("claim", size, bench.queue.claim_jobs(&request))
            .await
            .unwrap();
        assert_eq!(claim.jobs.len() as u64, (size - handed).min(3));
    }
}

#[tokio::test]
async fn none_of_them_has_a_slot() {
    let bench = Bench::start().await;
    for size in SIZES {
        bench.accounts(size, 0).await;
        let mut calls = 0;
        loop {
            let claim = bench
                .timed("claim", size, bench.claim_for("A", 1_000, LONG))
                .await;
            assert!(claim.jobs.is_empty());
            calls += 1;
            // Each is put off for a while, so this ends, unless it takes longer than that.
            if claim.next_at.is_none_or(|time| time > claim.now) || calls > size / 1_000 {
                break;
            }
        }
        assert!(calls <= 1 + size / 1_000, "{size}: {calls}");
    }
}

#[tokio::test]
async fn their_pending_jobs_are_gone() {
    let bench = Bench::start().await;
    for size in SIZES {
        bench
            .seed(size, "redis.call('ZADD', base .. 'accounts', i + 1, id)")
            .await;
        for left in 1..=size.div_ceil(1_000) {
            let claim = bench
                .timed("claim", size, bench.claim_for("A", 1_000, LONG))
                .await;
            assert!(claim.jobs.is_empty());
            assert_eq!(bench.count("accounts").await, size.saturating_sub(left * 1_000));
        }
    }
}
