//! What to do next, judged by an overview.

use gammaq_job::State;
use gammaq_job::json::cut;
use gammaq_queue::held;
use gammaq_queue::read::overview::Overview;

use crate::output::time;

/// A step that is so late waits for something: a worker, or what it waits for.
const LATE_MS: u64 = 30_000;
/// A worker beats every few seconds.
const SILENT_MS: u64 = 15_000;

pub(in crate::commands) fn of(overview: &Overview, queue: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut say = |text: String| out.push(text);
    let now = overview.now;
    if overview.schema.is_none() {
        say(format!(
            "no worker has ever run on queue {queue}: `gammaq worker` starts one; or is it another --queue or redis.prefix?"
        ));
    } else if overview.workers.is_empty() {
        say("no worker runs: `gammaq worker` starts one".to_owned());
    }
    if let Some(pause) = &overview.paused {
        say(format!(
            "{} paused the queue {}: nothing new is submitted until `gammaq resume --all`",
            cut(&pause.by, 40),
            time::relative(now, pause.at)
        ));
    }
    for worker in &overview.workers {
        if let Some(why) = &worker.halted {
            say(format!(
                "{} has halted: {}; its log says what to do",
                worker.id,
                cut(why, 80)
            ));
        }
        let silent = worker
            .heartbeat_at
            .map(|at| now.saturating_sub(at))
            .filter(|ms| *ms > SILENT_MS);
        if let Some(silent) = silent {
            say(format!(
                "{} was not heard of for {}: does it run, and reach Redis?",
                worker.id,
                time::span(silent)
            ));
        }
    }
    let parked = overview
        .ended
        .get(State::Ambiguous.as_str())
        .copied()
        .unwrap_or(0);
    if parked > 0 {
        say(format!(
            "{parked} parked: `gammaq list --state ambiguous` shows them, `gammaq show ID` what is known of each"
        ));
    }
    if let Some(oldest) = overview
        .oldest_due
        .as_ref()
        .filter(|_| overview.oldest_late_ms > LATE_MS)
    {
        say(format!(
            "steps are late: `gammaq show {}` tells what it waits for; are there enough workers?",
            cut(&oldest.id, 70)
        ));
    }
    for account in &overview.accounts {
        let (name, held) = (&account.name, account.held.as_ref());
        match held.map(|held| held.reason.as_str()) {
            Some(held::OPERATOR) => say(format!(
                "account {name} was paused by somebody: `gammaq resume {name}` ends that"
            )),
            Some(held::NO_KEY) => say(format!("account {name} has no API key: give one to a worker")),
            Some(held::CREDITS_FLOOR) => say(format!(
                "account {name} has fewer credits than its credits_floor: buy some or lower it; `gammaq resume {name}` lets one job try"
            )),
            _ => {
                if let Some(pause) = &account.pause {
                    say(format!(
                        "account {name} is paused ({}): `gammaq accounts {name}` shows why and until when",
                        cut(&pause.reason, 40)
                    ));
                }
            }
        }
    }
    if overview.more_accounts {
        say("there are more accounts: `gammaq accounts` shows them".to_owned());
    }
    for key in &overview.broken {
        say(format!(
            "{key} is of another type than it should be: `gammaq doctor` says more"
        ));
    }
    out
}
