//! `gammaq list`: reads the queue's own indexes, page by page, and never the keys of the server.

use std::collections::{HashSet, VecDeque};

use clap::Args;
use comfy_table::Cell;
use gammaq_job::json::cut;
use gammaq_job::{AccountName, State};
use gammaq_queue::Queue;
use serde_json::{Value, json};

use crate::context::{Context, note};
use crate::exit::Code;
use crate::output::{table, time};

/// Which jobs.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only jobs in this state: queued, submitting, generating, exporting, ambiguous, completed, failed, timed_out,
    /// cancelled.
    #[arg(long)]
    state: Option<State>,
    /// Only jobs of this account.
    #[arg(long, value_name = "NAME")]
    account: Option<AccountName>,
    /// How many.
    #[arg(long, default_value_t = 50, value_name = "COUNT")]
    limit: usize,
    /// How many to pass over.
    #[arg(long, default_value_t = 0, value_name = "COUNT")]
    offset: usize,
}

/// How many jobs are read in a round trip, and the most that are looked at for one list.
const PAGE: usize = 500;
const MOST_LOOKED_AT: usize = 200_000;

/// The fields that a list shows, and whether each is a number in JSON.
const FIELDS: [(&str, bool); 16] = [
    ("state", false),
    ("account", false),
    ("kind", false),
    ("priority", true),
    ("created_at", true),
    ("run_at", true),
    ("submitted_at", true),
    ("next_at", true),
    ("finished_at", true),
    ("attempts", true),
    ("polls", true),
    ("worker", false),
    ("generation_id", false),
    ("gamma_url", false),
    ("error", false),
    ("last_error", false),
];

/// One index of the queue.
enum Index {
    Pending(String),
    Due,
    Ended(State),
}

impl Index {
    async fn page(&self, queue: &Queue, offset: usize) -> Result<Vec<String>, gammaq_queue::Error> {
        match self {
            Self::Pending(account) => queue.pending_ids(account, offset, PAGE).await,
            Self::Due => queue.due_ids(offset, PAGE).await,
            Self::Ended(state) => queue.ended_ids(*state, offset, PAGE).await,
        }
    }
}

pub(crate) async fn run(context: &Context, args: &ListArgs) -> anyhow::Result<Code> {
    let producer = context.connect().await?;
    let queue = producer.queue();
    let now = queue.time().await?;
    let (jobs, more) = find(queue, args).await?;
    let inbox = queue.inbox_len().await?;
    if context.json {
        context.json_line(&json!({ "jobs": jobs, "more": more, "inbox": inbox }))?;
        return Ok(Code::Done);
    }
    if !jobs.is_empty() {
        let columns = [
            "JOB",
            "STATE",
            "ACCOUNT",
            "AGE",
            "NEXT STEP",
            "WHAT THERE IS TO SAY",
        ];
        context.line(table::table(&columns, jobs.iter().map(|job| row(job, now))))?;
    }
    if jobs.is_empty() {
        note("no such jobs");
    }
    if more {
        note(&format!(
            "there are more: --offset {} shows the next",
            args.offset + jobs.len()
        ));
    }
    if inbox > 0 {
        note(&format!(
            "{inbox} entries in the inbox are not taken in yet; a worker does that"
        ));
    }
    Ok(Code::Done)
}

/// The jobs asked for, and whether there are more.
async fn find(queue: &Queue, args: &ListArgs) -> anyhow::Result<(Vec<Value>, bool)> {
    let mut indexes: VecDeque<Index> = indexes(queue, args).await?.into();
    let mut seen = HashSet::new();
    let mut jobs = Vec::new();
    // An index by itself needs no look at what is passed over.
    let skip_in_index = indexes.len() == 1 && args.account.is_none() && matches!(indexes[0], Index::Ended(_));
    let (mut at, mut to_skip) = if skip_in_index {
        (args.offset, 0)
    } else {
        (0, args.offset)
    };
    let mut looked_at = 0;
    while let Some(index) = indexes.front() {
        let ids = index.page(queue, at).await?;
        at += ids.len();
        looked_at += ids.len();
        let end_of_index = ids.len() < PAGE;
        for job in read(queue, &ids).await? {
            let id = job["id"].as_str().unwrap_or_default();
            // A job may stand in two indexes, or move from one to the next while they are read.
            if !matches(&job, args) || !seen.insert(id.to_owned()) {
                continue;
            }
            if to_skip > 0 {
                to_skip -= 1;
            } else if jobs.len() == args.limit {
                return Ok((jobs, true));
            } else {
                jobs.push(job);
            }
        }
        if end_of_index {
            indexes.pop_front();
            at = 0;
        } else if looked_at >= MOST_LOOKED_AT {
            note(&format!(
                "stopped after {looked_at} jobs; --state or --account narrows it down"
            ));
            return Ok((jobs, true));
        }
    }
    Ok((jobs, false))
}

/// Where jobs like these stand: first what is under way, then what waits, then what ended.
async fn indexes(queue: &Queue, args: &ListArgs) -> anyhow::Result<Vec<Index>> {
    let mut indexes = Vec::new();
    let state = args.state;
    if state.is_none_or(|state| !State::INDEXED.contains(&state)) {
        indexes.push(Index::Due);
    }
    if state.is_none_or(|state| state == State::Queued) {
        match &args.account {
            Some(account) => indexes.push(Index::Pending(account.to_string())),
            None => {
                let mut at = 0;
                loop {
                    let accounts = queue.pending_accounts(at, PAGE).await?;
                    at += accounts.len();
                    let all = accounts.len() < PAGE;
                    indexes.extend(accounts.into_iter().map(Index::Pending));
                    if all {
                        break;
                    }
                }
            }
        }
    }
    let ended = State::INDEXED
        .into_iter()
        .filter(|it| state.is_none_or(|state| state == *it));
    indexes.extend(ended.map(Index::Ended));
    Ok(indexes)
}

fn matches(job: &Value, args: &ListArgs) -> bool {
    let is = |field: &str, wanted: Option<&str>| wanted.is_none_or(|wanted| job[field] == wanted);
    is("state", args.state.map(State::as_str))
        && is("account", args.account.as_ref().map(AccountName::as_str))
}

/// The jobs as JSON, without those that are gone by now.
async fn read(queue: &Queue, ids: &[String]) -> anyhow::Result<Vec<Value>> {
    let names = FIELDS.map(|(name, _)| name);
    let rows = queue.fields_of(ids, &names).await?;
    let job = |(id, row): (&String, Vec<Option<String>>)| {
        let mut job = serde_json::Map::new();
        job.insert("id".to_owned(), json!(id));
        for ((name, number), value) in FIELDS.iter().zip(row) {
            let value = value.filter(|text| !text.is_empty());
            let value = match (*name, value) {
                (_, None) => Value::Null,
                ("error", Some(text)) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
                (_, Some(text)) if *number => text.parse::<u64>().map_or(Value::Null, Value::from),
                (_, Some(text)) => Value::String(text),
            };
            job.insert((*name).to_owned(), value);
        }
        (!job["state"].is_null()).then_some(Value::Object(job))
    };
    Ok(ids.iter().zip(rows).filter_map(job).collect())
}

fn row(job: &Value, now: u64) -> Vec<Cell> {
    let text = |name: &str| job[name].as_str().unwrap_or_default();
    let when = |name: &str| job[name].as_u64();
    let age = when("created_at")
        .map(|it| time::span(now.saturating_sub(it)))
        .unwrap_or_default();
    let next = when("next_at")
        .map(|it| time::relative(now, it))
        .unwrap_or_default();
    let mut says = match &job["error"] {
        Value::Null => text("gamma_url").to_owned(),
        Value::Object(error) => {
            let part = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
            format!("{}: {}", part("kind"), part("message"))
        }
        other => other.to_string(),
    };
    if says.is_empty() {
        says = [text("last_error"), text("generation_id")]
            .into_iter()
            .find(|it| !it.is_empty())
            .unwrap_or_default()
            .to_owned();
    }
    vec![
        Cell::new(text("id")),
        table::state_cell(text("state")),
        Cell::new(text("account")),
        Cell::new(age),
        Cell::new(next),
        Cell::new(cut(&says, 100)),
    ]
}
