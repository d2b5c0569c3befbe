//! Kinds of jobs and what goes with them: Gamma 5's progress and refusals, themes and folders, what a job may cost.

use std::collections::BTreeSet;

use gammaq_testkit::{Finished, Process, eventually, free_port, gammaq_bin};
use gammaq_tests::{KEY, PATIENCE, Stage};
use serde_json::Value;

const AGENT: &str = r#"{"prompt":"a deck about wind","numCards":8}"#;

async fn agent(stage: &Stage, id: &str) {
    stage
        .xadd(&[("id", id), ("kind", "agent"), ("request", AGENT)])
        .await;
}

/// Runs the binary with the stage's Gamma and key.
async fn run(stage: &Stage, args: &[&str]) -> Finished {
    run_with(stage, args, &[]).await
}

/// The same with more of an environment.
async fn run_with(stage: &Stage, args: &[&str], more: &[(&str, &str)]) -> Finished {
    more.iter()
        .fold(Process::builder(gammaq_bin()), |builder, (name, value)| {
            builder.env(name, value)
        })
        .args(args)
        .env("REDIS_URL", stage.redis.url())
        .env("GAMMA_API_KEY", KEY)
        .env(
            "GAMMAQ__GAMMA__BASE_URL",
            format!("http://{}", stage.fake_address()),
        )
        .env("NO_COLOR", "1")
        .run(PATIENCE)
        .await
}

fn code(finished: &Finished) -> i32 {
    finished.status.code().unwrap_or(-1)
}

/// The notes of a job's events, in order.
async fn notes(stage: &Stage, id: &str) -> Vec<String> {
    let told = run(stage, &["events", "--id", id, "--json"]).await;
    let line = |line: &str| {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        event["note"].as_str().unwrap_or_default().to_owned()
    };
    told.stdout.lines().map(line).collect()
}

#[tokio::test]
async fn gamma_5_tells_how_far_it_is_and_a_quarter_is_told_once() {
    let stage = Stage::start(&["--generation-time", "4s", "--cost", "40"]).await;
    let worker = stage.worker("worker", &[]).await;
    agent(&stage, "g5").await;
    eventually(PATIENCE, "it is half done", || async {
        let progress = stage.field("g5", "progress").await;
        let said: Value = serde_json::from_str(&progress).unwrap_or_default();
        if said["percentage"].as_u64() >= Some(50) && said["cardsTotal"] == 8 {
            Ok(())
        } else {
            Err(progress)
        }
    })
    .await;
    let shown = run(&stage, &["show", "g5"]).await;
    assert!(
        shown.stdout.contains("progress") && shown.stdout.contains("cardsTotal"),
        "{shown:?}"
    );
    stage.until("g5", "completed").await;

    let told: Vec<String> = notes(&stage, "g5").await;
    let told: Vec<&str> = told
        .iter()
        .map(String::as_str)
        .filter(|note| note.starts_with("progress"))
        .collect();
    assert_eq!(told, ["progress: 25 %", "progress: 50 %", "progress: 75 %"]);
    let ledger = stage.ledger().await;
    let polls = ledger.generations[0].polls.len();
    assert!(polls > 10, "looked at more often than told: {polls}");
    // What was only of interest on the way is gone; what Gamma 5 said at the end is not.
    for field in ["progress", "progress_quarter", "request"] {
        assert_eq!(stage.field("g5", field).await, "", "{field}");
    }
    assert!(stage.field("g5", "generation_id").await.starts_with("gen_"));
    let result = stage.result("g5").await;
    assert!(
        result["gammaUrl"]
            .as_str()
            .unwrap()
            .starts_with("https://gamma.app/docs/"),
        "{result}"
    );
    assert!(
        result["gammaId"].is_string() && result["credits"]["deducted"] == 40,
        "{result}"
    );
    assert_eq!(result["summary"], "Made 8 cards.");
    let shown = run(&stage, &["wait", "g5"]).await;
    assert!(
        code(&shown) == 0 && shown.stdout.contains("Made 8 cards."),
        "{shown:?}"
    );
    stage.assert_silent(&[&worker], &["about wind"]);
}

#[tokio::test]
async fn a_key_without_access_to_gamma_5_is_named_and_does_all_else() {
    let stage = Stage::start(&["--generation-time", "100ms", "--no-agent"]).await;
    let _worker = stage.worker("worker", &[]).await;
    agent(&stage, "g5").await;
    stage.submit("classic", "text").await;
    stage.until("g5", "failed").await;
    let error = stage.result("g5").await["error"].clone();
    assert_eq!(
        (&error["kind"], &error["status"]),
        (&Value::from("refused"), &Value::from(404))
    );
    let said = error["message"].as_str().unwrap();
    assert!(
        said.contains("account default has no access to Gamma 5"),
        "{said}"
    );
    stage.until("classic", "completed").await;
    assert_eq!(stage.field("classic", "error").await, "");
}

#[tokio::test]
async fn too_many_agents_at_once_make_the_account_wait_as_long_as_gamma_says() {
    let stage = Stage::start(&["--generation-time", "300s", "--agent-concurrency", "1"]).await;
    let _worker = stage.worker("worker", &[]).await;
    agent(&stage, "first").await;
    stage.until("first", "generating").await;
    agent(&stage, "second").await;
    let account = stage.key("account:default");
    eventually(PATIENCE, "the account waits", || async {
        let reason = stage.redis.cli(&["HGET", &account, "pause_reason"]).await;
        if reason == "rate_limited" {
            Ok(())
        } else {
            Err(reason)
        }
    })
    .await;
    let until = stage.redis.cli(&["HGET", &account, "paused_until"]).await;
    let now = stage.redis.cli(&["TIME"]).await;
    let now: u64 = now.lines().next().unwrap().parse().unwrap();
    let left = until.parse::<u64>().unwrap() / 1000 - now;
    // A pause is spread a little beyond what was asked for; the look at it took a moment.
    assert!((30..=75).contains(&left), "{left} s");
    assert_eq!(stage.field("second", "state").await, "queued");
    let ledger = stage.ledger().await;
    assert_eq!((ledger.posts.len(), ledger.generations.len()), (2, 1));
    assert_eq!(
        stage.number("ZCARD", "budget:default").await,
        1,
        "the slot came back"
    );
}

fn ids(text: &str, list: &str) -> Vec<String> {
    let page: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let data = page[list].as_array().into_iter().flatten();
    data.map(|item| item["id"].as_str().unwrap_or("without an id").to_owned())
        .collect()
}

#[tokio::test]
async fn themes_and_folders_come_page_by_page() {
    let stage = Stage::start(&[]).await;
    let all = run(&stage, &["themes", "--all", "--json"]).await;
    assert_eq!(code(&all), 0, "{all:?}");
    let all = ids(&all.stdout, "data");
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 60);
    // By hand, page by page, they are the same.
    let (mut seen, mut after) = (Vec::new(), None::<String>);
    loop {
        let mut args = vec!["themes", "--limit", "25", "--json"];
        args.extend(after.iter().flat_map(|cursor| ["--after", cursor.as_str()]));
        let page = run(&stage, &args).await;
        seen.extend(ids(&page.stdout, "data"));
        let page: Value = serde_json::from_str(&page.stdout).unwrap();
        match page["nextCursor"].as_str() {
            Some(cursor) => after = Some(cursor.to_owned()),
            None => break,
        }
        assert_eq!(page["hasMore"], true);
    }
    assert_eq!(seen, all);
    let found = run(&stage, &["themes", "cobalt", "--limit", "2"]).await;
    assert!(
        found.stdout.contains("cobalt-1") && found.stdout.contains("Cobalt 2"),
        "{found:?}"
    );
    assert!(
        found.stderr.contains("--all") && found.stderr.contains("--after '"),
        "{found:?}"
    );
    let folders = run(&stage, &["folders"]).await;
    assert!(
        folders.stdout.contains("folder-lectures") && folders.stderr.is_empty(),
        "{folders:?}"
    );
    let none = run(&stage, &["folders", "nothing like it"]).await;
    assert_eq!((code(&none), none.stdout.as_str()), (0, ""));
    assert!(
        none.stderr.contains("takes the API key of account default"),
        "{none:?}"
    );
}

#[tokio::test]
async fn each_account_is_asked_for_with_its_own_key() {
    const OTHER: &str = "sk-gamma-of-another-account";
    let stage = Stage::start(&["--key", OTHER]).await;
    let accounts = [("GAMMAQ__ACCOUNTS__OTHER__API_KEY", OTHER)];
    for command in ["themes", "folders"] {
        for (account, expected) in [("default", 64), ("other", 0)] {
            let asked = run_with(&stage, &[command, "--account", account], &accounts).await;
            assert_eq!(code(&asked), expected, "{account}: {asked:?}");
        }
    }
}

#[tokio::test]
async fn they_check_a_key_and_say_what_is_wrong() {
    let stage = Stage::start(&["--key", "sk-gamma-another-one"]).await;
    for command in ["themes", "folders"] {
        let refused = run(&stage, &[command]).await;
        assert_eq!(code(&refused), 64, "{refused:?}");
        assert!(
            refused
                .stderr
                .contains("Gamma refuses the API key of account default: HTTP 401, Invalid API key")
                && refused.stderr.contains("accounts.<name>.api_key"),
            "{refused:?}"
        );
        assert!(!format!("{refused:?}").contains(KEY));
        let unknown = run(&stage, &[command, "--account", "team-a"]).await;
        assert_eq!(code(&unknown), 64, "{unknown:?}");
        assert!(
            unknown
                .stderr
                .contains("\"team-a\" has no API key here; allowed: default"),
            "{unknown:?}"
        );
        let setting = format!("gamma.base_url=http://127.0.0.1:{}", free_port());
        let away = run(&stage, &[command, "--set", &setting]).await;
        assert_eq!(code(&away), 69, "{away:?}");
        assert!(away.stderr.contains("gamma.base_url"), "{away:?}");
        for wrong in [
            &["--limit", "0"][..],
            &["--limit", "51"],
            &["--all", "--after", "x"],
        ] {
            let wrong = run(&stage, &[&[command], wrong].concat()).await;
            assert_eq!(code(&wrong), 64, "{wrong:?}");
        }
    }
    let stage = Stage::start(&[]).await;
    for (fault, expected, part) in [
        ("list:429", 69, "too many requests"),
        ("list:402", 1, "its credits are used up"),
        ("list:403", 1, "HTTP 403"),
        ("list:500", 69, "HTTP 500"),
        ("list:lost_before", 69, "gave no answer"),
    ] {
        let rules = serde_json::json!({ "faults": [fault] }).to_string();
        stage.ask_fake("POST", "/_fake/faults", &rules).await;
        let said = run(&stage, &["themes"]).await;
        assert!(
            code(&said) == expected && said.stderr.contains(part),
            "{fault}: {said:?}"
        );
    }
    stage.ask_fake("POST", "/_fake/faults", r#"{"faults":[]}"#).await;
    let bad = run(&stage, &["themes", "--after", "nonsense"]).await;
    assert!(
        code(&bad) == 64 && bad.stderr.contains("not a valid cursor"),
        "{bad:?}"
    );
}

#[tokio::test]
async fn a_dry_run_shows_what_is_sent_then_and_the_range_holds() {
    let stage = Stage::start(&["--generation-time", "100ms"]).await;
    let job = [
        "enqueue",
        "text",
        "--num-cards",
        "4",
        "--export",
        "pdf",
        "--id",
        "a",
        "--title",
        "a",
    ];
    let dry = run(&stage, &[&job[..], &["--dry-run", "--json"]].concat()).await;
    assert_eq!(code(&dry), 0, "{dry:?}");
    let preview: Value = serde_json::from_str(&dry.stdout).unwrap();
    assert_eq!(stage.redis.cli(&["DBSIZE"]).await, "0", "nothing was written");
    assert_eq!(stage.ledger().await.posts.len(), 0, "nobody was asked");

    let _worker = stage.worker("worker", &[]).await;
    let done = run(&stage, &[&job[..], &["--wait"]].concat()).await;
    assert_eq!(code(&done), 0, "{done:?}");
    let ledger = stage.ledger().await;
    let cost = ledger.generations[0].credits;
    let range = &preview["estimate"];
    assert!(
        range["low"].as_u64() <= Some(cost) && Some(cost) <= range["high"].as_u64(),
        "{cost}: {preview}"
    );
    // The fake takes a digest of the body that came; the same body by hand has the same one.
    let body = preview["body"].to_string();
    stage.ask_fake_as(KEY, "POST", "/v1.0/generations", &body).await;
    let ledger = stage.ledger().await;
    assert_eq!(ledger.posts[0].digest, ledger.posts[1].digest, "{body}");

    let days = run(&stage, &["accounts", "--days", "2", "--json"]).await;
    let days: Value = serde_json::from_str(&days.stdout).unwrap();
    assert_eq!(days["sum"]["credits"].as_f64(), Some(cost as f64), "{days}");
    assert_eq!(days["spending"][0]["account"], "default");
    let days = run(&stage, &["accounts", "default", "--days", "2"]).await;
    assert!(
        days.stdout.contains("DAY (UTC)") && days.stdout.contains(&cost.to_string()),
        "{days:?}"
    );
    let nobody = run(&stage, &["accounts", "nobody", "--days", "2"]).await;
    assert_eq!(code(&nobody), 2, "{nobody:?}");
}
