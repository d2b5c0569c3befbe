//! The end of a run: until nothing is left to do, or for as long as that may take.

use std::time::Duration;

use gammaq_fake::ledger::Summary;
use tokio::time::{Instant, timeout};

use super::orders::{ACCOUNTS, Account};
use super::resp::Connection;
use super::scene::{Scene, breathe};
use crate::Stage;

/// How the waiting ended.
#[derive(Debug, Clone, Default)]
pub(super) struct Settled {
    /// How long it took.
    pub(super) took: Duration,
    /// What was left over when the time was up; nothing, as it should be.
    pub(super) left: Vec<String>,
}

/// Waits until every entry was taken in and no job waits or is under way.
pub(super) async fn settle(scene: &Scene) -> Settled {
    let began = Instant::now();
    let mut link = Connection::to(scene.stage.redis.address());
    loop {
        let left = left(&mut link).await;
        let took = began.elapsed();
        if left.is_empty() || took >= scene.plan.settle_within {
            return Settled { took, left };
        }
        for slot in &scene.crew.slots {
            let mut worker = slot.worker.lock().await;
            if !scene.crew.look(&worker) {
                scene.crew.replace(&scene.stage, &scene.diary, slot, &mut worker);
            }
        }
        breathe().await;
    }
}

async fn left(link: &mut Connection) -> Vec<String> {
    let mut keys = vec![
        ("XLEN", "inbox".to_owned()),
        ("ZCARD", "due".to_owned()),
        ("ZCARD", "accounts".to_owned()),
    ];
    keys.extend(
        ACCOUNTS
            .iter()
            .map(|account| ("ZCARD", format!("pending:{}", account.name))),
    );
    let mut left = Vec::new();
    for (command, key) in keys {
        match link.ask(&[command, &format!("gammaq:{{main}}:{key}")]).await {
            Ok(reply) if reply.number() == 0 => {}
            Ok(reply) => left.push(format!("{key}: {}", reply.number())),
            Err(error) => left.push(format!("{key}: {error}")),
        }
    }
    left
}

/// How many jobs have ended or are under way; a dash while Redis is away.
pub(super) async fn count(scene: &Scene, which: &str) -> String {
    let keys: &[&str] = if which == "ended" {
        &["completed", "failed", "timed_out", "ambiguous", "cancelled"]
    } else {
        &["due"]
    };
    let mut link = Connection::to(scene.stage.redis.address());
    let mut sum = 0;
    for key in keys {
        let key = format!("gammaq:{{main}}:{key}");
        // A progress line isn't worth waiting for a server that stands still.
        match timeout(Duration::from_millis(500), link.ask(&["ZCARD", &key])).await {
            Ok(Ok(reply)) => sum += reply.number(),
            _ => return "-".to_owned(),
        }
    }
    sum.to_string()
}

/// The fake's sums for one account, over the account's window.
pub(super) async fn summary(stage: &Stage, account: &Account) -> Summary {
    let path = format!(
        "/_fake/ledger/summary?window_ms={}&key={}",
        account.window_ms, account.key
    );
    serde_json::from_str(&stage.ask_fake("GET", &path, "").await).expect("the fake answers with sums")
}
