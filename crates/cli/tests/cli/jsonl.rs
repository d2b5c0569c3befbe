//! `gammaq enqueue --jsonl`

use std::io::Write;

use gammaq_testkit::Redis;
use tempfile::NamedTempFile;

use crate::{SOON, code, gammaq, ok, run};

const INBOX: &str = "gammaq:{main}:inbox";

fn file(lines: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(lines.as_bytes()).unwrap();
    file
}

#[tokio::test]
async fn a_file_of_both_forms_is_enqueued_in_order() {
    let redis = Redis::start().await;
    let lines: String = (0..1_200)
        .map(|n| match n % 2 {
            0 => format!("{{\"inputText\":\"deck {n}\"}}\n"),
            _ => format!("{{\"request\":{{\"inputText\":\"deck {n}\"}},\"id\":\"j{n}\",\"priority\":1}}\n\n"),
        })
        .collect();
    let file = file(&lines);
    let out = ok(
        &redis,
        &[
            "enqueue",
            "--jsonl",
            file.path().to_str().unwrap(),
            "--account",
            "eu",
        ],
    )
    .await;
    let ids: Vec<&str> = out.lines().collect();
    assert_eq!((ids.len(), ids[1], ids[1_199]), (1_200, "j1", "j1199"));
    let entries = redis.cli(&["XRANGE", INBOX, "-", "+"]).await;
    let texts: Vec<&str> = entries
        .lines()
        .filter(|line| line.contains("inputText"))
        .collect();
    assert_eq!(texts.len(), 1_200);
    assert!(
        texts
            .iter()
            .enumerate()
            .all(|(n, text)| text.contains(&format!("\"deck {n}\"")))
    );
    assert_eq!(entries.lines().filter(|line| *line == "eu").count(), 1_200);
}

#[tokio::test]
async fn one_bad_line_keeps_all_out_unless_bad_ones_may_be_left_out() {
    let redis = Redis::start().await;
    let file = file(
        "{\"inputText\":\"a\"}\nnope\n\n{\"inputText\":\"\"}\n{\"request\":{\"inputText\":\"b\"},\"id\":\"b\"}\n",
    );
    let path = file.path().to_str().unwrap();

    let finished = run(&redis, &["enqueue", "--jsonl", path]).await;
    assert_eq!(
        (code(&finished), finished.stdout.as_str()),
        (64, ""),
        "{finished:?}"
    );
    for part in [
        "line 2: not a usable JSON object",
        "line 4:",
        "inputText: 0 characters",
        "2 of 4 lines",
        "--skip-bad",
    ] {
        assert!(finished.stderr.contains(part), "{part}: {}", finished.stderr);
    }
    assert_eq!(redis.cli(&["EXISTS", INBOX]).await, "0");

    let finished = run(&redis, &["enqueue", "--jsonl", path, "--skip-bad", "--json"]).await;
    assert_eq!(code(&finished), 0, "{finished:?}");
    assert_eq!(finished.stdout.lines().count(), 2);
    assert_eq!(finished.stdout.lines().last(), Some(r#"{"id":"b"}"#));
    assert_eq!(redis.cli(&["XLEN", INBOX]).await, "2");
}

#[tokio::test]
async fn lines_may_come_from_standard_input() {
    let redis = Redis::start().await;
    let piped = gammaq(&["enqueue", "--jsonl", "-", "--export", "pdf"])
        .env("REDIS_URL", redis.url())
        .stdin("{\"inputText\":\"a\"}")
        .run(SOON)
        .await;
    assert_eq!(code(&piped), 0, "{piped:?}");
    assert!(
        redis
            .cli(&["XRANGE", INBOX, "-", "+"])
            .await
            .ends_with("exports\npdf")
    );
    let both = run(&redis, &["enqueue", "--jsonl", "-", "--title", "t"]).await;
    assert_eq!(code(&both), 64, "{both:?}");
}
