//! The forms of `gammaq enqueue`.

use std::io::Write;

use gammaq_testkit::Redis;
use serde_json::{Value, json};

use crate::{SOON, code, gammaq, json, newest_entry, ok};

/// The newest entry's request, and its other fields as `name=value`.
async fn newest(redis: &Redis) -> (Value, Vec<String>) {
    let entry = newest_entry(redis).await;
    let fields: Vec<String> = entry[2..].chunks(2).map(|pair| pair.join("=")).collect();
    assert_eq!(entry[0], "request");
    (serde_json::from_str(&entry[1]).unwrap(), fields)
}

#[tokio::test]
async fn a_text_and_flags_make_a_request() {
    let redis = Redis::start().await;
    let id = ok(&redis, &["enqueue", "Renewable energy"]).await;
    assert!(
        id.trim_end().split('-').all(|part| part.parse::<u64>().is_ok()),
        "{id}"
    );
    let defaults = json!({"inputText": "Renewable energy", "textMode": "generate", "format": "presentation"});
    assert_eq!(newest(&redis).await, (defaults.clone(), vec![]));

    let flags = "--num-cards 8 --format document --text-mode condense --theme th --title T --instructions I \
                 --language de --tone dry --audience all --amount brief --folder F --card-split auto \
                 --dimensions a4 --image-source noImages --image-model m --image-style s --field publish=true \
                 --field new=words --id invoice-42 --account eu --export pdf --export png --priority 0 \
                 --run-at 1763912345678 --timeout 90s --meta M --callback https://example.com/c";
    let args: Vec<&str> = ["enqueue", "text"]
        .into_iter()
        .chain(flags.split_whitespace())
        .collect();
    assert_eq!(ok(&redis, &args).await, "invoice-42\n");
    let (request, fields) = newest(&redis).await;
    assert_eq!(
        request,
        json!({
            "inputText": "text", "textMode": "condense", "format": "document", "numCards": 8, "themeId": "th",
            "title": "T", "additionalInstructions": "I", "folderId": "F", "cardSplit": "auto",
            "textOptions": {"language": "de", "tone": "dry", "audience": "all", "amount": "brief"},
            "cardOptions": {"dimensions": "a4"}, "publish": true, "new": "words",
            "imageOptions": {"source": "noImages", "model": "m", "style": "s"},
        })
    );
    assert_eq!(
        fields,
        [
            "id=invoice-42",
            "account=eu",
            "exports=pdf,png",
            "priority=0",
            "run_at=1763912345678",
            "timeout=90",
            "callback=https://example.com/c",
            "meta=M",
        ]
    );
}

#[tokio::test]
async fn the_text_may_come_from_a_file_or_from_standard_input() {
    let redis = Redis::start().await;
    let expected = json!({"inputText": "a\nb", "textMode": "generate", "format": "presentation"});
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"a\nb\n").unwrap();
    ok(&redis, &["enqueue", "--file", file.path().to_str().unwrap()]).await;
    assert_eq!(newest(&redis).await.0, expected);

    let piped = gammaq(&["enqueue", "-"])
        .env("REDIS_URL", redis.url())
        .stdin("a\nb\n")
        .run(SOON)
        .await;
    assert_eq!(code(&piped), 0, "{piped:?}");
    assert_eq!(newest(&redis).await.0, expected);
    assert_eq!(redis.cli(&["XLEN", "gammaq:{main}:inbox"]).await, "2");
}

#[tokio::test]
async fn a_whole_request_is_sent_as_it_is() {
    let redis = Redis::start().await;
    let request = r#"{"inputText":"a",  "numCards":8.0,"brandNew":[1]}"#;
    let id = json(&redis, &["--json", "enqueue", "--request", request, "--id", "r"]).await;
    assert_eq!(id, json!({"id": "r"}));
    assert_eq!(newest_entry(&redis).await[1], request);

    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(br#"{"prompt":"p"}"#).unwrap();
    let from_file = format!("@{}", file.path().display());
    ok(&redis, &["enqueue", "--request", &from_file, "--kind", "agent"]).await;
    assert_eq!(
        newest(&redis).await,
        (json!({"prompt": "p"}), vec!["kind=agent".to_owned()])
    );
}

#[tokio::test]
async fn templates_and_agents_have_their_own_fields() {
    let redis = Redis::start().await;
    ok(
        &redis,
        &[
            "enqueue",
            "p",
            "--kind",
            "template",
            "--gamma-id",
            "g",
            "--theme",
            "t",
        ],
    )
    .await;
    assert_eq!(
        newest(&redis).await.0,
        json!({"gammaId": "g", "prompt": "p", "themeId": "t"})
    );
    ok(&redis, &["enqueue", "p", "--kind", "agent", "--format", "social"]).await;
    assert_eq!(newest(&redis).await.0, json!({"prompt": "p", "format": "social"}));
}

#[tokio::test]
async fn another_queue_has_other_keys_and_a_delay_counts_from_now() {
    let redis = Redis::start().await;
    let now: u64 = redis
        .cli(&["TIME"])
        .await
        .lines()
        .next()
        .unwrap()
        .parse()
        .unwrap();
    ok(
        &redis,
        &[
            "--queue",
            "other",
            "--set",
            "redis.prefix=mine",
            "enqueue",
            "text",
            "--run-at",
            "+10m",
        ],
    )
    .await;
    let entry = redis.cli(&["XRANGE", "mine:{other}:inbox", "-", "+"]).await;
    let run_at: u64 = entry.lines().last().unwrap().parse().unwrap();
    assert!(
        (now * 1000 + 600_000..now * 1000 + 700_000).contains(&run_at),
        "{entry}"
    );
}
