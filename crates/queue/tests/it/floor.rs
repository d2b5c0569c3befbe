//! `credits_floor`: below it nothing more is begun, what is under way goes on, and one job is let through on request.

use gammaq_job::{AccountName, Command, Scope};
use gammaq_queue::claim::Step;
use gammaq_queue::operate::{Asker, Outcome, Timeouts};
use gammaq_queue::registry::Budget;
use gammaq_queue::settle::{Settled, Settlement, Verb};

use crate::bench::{Bench, LONG, ids, settlement};

impl Bench {
    async fn floor(&self, floor: Option<u64>) {
        let budget = Budget {
            limit: 1_000,
            window: LONG,
            credits_floor: floor,
        };
        self.queue.register_account("default", budget).await.unwrap();
    }

    /// Completes one look that is due with an answer that says what is left.
    async fn answer(&self, remaining: i64) {
        let look = self.claim("A", 1).await.remove(0);
        assert_eq!(look.step, Step::Look);
        let item = Settlement {
            account_fields: vec![("credits_remaining", remaining.to_string())],
            ..settlement(&look, Verb::Complete)
        };
        assert_eq!(self.settle("A", item).await, Settled::Done);
    }

    async fn resume(&self) -> Outcome {
        let command = Command::Resume(Scope::Account(AccountName::new("default").unwrap()));
        let timeouts = Timeouts {
            classic: LONG,
            agent: LONG,
        };
        let answer = self
            .queue
            .operate(&Asker::direct("carol"), &command, &timeouts)
            .await;
        answer.unwrap().outcome
    }

    async fn events_saying(&self, what: &str) -> usize {
        let events = self.queue.newest_events(99).await.unwrap();
        events.iter().filter(|event| event.note.contains(what)).count()
    }

    /// What the next claim hands out, a second on as the account is looked at once a second.
    async fn next(&self) -> Vec<String> {
        self.cmd::<u64>(&["ZADD", "@accounts", "XX", "1", "default"])
            .await;
        let jobs = self.claim("B", 9).await;
        ids(&jobs).into_iter().map(str::to_owned).collect()
    }
}

#[tokio::test]
async fn below_it_nothing_is_submitted_and_looks_go_on() {
    let bench = Bench::start().await;
    bench.floor(Some(100)).await;
    bench.looks(2).await;
    bench.answer(99).await;
    bench.add("a").await;
    assert_eq!(bench.events_saying("submits nothing more").await, 1);
    // The other look is handed out, the submit isn't; it is asked for again within a second.
    let claim = bench.claim_for("A", 9, LONG).await;
    assert_eq!(claim.jobs.len(), 1);
    assert_eq!(claim.jobs[0].step, Step::Look);
    assert!(claim.next_at.unwrap() <= claim.now + 1_000, "{claim:?}");
    assert!(bench.next().await.is_empty());
    assert_eq!(bench.queue.pending_ids("default", 0, 9).await.unwrap(), ["a"]);
    let slots: u64 = bench.cmd(&["ZCARD", "@budget:default"]).await;
    assert_eq!(slots, 2, "a submit that is held back costs no slot");
    // It is told once, not with every answer.
    let look = &claim.jobs[0];
    let item = Settlement {
        account_fields: vec![("credits_remaining", "98".to_owned())],
        ..settlement(look, Verb::Complete)
    };
    bench.settle("A", item).await;
    assert_eq!(bench.events_saying("submits nothing more").await, 1);
}

#[tokio::test]
async fn at_the_floor_an_account_still_submits_and_without_a_known_balance_too() {
    let bench = Bench::start().await;
    bench.floor(Some(100)).await;
    bench.add("a").await;
    assert_eq!(bench.next().await, ["a"]);
    bench
        .cmd::<u64>(&["HSET", "@account:default", "credits_remaining", "100"])
        .await;
    bench.add("b").await;
    assert_eq!(bench.next().await, ["b"]);
    bench
        .cmd::<u64>(&["HSET", "@account:default", "credits_remaining", "-1"])
        .await;
    bench.add("c").await;
    assert!(bench.next().await.is_empty());
}

#[tokio::test]
async fn credits_above_it_or_a_lower_floor_let_it_go_on_by_itself() {
    let bench = Bench::start().await;
    bench.floor(Some(100)).await;
    bench.looks(2).await;
    bench.answer(50).await;
    bench.add("a").await;
    bench.answer(5_000).await;
    assert_eq!(bench.events_saying("submits again").await, 1);
    assert_eq!(bench.next().await, ["a"]);

    bench
        .cmd::<u64>(&["HSET", "@account:default", "credits_remaining", "50"])
        .await;
    bench.add("b").await;
    bench.add("c").await;
    assert!(bench.next().await.is_empty());
    bench.floor(Some(50)).await;
    // Registering woke the account: no second has to pass.
    assert_eq!(ids(&bench.claim("B", 1).await), ["b"]);
    bench.floor(Some(51)).await;
    assert!(bench.next().await.is_empty());
    bench.floor(None).await;
    assert_eq!(bench.next().await, ["c"]);
}

#[tokio::test]
async fn one_job_is_let_through_and_its_answer_decides() {
    let bench = Bench::start().await;
    bench.floor(Some(100)).await;
    bench
        .cmd::<u64>(&["HSET", "@account:default", "credits_remaining", "50"])
        .await;
    for id in ["a", "b", "c"] {
        bench.add(id).await;
    }
    assert!(bench.next().await.is_empty());
    assert_eq!(bench.resume().await, Outcome::Done);
    assert_eq!(
        bench.resume().await,
        Outcome::Already,
        "said twice, it is one still"
    );
    // It may go at once: no second has to pass.
    assert_eq!(ids(&bench.claim("B", 9).await), ["a"], "one, and not all");
    assert!(bench.next().await.is_empty());
    // Its answer says that the balance was topped up.
    assert_eq!(bench.resume().await, Outcome::Done);
    let job = bench.claim_one("A").await;
    bench.begin("A", &job).await;
    bench.record("A", &job, "g").await;
    bench.answer(5_000).await;
    assert_eq!(bench.next().await, ["c"]);
}

/// A pause is another matter: what it holds, the floor holds still when it is over.
#[tokio::test]
async fn a_probe_after_a_pause_does_not_go_below_it() {
    let bench = Bench::start().await;
    bench.floor(Some(100)).await;
    bench
        .cmd::<u64>(&["HSET", "@account:default", "credits_remaining", "50"])
        .await;
    bench
        .cmd::<u64>(&[
            "HSET",
            "@account:default",
            "paused_until",
            "1",
            "pause_reason",
            "rate_limited",
        ])
        .await;
    bench.add("a").await;
    assert!(bench.next().await.is_empty());
    let probe: Option<u64> = bench.cmd(&["HGET", "@account:default", "probe_until"]).await;
    assert_eq!(probe, None, "nothing tries the account out");
    bench.floor(None).await;
    assert_eq!(bench.next().await, ["a"]);
    let probe: Option<u64> = bench.cmd(&["HGET", "@account:default", "probe_until"]).await;
    assert!(probe.is_some());
}

#[tokio::test]
async fn the_end_of_a_pause_lets_one_job_through_below_it() {
    let bench = Bench::start().await;
    bench.floor(Some(100)).await;
    bench
        .cmd::<u64>(&[
            "HSET",
            "@account:default",
            "credits_remaining",
            "50",
            "paused_until",
            "9999999999999",
            "pause_reason",
            "unauthorized",
        ])
        .await;
    for id in ["a", "b"] {
        bench.add(id).await;
    }
    assert!(bench.next().await.is_empty());
    assert_eq!(bench.resume().await, Outcome::Done);
    let claim = bench.claim_for("A", 9, LONG).await;
    assert_eq!(ids(&claim.jobs), ["a"]);
    assert!(claim.jobs[0].probe, "it tries out the pause, too");
}
