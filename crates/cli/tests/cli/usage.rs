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
        &["list", "--limit", "0"],
        &["list", "--limit", "10001"],
        &["list", "--since", "soon"],
        &["list", "--after", "somewhere"],
        &["accounts", "a b"],
        &["man", "lst"],
        &["man", "list", "--dir", "x"],
        &["man", "--dir", "/proc/none"],
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
        // No terminal to draw on.
        &["top"],
        &["top", "--json"],
        &["top", "--interval", "100ms"],
        &["top", "--interval", "2h"],
        &["top", "--interval", "often"],
        &["cancel"],
        &["cancel", "a b"],
        &["retry"],
        &["retry", "a", "--state", "failed"],
        &["retry", "a", "--yes"],
        &["retry", "--state", "completed"],
        &["retry", "--state", "failed", "--since", "soon"],
        &["retry", "--since", "1h"],
        &["resolve", "a"],
        &["resolve", "a", "--resubmit", "--fail"],
        &["resolve", "a", "--generation", "https://gamma.app/docs/a"],
        &["pause"],
        &["pause", "default", "--all"],
        &["resume"],
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
async fn top_without_a_terminal_says_what_to_use_instead() {
    let redis = Redis::start().await;
    for (args, instead) in [
        (&["top"][..], "`gammaq status`"),
        (&["top", "--json"], "`gammaq status --json`"),
    ] {
        let finished = run(&redis, args).await;
        assert!(finished.stderr.contains(instead), "{finished:?}");
    }
}

#[tokio::test]
async fn a_redis_that_is_away_is_69_and_its_password_is_not_shown() {
    let url = format!("redis://:hush@127.0.0.1:{}", free_port());
    for args in [
        &["status"][..],
        &["list"],
        &["show", "a"],
        &["accounts"],
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

#[tokio::test]
async fn every_command_has_a_page_of_the_manual() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("man1");
    let written = gammaq(&["man", "--dir", path.to_str().unwrap()]).run(SOON).await;
    assert_eq!(code(&written), 0, "{written:?}");
    let help = gammaq(&["--help"]).run(SOON).await.stdout;
    let commands = help
        .split("Commands:")
        .nth(1)
        .unwrap()
        .split("Options:")
        .next()
        .unwrap();
    let names: Vec<&str> = commands
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(names.len() >= 13, "{help}");
    for name in names {
        let page = std::fs::read_to_string(path.join(format!("gammaq-{name}.1"))).unwrap();
        assert!(page.contains(&format!(".TH gammaq-{name} 1")), "{name}: {page}");
        assert!(
            page.contains(".SH SYNOPSIS") && page.contains("redis.queue"),
            "{name}"
        );
        let printed = gammaq(&["man", name]).run(SOON).await;
        assert_eq!((code(&printed), printed.stdout), (0, page), "{name}");
    }
    let all = gammaq(&["man"]).run(SOON).await;
    assert!(
        all.stdout.contains(".TH gammaq 1") && all.stdout.contains("Exit codes"),
        "{all:?}"
    );
}

#[tokio::test]
async fn a_user_without_rights_is_told_where_they_stand() {
    let redis = Redis::start().await;
    let rights = "ACL SETUSER guest on >guest -@all +ping +time +select +client|setname";
    let rights: Vec<&str> = rights.split(' ').collect();
    assert_eq!(redis.cli(&rights).await, "OK");
    let url = format!("redis://guest:guest@{}", redis.address());
    for args in [
        &["status"][..],
        &["list"],
        &["show", "a"],
        &["accounts"],
        &["events"],
    ] {
        let finished = gammaq(args).env("REDIS_URL", &url).run(SOON).await;
        assert_eq!(code(&finished), 69, "{args:?}: {finished:?}");
        assert!(
            finished.stderr.contains("no permissions") && finished.stderr.contains("users.acl"),
            "{args:?}: {finished:?}"
        );
        assert!(!finished.stderr.contains("guest:guest"), "{finished:?}");
    }
}

#[tokio::test]
async fn a_queue_that_no_worker_ever_had_may_be_another_one() {
    let redis = Redis::start().await;
    for (args, code_of) in [
        (&["status"][..], 0),
        (&["list"], 0),
        (&["accounts"], 0),
        (&["events"], 0),
        (&["show", "a"], 2),
        (&["accounts", "a"], 2),
    ] {
        let args = [args, &["--queue", "mian"]].concat();
        let finished = run(&redis, &args).await;
        assert_eq!(code(&finished), code_of, "{args:?}: {finished:?}");
        let said = format!("{}{}", finished.stdout, finished.stderr);
        assert!(
            args[0] == "events" || said.contains("gammaq:{mian}"),
            "{args:?}: {finished:?}"
        );
        if !args.contains(&"a") {
            let json = run(&redis, &[args, vec!["--json"]].concat()).await;
            assert_eq!(code(&json), code_of, "{json:?}");
        }
    }
}

#[tokio::test]
async fn a_narrow_terminal_is_no_reason_to_fail() {
    let redis = Redis::start().await;
    let _hand = crate::reading::six(&redis).await;
    let binary = env!("CARGO_BIN_EXE_gammaq");
    for columns in [1, 20, 60, 200] {
        for command in [
            "status",
            "list",
            "show done",
            "accounts",
            "accounts default",
            "events",
        ] {
            let line = format!("stty cols {columns} rows 10; '{binary}' {command}");
            let finished = gammaq_testkit::Process::builder("script")
                .args(["-qec", &line, "/dev/null"])
                .env("REDIS_URL", redis.url())
                .env("TERM", "xterm")
                .current_dir(env!("CARGO_TARGET_TMPDIR"))
                .run(SOON)
                .await;
            assert_eq!(code(&finished), 0, "{columns} {command}: {finished:?}");
            assert!(!finished.stdout.contains("panicked"), "{finished:?}");
        }
    }
}
