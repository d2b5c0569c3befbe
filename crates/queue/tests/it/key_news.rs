//! Keys that go and come: a pause for people, which holds back nobody who has a key.

use gammaq_queue::claim::{ClaimRequest, Step};
use gammaq_queue::key_news::{KeyNews, KeyNoted};
use gammaq_queue::settle::{Pause, SettlePolicy, Settlement, Verb};
use gammaq_queue::submit::Begun;

use crate::bench::{Bench, LONG, SETTLE, asking, ids, limited, millis, settlement};

impl Bench {
    async fn note(&self, news: KeyNews) -> KeyNoted {
        self.queue.note_key("A", "default", news).await.unwrap()
    }

    async fn reason(&self) -> Option<String> {
        self.cmd(&["HGET", "@account:default", "pause_reason"]).await
    }

    /// Looks whose account got a 401: paused for a minute.
    async fn unauthorized(&self, looks: usize) {
        self.looks(looks).await;
        let job = self.claim("A", 1).await.remove(0);
        let refused = Settlement {
            pause: Some(Pause {
                reason: "unauthorized",
                fixed: None,
            }),
            ..settlement(&job, Verb::Again(millis(0)))
        };
        self.settle_by(
            &SettlePolicy {
                spread: LONG,
                ..SETTLE
            },
            "A",
            refused,
        )
        .await;
        let request = ClaimRequest {
            want: 9,
            spread: LONG,
            ..asking("A")
        };
        assert!(self.queue.claim_jobs(&request).await.unwrap().jobs.is_empty());
    }
}

#[tokio::test]
async fn a_key_that_is_gone_shows_as_a_pause_and_holds_back_nobody_who_has_one() {
    let bench = Bench::start().await;
    bench.looks(1).await;
    bench.add("a").await;
    assert_eq!(bench.note(KeyNews::Gone).await, KeyNoted::Paused);
    assert_eq!(bench.reason().await.as_deref(), Some("no_key"));
    assert!(bench.paused_until("default").await > bench.queue.time().await.unwrap());
    // Twice is once.
    assert_eq!(bench.note(KeyNews::Gone).await, KeyNoted::Nothing);
    let foreign = ["default".to_owned()];
    let without = ClaimRequest {
        want: 9,
        foreign: &foreign,
        ..asking("A")
    };
    assert!(bench.queue.claim_jobs(&without).await.unwrap().jobs.is_empty());
    let jobs = bench.claim("B", 9).await;
    let submit = jobs.iter().find(|job| job.step == Step::Submit).unwrap();
    assert_eq!(jobs.len(), 2, "the look, too: {jobs:?}");
    assert!(jobs.iter().all(|job| !job.probe), "nothing has to be tried out");
    assert_eq!(bench.begin("B", submit).await, Begun::Yes);
    assert_eq!(bench.note(KeyNews::Held).await, KeyNoted::Lifted);
    assert_eq!(
        (bench.reason().await, bench.paused_until("default").await),
        (None, 0)
    );
    assert_eq!(bench.note(KeyNews::Held).await, KeyNoted::Nothing);
}

#[tokio::test]
async fn other_pauses_are_neither_covered_nor_lifted() {
    let bench = Bench::start().await;
    for reason in ["rate_limited", "out_of_credits", "operator", ""] {
        let later = bench.queue.time().await.unwrap() + 60_000;
        bench
            .cmd::<u64>(&[
                "HSET",
                "@account:default",
                "paused_until",
                &later.to_string(),
                "pause_reason",
                reason,
            ])
            .await;
        for (news, expected) in [
            (KeyNews::Gone, KeyNoted::Kept),
            (KeyNews::Held, KeyNoted::Nothing),
            (KeyNews::Changed, KeyNoted::Nothing),
        ] {
            assert_eq!(bench.note(news).await, expected, "{reason} {news:?}");
        }
        assert_eq!(bench.paused_until("default").await, later);
        assert_eq!(bench.reason().await.as_deref(), Some(reason));
    }
}

#[tokio::test]
async fn another_key_ends_the_pause_that_the_old_one_earned_with_a_probe_and_without_delay() {
    let bench = Bench::start().await;
    bench.unauthorized(3).await;
    bench.add("a").await;
    let until = bench.paused_until("default").await;
    assert_eq!(
        bench.note(KeyNews::Held).await,
        KeyNoted::Nothing,
        "the same key is refused again"
    );
    assert_eq!(bench.paused_until("default").await, until);
    assert_eq!(bench.note(KeyNews::Changed).await, KeyNoted::Tried);
    let now = bench.queue.time().await.unwrap();
    let due: Vec<(String, f64)> = bench.cmd(&["ZRANGE", "@due", "0", "-1", "WITHSCORES"]).await;
    assert_eq!(due.len(), 3);
    assert!(
        due.iter().all(|(_, at)| *at as u64 <= now + 1_000),
        "looks come now: {due:?}"
    );
    bench.past(now + 1_000).await;
    let jobs = bench.claim("B", 9).await;
    assert_eq!((jobs.len(), jobs[0].probe), (1, true));
}

#[tokio::test]
async fn what_others_hold_or_plan_is_not_brought_forward() {
    let bench = Bench::start().await;
    bench.account("other", 9, LONG).await;
    bench.add_to("other", "theirs").await;
    bench.generating("A", "g").await;
    let theirs = bench.claim("A", 1).await.remove(0);
    bench.end("A", &theirs, Verb::Again(LONG * 9)).await;
    bench.unauthorized(2).await;
    let held = bench
        .cmd::<Vec<String>>(&["ZRANGE", "@due", "0", "0"])
        .await
        .remove(0);
    let far = bench.queue.time().await.unwrap() + 900_000;
    bench
        .cmd::<u64>(&["HSET", &format!("@job:{held}"), "worker", "C"])
        .await;
    bench.cmd::<u64>(&["ZADD", "@due", &far.to_string(), &held]).await;
    let before = bench.score("due", "theirs").await;
    assert_eq!(bench.note(KeyNews::Changed).await, KeyNoted::Tried);
    assert_eq!(bench.score("due", &held).await, Some(far), "its worker has it");
    assert_eq!(bench.score("due", "theirs").await, before);
}

#[tokio::test]
async fn a_late_429_is_counted_from_now_and_not_from_the_end_of_the_missing_key() {
    let bench = Bench::start().await;
    bench.looks(1).await;
    let look = bench.claim_one("A").await;
    bench.note(KeyNews::Gone).await;
    let before = bench
        .settle_by(&SETTLE, "A", limited(&look, Verb::Again(millis(0)), Some(LONG)))
        .await;
    let took = bench.paused_until("default").await - before;
    assert!((60_000..120_000).contains(&took), "{took}");
    assert_eq!(ids(&bench.claim("A", 9).await).len(), 0);
}
