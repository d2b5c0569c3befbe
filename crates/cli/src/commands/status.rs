//! `gammaq status`: the queue on one screen.

use gammaq_job::State;
use gammaq_job::json::cut;
use gammaq_queue::read::overview::{Overview, Rates};
use gammaq_queue::read::workers::WorkerView;

use super::accounts;
use crate::context::Context;
use crate::exit::Code;
use crate::output::{state, table, time};

pub(super) mod hints;

/// Rates are of so many milliseconds.
pub(super) const WINDOW_MS: u64 = 5 * 60 * 1000;

pub(crate) async fn run(context: &Context) -> anyhow::Result<Code> {
    let producer = context.connect().await?;
    let queue = producer.queue();
    let overview = queue.overview().await?;
    // Where the stream is broken, the overview is what matters.
    let rates = match queue.rates(WINDOW_MS).await {
        Err(gammaq_queue::Error::Refused(_)) => None,
        rates => Some(rates?),
    };
    let hints = hints::of(&overview, &context.queue_name(queue));
    if context.json {
        let mut value = serde_json::to_value(&overview)?;
        value["rates"] = serde_json::to_value(&rates)?;
        value["hints"] = hints.into();
        context.json_line(&value)?;
        return Ok(Code::Done);
    }
    context.line(format!(
        "queue {} at {}",
        context.queue_name(queue),
        time::absolute(overview.now)
    ))?;
    for count in counts(&overview) {
        context.line(line(&count))?;
    }
    if let Some(rates) = &rates {
        context.line(format!("  per minute     {}", per_minute(rates)))?;
    }
    if !overview.accounts.is_empty() {
        context.line(format!("\n{}", accounts::table(&overview.accounts, overview.now)))?;
    }
    if !overview.workers.is_empty() {
        context.line(format!("\n{}", workers(&overview.workers, overview.now)))?;
    }
    if !hints.is_empty() {
        context.line("\nwhat to do")?;
    }
    for hint in hints {
        context.line(format!("  {hint}"))?;
    }
    Ok(Code::Done)
}

/// How many jobs there are of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Count {
    /// `inbox`, `waiting`, `under way`, or a state that has an index.
    pub(super) name: String,
    pub(super) count: u64,
    /// What else there is to say.
    pub(super) what: String,
}

fn line(Count { name, count, what }: &Count) -> String {
    // A colour is for what is there.
    let shown = if *count > 0 { state(name) } else { name.clone() };
    let space = " ".repeat(13_usize.saturating_sub(name.len()));
    format!("  {shown}{space} {count:>8}  {what}")
        .trim_end()
        .to_owned()
}

pub(super) fn counts(overview: &Overview) -> Vec<Count> {
    let now = overview.now;
    let waiting: u64 = overview.accounts.iter().map(|account| account.pending).sum();
    let more = if overview.more_accounts { ", at least" } else { "" };
    let mut under_way = "submitted, looked at, or delayed".to_owned();
    if let Some(oldest) = &overview.oldest_due {
        if oldest.at > now {
            under_way += &format!("; the next step {}", time::relative(now, oldest.at));
        } else {
            let late = time::span(now - oldest.at);
            under_way += &format!("; the oldest step is {late} late: {}", cut(&oldest.id, 70));
        }
    }
    let line = |name: &str, count: u64, what: &str| Count {
        name: name.to_owned(),
        count,
        what: what.to_owned(),
    };
    let mut out = vec![
        line("inbox", overview.inbox, "not taken in yet"),
        line(
            "waiting",
            waiting,
            &format!("for a slot of their account's budget{more}"),
        ),
        line("under way", overview.due, &under_way),
    ];
    for (word, count) in &overview.ended {
        let parked = overview
            .oldest_parked
            .as_ref()
            .filter(|_| word == State::Ambiguous.as_str());
        let what = parked.map(|it| {
            let since = time::span(now.saturating_sub(it.at));
            format!("parked; the oldest for {since}: {}", cut(&it.id, 70))
        });
        out.push(line(word, *count, &what.unwrap_or_default()));
    }
    out
}

/// `accepted 3.2, completed 2.8 (of the last 5 min)`.
pub(super) fn per_minute(rates: &Rates) -> String {
    let window = time::span(rates.to.saturating_sub(rates.from));
    let all: Vec<String> = rates
        .per_minute
        .iter()
        .map(|(name, rate)| format!("{name} {rate}"))
        .collect();
    if all.is_empty() {
        return format!("nothing in the last {window}");
    }
    format!("{} (of the last {window})", all.join(", "))
}

fn workers(workers: &[WorkerView], now: u64) -> String {
    let columns = [
        "WORKER",
        "HOST",
        "PID",
        "RUNNING",
        "STARTED",
        "LAST HEARD OF",
        "VERSION",
        "HALTED",
    ];
    let rows = workers.iter().map(|worker| {
        let number = |it: Option<u64>| it.map(|it| it.to_string()).unwrap_or_default();
        let when = |it: Option<u64>| it.map(|it| time::relative(now, it)).unwrap_or_default();
        let text = |it: &Option<String>| it.as_deref().map(|it| cut(it, 80)).unwrap_or_default();
        vec![
            worker.id.clone(),
            text(&worker.host),
            number(worker.pid),
            format!("{} of {}", number(worker.running), number(worker.capacity)),
            when(worker.started_at),
            when(worker.heartbeat_at),
            text(&worker.version),
            text(&worker.halted),
        ]
    });
    table::table(&columns, rows)
}
