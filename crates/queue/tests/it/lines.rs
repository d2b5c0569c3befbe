//! Lines of accounts with jobs in them that a claim can't hand out as they stand there.

use crate::bench::{Bench, LONG, ids};

impl Bench {
    /// Two jobs of `default` behind one that stands in its line and whose record names the account `other`.
    async fn with_a_job_of_another_account(&self, fields: &[&str]) {
        self.account("other", 9, LONG).await;
        self.add_to("other", "stray").await;
        for id in ["b", "c"] {
            self.add(id).await;
        }
        self.cmd::<u64>(&["ZREM", "@pending:other", "stray"]).await;
        self.cmd::<u64>(&["ZADD", "@pending:default", "1", "stray"]).await;
        if !fields.is_empty() {
            self.cmd::<u64>(&[&["HSET", "@job:stray"], fields].concat()).await;
        }
    }
}

#[tokio::test]
async fn the_account_of_the_line_is_charged_and_each_job_is_handed_out_once() {
    let bench = Bench::start().await;
    bench.with_a_job_of_another_account(&[]).await;
    let jobs = bench.claim("A", 9).await;
    assert_eq!(ids(&jobs), ["stray", "b", "c"]);
    assert!(jobs.iter().all(|job| job.fence == 1), "{jobs:?}");
    assert_eq!(bench.cmd::<u64>(&["ZCARD", "@budget:default"]).await, 3);
    assert_eq!(bench.cmd::<u64>(&["EXISTS", "@budget:other"]).await, 0);
    assert!(bench.cmd::<i64>(&["PTTL", "@budget:default"]).await > 0);
    assert_eq!(bench.count("pending:default").await, 0);
    // And nothing of it is in the way of later claims.
    bench.add("d").await;
    assert_eq!(ids(&bench.claim("A", 9).await), ["d"]);
}

#[tokio::test]
async fn a_wish_in_another_line_is_carried_out_once_and_nobody_else_is_handed_out_twice() {
    let bench = Bench::start().await;
    let wish = ["cancel_requested", "1", "cancel_requested_by", "somebody"];
    bench.with_a_job_of_another_account(&wish).await;
    let jobs = bench.claim("A", 9).await;
    assert_eq!(ids(&jobs), ["b", "c"]);
    assert!(jobs.iter().all(|job| job.fence == 1), "{jobs:?}");
    assert_eq!(bench.state("stray").await, "cancelled");
    assert_eq!(bench.count("pending:default").await, 0);
    assert_eq!(bench.stat("cancelled").await, 1);
}

/// More accounts than are read at once, with several jobs each: every account has a turn before one has its second.
#[tokio::test]
async fn turns_of_more_accounts_than_are_read_at_once() {
    let bench = Bench::start().await;
    let names: Vec<String> = (0..230).map(|n| format!("a{n}")).collect();
    for name in &names {
        bench.account(name, 2, LONG).await;
        for n in 0..3 {
            bench.add_to(name, &format!("{name}-{n}")).await;
        }
    }
    let jobs = bench.claim("A", 1_000).await;
    assert_eq!(jobs.len(), 460, "two slots each");
    let first: std::collections::BTreeSet<&str> =
        jobs[..230].iter().map(|job| job.account.as_str()).collect();
    assert_eq!(first.len(), 230);
    for name in &names {
        assert_eq!(bench.cmd::<u64>(&["ZCARD", &format!("@budget:{name}")]).await, 2);
        assert!(bench.cmd::<i64>(&["PTTL", &format!("@budget:{name}")]).await > 0);
        assert_eq!(bench.count(&format!("pending:{name}")).await, 1);
    }
    assert!(bench.claim("A", 1_000).await.is_empty());
}
