//! Exit codes of what can't be, and what is said then.

use gammaq_testkit::{Redis, free_port};

use crate::hand::Hand;
use crate::{SOON, code, gammaq, run};

#[tokio::test]
async fn help_and_version_are_no_errors() {
    for args in [
        &["--help"][..],
        &["--version"],
        &["help", "enqueue"],
        &["list", "--help"],
    ] {
        let finished = gammaq(args).run(SOON).await;
        assert_eq!((code(&finished), finished.stderr.as_str()), (0, ""), "{args:?}");
        assert!(!finished.stdout.is_empty());
    }
}

#[tokio::test]
async fn usage_is_64() {
    let redis = Redis::start().await;
    for args in [
        &[][..],
        &["lst"],
        &["list", "--state", "done"],
        &["list", "--limit", "many"],
        &["show"],
        &["wait", "a b"],
        &["enqueue"],
        &["enqueue", "text", "--file", "x"],
        &["enqueue", "text", "--priority", "10"],
        &["enqueue", "text", "--kind", "deck"],
        &["enqueue", "text", "--run-at", "soon"],
        &["enqueue", "text", "--kind", "template"],
        &["enqueue", "text", "--kind", "agent", "--num-cards", "3"],
        &["enqueue", "text", "--gamma-id", "g"],
        &["enqueue", "--request", "{}", "--title", "t"],
        &["enqueue", "--request", "{}"],
        &["enqueue", "--request", "@/nowhere/at/all.json"],
        &["enqueue", ""],
        &["enqueue", "text", "--id", "a b"],
        &["enqueue", "text", "--timeout-wait", "1s"],
        &["events", "--since", "soon"],
        &["fake-gamma", "--listen", "nowhere"],
        &["--queue", "a b", "status"],
        &["--set", "poll.interval=5", "status"],
        &["--config", "/nowhere/at/all.toml", "status"],
    ] {
        let finished = run(&redis, args).await;
        assert_eq!(code(&finished), 64, "{args:?}: {finished:?}");
        assert_eq!(finished.stdout, "", "{args:?}");
        assert!(!finished.stderr.is_empty(), "{args:?}");
    }
    assert_eq!(redis.cli(&["DBSIZE"]).await, "0");
}

#[tokio::test]
async fn a_redis_that_is_away_is_69_and_its_password_is_not_shown() {
    let url = format!("redis://:hush@127.0.0.1:{}", free_port());
    for args in [
        &["status"][..],
        &["list"],
        &["show", "a"],
        &["enqueue", "text"],
        &["wait", "a"],
        &["events"],
    ] {
        let finished = gammaq(args).env("REDIS_URL", &url).run(SOON).await;
        assert_eq!(code(&finished), 69, "{args:?}: {finished:?}");
        assert!(
            finished.stderr.contains("can't be reached") && finished.stderr.contains("REDIS_URL"),
            "{finished:?}"
        );
        assert!(!finished.stderr.contains("hush"), "{finished:?}");
    }
}

#[tokio::test]
async fn a_full_redis_is_69() {
    let redis = Redis::builder().config("maxmemory", "1").start().await;
    let finished = run(&redis, &["enqueue", "text"]).await;
    assert_eq!(code(&finished), 69, "{finished:?}");
    assert!(finished.stderr.contains("maxmemory"), "{finished:?}");
}

#[tokio::test]
async fn a_wrong_password_is_69_and_says_so() {
    let redis = Redis::builder().config("requirepass", "hush").start().await;
    for login in ["", ":wrong@"] {
        let url = format!("redis://{login}{}", redis.address());
        let finished = gammaq(&["list"]).env("REDIS_URL", url).run(SOON).await;
        assert_eq!(code(&finished), 69, "{finished:?}");
        assert!(
            finished.stderr.contains("denies access")
                && finished.stderr.contains("password stand in redis.url"),
            "{finished:?}"
        );
        assert!(!finished.stderr.contains("wrong@"), "{finished:?}");
    }
    assert_eq!(code(&run(&redis, &["list"]).await), 0);
}

#[tokio::test]
async fn colours_are_there_when_asked_for_alone() {
    let redis = Redis::start().await;
    Hand::new(&redis.url()).await;
    run(&redis, &["enqueue", "a deck", "--id", "a", "--run-at", "+1h"]).await;
    Hand::new(&redis.url()).await.take_in().await;
    for (color, coloured) in [("always", true), ("never", false), ("auto", false)] {
        let list = run(&redis, &["list", "--color", color]).await;
        assert_eq!(list.stdout.contains('\u{1b}'), coloured, "{color}: {list:?}");
    }
}

#[tokio::test]
async fn completions_are_made_for_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let finished = gammaq(&["completions", shell]).run(SOON).await;
        assert_eq!(code(&finished), 0, "{shell}");
        assert!(finished.stdout.contains("fake-gamma"), "{shell}");
    }
}
