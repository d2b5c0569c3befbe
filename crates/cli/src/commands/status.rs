//! `gammaq status`: the queue at one look.

use std::collections::BTreeMap;

use gammaq_job::json::cut;
use gammaq_queue::read::{AccountView, Overview};
use serde_json::json;

use crate::context::{Context, note};
use crate::exit::Code;
use crate::output::{state, table, time};

pub(crate) async fn run(context: &Context) -> anyhow::Result<Code> {
    let producer = context.connect().await?;
    let queue = producer.queue();
    let overview = queue.overview().await?;
    let workers = queue.workers().await?;
    if context.json {
        let mut value = serde_json::to_value(&overview)?;
        let worker =
            |(id, fields): &(String, BTreeMap<String, String>)| json!({ "id": id, "fields": fields });
        value["workers"] = workers.iter().map(worker).collect();
        context.json_line(&value)?;
        return Ok(Code::Done);
    }
    context.line(format!("queue {}", queue.keys().base().trim_end_matches(':')))?;
    for line in counts(&overview) {
        context.line(line)?;
    }
    if !overview.accounts.is_empty() {
        let columns = ["ACCOUNT", "WAITING", "USED", "NEXT SUBMIT", "CREDITS", "PAUSED"];
        let rows = overview
            .accounts
            .iter()
            .map(|account| account_row(account, overview.now));
        context.line(format!("\n{}", table::table(&columns, rows)))?;
    }
    if !workers.is_empty() {
        let columns = [
            "WORKER",
            "HOST",
            "RUNNING",
            "CAPACITY",
            "STARTED",
            "LAST HEARD OF",
            "VERSION",
        ];
        let rows = workers
            .iter()
            .map(|(id, fields)| worker_row(id, fields, overview.now));
        context.line(format!("\n{}", table::table(&columns, rows)))?;
    } else {
        note("no worker runs: `gammaq worker` starts one");
    }
    Ok(Code::Done)
}

fn counts(overview: &Overview) -> Vec<String> {
    let waiting: u64 = overview.accounts.iter().map(|account| account.pending).sum();
    let mut out = vec![
        format!("  inbox         {:>8}  not taken in yet", overview.inbox),
        format!("  waiting       {waiting:>8}  for a slot of their account's budget"),
        format!(
            "  under way     {:>8}  submitted, looked at, or delayed",
            overview.due
        ),
    ];
    if overview.oldest_late_ms > 1_000 {
        out.push(format!(
            "  late          {:>8}  is the oldest step",
            time::span(overview.oldest_late_ms)
        ));
    }
    for (word, count) in &overview.ended {
        let space = " ".repeat(13_usize.saturating_sub(word.len()));
        let more = if word == "ambiguous" && *count > 0 {
            "  wait for an operator"
        } else {
            ""
        };
        // A colour is for what is there.
        let name = if *count > 0 { state(word) } else { word.clone() };
        out.push(format!("  {name}{space} {count:>8}{more}"));
    }
    out
}

fn account_row(account: &AccountView, now: u64) -> Vec<String> {
    let field = |name: &str| {
        account
            .fields
            .get(name)
            .map(String::as_str)
            .filter(|it| !it.is_empty())
    };
    let number = |name: &str| field(name).and_then(|it| it.parse::<u64>().ok());
    let used = match (number("used"), number("limit"), number("window_ms")) {
        (used, Some(limit), Some(window)) => {
            format!("{} of {limit} in {}", used.unwrap_or(0), time::span(window))
        }
        _ => String::new(),
    };
    let paused = number("paused_until").filter(|until| *until > now).map(|until| {
        let why = field("pause_reason").unwrap_or("paused");
        format!("{}, {}", cut(why, 40), time::relative(now, until))
    });
    vec![
        account.name.clone(),
        account.pending.to_string(),
        used,
        if account.next_at == 0 {
            String::new()
        } else {
            time::relative(now, account.next_at)
        },
        field("credits_remaining").unwrap_or_default().to_owned(),
        paused.unwrap_or_default(),
    ]
}

fn worker_row(id: &str, fields: &BTreeMap<String, String>, now: u64) -> Vec<String> {
    let text = |name: &str| fields.get(name).cloned().unwrap_or_default();
    let when = |name: &str| {
        fields
            .get(name)
            .and_then(|it| it.parse().ok())
            .map(|it| time::relative(now, it))
    };
    vec![
        id.to_owned(),
        text("host"),
        text("running"),
        text("capacity"),
        when("started_at").unwrap_or_default(),
        when("heartbeat_at").unwrap_or_default(),
        text("version"),
    ]
}
