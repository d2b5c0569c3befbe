//! What a list tells of a job.

use std::collections::BTreeSet;

use redis::Value;

use super::{Cursor, Filter};
use crate::read::batch::Batch;
use crate::{Error, Queue, value};

/// One job of a list.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct JobRow {
    /// The job.
    pub id: String,
    /// Where it stands, in the word of its record.
    pub state: String,
    /// Whose budget it uses.
    pub account: String,
    /// What is made.
    pub kind: Option<String>,
    /// From 0, first, to 9.
    pub priority: Option<u64>,
    /// Unix milliseconds, as all times here.
    pub created_at: Option<u64>,
    /// Not before then.
    pub run_at: Option<u64>,
    /// When Gamma accepted it.
    pub submitted_at: Option<u64>,
    /// Its next step.
    pub next_at: Option<u64>,
    /// Its end.
    pub finished_at: Option<u64>,
    /// POSTs.
    pub attempts: Option<u64>,
    /// Looks at its generation.
    pub polls: Option<u64>,
    /// Who holds it.
    pub worker: Option<String>,
    /// Gamma's id.
    pub generation_id: Option<String>,
    /// The deck.
    pub gamma_url: Option<String>,
    /// What went wrong, as in the result.
    pub error: Option<serde_json::Value>,
    /// The last trouble on the way.
    pub last_error: Option<String>,
    /// What became of telling its caller: due, delivered, failed, withdrawn.
    pub callback_status: Option<String>,
    /// Why its caller could not be told.
    pub callback_error: Option<String>,
}

const FIELDS: [&str; 18] = [
    "state",
    "account",
    "kind",
    "priority",
    "created_at",
    "run_at",
    "submitted_at",
    "next_at",
    "finished_at",
    "attempts",
    "polls",
    "worker",
    "generation_id",
    "gamma_url",
    "error",
    "last_error",
    "callback_status",
    "callback_error",
];

impl Queue {
    /// The rows of those entries that have a record and may match; where the account decides, it is read by itself
    /// first.
    pub(super) async fn rows(
        &self,
        filter: &Filter,
        entries: &[Cursor],
        broken: &mut BTreeSet<String>,
    ) -> Result<Vec<(JobRow, Cursor)>, Error> {
        let mut wanted: Vec<&Cursor> = entries.iter().collect();
        if let Some(name) = &filter.account {
            let accounts = self.hmget(&wanted, &["account"], broken).await?;
            let mut accounts = accounts.into_iter().map(|it| it.into_iter().next().flatten());
            wanted.retain(|_| accounts.next().flatten().as_deref() == Some(name));
        }
        let records = self.hmget(&wanted, &FIELDS, broken).await?;
        Ok(wanted
            .into_iter()
            .zip(records)
            .filter_map(|(entry, fields)| Some((row(&entry.member, fields)?, entry.clone())))
            .collect())
    }

    async fn hmget(
        &self,
        entries: &[&Cursor],
        fields: &[&str],
        broken: &mut BTreeSet<String>,
    ) -> Result<Vec<Vec<Option<String>>>, Error> {
        let mut batch = Batch::new();
        for entry in entries {
            batch.ask("HMGET", self.keys.job(&entry.member), fields);
        }
        let answers = batch.send(self, broken).await?;
        answers
            .into_iter()
            .map(|answer| Ok(value::list(answer)?.iter().map(field).collect()))
            .collect()
    }
}

fn field(value: &Value) -> Option<String> {
    Some(value::text(value)).filter(|text| !text.is_empty())
}

/// `None` where there is no record.
fn row(id: &str, fields: Vec<Option<String>>) -> Option<JobRow> {
    let mut fields = fields.into_iter();
    let mut text = || fields.next().flatten();
    let state = text()?;
    let number = |text: Option<String>| text?.parse().ok();
    Some(JobRow {
        id: id.to_owned(),
        state,
        account: text().unwrap_or_default(),
        kind: text(),
        priority: number(text()),
        created_at: number(text()),
        run_at: number(text()),
        submitted_at: number(text()),
        next_at: number(text()),
        finished_at: number(text()),
        attempts: number(text()),
        polls: number(text()),
        worker: text(),
        generation_id: text(),
        gamma_url: text(),
        error: text().map(|it| serde_json::from_str(&it).unwrap_or(serde_json::Value::String(it))),
        last_error: text(),
        callback_status: text(),
        callback_error: text(),
    })
}
