//! What a day costs: each generation once, whoever repeats what.

use gammaq_job::{Command, ErrorKind, GenerationId, JobId, Resolution};
use gammaq_queue::claim::Claimed;
use gammaq_queue::operate::{Asker, Outcome, Timeouts};
use gammaq_queue::settle::{Settled, Settlement, Verb};
use gammaq_queue::spending::{DAYS_KEPT, Spent};
use gammaq_queue::submit::Recorded;

use crate::bench::{Bench, LONG, SETTLE, error_field, settlement};

/// How long a day's sums are kept.
const KEPT_MS: i64 = 35 * 86_400_000;

impl Bench {
    /// Milliseconds for which today's sums are still kept; negative where nothing ends them.
    async fn kept(&self) -> i64 {
        let today = self.queue.spending(1).await.unwrap().remove(0).date;
        self.cmd(&["PTTL", &format!("@spent:{today}")]).await
    }

    async fn spent(&self, account: &str) -> Spent {
        let days = self.queue.spending(1).await.unwrap();
        assert_eq!(days.len(), 1);
        days[0].accounts.get(account).copied().unwrap_or_default()
    }
}

fn ending(look: &Claimed, verb: Verb, credits: &str) -> Settlement {
    let mut item = settlement(look, verb);
    item.fields.push(("credits_deducted", credits.to_owned()));
    if matches!(verb, Verb::Fail) {
        item.fields.push(error_field(ErrorKind::GenerationFailed));
    }
    item
}

#[tokio::test]
async fn submits_and_credits_count_once_however_often_it_is_said() {
    let bench = Bench::start().await;
    bench.account("other", 9, LONG).await;
    for (account, id, credits) in [
        ("default", "a", "150"),
        ("default", "b", "40"),
        ("other", "c", "7"),
    ] {
        bench.add_to(account, id).await;
        let job = bench.generating("A", id).await;
        assert_eq!(bench.record("A", &job, id).await, Recorded::Known);
        let look = bench.claim_one("A").await;
        let verb = if id == "b" { Verb::Fail } else { Verb::Complete };
        assert_eq!(
            bench.settle("A", ending(&look, verb, credits)).await,
            Settled::Done
        );
        assert_eq!(
            bench.settle("A", ending(&look, verb, credits)).await,
            Settled::Stale
        );
    }
    let spent = |submits, credits| Spent { submits, credits };
    assert_eq!(bench.spent("default").await, spent(2, 190.0));
    assert_eq!(bench.spent("other").await, spent(1, 7.0));
    assert_eq!(bench.stat("credits_deducted").await, 197);
}

#[tokio::test]
async fn a_day_goes_by_itself_whatever_was_its_first_call() {
    let bench = Bench::start().await;
    let is_bounded = |left: i64| left > KEPT_MS - 86_400_000 && left <= KEPT_MS;
    let today = bench.queue.spending(1).await.unwrap().remove(0).date;
    let day = format!("@spent:{today}");
    for (id, credits) in [("a", "7"), ("b", "7.5")] {
        bench.add(id).await;
        bench.generating("A", id).await;
        assert!(is_bounded(bench.kept().await), "a submit");
        assert_eq!(bench.cmd::<u64>(&["DEL", &day]).await, 1);
        let look = bench.claim_one("A").await;
        bench.settle("A", ending(&look, Verb::Complete, credits)).await;
        assert!(is_bounded(bench.kept().await), "{credits} credits");
        assert_eq!(bench.cmd::<u64>(&["DEL", &day]).await, 1);
    }
}

/// An index that is broken by hand takes nothing else with it.
#[tokio::test]
async fn what_an_end_cost_counts_where_its_index_is_broken() {
    let bench = Bench::start().await;
    bench.add("a").await;
    bench.generating("A", "a").await;
    let look = bench.claim_one("A").await;
    bench.cmd::<()>(&["SET", "@completed", "broken"]).await;
    let item = [ending(&look, Verb::Complete, "40")];
    let settled = bench.queue.settle_jobs("A", &SETTLE, &item).await;
    assert!(settled.unwrap_err().to_string().contains("WRONGTYPE"));
    assert!((bench.spent("default").await.credits - 40.0).abs() < f64::EPSILON);
    assert_eq!((bench.stat("completed").await, bench.stat("polls").await), (1, 1));
    assert_eq!(bench.score("due", "a").await, None);
}

#[tokio::test]
async fn a_second_generation_of_a_job_is_a_submit_too() {
    let bench = Bench::start().await;
    bench.add("a").await;
    let job = bench.generating("A", "g").await;
    for _ in 0..2 {
        bench.record("A", &job, "another").await;
    }
    assert_eq!(bench.spent("default").await.submits, 2);
}

#[tokio::test]
async fn a_generation_that_an_operator_found_is_a_submit_once() {
    let bench = Bench::start().await;
    bench.add("a").await;
    let job = bench.claim_one("A").await;
    bench.begin("A", &job).await;
    let mut item = settlement(&job, Verb::Park);
    item.fields.push(error_field(ErrorKind::Ambiguous));
    assert_eq!(bench.settle("A", item).await, Settled::Done);
    assert_eq!(bench.spent("default").await.submits, 0, "nobody knows");
    let found = Resolution::Generation(GenerationId::new("g").unwrap());
    let command = Command::Resolve(JobId::new("a").unwrap(), found);
    let timeouts = Timeouts {
        classic: LONG,
        agent: LONG,
    };
    for expected in [Outcome::Done, Outcome::Already] {
        let answer = bench
            .queue
            .operate(&Asker::direct("carol"), &command, &timeouts)
            .await;
        assert_eq!(answer.unwrap().outcome, expected);
    }
    // The answer to the POST comes after all.
    assert_eq!(bench.record("A", &job, "g").await, Recorded::Known);
    assert_eq!(bench.spent("default").await.submits, 1);
}

#[tokio::test]
async fn what_timed_out_counts_when_a_late_look_says_what_it_cost() {
    let bench = Bench::start().await;
    for (id, verb) in [("a", Verb::Complete), ("b", Verb::Rest)] {
        bench.add(id).await;
        bench.generating("A", id).await;
        let look = bench.claim_one("A").await;
        let mut item = settlement(&look, Verb::TimeOut);
        item.fields.push(error_field(ErrorKind::TimedOut));
        assert_eq!(bench.settle("A", item).await, Settled::Done);
        let before = bench.spent("default").await.credits;
        bench.hurry(id).await;
        let look = bench.claim_one("A").await;
        assert_eq!(bench.settle("A", ending(&look, verb, "10")).await, Settled::Done);
        assert_eq!(bench.spent("default").await.credits, before + 10.0);
    }
}

/// A job whose generation was counted, and that is looked at once more.
#[tokio::test]
async fn a_generation_that_is_looked_at_again_is_not_counted_again() {
    let bench = Bench::start().await;
    bench.add("a").await;
    bench.generating("A", "g").await;
    let look = bench.claim_one("A").await;
    bench.settle("A", ending(&look, Verb::Fail, "10")).await;
    bench.cmd::<u64>(&["HSET", "@job:a", "state", "generating"]).await;
    bench.cmd::<u64>(&["ZADD", "@due", "1", "a"]).await;
    let look = bench.claim_one("A").await;
    assert_eq!(
        bench.settle("A", ending(&look, Verb::Complete, "10")).await,
        Settled::Done
    );
    assert_eq!(bench.spent("default").await.credits, 10.0);
    assert_eq!(bench.stat("credits_deducted").await, 10);
}

#[tokio::test]
async fn a_day_broken_by_hand_stops_nothing() {
    let bench = Bench::start().await;
    let today = bench.queue.spending(1).await.unwrap().remove(0).date;
    bench
        .cmd::<()>(&["SET", &format!("@spent:{today}"), "mine"])
        .await;
    bench.add("a").await;
    bench.generating("A", "g").await;
    let look = bench.claim_one("A").await;
    assert_eq!(
        bench.settle("A", ending(&look, Verb::Complete, "10")).await,
        Settled::Done
    );
    assert_eq!(bench.state("a").await, "completed");
}

#[tokio::test]
async fn days_without_spending_are_there_and_older_ones_are_not_asked_for() {
    let bench = Bench::start().await;
    let days = bench.queue.spending(u32::MAX).await.unwrap();
    assert_eq!(days.len(), DAYS_KEPT as usize);
    assert!(days.windows(2).all(|pair| pair[0].date > pair[1].date));
    assert!(days.iter().all(|day| day.accounts.is_empty()));
}
