//! What the dashboard looks at: slots of a window, and the job of a generation.

use gammaq_queue::read::search::Searched;

use crate::bench::{Bench, LONG};

#[tokio::test]
async fn slots_are_told_as_they_come_back_and_no_more_than_was_asked_for() {
    let bench = Bench::start().await;
    bench.account("other", 9, LONG).await;
    let accounts = bench.queue.accounts(10).await.unwrap();
    let now = accounts.now;
    for (member, back) in [("a", 3), ("b", 1), ("c", 2)] {
        let at = (now + back).to_string();
        let _: i64 = bench.cmd(&["ZADD", "@budget:other", &at, member]).await;
    }
    // One that left the window holds nothing.
    let _: i64 = bench.cmd(&["ZADD", "@budget:other", "5", "old"]).await;
    let slots = async |most| {
        let slots = bench.queue.slots(&accounts.accounts, now, most).await.unwrap();
        let of = accounts
            .accounts
            .iter()
            .zip(slots)
            .find(|(account, _)| account.name == "other");
        let (account, slots) = of.unwrap();
        let back: Vec<u64> = slots
            .back_at
            .iter()
            .map(|at| at - now - account.window_ms - 1)
            .collect();
        (back, slots.more)
    };
    assert_eq!(slots(9).await, (vec![1, 2, 3], false));
    assert_eq!(slots(3).await, (vec![1, 2, 3], false));
    assert_eq!(slots(2).await, (vec![1, 2], true));
    let _: String = bench.cmd(&["SET", "@budget:other", "broken"]).await;
    assert_eq!(slots(9).await, (vec![], false));
}

#[tokio::test]
async fn a_search_for_a_generation_ends_and_says_how_far_it_looked() {
    let bench = Bench::start().await;
    for n in 0..5 {
        let (id, at) = (format!("job-{n}"), n.to_string());
        let _: i64 = bench.cmd(&["ZADD", "@completed", &at, &id]).await;
        let job = format!("@job:{id}");
        let _: i64 = bench
            .cmd(&[
                "HSET",
                &job,
                "generation_id",
                &format!("gen-{n}"),
                "extra_generation_id",
                "x-1,x-2",
            ])
            .await;
    }
    let _: i64 = bench.cmd(&["ZADD", "@due", "1", "under-way"]).await;
    let _: i64 = bench
        .cmd(&["HSET", "@job:under-way", "generation_id", "gen-9"])
        .await;
    let _: String = bench.cmd(&["SET", "@failed", "broken"]).await;
    let find = async |generation: &str, most| bench.queue.find_generation(generation, most).await.unwrap();
    for (generation, id) in [("gen-9", "under-way"), ("gen-0", "job-0"), ("x-2", "job-4")] {
        assert_eq!(find(generation, 9).await.id.as_deref(), Some(id), "{generation}");
    }
    let not = |looked_at, more| Searched {
        id: None,
        looked_at,
        more,
    };
    assert_eq!(find("gen", 9).await, not(6, false));
    assert_eq!(find("x-1,x-2", 9).await, not(6, false));
    // The newest first: what is older is not looked at, and that is said.
    assert_eq!(find("gen-2", 2).await, not(3, true));
    assert_eq!(find("gen-3", 2).await.id.as_deref(), Some("job-3"));
}
