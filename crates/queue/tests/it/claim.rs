//! `claim_jobs`: what is handed out, what is cleared up, and when there will be more.

use gammaq_queue::claim::{ClaimRequest, OnAmbiguous, Step};
use gammaq_queue::settle::{Settled, Verb};

use crate::bench::{Bench, LONG, REQUEST, asking, ids, millis};

#[tokio::test]
async fn an_empty_queue_has_nothing_and_plans_nothing() {
    let bench = Bench::start().await;
    let claim = bench.claim_for("A", 9, LONG).await;
    assert!(claim.jobs.is_empty());
    assert_eq!(
        (claim.next_at, claim.due_count, claim.oldest_late),
        (None, 0, millis(0))
    );
}

#[tokio::test]
async fn a_claimed_job_carries_its_record_and_is_nobody_elses() {
    let bench = Bench::start().await;
    let fields = [
        ("request", REQUEST),
        ("id", "a"),
        ("exports", "pptx"),
        ("priority", "3"),
        ("timeout", "77"),
    ];
    bench.add_fields(&fields).await;
    let claim = bench.claim_for("A", 9, LONG).await;
    assert!(bench.claim("B", 9).await.is_empty());
    let job = &claim.jobs[0];
    assert_eq!(
        (job.step, job.request.as_str(), job.account.as_str()),
        (Step::Submit, REQUEST, "default")
    );
    assert_eq!(
        (job.exports.len(), job.timeout.unwrap().as_secs(), job.fence),
        (1, 77, 1)
    );
    assert!(
        bench.score("budget:default", &job.slot).await.is_some(),
        "{}",
        job.slot
    );
    assert_eq!(bench.field("a", "worker").await, "A");
    assert_eq!(bench.score("due", "a").await, Some(claim.now + 60_000));
    assert_eq!(bench.cmd::<u64>(&["HGET", "@account:default", "used"]).await, 1);
}

#[tokio::test]
async fn no_more_is_handed_out_than_was_asked_for() {
    let bench = Bench::start().await;
    bench.looks(4).await;
    for id in ["a", "b", "c", "d"] {
        bench.add(id).await;
    }
    let claims = [(0, 9, 0, 4), (1, 9, 1, 4), (9, 2, 3, 2), (9, 9, 0, 0)];
    let mut seen = 0;
    for (looks, submits, handed, submitted) in claims {
        let request = ClaimRequest {
            want: 20,
            looks,
            submits,
            not_after: u64::MAX,
            ..asking("A")
        };
        let claim = bench.queue.claim_jobs(&request).await.unwrap();
        let steps = claim.jobs.iter().filter(|job| job.step == Step::Look).count();
        let expected = if seen == 0 {
            (handed, submitted)
        } else {
            (handed, 0)
        };
        assert_eq!((steps, claim.jobs.len() - steps), expected, "{looks} {submits}");
        seen += submitted;
        let left = looks == 0 && seen == 4 || looks == 1;
        assert_eq!(
            claim.next_at.unwrap() <= claim.now,
            left,
            "{looks} {submits} {claim:?}"
        );
    }
}

#[tokio::test]
async fn what_was_cut_short_goes_on_at_once() {
    let bench = Bench::start().await;
    for id in ["a", "b", "c"] {
        bench.add(id).await;
    }
    let claim = bench.claim_for("A", 1, LONG).await;
    assert_eq!((claim.jobs.len(), claim.next_at), (1, Some(claim.now)));
    let request = ClaimRequest {
        want: 9,
        submits: 1,
        not_after: u64::MAX,
        ..asking("A")
    };
    let claim = bench.queue.claim_jobs(&request).await.unwrap();
    assert_eq!((claim.jobs.len(), claim.next_at), (1, Some(claim.now)));
    assert_eq!(bench.claim("A", 9).await.len(), 1);
    let claim = bench.claim_for("A", 9, LONG).await;
    assert!(claim.next_at.unwrap() > claim.now + 1_000, "{claim:?}");
}

#[tokio::test]
async fn by_policy_a_dead_workers_submit_is_made_again_so_often_and_no_oftener() {
    let bench = Bench::start().await;
    bench.add("a").await;
    let on_ambiguous = OnAmbiguous::Resubmit(2);
    for resubmits in 0..3 {
        let job = bench.submitting("A", LONG).await;
        assert_eq!((job.resubmits, job.attempts), (resubmits, resubmits));
        bench.hurry("a").await;
        let request = ClaimRequest {
            on_ambiguous,
            submits: 0,
            not_after: u64::MAX,
            ..asking("B")
        };
        assert!(bench.queue.claim_jobs(&request).await.unwrap().jobs.is_empty());
        assert_eq!(bench.count("budget:default").await, u64::from(resubmits) + 1);
    }
    assert_eq!(bench.state("a").await, "ambiguous");
    let result = bench.queue.result("a").await.unwrap().unwrap();
    assert_eq!(result.error.unwrap().kind.as_str(), "ambiguous");
    assert!(bench.claim("B", 9).await.is_empty());
}

#[tokio::test]
async fn a_look_whose_worker_died_is_made_by_another() {
    let bench = Bench::start().await;
    bench.looks(1).await;
    let old = bench.claim_one("A").await;
    bench.hurry(&old.id).await;
    let new = bench.claim_one("B").await;
    assert_eq!(
        (new.fence, new.generation_id.as_str()),
        (old.fence + 1, old.generation_id.as_str())
    );
    assert_eq!(bench.end("A", &old, Verb::Complete).await, Settled::Stale);
    assert_eq!(bench.end("B", &new, Verb::Complete).await, Settled::Done);
}

/// Broken by hand: each is put aside, with an event, and stops nobody.
#[tokio::test]
async fn records_that_can_not_be_read_are_put_aside() {
    let bench = Bench::start().await;
    for id in ["gone", "odd", "empty", "over", "good", "resubmits"] {
        bench.add(id).await;
    }
    bench
        .cmd::<u64>(&["DEL", "@job:gone", "@job:odd", "@job:empty"])
        .await;
    bench.cmd::<()>(&["SET", "@job:odd", "x"]).await;
    bench.cmd::<u64>(&["HSET", "@job:empty", "id", "empty"]).await;
    bench
        .cmd::<u64>(&["HSET", "@job:over", "state", "completed"])
        .await;
    bench
        .cmd::<u64>(&[
            "HSET",
            "@job:resubmits",
            "resubmits",
            "many",
            "state",
            "submitting",
        ])
        .await;
    for id in ["gone", "odd", "empty", "over", "resubmits"] {
        bench.cmd::<u64>(&["ZADD", "@due", "1", id]).await;
    }
    bench.cmd::<u64>(&["ZREM", "@pending:default", "resubmits"]).await;
    let request = ClaimRequest {
        want: 9,
        on_ambiguous: OnAmbiguous::Resubmit(1),
        ..asking("A")
    };
    let claim = bench.queue.claim_jobs(&request).await.unwrap();
    assert_eq!(ids(&claim.jobs), ["good", "resubmits"]);
    assert_eq!(
        (bench.count("pending:default").await, bench.count("due").await),
        (0, 2)
    );
    let events = bench.queue.newest_events(99).await.unwrap();
    for id in ["gone", "odd", "empty"] {
        assert!(
            events
                .iter()
                .any(|event| event.id == id && event.note.starts_with("set aside")),
            "{id}"
        );
    }
    assert_eq!(bench.field("resubmits", "resubmits").await, "1");
}

#[tokio::test]
async fn how_late_the_schedule_is_is_said() {
    let bench = Bench::start().await;
    bench.looks(2).await;
    let now = bench.queue.time().await.unwrap();
    let id = bench.queue.due_ids(0, 1).await.unwrap().remove(0);
    bench
        .cmd::<u64>(&["ZADD", "@due", &(now - 7_000).to_string(), &id])
        .await;
    let claim = bench.claim_for("A", 1, LONG).await;
    assert_eq!((ids(&claim.jobs), claim.due_count), (vec![id.as_str()], 2));
    assert!(
        (7_000..9_000).contains(&claim.oldest_late.as_millis()),
        "{:?}",
        claim.oldest_late
    );
}

/// An answer of many large requests would not arrive in time.
#[tokio::test]
async fn large_requests_come_a_few_at_a_time() {
    let bench = Bench::start().await;
    let large = "x".repeat(3_000_000);
    for id in ["a", "b", "c", "d"] {
        bench.add(id).await;
        bench
            .cmd::<u64>(&["HSET", &format!("@job:{id}"), "request", &large])
            .await;
    }
    let claim = bench.claim_for("A", 9, LONG).await;
    assert_eq!(ids(&claim.jobs), ["a", "b", "c"]);
    assert_eq!(claim.next_at, Some(claim.now));
    assert_eq!(ids(&bench.claim("A", 9).await), ["d"]);
}
