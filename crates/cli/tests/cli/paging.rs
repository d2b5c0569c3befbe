//! Pages of `list`: all jobs once, while others come.

use gammaq_testkit::Redis;

use crate::hand::Hand;
use crate::reading::ids;
use crate::{SOON, code, gammaq, json, run};

/// A queue with `count` jobs that wait.
async fn waiting(redis: &Redis, count: usize) -> Hand {
    let hand = Hand::new(&redis.url()).await;
    let lines: String = (0..count)
        .map(|n| format!("{{\"request\":{{\"inputText\":\"a\"}},\"id\":\"j{n:04}\"}}\n"))
        .collect();
    let piped = gammaq(&["enqueue", "--jsonl", "-"])
        .env("REDIS_URL", redis.url())
        .stdin(lines)
        .run(SOON)
        .await;
    assert_eq!(code(&piped), 0, "{piped:?}");
    assert_eq!(json(redis, &["list", "--json"]).await["inbox"], count);
    hand.take_in().await;
    hand
}

#[tokio::test]
async fn pages_follow_one_another() {
    let redis = Redis::start().await;
    let _hand = waiting(&redis, 1_300).await;
    assert_eq!(ids(&redis, &["--limit", "2000"]).await.len(), 1_300);
    let (mut told, mut after) = (Vec::new(), None);
    loop {
        let mut args = vec![
            "list".to_owned(),
            "--json".to_owned(),
            "--limit".to_owned(),
            "450".to_owned(),
        ];
        args.extend(
            after
                .iter()
                .flat_map(|it: &String| ["--after".to_owned(), it.clone()]),
        );
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let page = json(&redis, &args).await;
        let jobs = page["jobs"].as_array().unwrap();
        told.extend(jobs.iter().map(|it| it["id"].as_str().unwrap().to_owned()));
        assert_eq!(page["more"], page["after"].is_string());
        match page["after"].as_str() {
            Some(place) => after = Some(place.to_owned()),
            None => break,
        }
    }
    let expected: Vec<String> = (0..1_300).map(|n| format!("j{n:04}")).collect();
    assert_eq!(told, expected);
    let shown = run(&redis, &["list", "--limit", "3"]).await;
    assert!(
        shown.stderr.contains("--after pending:default:") && shown.stderr.contains(":j0002 goes on"),
        "{shown:?}"
    );
}

/// Jobs end while somebody turns pages, some at the very same millisecond, and the one that a page ended with goes.
#[tokio::test]
async fn pages_are_stable_while_jobs_come_and_go() {
    let redis = Redis::start().await;
    let hand = Hand::new(&redis.url()).await;
    drop(hand);
    let load = "for n = 1, 12 do local id = string.format('e%02d', n)
          redis.call('HSET', KEYS[1] .. 'job:' .. id, 'id', id, 'state', 'completed', 'account', n % 2 == 0 and 'even' or 'odd')
          redis.call('ZADD', KEYS[1] .. 'completed', n < 9 and 5 or n, id) end";
    redis.cli(&["EVAL", load, "1", "gammaq:{main}:"]).await;
    let all = ids(&redis, &[]).await;
    assert_eq!(all.join(" "), "e12 e11 e10 e09 e08 e07 e06 e05 e04 e03 e02 e01");
    let place = |n: usize| {
        let score = if n < 9 { 5 } else { n };
        format!("completed:{score}:e{n:02}")
    };
    let come = "redis.call('HSET', KEYS[1] .. 'job:new', 'id', 'new', 'state', 'completed', 'account', 'odd')
          redis.call('ZADD', KEYS[1] .. 'completed', 99, 'new')";
    redis.cli(&["EVAL", come, "1", "gammaq:{main}:"]).await;
    for n in (1..=12).rev() {
        let rest = ids(&redis, &["--after", &place(n)]).await;
        assert_eq!(rest, all[13 - n..], "after {n}");
    }
    for n in (1..=12).rev() {
        redis
            .cli(&["ZREM", "gammaq:{main}:completed", &format!("e{n:02}")])
            .await;
        let rest = ids(&redis, &["--after", &place(n)]).await;
        assert_eq!(rest, all[13 - n..], "after {n}, which is gone");
        let even: Vec<String> = rest
            .into_iter()
            .filter(|id| id[1..].parse::<u32>().unwrap() % 2 == 0)
            .collect();
        assert_eq!(
            ids(&redis, &["--after", &place(n), "--account", "even"]).await,
            even
        );
    }
    assert_eq!(ids(&redis, &["--after", "pending:gone:1:x"]).await, ["new"]);
}

#[tokio::test]
async fn a_search_for_an_account_stops_and_says_where() {
    let redis = Redis::start().await;
    drop(Hand::new(&redis.url()).await);
    let load = "for n = 1, 5700 do local id = 'e' .. n
          redis.call('HSET', KEYS[1] .. 'job:' .. id, 'id', id, 'state', 'failed', 'account', n == 3 and 'rare' or 'common')
          redis.call('ZADD', KEYS[1] .. 'failed', n, id) end";
    redis.cli(&["EVAL", load, "1", "gammaq:{main}:"]).await;
    let first = json(&redis, &["list", "--account", "rare", "--json"]).await;
    assert_eq!(
        (&first["jobs"], &first["stopped"], &first["looked_at"]),
        (&serde_json::json!([]), &true.into(), &5_000.into())
    );
    let after = first["after"].as_str().unwrap();
    assert_eq!(
        ids(&redis, &["--account", "rare", "--after", after]).await,
        ["e3"]
    );
    let said = run(&redis, &["list", "--account", "rare"]).await;
    assert!(
        said.stderr.contains("stopped looking after 5000 jobs")
            && said.stderr.contains("--after failed:701:e701"),
        "{said:?}"
    );
}
