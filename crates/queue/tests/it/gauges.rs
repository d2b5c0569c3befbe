//! `look_queue`: the queue in numbers, whatever stands there; and the moves that scripts tell.

use std::time::Duration;

use gammaq_job::State;
use gammaq_queue::gauges::{AccountGauges, NAMED, OTHER};

use crate::bench::Bench;

/// Gives 1,500 accounts two jobs each, without records: in numbers nothing else counts. The first is named `other`.
const MANY: &str = "for n = 1, 1500 do local name = n == 1 and 'other' or 'many' .. n \
                    redis.call('ZADD', base .. 'accounts', n, name) \
                    redis.call('ZADD', base .. 'pending:' .. name, 1, 'a', 2, 'b') end return 1";

#[tokio::test]
async fn accounts_beyond_the_named_ones_are_summed_and_the_look_is_bounded() {
    let bench = Bench::start().await;
    bench.account("mine", 7, Duration::from_secs(60)).await;
    bench.eval::<u64>(MANY).await;
    let now = bench.queue.time().await.unwrap().to_string();
    bench
        .cmd::<u64>(&["ZADD", "@budget:mine", &now, "a#0.0", "1", "long ago"])
        .await;
    let paused = [
        "HSET",
        "@account:mine",
        "pause_reason",
        "unauthorized",
        "credits_remaining",
        "-3",
    ];
    bench.cmd::<u64>(&paused).await;
    let gauges = bench.queue.gauges(&["mine", "mine"]).await.unwrap();
    // `mine`, 199 of those in line, and the rest under one name, which is one of theirs, too.
    assert_eq!(gauges.accounts.len(), NAMED);
    let mine = AccountGauges {
        pending: 0,
        used: 1,
        limit: 7,
        paused: 1,
        credits_remaining: Some(-3),
    };
    assert_eq!(gauges.accounts["mine"], mine);
    assert_eq!(gauges.accounts["many2"].pending, 2);
    // 1,000 were looked at; all but 199 others were summed, and with them the one of that name.
    let summed = 1_000 - NAMED as u64 + 1;
    let other = &gauges.accounts[OTHER];
    assert_eq!(
        (other.pending, other.limit, other.used),
        (2 * summed, 50 * summed, 0)
    );
}

#[tokio::test]
async fn a_key_of_another_type_hides_nothing_else() {
    let bench = Bench::start().await;
    bench.add("a").await;
    bench.cmd::<()>(&["SET", "@completed", "x"]).await;
    bench.cmd::<()>(&["SET", "@account:odd", "x"]).await;
    bench.cmd::<()>(&["SET", "@due", "x"]).await;
    let gauges = bench.queue.gauges(&["default", "odd"]).await.unwrap();
    assert_eq!((gauges.due, gauges.oldest_late), (None, Duration::ZERO));
    assert!(gauges.ended.contains(&(State::Completed, None)));
    assert!(gauges.ended.contains(&(State::Failed, Some(0))));
    assert_eq!(gauges.accounts["default"].pending, 1);
    assert_eq!((gauges.inbox, gauges.accounts["odd"].limit), (Some(0), 50));
}

#[tokio::test]
async fn a_submit_whose_worker_died_is_told_by_the_claim_that_parks_it() {
    let bench = Bench::start().await;
    bench.add("a").await;
    let lease = Duration::from_millis(50);
    bench.submitting("A", lease).await;
    let due = bench.score("due", "a").await.unwrap();
    bench.past(due).await;
    let late = bench.queue.gauges(&[""; 0]).await.unwrap().oldest_late;
    assert!(late > Duration::ZERO, "{late:?}");
    assert!(bench.claim("B", 1).await.is_empty());
    let moves: Vec<_> = bench.queue.moves().counted().collect();
    let expected = [
        (None, State::Queued, 1),
        (Some(State::Queued), State::Submitting, 1),
        (Some(State::Submitting), State::Ambiguous, 1),
    ];
    assert_eq!(moves, expected);
}
