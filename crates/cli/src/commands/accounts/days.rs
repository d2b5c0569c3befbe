//! `gammaq accounts --days`: what each day cost, account by account.

use gammaq_queue::spending::{Day, Spent};
use serde_json::json;

use crate::context::{Context, note};
use crate::output::table;

/// The days on which anything was spent, today first, each account on a line; of one account where it is named.
pub(super) fn show(context: &Context, days: &[Day], account: Option<&str>) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    let mut all = Spent::default();
    for day in days {
        let chosen = day
            .accounts
            .iter()
            .filter(|(name, spent)| account.is_none_or(|it| it == *name) && **spent != Spent::default());
        for (name, spent) in chosen {
            all.submits += spent.submits;
            all.credits += spent.credits;
            rows.push((day.date.as_str(), name.as_str(), *spent));
        }
    }
    if context.json {
        let row = |(date, name, spent): &(&str, &str, Spent)| json!({ "date": date, "account": name, "submits": spent.submits, "credits": spent.credits });
        let rows: Vec<_> = rows.iter().map(row).collect();
        return context.json_line(&json!({ "days": days.len(), "spending": rows, "sum": all }));
    }
    if rows.is_empty() {
        note(&format!("nothing was spent in {} days", days.len()));
        return Ok(());
    }
    let row = |date: &str, name: &str, spent: Spent| {
        vec![
            date.to_owned(),
            name.to_owned(),
            spent.submits.to_string(),
            spent.credits.to_string(),
        ]
    };
    let sum = row("all", "", all);
    let rows = rows.into_iter().map(|(date, name, spent)| row(date, name, spent));
    let columns = ["DAY (UTC)", "ACCOUNT", "GENERATIONS", "CREDITS"];
    Ok(context.line(table::table(&columns, rows.chain([sum])))?)
}
