//! Operators, with nothing but the control stream: what they ask for is drawn, mostly from what makes sense just then.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::dice::Dice;
use crate::gamma::Cloud;
use crate::redis::Reply;
use crate::run::BASE;
use crate::world::locked;

/// Commands about a job, whatever its state.
const ANY: [&str; 6] = ["cancel", "retry", "generation", "resubmit", "fail", "repoll"];

/// Gives commands as the plan says, and lets everything go on in the end.
pub(crate) async fn act(cloud: Arc<Cloud>, mut dice: Dice) {
    let world = &cloud.world;
    if !world.plan.has_operators() {
        return;
    }
    for at in world.plan.operations.clone() {
        world.wait_until(at).await;
        if let Some(command) = draw(&cloud, &mut dice) {
            append(&cloud, &command);
        }
    }
    world.wait_until(world.plan.over_at()).await;
    let accounts = world.plan.accounts.iter().map(|account| account.name);
    for account in accounts.chain(["*"]) {
        let command = words(&[("op", "resume"), ("account", account)]);
        while !append(&cloud, &command) {
            sleep(Duration::from_millis(250)).await;
        }
    }
}

fn words(fields: &[(&str, &str)]) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for (name, value) in fields.iter().chain(&[("by", "operator")]) {
        words.extend([(*name).to_owned(), (*value).to_owned()]);
    }
    words
}

/// Whether Redis took it.
fn append(cloud: &Cloud, command: &[String]) -> bool {
    let control = format!("{BASE}control");
    let mut args = vec!["XADD", &control, "*"];
    args.extend(command.iter().map(String::as_str));
    let names = command
        .chunks_exact(2)
        .filter(|pair| ["id", "account"].contains(&pair[0].as_str()));
    let names: Vec<String> = names.map(|pair| pair[1].clone()).collect();
    locked(&cloud.ledger).touched.extend(names);
    let up = cloud.server.is_up();
    up && matches!(
        cloud.server.direct(format_args!("operator"), &args),
        Reply::Bulk(_)
    )
}

fn draw(cloud: &Cloud, dice: &mut Dice) -> Option<Vec<String>> {
    if dice.happens(0.2) {
        let op = *dice.one_of(&["pause", "resume", "resume"]);
        let account = *dice.one_of(&["ant", "bee", "*", "nobody"]);
        return Some(words(&[("op", op), ("account", account)]));
    }
    let ids = cloud.world.plan.entries.iter().flat_map(|entry| &entry.fields);
    let ids: Vec<&str> = ids
        .filter(|(name, _)| *name == "id")
        .map(|(_, id)| id.as_str())
        .collect();
    let id = *dice.one_of(&ids);
    let any = dice.happens(0.3);
    let (what, pick) = (*dice.one_of(&ANY), dice.any());
    let what = if any { what } else { apt(cloud, id, pick)? };
    Some(match what {
        "generation" => {
            let ledger = locked(&cloud.ledger);
            let made: Vec<&String> = ledger.of(id).collect();
            if made.is_empty() {
                words(&[("op", "resolve"), ("id", id), ("as", "fail")])
            } else {
                let found = dice.one_of(&made).as_str();
                let fields = [
                    ("op", "resolve"),
                    ("id", id),
                    ("as", "generation"),
                    ("generation_id", found),
                ];
                words(&fields)
            }
        }
        "resubmit" | "fail" => words(&[("op", "resolve"), ("id", id), ("as", what)]),
        op => words(&[("op", op), ("id", id)]),
    })
}

/// What makes sense as the job stands.
fn apt(cloud: &Cloud, id: &str, pick: u64) -> Option<&'static str> {
    if !cloud.server.is_up() {
        return None;
    }
    let key = format!("{BASE}job:{id}");
    let state = match cloud
        .server
        .direct(format_args!("operator"), &["HGET", &key, "state"])
    {
        Reply::Bulk(state) => String::from_utf8_lossy(&state).into_owned(),
        _ => return None,
    };
    Some(match (state.as_str(), pick % 3) {
        ("ambiguous", 0) => "fail",
        ("ambiguous", 1) => "resubmit",
        ("ambiguous", _) => "generation",
        ("failed" | "cancelled", _) => "retry",
        ("timed_out", _) => "repoll",
        _ => "cancel",
    })
}
