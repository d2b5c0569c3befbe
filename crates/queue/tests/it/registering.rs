//! What accounts may start: the last registration counts, also after Redis forgot some of them.

use std::time::Duration;

use gammaq_queue::Error;
use gammaq_queue::registry::{Budget, Registered, Registration};

use crate::bench::{Bench, LONG};

fn budget(limit: u32) -> Budget {
    Budget {
        limit,
        window: LONG,
        credits_floor: None,
    }
}

impl Bench {
    async fn register(&self, limit: u32, registered_at: Option<u64>) -> Registered {
        let account = Registration {
            name: "x",
            budget: budget(limit),
            registered_at,
        };
        self.queue.register_accounts(&[account]).await.unwrap().remove(0)
    }

    /// Registers now, and says as which registration.
    async fn register_now(&self, limit: u32) -> u64 {
        match self.register(limit, None).await {
            Registered::Written { at, .. } => at,
            other => panic!("{other:?}"),
        }
    }

    async fn limit(&self) -> Option<String> {
        self.cmd(&["HGET", "@account:x", "limit"]).await
    }
}

#[tokio::test]
async fn the_last_registration_counts_whoever_puts_his_own_back() {
    let bench = Bench::start().await;
    let first = bench.register_now(1_000).await;
    let second = bench.register_now(10).await;
    assert!(first < second, "{first} {second}");
    // Of the same budget, and later all the same.
    let third = bench.register_now(10).await;
    assert!(second < third, "{second} {third}");
    for (limit, at) in [(1_000, first), (10, second), (10, third)] {
        assert_eq!(bench.register(limit, Some(at)).await, Registered::Stands);
        assert_eq!(bench.limit().await.as_deref(), Some("10"));
    }

    // The server went back to the first one. Whoever finds out first, it ends the same.
    for order in [[(1_000, first), (10, third)], [(10, third), (1_000, first)]] {
        bench
            .cmd::<u64>(&[
                "HSET",
                "@account:x",
                "limit",
                "1000",
                "budget_at",
                &first.to_string(),
            ])
            .await;
        for (limit, at) in order {
            bench.register(limit, Some(at)).await;
        }
        assert_eq!(bench.limit().await.as_deref(), Some("10"));
    }
    // To before any of them.
    bench.cmd::<u64>(&["DEL", "@account:x"]).await;
    let back = bench.register(10, Some(third)).await;
    assert_eq!(
        back,
        Registered::Written {
            at: third,
            before: None
        }
    );
    assert_eq!(bench.limit().await.as_deref(), Some("10"));
}

#[tokio::test]
async fn what_stood_there_before_is_told() {
    let bench = Bench::start().await;
    assert_eq!(bench.queue.register_account("x", budget(5)).await.unwrap(), None);
    assert_eq!(bench.queue.register_account("x", budget(5)).await.unwrap(), None);
    let floor = Budget {
        credits_floor: Some(7),
        ..budget(6)
    };
    let before = bench.queue.register_account("x", floor).await.unwrap();
    assert_eq!(before, Some(budget(5)));
    let before = bench.queue.register_account("x", budget(6)).await.unwrap();
    assert_eq!(before, Some(floor));
    let floor: Option<String> = bench.cmd(&["HGET", "@account:x", "credits_floor"]).await;
    assert_eq!(floor, None);
}

#[tokio::test]
async fn keys_broken_by_hand_stop_no_other_account() {
    let bench = Bench::start().await;
    bench.cmd::<String>(&["SET", "@account:text", "x"]).await;
    bench
        .cmd::<u64>(&[
            "HSET",
            "@account:odd",
            "limit",
            "12.5",
            "window_ms",
            "3.6e6",
            "budget_at",
            "soon",
        ])
        .await;
    bench.cmd::<String>(&["SET", "@account_names", "x"]).await;
    let account = |name| Registration {
        name,
        budget: budget(3),
        registered_at: None,
    };
    let names = ["text", "odd", "x"].map(account);
    let registered = bench.queue.register_accounts(&names).await.unwrap();
    assert_eq!(registered[0], Registered::Broken);
    for written in &registered[1..] {
        assert!(
            matches!(written, Registered::Written { before: None, .. }),
            "{written:?}"
        );
    }
    let odd: String = bench.cmd(&["HGET", "@account:odd", "limit"]).await;
    assert_eq!(odd, "3");
    let refused = bench.queue.register_account("text", budget(3)).await;
    assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
}

#[tokio::test]
async fn any_number_of_accounts_is_registered_in_a_few_calls() {
    let bench = Bench::start().await;
    let names: Vec<String> = (0..250).map(|n| format!("account-{n}")).collect();
    let accounts: Vec<_> = names
        .iter()
        .map(|name| Registration {
            name,
            budget: budget(3),
            registered_at: None,
        })
        .collect();
    let registered = bench.queue.register_accounts(&accounts).await.unwrap();
    assert_eq!(registered.len(), 250);
    for name in ["@account:account-0", "@account:account-249"] {
        let limit: String = bench.cmd(&["HGET", name, "limit"]).await;
        assert_eq!(limit, "3");
    }
}

#[tokio::test]
async fn a_full_redis_takes_none_of_them() {
    let bench = Bench::start().await;
    let first = bench.register_now(10).await;
    bench.fill().await;
    let refused = bench.queue.register_account("x", budget(1)).await;
    assert!(matches!(refused, Err(Error::Full(_))), "{refused:?}");
    assert_eq!(bench.limit().await.as_deref(), Some("10"));
    assert_eq!(bench.register(10, Some(first)).await, Registered::Stands);
}

#[tokio::test]
async fn a_longer_window_keeps_the_slots_that_were_charged_before() {
    let bench = Bench::start().await;
    let window = Duration::from_secs(60);
    bench.account("default", 1, window).await;
    bench.add("a").await;
    bench.claim_one("A").await;
    let expires: u64 = bench.cmd(&["PTTL", "@budget:default"]).await;
    bench.account("default", 1, Duration::from_secs(3_600)).await;
    let longer: u64 = bench.cmd(&["PTTL", "@budget:default"]).await;
    assert!(longer > expires + 3_500_000, "{expires} {longer}");
    // A shorter one takes nothing away.
    bench.account("default", 1, window).await;
    let kept: u64 = bench.cmd(&["PTTL", "@budget:default"]).await;
    assert!(kept > expires + 3_400_000, "{kept}");
}

#[tokio::test]
async fn a_registration_lets_an_account_look_whether_it_has_its_turn() {
    let bench = Bench::start().await;
    bench.account("default", 1, LONG).await;
    bench.add("a").await;
    bench.add("b").await;
    bench.claim_one("A").await;
    assert!(bench.claim("A", 1).await.is_empty());
    bench.account("default", 2, LONG).await;
    assert_eq!(bench.claim("A", 1).await.len(), 1);
}
