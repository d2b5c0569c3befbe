//! `gammaq enqueue --dry-run`: it needs no Redis, shows what would be sent, and refuses what enqueueing would.

use gammaq_testkit::{Finished, Redis, free_port};
use serde_json::{Value, json};

use crate::{SOON, code, gammaq, newest_entry, ok};

/// Without any Redis.
async fn dry(args: &[&str], stdin: &str) -> Finished {
    let url = format!("redis://127.0.0.1:{}", free_port());
    let args = [&["enqueue", "--dry-run"], args].concat();
    gammaq(&args)
        .env("REDIS_URL", url)
        .stdin(stdin.as_bytes())
        .run(SOON)
        .await
}

#[tokio::test]
async fn it_says_what_goes_to_gamma_and_what_it_may_cost() {
    let text = dry(
        &[
            "the text",
            "--num-cards",
            "8",
            "--export",
            "pdf",
            "--id",
            "invoice-42",
        ],
        "",
    )
    .await;
    assert_eq!(code(&text), 0, "{text:?}");
    for part in [
        "invoice-42\n",
        "8 to 1024 credits",
        "8 cards (numCards) at 1 to 3 credits each",
        "at 2 to 125 credits each",
        "POST /v1.0/generations\n",
        "{\"exportAs\":\"pdf\",",
    ] {
        assert!(text.stdout.contains(part), "{part}: {text:?}");
    }
    assert!(text.stderr.contains("nothing was enqueued"), "{text:?}");

    let flags = [
        "the text",
        "--image-source",
        "noImages",
        "--num-cards",
        "3",
        "--json",
        "--account",
        "eu",
    ];
    let shown = dry(&flags, "").await;
    let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(shown["account"], "eu");
    assert_eq!(
        (&shown["estimate"]["low"], &shown["estimate"]["high"]),
        (&json!(3), &json!(9))
    );
    assert_eq!(shown["body"]["imageOptions"]["source"], "noImages");
    assert_eq!(
        (&shown["endpoint"], &shown["id"]),
        (&json!("/v1.0/generations"), &Value::Null)
    );

    let agent = dry(&["the text", "--kind", "agent"], "").await;
    assert!(
        agent.stdout.contains("none: Gamma 5 chooses") && agent.stdout.contains("/v1.0/agent/generations"),
        "{agent:?}"
    );
}

#[tokio::test]
async fn many_have_a_sum() {
    let lines = "{\"inputText\":\"a\",\"numCards\":1}\n\n{\"request\":{\"inputText\":\"b\",\"numCards\":2},\"id\":\"b\",\"run_at\":\"+1h\"}\n\
                 {\"request\":{\"prompt\":\"c\",\"gammaId\":\"g\"},\"kind\":\"template\"}\n";
    let many = dry(&["--jsonl", "-"], lines).await;
    assert_eq!(code(&many), 0, "{many:?}");
    assert!(
        many.stdout
            .contains("3 jobs  3 to 384 credits, and 1 of which nobody can say"),
        "{many:?}"
    );
    let each = dry(&["--jsonl", "-", "--json"], lines).await;
    let ids: Vec<Value> = each
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].clone())
        .collect();
    assert_eq!(ids, [Value::Null, json!("b"), Value::Null]);
}

#[tokio::test]
async fn what_would_be_refused_is_refused_and_no_text_is_repeated() {
    for (args, part) in [
        (&["secret plan", "--id", "a b"][..], "id: \"a b\""),
        (&["secret plan", "--run-at", "soon"], "--run-at"),
        (
            &["--request", r#"{"inputText":"secret plan","numCards":0}"#],
            "numCards: 0",
        ),
        (&["secret plan", "--kind", "template"], "--gamma-id"),
        (&["secret plan", "--wait"], "cannot be used with"),
    ] {
        let refused = dry(args, "").await;
        assert_eq!(code(&refused), 64, "{refused:?}");
        assert!(refused.stderr.contains(part), "{part}: {refused:?}");
        assert!(
            !format!("{}{}", refused.stdout, refused.stderr).contains("secret plan"),
            "{refused:?}"
        );
    }
    let bad = dry(&["--jsonl", "-"], "{\"inputText\":\"a\"}\n{}\n").await;
    assert!(code(&bad) == 64 && bad.stderr.contains("line 2"), "{bad:?}");
}

/// The body is what a job without `--dry-run` carries, and nothing was there before it.
#[tokio::test]
async fn it_shows_the_request_that_is_enqueued() {
    let redis = Redis::start().await;
    let job = ["enqueue", "text", "--num-cards", "8", "--tone", "dry"];
    let shown = ok(&redis, &[&job[..], &["--dry-run", "--json"]].concat()).await;
    assert_eq!(redis.cli(&["DBSIZE"]).await, "0");
    ok(&redis, &job).await;
    let entry = newest_entry(&redis).await;
    assert!(
        shown.contains(&format!("\"body\":{}", entry[1])),
        "{shown} {entry:?}"
    );
}
