//! `gammaq accounts`: what each may start and when, and what it spent.

mod days;

use clap::Args;
use gammaq_job::AccountName;
use gammaq_job::json::cut;
use gammaq_queue::Queue;
use gammaq_queue::read::accounts::{AccountView, AccountViews};
use gammaq_queue::spending::{DAYS_KEPT, Day, Spent, sum_of};
use serde_json::json;

use crate::context::{Context, note};
use crate::exit::{Code, NoSuchAccount};
use crate::output::{bar, table, time};

/// Which account.
#[derive(Debug, Args)]
pub(crate) struct AccountsArgs {
    /// One account, with all that is known of it.
    name: Option<AccountName>,
    /// What each of the last so many days cost instead, today first; 35 are kept.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=i64::from(DAYS_KEPT)))]
    days: Option<u32>,
}

/// The most accounts of one answer.
pub(super) const MOST: usize = 1_000;
/// What is told in words of its own; all other fields are what Gamma said last.
const TOLD: [&str; 10] = [
    "limit",
    "window_ms",
    "used",
    "paused_until",
    "pause_reason",
    "paused_by",
    "paused_at",
    "pause_level",
    "probe_until",
    "credits_remaining",
];

pub(crate) async fn run(context: &Context, args: &AccountsArgs) -> anyhow::Result<Code> {
    let producer = context.connect().await?;
    let queue = producer.queue();
    if let Some(number) = args.days {
        if let Some(name) = &args.name {
            known(context, queue, name).await?;
        }
        let days = spending(queue, number).await?;
        days::show(context, &days, args.name.as_ref().map(AccountName::as_str))?;
        return Ok(Code::Done);
    }
    if let Some(name) = &args.name {
        return one(context, queue, name).await;
    }
    let views = queue.accounts(MOST).await?;
    let days = spending(queue, DAYS_KEPT).await?;
    if context.json {
        let mut value = serde_json::to_value(&views)?;
        value["spending"] = serde_json::to_value(&days)?;
        context.json_line(&value)?;
        return Ok(Code::Done);
    }
    if views.accounts.is_empty() {
        note("no account is known: a worker registers those that it has keys for");
        context.note_unmade(queue).await?;
    } else {
        context.line(table(&views.accounts, views.now))?;
        let spent = spending_table(&views.accounts, &days);
        if !spent.is_empty() {
            context.line(format!("\n{spent}"))?;
        }
    }
    tell_rest(&views);
    Ok(Code::Done)
}

fn tell_rest(views: &AccountViews) {
    if views.more {
        note(&format!(
            "there are more than {MOST}: `gammaq accounts NAME` shows any of them"
        ));
    }
    context_broken(&views.broken);
}

pub(super) fn context_broken(broken: &std::collections::BTreeSet<String>) {
    for key in broken {
        note(&format!(
            "{key} is of another type than it should be and was left out; `gammaq doctor` says more"
        ));
    }
}

async fn known(context: &Context, queue: &Queue, name: &AccountName) -> anyhow::Result<()> {
    if queue.knows_account(name.as_str()).await? {
        return Ok(());
    }
    Err(NoSuchAccount {
        name: name.to_string(),
        queue: context.queue_name(queue),
    }
    .into())
}

async fn one(context: &Context, queue: &Queue, name: &AccountName) -> anyhow::Result<Code> {
    known(context, queue, name).await?;
    let now = queue.time().await?;
    let view = queue.account(name.as_str()).await?;
    let days = spending(queue, DAYS_KEPT).await?;
    if context.json {
        let of_account = |day: &Day| {
            let spent = sum_of(std::slice::from_ref(day), name.as_str());
            json!({ "date": day.date, "submits": spent.submits, "credits": spent.credits })
        };
        let spending: Vec<_> = days.iter().map(of_account).collect();
        context.json_line(&json!({ "now": now, "account": view, "spending": spending }))?;
        return Ok(Code::Done);
    }
    for line in story(&view, now, &days) {
        context.line(line)?;
    }
    Ok(Code::Done)
}

/// Accounts as a table, also of `gammaq status`.
pub(super) fn table(accounts: &[AccountView], now: u64) -> String {
    let columns = [
        "ACCOUNT",
        "BUDGET",
        "",
        "NEXT SUBMIT",
        "WAITING",
        "CREDITS",
        "PAUSED",
    ];
    let row = |account: &AccountView| {
        vec![
            account.name.clone(),
            bar::bar(account.used, account.limit),
            used(account),
            account.next_words(now),
            account.pending.to_string(),
            credits(account).unwrap_or_default().to_owned(),
            account.held_words(now).unwrap_or_default(),
        ]
    };
    table::table(&columns, accounts.iter().map(row))
}

/// The last so many days, today first. Where one is broken by hand, none, and it is said.
async fn spending(queue: &Queue, days: u32) -> anyhow::Result<Vec<Day>> {
    match queue.spending(days).await {
        Err(gammaq_queue::Error::Refused(why)) => {
            note(&format!("what was spent can't be read: {}", cut(&why, 200)));
            Ok(Vec::new())
        }
        days => Ok(days?),
    }
}

/// What is told of spending: a name, and the days of it.
fn spans(days: &[Day]) -> [(&'static str, &[Day]); 3] {
    let upto = |n: usize| days.get(..n).unwrap_or(days);
    [
        ("today", upto(1)),
        ("yesterday", days.get(1..2).unwrap_or_default()),
        ("30 days", upto(30)),
    ]
}

/// `3 generations, 120 credits`.
fn spent(days: &[Day], account: &str) -> String {
    let Spent { submits, credits } = sum_of(days, account);
    let many = if submits == 1 { "" } else { "s" };
    format!("{submits} generation{many}, {credits} credits")
}

/// Empty where nobody spent anything.
fn spending_table(accounts: &[AccountView], days: &[Day]) -> String {
    let spans = spans(days);
    let columns = ["SPENT (UTC)", "TODAY", "YESTERDAY", "30 DAYS"];
    let spenders = accounts
        .iter()
        .filter(|it| sum_of(days, &it.name) != Spent::default());
    let rows: Vec<_> = spenders
        .map(|account| {
            let mut row = vec![account.name.clone()];
            row.extend(spans.map(|(_, days)| spent(days, &account.name)));
            row
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    table::table(&columns, rows)
}

pub(super) fn used(account: &AccountView) -> String {
    format!(
        "{} of {} in {}",
        account.used,
        account.limit,
        time::span(account.window_ms)
    )
}

pub(super) fn credits(account: &AccountView) -> Option<&str> {
    account.fields.get("credits_remaining").map(String::as_str)
}

pub(super) fn story(account: &AccountView, now: u64, days: &[Day]) -> Vec<String> {
    let mut out = vec![account.name.clone()];
    let mut line = |name: &str, value: String| out.push(format!("  {name:<15} {value}"));
    line(
        "budget",
        format!("{} {}", bar::bar(account.used, account.limit), used(account)),
    );
    line("next submit", account.next_words(now));
    line("waiting", account.pending.to_string());
    for (n, back) in account.slots_back_at.iter().enumerate() {
        let name = if n == 0 { "slots back" } else { "" };
        line(name, time::both(now, *back));
    }
    if let Some(pause) = account.held_words(now) {
        line("paused", pause);
    }
    if let Some(credits) = credits(account) {
        line("credits", format!("{credits} remaining"));
    }
    for (name, days) in spans(days) {
        line(&format!("spent {name}"), spent(days, &account.name));
    }
    for (name, value) in account
        .fields
        .iter()
        .filter(|(name, _)| !TOLD.contains(&name.as_str()))
    {
        line(name, cut(value, 200));
    }
    out
}
