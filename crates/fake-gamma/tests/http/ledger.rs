//! What the fake remembers.

use serde_json::Value;

use super::{KEY, start};

#[tokio::test]
async fn the_ledger_filters_and_counts_twins() {
    let gamma = start("").await;
    for _ in 0..2 {
        gamma.begin("twin").await;
    }
    gamma.begin("single").await;
    let summary = gamma.summary("?key=sk-a").await;
    assert_eq!(summary.by_key[KEY].accepted, 3);
    assert_eq!(summary.duplicates.values().copied().collect::<Vec<_>>(), [2]);
    let digest = summary.duplicates.keys().next().unwrap();
    assert_eq!(gamma.ledger(&format!("?digest={digest}")).await.posts.len(), 2);
    assert_eq!(gamma.ledger("?key=sk-b").await.posts.len(), 0);
    assert_eq!(gamma.fake.summary().accepted, 3);
}

#[tokio::test]
async fn the_ledger_file_is_lines_of_json() {
    let path = std::env::temp_dir().join(format!("gammaq-fake-{}.jsonl", std::process::id()));
    let gamma = start(&format!("--ledger {}", path.display())).await;
    let id = gamma.begin("Sun").await;
    gamma.poll_json(&id).await;
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let events: Vec<&str> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["start", "post", "settled"]);
    assert_eq!(lines[1]["generationId"], id.as_str());
}
