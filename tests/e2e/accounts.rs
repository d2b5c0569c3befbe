//! Accounts while workers run: keys that come, change and go, a floor below which nothing is begun, and what a day costs.

use std::collections::BTreeMap;
use std::path::Path;

use gammaq_testkit::{Process, eventually, gammaq_bin};
use gammaq_tests::{KEY, PATIENCE, Stage};
use tempfile::TempDir;

const OLD: &str = "sk-gamma-sales-old";
const NEW: &str = "sk-gamma-sales-new";

/// As a secret should come: whole, under its name, in one step.
fn put(directory: &Path, name: &str, content: &str) {
    let written = directory.join(format!(".{name}.writing"));
    let put =
        std::fs::write(&written, content).and_then(|()| std::fs::rename(&written, directory.join(name)));
    assert!(put.is_ok(), "{name}: {put:?}");
}

async fn submit_to(stage: &Stage, account: &str, id: &str) {
    let request = serde_json::json!({ "inputText": "text", "title": id, "textMode": "generate" }).to_string();
    stage
        .xadd(&[("id", id), ("account", account), ("request", &request)])
        .await;
}

async fn worker(stage: &Stage, directory: &TempDir) -> Process {
    let path = directory.path().display().to_string();
    stage.worker("worker", &[("ACCOUNTS_DIR", &path)]).await
}

async fn account(stage: &Stage, name: &str, field: &str) -> String {
    let key = stage.key(&format!("account:{name}"));
    stage.redis.cli(&["HGET", &key, field]).await.trim().to_owned()
}

async fn until_account(stage: &Stage, name: &str, field: &str, wanted: &str) {
    eventually(PATIENCE, &format!("{field} of {name} is {wanted:?}"), || async {
        let seen = account(stage, name, field).await;
        if seen == wanted { Ok(()) } else { Err(seen) }
    })
    .await;
}

/// Keys of the POSTs that the fake saw for jobs of this title.
async fn keys_of(stage: &Stage, title: &str) -> Vec<String> {
    let posts = stage.ledger().await.posts.into_iter();
    posts
        .filter(|post| post.title.as_deref() == Some(title))
        .map(|post| post.key)
        .collect()
}

#[tokio::test]
async fn a_key_that_goes_takes_its_requests_along_and_one_that_comes_lets_them_go_on() {
    let stage = Stage::start(&["--generation-time", "50ms"]).await;
    let directory = tempfile::tempdir().unwrap();
    put(directory.path(), "sales", OLD);
    put(directory.path(), "sales.toml", "limit = 7\nwindow = '10m'");
    std::fs::write(directory.path().join("sales~"), "an editor's").unwrap();
    let worker = worker(&stage, &directory).await;
    submit_to(&stage, "sales", "before").await;
    stage.until("before", "completed").await;
    assert_eq!(keys_of(&stage, "before").await, [OLD]);
    assert_eq!(account(&stage, "sales", "limit").await, "7");
    assert_eq!(account(&stage, "sales", "window_ms").await, "600000");
    worker
        .wait_line("ignored, since these are no accounts", PATIENCE)
        .await;

    std::fs::remove_file(directory.path().join("sales")).unwrap();
    until_account(&stage, "sales", "pause_reason", "no_key").await;
    submit_to(&stage, "sales", "waiting").await;
    stage.until("waiting", "queued").await;
    // Others go on meanwhile: what is behind the job that waits was claimed, so that one was passed over.
    stage.submit("other", "text").await;
    stage.until("other", "completed").await;
    let status = Process::builder(gammaq_bin())
        .args(["status", "--json"])
        .env("REDIS_URL", stage.redis.url())
        .spawn();
    assert!(status.wait(PATIENCE).await.success());
    let seen = status.lines().join("\n");
    assert!(seen.contains("no_key"), "{seen}");
    assert_eq!(stage.field("waiting", "state").await, "queued");
    assert!(keys_of(&stage, "waiting").await.is_empty());

    put(directory.path(), "sales.toml", "limit = 8");
    put(directory.path(), "sales", NEW);
    stage.until("waiting", "completed").await;
    assert_eq!(keys_of(&stage, "waiting").await, [NEW]);
    until_account(&stage, "sales", "pause_reason", "").await;
    assert_eq!(account(&stage, "sales", "limit").await, "8");

    // An account that nobody knew at the start.
    put(directory.path(), "late", "sk-gamma-late");
    until_account(&stage, "late", "limit", "50").await;
    submit_to(&stage, "late", "new").await;
    stage.until("new", "completed").await;
    assert_eq!(keys_of(&stage, "new").await, ["sk-gamma-late"]);
    stage.assert_honest(4, &[]).await;
    stage.assert_silent(&[&worker], &[OLD, NEW, "sk-gamma-late"]);
}

#[tokio::test]
async fn another_key_after_a_401_is_tried_at_once_and_a_half_written_one_never() {
    let stage = Stage::start(&["--generation-time", "50ms", "--key", NEW, "--key", KEY]).await;
    let directory = tempfile::tempdir().unwrap();
    put(directory.path(), "sales", OLD);
    let worker = worker(&stage, &directory).await;
    submit_to(&stage, "sales", "job").await;
    until_account(&stage, "sales", "pause_reason", "unauthorized").await;
    // Emptied, as an editor does before it writes: the key before it stays, with an alarm.
    std::fs::write(directory.path().join("sales"), "").unwrap();
    worker.wait_line("the key before it stays", PATIENCE).await;
    assert_eq!(account(&stage, "sales", "pause_reason").await, "unauthorized");
    std::fs::write(directory.path().join("sales"), NEW).unwrap();
    // The pause was for a minute: sooner than that only since the key is another one.
    stage.until("job", "completed").await;
    let keys = keys_of(&stage, "job").await;
    assert_eq!(keys, [OLD, NEW]);
    until_account(&stage, "sales", "pause_reason", "").await;
    stage.assert_silent(&[&worker], &[OLD, NEW]);
}

#[tokio::test]
async fn below_the_floor_nothing_more_is_submitted_until_somebody_lets_one_through() {
    let stage = Stage::start(&["--generation-time", "50ms", "--credits", "100", "--cost", "30"]).await;
    let settings = [("ACCOUNTS__DEFAULT__CREDITS_FLOOR", "60")];
    let _worker = stage.worker("worker", &settings).await;
    for id in ["one", "two"] {
        stage.submit(id, "text").await;
        stage.until(id, "completed").await;
    }
    until_account(&stage, "default", "credits_remaining", "40").await;
    for id in ["three", "four"] {
        stage.submit(id, "text").await;
        stage.until(id, "queued").await;
    }
    // Longer than the second after which an account that is held is looked at again: that looks happen in this time,
    // and begin nothing, is what is tested.
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    assert_eq!(stage.ledger().await.posts.len(), 2);
    stage.ask_fake("POST", "/_fake/credits", "{\"credits\":45}").await;
    let key = stage.key("account:default");
    stage.redis.cli(&["HSET", &key, "floor_pass", "1"]).await;
    stage.until("three", "completed").await;
    until_account(&stage, "default", "credits_remaining", "15").await;
    assert_eq!(stage.field("four", "state").await, "queued");
    assert_eq!(stage.ledger().await.posts.len(), 3, "one, and not both");
    // Topped up: the answer to the next one says so, and the rest follows by itself.
    stage
        .ask_fake("POST", "/_fake/credits", "{\"credits\":1000}")
        .await;
    stage.submit("five", "text").await;
    stage.until("five", "queued").await;
    stage.redis.cli(&["HSET", &key, "floor_pass", "1"]).await;
    stage.until("four", "completed").await;
    stage.until("five", "completed").await;
    stage.assert_honest(5, &[]).await;
}

#[tokio::test]
async fn what_a_day_cost_is_what_the_other_side_charged() {
    let stage = Stage::start(&["--generation-time", "50ms", "--fault", "result:failed:p=0.3"]).await;
    let directory = tempfile::tempdir().unwrap();
    put(directory.path(), "sales", OLD);
    let path = directory.path().display().to_string();
    let settings = [("ACCOUNTS_DIR", &*path)];
    let _one = stage.worker("one", &settings).await;
    let _two = stage.worker("two", &settings).await;
    for n in 0..20 {
        let name = if n % 3 == 0 { "sales" } else { "default" };
        submit_to(&stage, name, &format!("job-{n}")).await;
    }
    eventually(PATIENCE, "all have ended", || async {
        let ended = stage.number("ZCARD", "completed").await + stage.number("ZCARD", "failed").await;
        if ended == 20 { Ok(()) } else { Err(ended) }
    })
    .await;
    let mut expected: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for made in stage.ledger().await.generations {
        let recorded: f64 = stage
            .field(&made.title.unwrap_or_default(), "credits_deducted")
            .await
            .parse()
            .unwrap_or(0.0);
        let name = if made.key == OLD { "sales" } else { "default" };
        let sum = expected.entry(name.to_owned()).or_default();
        sum.0 += 1.0;
        // What a failed one cost Gamma need not say; where it says so, it is what it charged.
        sum.1 += recorded;
        assert!(recorded == 0.0 || recorded == made.credits as f64);
    }
    // A day may end in between, so the days are summed up.
    let keys = stage
        .redis
        .cli(&["--scan", "--pattern", &stage.key("spent:*")])
        .await;
    let mut seen: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for key in keys.lines() {
        let sums = stage.redis.cli(&["HGETALL", key.trim()]).await;
        let words: Vec<&str> = sums.lines().collect();
        for pair in words.chunks(2) {
            let (what, name) = pair[0].split_once(':').unwrap();
            let sum = seen.entry(name.to_owned()).or_default();
            let amount: f64 = pair[1].parse().unwrap();
            if what == "submits" {
                sum.0 += amount
            } else {
                sum.1 += amount
            }
        }
    }
    assert_eq!(seen, expected);
    assert!(seen["sales"].1 > 0.0 && seen["default"].1 > 0.0);
    let total: f64 = stage
        .redis
        .cli(&["HGET", &stage.key("stats"), "credits_deducted"])
        .await
        .trim()
        .parse()
        .unwrap();
    assert_eq!(total, seen.values().map(|sum| sum.1).sum::<f64>());
}
