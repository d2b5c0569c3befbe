//! The budget: never more than the limit in any window, never a slot lost, turns and order.

use std::time::Duration;

use gammaq_queue::claim::Claimed;
use gammaq_queue::settle::{Settled, Verb};
use gammaq_queue::submit::{Begun, Recorded};

use crate::bench::{Bench, LONG, REQUEST, ids, limited, millis};

const WINDOW: u64 = 300;

/// The most arrivals in any window: both of its ends count.
pub(crate) fn most_in_a_window(arrivals: &[u64], window: u64) -> usize {
    let mut times = arrivals.to_vec();
    times.sort_unstable();
    let reach = |from: usize| {
        times[from..]
            .iter()
            .take_while(|t| **t <= times[from] + window)
            .count()
    };
    (0..times.len()).map(reach).max().unwrap_or(0)
}

#[test]
fn windows_are_counted_with_both_ends() {
    assert_eq!(most_in_a_window(&[], 10), 0);
    assert_eq!(most_in_a_window(&[10, 0, 11, 20], 10), 3);
    assert_eq!(most_in_a_window(&[0, 11, 22], 10), 1);
}

/// Begins, lets Redis's time of the POST's arrival be known, and ends it in one of the ways that keep the slot,
/// or in the one that gives it back.
async fn submit(bench: &Bench, worker: &str, job: &Claimed, n: usize) -> Option<u64> {
    assert_eq!(bench.begin(worker, job).await, Begun::Yes);
    let arrived = bench.queue.time().await.unwrap();
    match n % 7 {
        0 => assert_eq!(
            bench.end(worker, job, Verb::Requeue(millis(0))).await,
            Settled::Done
        ),
        1 => assert_eq!(bench.end(worker, job, Verb::Fail).await, Settled::Done),
        _ => assert_eq!(bench.record(worker, job, &job.id).await, Recorded::Generating),
    }
    (!n.is_multiple_of(7)).then_some(arrived)
}

async fn work(bench: &Bench, worker: &str, until: u64) -> Vec<u64> {
    let (mut arrivals, mut n) = (Vec::new(), worker.len());
    loop {
        let request = gammaq_queue::claim::ClaimRequest {
            want: 3,
            looks: 0,
            ..crate::bench::asking(worker)
        };
        let claim = bench.queue.claim_jobs(&request).await.unwrap();
        if claim.now > until {
            for job in &claim.jobs {
                bench.end(worker, job, Verb::Release).await;
            }
            return arrivals;
        }
        for job in &claim.jobs {
            n += 1;
            arrivals.extend(submit(bench, worker, job, n).await);
        }
        if claim.jobs.is_empty() {
            bench.past(claim.now).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_window_has_more_than_the_limit_whoever_claims() {
    let bench = Bench::start().await;
    bench.account("default", 5, millis(WINDOW)).await;
    let request: &[(&str, &[u8])] = &[("request", REQUEST.as_bytes())];
    bench.queue.append_many(&vec![request; 200]).await.unwrap();
    bench.accept_waiting().await;
    let until = bench.queue.time().await.unwrap() + 3_000;
    let (a, bb, ccc) = tokio::join!(
        work(&bench, "a", until),
        work(&bench, "bb", until),
        work(&bench, "ccc", until)
    );
    let arrivals = [a, bb, ccc].concat();
    assert_eq!(most_in_a_window(&arrivals, WINDOW), 5, "{arrivals:?}");
    // Nor fewer than there could be: five a window, less what the steps themselves take.
    let windows = 3_000 / (WINDOW + 1);
    assert!(
        arrivals.len() as u64 >= 5 * windows / 2,
        "{} in {windows} windows",
        arrivals.len()
    );
}

#[tokio::test]
async fn there_is_nothing_to_claim_until_the_oldest_slot_comes_back_and_its_time_is_said() {
    let bench = Bench::start().await;
    bench.account("default", 1, millis(WINDOW)).await;
    bench.add("a").await;
    bench.add("b").await;
    let job = bench.generating("A", "g").await;
    let arrived = bench.score("budget:default", &job.slot).await.unwrap();
    let look = bench.claim_one("A").await;
    assert_eq!(bench.end("A", &look, Verb::Again(LONG)).await, Settled::Done);
    let mut claim = bench.claim_for("A", 9, LONG).await;
    while claim.jobs.is_empty() {
        assert_eq!(claim.next_at, Some(arrived + WINDOW + 1), "{claim:?}");
        bench.past(claim.next_at.unwrap() - 1).await;
        claim = bench.claim_for("A", 9, LONG).await;
    }
    assert_eq!(ids(&claim.jobs), ["b"]);
    assert!(claim.now > arrived + WINDOW, "{} at {}", arrived, claim.now);
}

/// Both ends of a window count: a slot comes back one millisecond after it.
#[tokio::test]
async fn the_end_of_a_window_is_exact() {
    let bench = Bench::start().await;
    bench.account("default", 1, millis(WINDOW)).await;
    bench.add("a").await;
    let (mut last, mut first, mut ahead) = (false, false, 0);
    while !last || !first {
        // The claim comes some milliseconds later: one of these tries meets the end itself.
        ahead = (ahead + 1) % 5;
        let slot = bench.queue.time().await.unwrap() - WINDOW + ahead;
        bench
            .cmd::<u64>(&["ZADD", "@budget:default", &slot.to_string(), "another#1.0"])
            .await;
        bench.cmd::<u64>(&["ZADD", "@accounts", "1", "default"]).await;
        let claim = bench.claim_for("A", 1, LONG).await;
        let age = claim.now - slot;
        assert_eq!(claim.jobs.is_empty(), age <= WINDOW, "{age}");
        last |= age == WINDOW;
        first |= age == WINDOW + 1;
        for job in &claim.jobs {
            assert_eq!(bench.end("A", job, Verb::Release).await, Settled::Done);
        }
    }
}

#[tokio::test]
async fn slots_come_back_when_nothing_was_accepted_and_only_then() {
    let bench = Bench::start().await;
    bench.account("default", 1, LONG).await;
    bench.add("a").await;
    for n in 0..3 {
        let job = bench.submitting("A", LONG).await;
        assert_eq!(job.attempts, n);
        assert_eq!(bench.count("budget:default").await, 1);
        assert_eq!(
            bench.end("A", &job, Verb::Requeue(millis(0))).await,
            Settled::Done
        );
        assert_eq!(bench.count("budget:default").await, 0);
        assert_eq!(
            bench
                .score("accounts", "default")
                .await
                .map(|at| at <= job.claimed_at + 5_000),
            Some(true)
        );
    }
    let job = bench.claim_one("A").await;
    assert_eq!(bench.end("A", &job, Verb::Release).await, Settled::Done);
    assert_eq!(bench.count("budget:default").await, 0);
    let job = bench.submitting("A", LONG).await;
    let told = limited(&job, Verb::Requeue(millis(0)), Some(millis(1)));
    assert_eq!(bench.settle("A", told).await, Settled::Done);
    assert_eq!(bench.count("budget:default").await, 0);
    let now = bench.queue.time().await.unwrap();
    bench.past(now + 1).await;
    // A refused job keeps it, from the time of the answer on.
    let job = bench.submitting("A", LONG).await;
    assert!(bench.score("budget:default", &job.slot).await.unwrap() >= job.claimed_at + 60_000);
    assert_eq!(bench.end("A", &job, Verb::Fail).await, Settled::Done);
    let slot = bench.score("budget:default", &job.slot).await.unwrap();
    assert!(slot <= bench.queue.time().await.unwrap());
    bench.add("b").await;
    assert!(bench.claim("A", 9).await.is_empty());
}

/// Where no answer came, the POST may still be on its way: its slot keeps the latest time.
#[tokio::test]
async fn an_unclear_submit_keeps_its_slot_for_as_long_as_it_may_arrive() {
    for verb in [Verb::Park, Verb::Resubmit(LONG)] {
        let bench = Bench::start().await;
        bench.add("a").await;
        let job = bench.submitting("A", LONG).await;
        let latest = bench.score("budget:default", &job.slot).await;
        assert_eq!(bench.end("A", &job, verb).await, Settled::Done);
        assert_eq!(bench.score("budget:default", &job.slot).await, latest, "{verb:?}");
    }
}

#[tokio::test]
async fn a_lease_that_ends_with_an_intent_parks_the_job_and_keeps_the_slot() {
    let bench = Bench::start().await;
    bench.account("default", 1, LONG).await;
    bench.add("a").await;
    bench.add("b").await;
    let job = bench.submitting("A", millis(20)).await;
    let latest = bench.score("budget:default", &job.slot).await.unwrap();
    bench.past(latest).await;
    assert!(bench.claim("B", 9).await.is_empty());
    assert_eq!(bench.state("a").await, "ambiguous");
    assert_eq!(bench.score("budget:default", &job.slot).await, Some(latest));
    // Its next turn is worked out from the claim, or from the intent a little later.
    assert!(bench.score("accounts", "default").await.unwrap() > latest + 50_000);
}

/// The job comes back when its lease ends, and finds its slot: no second one is charged.
#[tokio::test]
async fn a_claim_whose_answer_was_lost_costs_nothing() {
    let bench = Bench::start().await;
    bench.account("default", 1, LONG).await;
    bench.add("a").await;
    for fence in 1..4 {
        let claim = bench.claim_for("A", 1, millis(5)).await;
        assert_eq!(
            (ids(&claim.jobs), claim.jobs[0].fence),
            (vec!["a"], 2 * fence - 1)
        );
        assert_eq!(bench.count("budget:default").await, 1);
        bench.past(claim.now + 5).await;
    }
    let job = bench.submitting("B", LONG).await;
    assert_eq!((bench.count("budget:default").await, job.attempts), (1, 0));
}

/// A job that is held long before it is begun: its slot lasts as long as the hold, and is never charged late.
#[tokio::test]
async fn a_slow_begin_finds_its_slot_or_does_not_begin() {
    let bench = Bench::start().await;
    bench.account("default", 1, millis(10)).await;
    bench.add("a").await;
    bench.add("b").await;
    let job = bench.claim_for("A", 1, millis(40)).await.jobs.pop().unwrap();
    let held = [("a".to_owned(), job.fence)];
    bench.past(job.claimed_at + 5).await;
    assert!(
        bench
            .queue
            .renew_leases("A", millis(400), &held)
            .await
            .unwrap()
            .is_empty()
    );
    // The window of the slot as it was claimed is over.
    bench.past(job.claimed_at + 60).await;
    assert!(bench.claim("B", 9).await.is_empty());
    assert_eq!(bench.begin("A", &job).await, Begun::Yes);
    assert!(bench.claim("B", 9).await.is_empty());
    assert_eq!(
        bench.end("A", &job, Verb::Requeue(millis(0))).await,
        Settled::Done
    );

    let job = bench.claim_for("A", 1, millis(1)).await.jobs.pop().unwrap();
    assert_eq!(job.id, "a");
    bench.past(job.claimed_at + 20).await;
    // Whoever claims for the account now counts without it. (Looks only, so that the hold itself stays.)
    bench
        .cmd::<u64>(&["ZADD", "@due", "XX", "CH", "9999999999999", "a"])
        .await;
    assert_eq!(ids(&bench.claim("B", 9).await), ["b"]);
    assert_eq!(bench.begin("A", &job).await, Begun::Late);
    assert_eq!(bench.state("a").await, "queued");
    assert_eq!(bench.end("A", &job, Verb::Release).await, Settled::Done);
    assert_eq!(bench.count("budget:default").await, 1);
}

/// The set of slots outlives its last slot's window, whoever claims with what lease.
#[tokio::test]
async fn a_short_lease_does_not_shorten_the_slots_of_others() {
    let bench = Bench::start().await;
    bench.account("default", 2, Duration::from_secs(2)).await;
    bench.add("a").await;
    bench.add("b").await;
    let long = bench.claim_for("A", 1, LONG).await.jobs.pop().unwrap();
    let needed = |score: u64| score + 2_000;
    assert_eq!(bench.claim_for("B", 1, millis(1)).await.jobs.len(), 1);
    for renewed in [false, true] {
        let score = bench.score("budget:default", &long.slot).await.unwrap();
        let left: u64 = bench.cmd(&["PTTL", "@budget:default"]).await;
        assert!(left + bench.queue.time().await.unwrap() > needed(score), "{left}");
        if !renewed {
            let held = [("a".to_owned(), long.fence)];
            assert!(
                bench
                    .queue
                    .renew_leases("A", LONG * 10, &held)
                    .await
                    .unwrap()
                    .is_empty()
            );
        }
    }
    assert_eq!(bench.try_begin("A", &long, LONG * 20).await.unwrap(), Begun::Yes);
    let score = bench.score("budget:default", &long.slot).await.unwrap();
    let left: u64 = bench.cmd(&["PTTL", "@budget:default"]).await;
    assert!(score >= long.claimed_at + 1_200_000);
    assert!(left + bench.queue.time().await.unwrap() > needed(score), "{left}");
}

/// The id of a job that ended and expired is free again: its old slot is another's.
#[tokio::test]
async fn a_new_job_under_an_old_id_has_a_slot_of_its_own() {
    let bench = Bench::start().await;
    for n in 1..=2 {
        bench.add("a").await;
        let job = bench.submitting("A", LONG).await;
        assert_eq!(bench.end("A", &job, Verb::Fail).await, Settled::Done);
        assert_eq!(bench.count("budget:default").await, n);
        bench.cmd::<u64>(&["DEL", "@job:a"]).await;
    }
}

#[tokio::test]
async fn a_bigger_budget_counts_at_once_and_none_at_all_is_no_reason_to_run_hot() {
    let bench = Bench::start().await;
    bench.account("default", 0, LONG).await;
    bench.add("a").await;
    bench.add("b").await;
    let claim = bench.claim_for("A", 9, LONG).await;
    assert!(
        claim.jobs.is_empty() && claim.next_at.unwrap() > claim.now,
        "{claim:?}"
    );
    bench.account("default", 1, LONG).await;
    assert_eq!(ids(&bench.claim("A", 9).await), ["a"]);
    let claim = bench.claim_for("A", 9, LONG).await;
    assert!(
        claim.jobs.is_empty() && claim.next_at.unwrap() >= claim.now + 60_000 - 5_000,
        "{claim:?}"
    );
    bench.account("default", 2, LONG).await;
    assert_eq!(ids(&bench.claim("A", 9).await), ["b"]);
}

#[tokio::test]
async fn accounts_take_turns_and_one_without_slots_holds_up_nobody() {
    let bench = Bench::start().await;
    for (account, limit) in [("x", 9), ("y", 9), ("full", 1)] {
        bench.account(account, limit, LONG).await;
        for n in 0..3 {
            bench.add_to(account, &format!("{account}{n}")).await;
        }
    }
    assert_eq!(ids(&bench.claim("A", 4).await), ["x0", "y0", "full0", "x1"]);
    let mut rest = Vec::new();
    for _ in 0..3 {
        rest.extend(bench.claim("A", 1).await);
    }
    assert_eq!(ids(&rest), ["y1", "x2", "y2"]);
    assert!(bench.claim("A", 1).await.is_empty());
}

#[tokio::test]
async fn priority_then_arrival_also_for_what_is_given_back() {
    let bench = Bench::start().await;
    for (id, priority) in [("c", "5"), ("e", "9"), ("a", "0"), ("d", "5"), ("b", "0")] {
        bench
            .add_fields(&[("request", REQUEST), ("id", id), ("priority", priority)])
            .await;
    }
    let order = ["a", "b", "c", "d", "e"];
    let jobs = bench.claim("A", 5).await;
    assert_eq!(ids(&jobs), order);
    for (n, job) in jobs.iter().enumerate() {
        match n {
            0 => assert_eq!(bench.end("A", job, Verb::Release).await, Settled::Done),
            1 => bench.hurry(&job.id).await,
            2 => assert_eq!(bench.end("A", job, Verb::Requeue(millis(1))).await, Settled::Done),
            _ => {
                assert_eq!(bench.begin("A", job).await, Begun::Yes);
                assert_eq!(bench.end("A", job, Verb::Requeue(millis(0))).await, Settled::Done);
            }
        }
    }
    let now = bench.queue.time().await.unwrap();
    bench.past(now + 1).await;
    assert_eq!(ids(&bench.claim("A", 5).await), order);
}
