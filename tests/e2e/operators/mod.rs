//! Operators at work: each command on running workers, with the fake's ledger as the judge of what was paid.

mod jobs;
mod kept;
mod pauses;
mod stream;

use std::collections::BTreeMap;

use gammaq_testkit::{Finished, Process, eventually, gammaq_bin};
use gammaq_tests::{PATIENCE, Stage};

/// An operator's command on the command line.
async fn gammaq(stage: &Stage, args: &[&str]) -> Finished {
    Process::builder(gammaq_bin())
        .args(args)
        .env("REDIS_URL", stage.redis.url())
        .env("USER", "oncall")
        .run(PATIENCE)
        .await
}

/// One that is to be carried out; answers what it says.
async fn done(stage: &Stage, args: &[&str]) -> String {
    let finished = gammaq(stage, args).await;
    assert!(finished.status.success(), "{args:?}: {finished:?}");
    finished.stdout
}

/// An operator's command with nothing but `redis-cli`; answers its id in the stream.
async fn control(stage: &Stage, fields: &[&str]) -> String {
    let key = stage.key("control");
    let entry = stage.redis.cli(&[&["XADD", &key, "*"], fields].concat()).await;
    entry.trim().trim_matches('"').to_owned()
}

/// What `events` says of a command: note and who asked.
async fn outcome(stage: &Stage, entry: &str) -> (String, String) {
    eventually(
        PATIENCE,
        &format!("the command {entry} is carried out"),
        || async {
            let events = events(stage).await;
            let prefix = format!("control {entry}: ");
            let of = |event: &BTreeMap<String, String>| {
                let note = event.get("note")?.strip_prefix(&prefix)?.to_owned();
                Some((note, event.get("by")?.clone()))
            };
            events.iter().find_map(of).ok_or(events.len())
        },
    )
    .await
}

async fn events(stage: &Stage) -> Vec<BTreeMap<String, String>> {
    let out = done(stage, &["events", "--since", "1h", "--json"]).await;
    let read = |line: &str| {
        let event: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
        let text = |(name, value): (&String, &serde_json::Value)| {
            (name.clone(), value.as_str().unwrap_or_default().to_owned())
        };
        event
            .as_object()
            .map(|fields| fields.iter().map(text).collect())
            .unwrap_or_default()
    };
    out.lines().map(read).collect()
}

/// POSTs and generations of a title, as the fake saw them.
async fn paid(stage: &Stage, title: &str) -> (usize, Vec<String>) {
    let ledger = stage.ledger().await;
    let of = |other: &Option<String>| other.as_deref() == Some(title);
    let posts = ledger.posts.iter().filter(|post| of(&post.title)).count();
    let made = ledger.generations.iter().filter(|made| of(&made.title));
    (posts, made.map(|made| made.generation_id.clone()).collect())
}

/// Every generation that the fake made stands on its job's record, and every one on a record was made.
async fn assert_ledger_is_redis(stage: &Stage, titles: &[&str]) {
    for title in titles {
        let mut recorded: Vec<String> = Vec::new();
        for field in ["generation_id", "extra_generation_id"] {
            let ids = stage.field(title, field).await;
            recorded.extend(ids.split(',').filter(|id| !id.is_empty()).map(str::to_owned));
        }
        let (_, mut made) = paid(stage, title).await;
        recorded.sort();
        made.sort();
        assert_eq!(recorded, made, "{title}");
    }
}
