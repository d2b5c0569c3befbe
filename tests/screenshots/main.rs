//! `make screenshots`: a picture of each page of the dashboard, for `docs/dashboard/`.

#![expect(clippy::print_stdout, reason = "it is a program that reports")]

use std::path::PathBuf;

use clap::Parser;
use gammaq_testkit::Signal;
use gammaq_tests::browser::{Browser, Tab};
use gammaq_tests::dashboard::{Shown, TOKEN};
use serde_json::json;

/// Takes a picture of each page of a dashboard of their own.
#[derive(Debug, Parser)]
struct Args {
    /// Where to keep them.
    #[arg(long, default_value = "docs/dashboard", value_name = "DIRECTORY")]
    into: PathBuf,
}

/// Names on pictures are nobody's machine.
const NAMELESS: &str = "(host) => {
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) walk.currentNode.data = walk.currentNode.data.replaceAll(host, 'queue-1');
}";

#[tokio::main]
async fn main() {
    let args = Args::parse();
    let shown = scene().await;
    let browser = Browser::start().await;
    let tab = browser.tab().await;
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let keep = async |tab: &Tab, path: &str, name: &str| {
        tab.open(&shown.url(path)).await;
        tab.until_says("gammaq").await;
        tab.eval(&format!("({NAMELESS})({})", json!(host.trim()))).await;
        let file = args.into.join(format!("{name}.png"));
        tab.picture(&file).await;
        println!("{}", file.display());
    };
    keep(&tab, "/sign-in", "sign-in").await;
    tab.click("#token").await;
    tab.write(TOKEN).await;
    tab.follow("main button").await;
    for (path, name) in [
        ("/", "overview"),
        ("/accounts", "accounts"),
        ("/accounts/default", "account"),
        ("/jobs", "jobs"),
        ("/jobs/invoice-42", "job"),
        ("/parked", "parked"),
    ] {
        keep(&tab, path, name).await;
    }
    tab.prefer("dark").await;
    keep(&tab, "/", "overview-dark").await;
    tab.prefer("light").await;
    tab.size(360, 780).await;
    keep(&tab, "/", "overview-phone").await;
    browser.end().await;
    shown.worker.signal(Signal::TERM);
}

/// Something of everything.
async fn scene() -> Shown {
    let shown = Shown::start(true).await;
    let stage = &shown.stage;
    for n in 40..54 {
        stage.submit(&format!("invoice-{n}"), "text").await;
    }
    stage.submit("report-7", "text [[fake:poll=failed]]").await;
    for id in ["offer-12", "offer-13"] {
        stage.submit(id, "text [[fake:post=lost_after*1]]").await;
    }
    stage.until_count("completed", 14).await;
    stage.until_count("failed", 1).await;
    stage.until_count("ambiguous", 2).await;
    // Slots of an hour, spread over it.
    let now: u64 = stage
        .redis
        .cli(&["TIME"])
        .await
        .lines()
        .next()
        .and_then(|it| it.trim().parse().ok())
        .unwrap_or(0);
    for n in 0..20 {
        let at = ((now - 3_500 + n * 137) * 1_000).to_string();
        stage
            .redis
            .cli(&[
                "ZADD",
                &stage.key("budget:default"),
                &at,
                &format!("earlier-{n}:1"),
            ])
            .await;
    }
    for n in 0..6 {
        stage.submit(&format!("deck-{n}"), "text [[fake:time=60s]]").await;
    }
    for n in 0..12 {
        stage.submit(&format!("later-{n}"), "text").await;
    }
    stage.until("later-11", "queued").await;
    shown
}
