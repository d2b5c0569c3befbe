//! `accounts`: budgets, slots, pauses.

use gammaq_testkit::Redis;
use serde_json::json;

use crate::hand::Hand;
use crate::reading::six;
use crate::{code, json, ok, run};

#[tokio::test]
async fn accounts_tell_the_budget_and_when_slots_come_back() {
    let redis = Redis::start().await;
    let _hand = six(&redis).await;
    let shown = json(&redis, &["accounts", "--json"]).await;
    let account = &shown["accounts"][0];
    assert_eq!(shown["accounts"].as_array().unwrap().len(), 1);
    assert_eq!(
        (
            &account["name"],
            &account["limit"],
            &account["used"],
            &account["pending"]
        ),
        (&json!("default"), &json!(1_000), &json!(4), &json!(1))
    );
    assert_eq!(account["pause"], json!(null));
    let back = account["slots_back_at"].as_array().unwrap();
    assert_eq!(back.len(), 4);
    let now = shown["now"].as_u64().unwrap();
    assert!(account["next_at"].as_u64().unwrap() <= now);
    let submitted = json(&redis, &["show", "done", "--json"]).await["record"]["submitted_at"].clone();
    let submitted: u64 = submitted.as_str().unwrap().parse().unwrap();
    assert_eq!(back[0], submitted + 3_600_001);

    let text = ok(&redis, &["accounts"]).await;
    assert!(
        text.contains("[#-------------------]  4 of 1000 in 1 h"),
        "{text}"
    );
    let text = ok(&redis, &["accounts", "default"]).await;
    assert!(
        text.contains("slots back") && text.contains("(in 59 min"),
        "{text}"
    );
}

#[tokio::test]
async fn a_full_budget_and_a_pause_say_until_when() {
    let redis = Redis::start().await;
    let _hand = six(&redis).await;
    let key = "gammaq:{main}:account:default";
    redis
        .cli(&[
            "HSET",
            key,
            "limit",
            "4",
            "credits_remaining",
            "2950",
            "ratelimit_burst",
            "100",
        ])
        .await;
    let full = json(&redis, &["accounts", "default", "--json"]).await;
    assert_eq!(full["account"]["next_at"], full["account"]["slots_back_at"][0]);
    let text = ok(&redis, &["accounts", "default"]).await;
    for part in [
        "[####################] 4 of 4",
        "next submit     in 59 min",
        "2950 remaining",
        "ratelimit_burst 100",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // The limit was lowered under what is charged: two slots have to come back.
    redis.cli(&["HSET", key, "limit", "3"]).await;
    let over = json(&redis, &["accounts", "default", "--json"]).await;
    assert_eq!(over["account"]["next_at"], over["account"]["slots_back_at"][1]);

    redis
        .cli(&[
            "HSET",
            key,
            "limit",
            "50",
            "pause_reason",
            "no_credits",
            "paused_until",
            "9999999999999",
        ])
        .await;
    let paused = json(&redis, &["accounts", "default", "--json"]).await;
    assert_eq!(
        (
            &paused["account"]["pause"]["reason"],
            &paused["account"]["next_at"]
        ),
        (&json!("no_credits"), &json!(9_999_999_999_999_u64))
    );
    let status = ok(&redis, &["status"]).await;
    assert!(
        status.contains("account default is paused (no_credits)"),
        "{status}"
    );
    let waiting = ok(&redis, &["show", "waiting"]).await;
    assert!(
        waiting.contains("while the account is paused: no_credits"),
        "{waiting}"
    );
    // Its time is over: one job tries first.
    redis.cli(&["HSET", key, "paused_until", "1"]).await;
    assert!(
        ok(&redis, &["accounts"])
            .await
            .contains("no_credits, one job tries first")
    );
}

#[tokio::test]
async fn an_account_without_jobs_is_listed_and_an_unknown_one_is_not_found() {
    let redis = Redis::start().await;
    drop(Hand::new(&redis.url()).await);
    assert_eq!(
        json(&redis, &["accounts", "--json"]).await["accounts"][0]["name"],
        "default"
    );
    let status = json(&redis, &["status", "--json"]).await;
    assert_eq!(status["accounts"][0]["used"], 0);
    let missing = run(&redis, &["accounts", "nobody"]).await;
    assert_eq!(code(&missing), 2, "{missing:?}");
    assert!(
        missing.stderr.contains("nobody in queue gammaq:{main}"),
        "{missing:?}"
    );
}

#[tokio::test]
async fn what_was_spent_is_told_by_day() {
    let redis = Redis::start().await;
    let _hand = six(&redis).await;
    let days = json(&redis, &["accounts", "default", "--json"]).await["spending"].clone();
    let days = days.as_array().unwrap();
    assert_eq!(days.len(), 35);
    // Four were begun just now; of the one that is parked nobody knows, and one is over and said what it cost.
    assert_eq!(
        (&days[0]["submits"], &days[0]["credits"]),
        (&json!(3), &json!(150.0))
    );
    let today = days[0]["date"].as_str().unwrap();
    let yesterday = days[1]["date"].as_str().unwrap();
    assert!(
        today.len() == 10 && yesterday < today && days[1]["submits"] == 0,
        "{today}, {yesterday}"
    );
    redis
        .cli(&[
            "HSET",
            &format!("gammaq:{{main}}:spent:{yesterday}"),
            "credits:default",
            "12.5",
            "submits:default",
            "1",
        ])
        .await;
    let text = ok(&redis, &["accounts", "default"]).await;
    assert!(
        text.contains("spent today     3 generations, 150 credits")
            && text.contains("spent yesterday 1 generation, 12.5 credits"),
        "{text}"
    );
    let text = ok(&redis, &["accounts"]).await;
    assert!(
        text.contains("SPENT (UTC)")
            && text.contains("1 generation, 12.5 credits")
            && text.contains("4 generations, 162.5 credits"),
        "{text}"
    );
    let all = json(&redis, &["accounts", "--json"]).await;
    assert_eq!(all["spending"][1]["accounts"]["default"]["credits"], 12.5);

    // A day that is broken by hand hides the sums alone.
    redis
        .cli(&[
            "SET",
            &format!("gammaq:{{main}}:spent:{}", days[2]["date"].as_str().unwrap()),
            "x",
        ])
        .await;
    let finished = run(&redis, &["accounts", "default"]).await;
    assert_eq!(code(&finished), 0, "{finished:?}");
    assert!(
        finished.stdout.contains("next submit") && finished.stderr.contains("what was spent can't be read"),
        "{finished:?}"
    );
}

#[tokio::test]
async fn what_lasts_until_somebody_acts_says_so() {
    let redis = Redis::start().await;
    let _hand = six(&redis).await;
    let key = "gammaq:{main}:account:default";
    ok(&redis, &["pause", "default"]).await;
    let text = ok(&redis, &["accounts", "default"]).await;
    assert!(
        text.contains("operator, by ") && text.contains(" until it is resumed"),
        "{text}"
    );
    let text = ok(&redis, &["status"]).await;
    assert!(
        text.contains("not before that ends") && text.contains("`gammaq resume default` ends that"),
        "{text}"
    );
    ok(&redis, &["resume", "default"]).await;

    redis
        .cli(&[
            "HSET",
            key,
            "pause_reason",
            "no_key",
            "paused_until",
            "9999999999999",
        ])
        .await;
    let text = ok(&redis, &["status"]).await;
    assert!(
        text.contains("no_key, until a worker has one") && text.contains("account default has no API key"),
        "{text}"
    );
    redis.cli(&["HDEL", key, "pause_reason", "paused_until"]).await;

    redis
        .cli(&["HSET", key, "credits_floor", "100", "credits_remaining", "99"])
        .await;
    let shown = json(&redis, &["accounts", "default", "--json"]).await;
    assert_eq!(shown["account"]["held"]["reason"], "credits_floor");
    let text = ok(&redis, &["status"]).await;
    assert!(
        text.contains("until credits are seen above it") && text.contains("lets one job try"),
        "{text}"
    );
    let said = ok(&redis, &["resume", "default"]).await;
    assert!(
        said.contains("lets one job through below its credits_floor"),
        "{said}"
    );
    assert!(ok(&redis, &["resume", "default"]).await.contains("already"));
}
