//! Jobs that a worker keeps between looks: nobody else has them until some time after their next look, what is told twice
//! counts once, and whoever keeps them hears what it has to let go.

use gammaq_job::command::{Command, Scope};
use gammaq_queue::claim::Claimed;
use gammaq_queue::operate::{Asker, Timeouts};
use gammaq_queue::recalls::Recall;
use gammaq_queue::settle::{Pause, SettlePolicy, Settled, Settlement, Verb};

use crate::bench::{Bench, LONG, SETTLE, millis, settlement};

pub(crate) const WAIT: u64 = 40;
pub(crate) const POLICY: SettlePolicy = SettlePolicy {
    kept_for: millis(60),
    ..SETTLE
};

pub(crate) fn kept(job: &Claimed, looks: u64) -> Settlement {
    let mut item = settlement(job, Verb::Keep(millis(WAIT)));
    item.fields = vec![
        ("polls", looks.to_string()),
        ("poll_failures", "0".to_owned()),
        ("last_error", String::new()),
    ];
    item
}

impl Bench {
    async fn looked_at(&self, id: &str) -> Claimed {
        self.add(id).await;
        self.generating("A", &format!("g-{id}")).await;
        self.claim_one("A").await
    }

    pub(crate) async fn tell_look(&self, item: Settlement) -> Settled {
        let settled = self.queue.settle_jobs("A", &POLICY, &[item]).await;
        settled.unwrap().remove(0)
    }
}

#[tokio::test]
async fn its_worker_has_it_until_after_the_next_look_and_then_anybody() {
    let bench = Bench::start().await;
    let job = bench.looked_at("a").await;
    let before = bench.queue.time().await.unwrap();
    assert_eq!(bench.tell_look(kept(&job, 1)).await, Settled::Kept);
    let (next_at, due): (u64, u64) = (
        bench.field("a", "next_at").await.parse().unwrap(),
        bench.cmd(&["ZSCORE", "@due", "a"]).await,
    );
    assert!(next_at >= before + WAIT, "{next_at}");
    assert_eq!(due, next_at + 60);
    assert_eq!(bench.field("a", "worker").await, "A");
    assert_eq!(bench.field("a", "polls").await, "1");
    // The next one says no more than there is to say, and one with news of the account goes the long way.
    let mut short = kept(&job, 2);
    short.fields.truncate(1);
    assert_eq!(bench.tell_look(short).await, Settled::Kept);
    let mut long = kept(&job, 3);
    long.account_fields = vec![("credits_remaining", "7".to_owned())];
    assert_eq!(bench.tell_look(long).await, Settled::Kept);
    assert_eq!(bench.field("a", "polls").await, "3");
    assert_eq!(bench.stat("polls").await, 3);
    // As if its worker had died.
    bench.hurry("a").await;
    let heir = bench.claim_one("B").await;
    assert_eq!((heir.polls, heir.fence), (3, job.fence + 1));
    assert_eq!(bench.tell_look(kept(&job, 4)).await, Settled::Stale);
    assert_eq!(bench.field("a", "worker").await, "B");
}

#[tokio::test]
async fn what_is_told_twice_or_late_counts_once() {
    let bench = Bench::start().await;
    let job = bench.looked_at("a").await;
    for looks in [1, 1, 2, 1, 2] {
        assert_eq!(bench.tell_look(kept(&job, looks)).await, Settled::Kept);
    }
    let mut long = kept(&job, 2);
    long.account_fields = vec![("credits_remaining", "7".to_owned())];
    let due: u64 = bench.cmd(&["ZSCORE", "@due", "a"]).await;
    assert_eq!(bench.tell_look(long).await, Settled::Kept);
    assert_eq!(bench.stat("polls").await, 2);
    assert_eq!(bench.field("a", "polls").await, "2");
    assert_eq!(bench.cmd::<u64>(&["ZSCORE", "@due", "a"]).await, due);
    // After its end it is nobody's.
    assert_eq!(bench.end("A", &job, Verb::Complete).await, Settled::Done);
    assert_eq!(bench.tell_look(kept(&job, 3)).await, Settled::Stale);
}

#[tokio::test]
async fn what_is_let_go_comes_at_the_time_that_it_had() {
    let bench = Bench::start().await;
    let job = bench.looked_at("a").await;
    assert_eq!(bench.tell_look(kept(&job, 1)).await, Settled::Kept);
    assert_eq!(bench.end("A", &job, Verb::Release).await, Settled::Done);
    let next_at = bench.field("a", "next_at").await;
    assert_eq!(bench.cmd::<String>(&["ZSCORE", "@due", "a"]).await, next_at);
    assert_eq!(bench.field("a", "worker").await, "");
}

#[tokio::test]
async fn an_account_that_has_to_wait_is_kept_by_the_schedule_and_recalled_from_workers() {
    let bench = Bench::start().await;
    let job = bench.looked_at("a").await;
    let since = bench.queue.time().await.unwrap();
    assert_eq!(bench.queue.read_recalls(since).await.unwrap().1, []);
    let mut limited = kept(&job, 1);
    limited.pause = Some(Pause {
        reason: "rate_limited",
        fixed: Some(LONG),
    });
    assert_eq!(bench.tell_look(limited).await, Settled::Done);
    assert_eq!(bench.field("a", "worker").await, "");
    let (now, recalls) = bench.queue.read_recalls(since).await.unwrap();
    assert_eq!(recalls, [Recall::Account("default".to_owned())]);
    assert_eq!(bench.queue.read_recalls(now + 1).await.unwrap().1, []);
    // Who has not asked for a minute can't know.
    assert_eq!(
        bench.queue.read_recalls(now - 60_000).await.unwrap().1,
        [Recall::All]
    );
    bench.cmd::<()>(&["SET", "@recalls", "broken by hand"]).await;
    assert_eq!(bench.queue.read_recalls(now).await.unwrap().1, [Recall::All]);
}

#[tokio::test]
async fn a_job_that_an_operator_moves_and_an_account_that_one_pauses_are_recalled() {
    let bench = Bench::start().await;
    let job = bench.looked_at("a").await;
    assert_eq!(bench.tell_look(kept(&job, 1)).await, Settled::Kept);
    let since = bench.queue.time().await.unwrap();
    let timeouts = Timeouts {
        classic: LONG,
        agent: LONG,
    };
    let account = "default".parse().unwrap();
    for command in [
        Command::Cancel("a".parse().unwrap()),
        Command::Pause(Scope::Account(account)),
    ] {
        let asker = Asker::direct("ops");
        bench.queue.operate(&asker, &command, &timeouts).await.unwrap();
    }
    let mut recalls = bench.queue.read_recalls(since).await.unwrap().1;
    recalls.sort_by_key(|recall| format!("{recall:?}"));
    assert_eq!(
        recalls,
        [Recall::Account("default".to_owned()), Recall::Job("a".to_owned())]
    );
    assert_eq!(bench.tell_look(kept(&job, 2)).await, Settled::Stale);
    assert!(bench.cmd::<i64>(&["PTTL", "@recalls"]).await <= 60_000);
}

#[tokio::test]
async fn a_renewal_that_comes_late_makes_no_lease_shorter() {
    let bench = Bench::start().await;
    let job = bench.looked_at("a").await;
    assert_eq!(bench.tell_look(kept(&job, 1)).await, Settled::Kept);
    let due: u64 = bench.cmd(&["ZSCORE", "@due", "a"]).await;
    let held = [("a".to_owned(), job.fence)];
    let lost = bench.queue.renew_leases("A", millis(1), &held).await.unwrap();
    assert!(lost.is_empty());
    assert_eq!(bench.cmd::<u64>(&["ZSCORE", "@due", "a"]).await, due);
    assert!(
        bench
            .queue
            .renew_leases("A", LONG, &held)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(bench.cmd::<u64>(&["ZSCORE", "@due", "a"]).await > due);
}

/// Most records never know trouble, and fields that say so would be a tenth of what they take.
#[tokio::test]
async fn a_record_says_of_trouble_only_after_some() {
    let none: Vec<Option<String>> = vec![None, None];
    let some = |failures: &str, error: &str| vec![Some(failures.to_owned()), Some(error.to_owned())];
    // Each way in which a look is told of: kept, kept with news of the account, and handed back.
    for way in ["kept", "news", "again"] {
        let bench = Bench::start().await;
        let mut job = bench.looked_at("a").await;
        let trouble = async || {
            let read = ["HMGET", "@job:a", "poll_failures", "last_error"];
            bench.cmd::<Vec<Option<String>>>(&read).await
        };
        let calm = |job: &Claimed, looks: u64| {
            let mut item = kept(job, looks);
            match way {
                "news" => item.account_fields = vec![("credits_remaining", "7".to_owned())],
                "again" => item.verb = Verb::Again(millis(0)),
                _ => {}
            }
            item
        };
        bench.tell_look(calm(&job, 1)).await;
        assert_eq!(trouble().await, none, "{way}");

        if way == "again" {
            job = bench.claim_one("A").await;
        }
        let mut failed = settlement(&job, Verb::Again(millis(0)));
        failed.fields = vec![
            ("polls", "2".to_owned()),
            ("poll_failures", "1".to_owned()),
            ("last_error", "HTTP 500".to_owned()),
        ];
        assert_eq!(bench.tell_look(failed).await, Settled::Done);
        assert_eq!(trouble().await, some("1", "HTTP 500"), "{way}");

        let job = bench.claim_one("A").await;
        bench.tell_look(calm(&job, 3)).await;
        assert_eq!(trouble().await, some("0", ""), "{way}: over");
    }
}
