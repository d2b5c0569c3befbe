//! The faults of the fake that are in force. It takes a whole list at a time, and several may overlap.

use crate::Stage;

/// The rules in force, each with a number of its own.
#[derive(Debug, Default)]
pub(super) struct Rules {
    active: tokio::sync::Mutex<(u64, Vec<(u64, String)>)>,
}

impl Rules {
    /// Puts a rule in force; the number takes it back.
    pub(super) async fn add(&self, stage: &Stage, rule: String) -> u64 {
        let mut active = self.active.lock().await;
        active.0 += 1;
        let number = active.0;
        active.1.push((number, rule));
        send(stage, &active.1).await;
        number
    }

    /// Takes a rule back.
    pub(super) async fn remove(&self, stage: &Stage, number: u64) {
        let mut active = self.active.lock().await;
        active.1.retain(|(it, _)| *it != number);
        send(stage, &active.1).await;
    }
}

async fn send(stage: &Stage, active: &[(u64, String)]) {
    let rules: Vec<&str> = active.iter().map(|(_, rule)| rule.as_str()).collect();
    let body = serde_json::json!({ "faults": rules }).to_string();
    stage.ask_fake("POST", "/_fake/faults", &body).await;
}
