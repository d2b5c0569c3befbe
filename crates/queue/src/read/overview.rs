//! The queue at one look.

use std::collections::{BTreeMap, BTreeSet};

use gammaq_job::State;

use super::accounts::AccountView;
use super::batch::Batch;
use super::workers::WorkerView;
use crate::events::Event;
use crate::{Error, Queue, value};

/// The most accounts of an overview.
const MOST_ACCOUNTS: usize = 100;
/// The most events that rates are counted from.
const MOST_EVENTS: usize = 2_000;

/// The queue at one look.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct Overview {
    /// Redis's time, Unix milliseconds.
    pub now: u64,
    /// The version of the layout; `None` where nothing was ever written.
    pub schema: Option<String>,
    /// Who paused the whole queue, where somebody did.
    pub paused: Option<QueuePause>,
    /// Entries that no worker has taken in yet.
    pub inbox: u64,
    /// Jobs in the schedule: submitted, being looked at, delayed, or held.
    pub due: u64,
    /// The job whose step is the oldest, or the next one.
    pub oldest_due: Option<Placed>,
    /// How late the oldest step in the schedule is, in milliseconds.
    pub oldest_late_ms: u64,
    /// Jobs in each state that has an index.
    pub ended: BTreeMap<String, u64>,
    /// The job that has been parked for longest.
    pub oldest_parked: Option<Placed>,
    /// Accounts that are known or have pending jobs, at most 100 of each, by name.
    pub accounts: Vec<AccountView>,
    /// Whether there are more accounts.
    pub more_accounts: bool,
    /// The workers that are alive, at most 200.
    pub workers: Vec<WorkerView>,
    /// Counters since the queue was made.
    pub stats: BTreeMap<String, String>,
    /// Keys that are of another type than they should be, and were left out.
    pub broken: BTreeSet<String>,
}

/// An operator's pause of the whole queue: nothing new is submitted, and what is paid for is looked at.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct QueuePause {
    /// Who asked for it.
    pub by: String,
    /// Since when, Unix milliseconds.
    pub at: u64,
}

/// A job's place in an index.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Placed {
    /// The job.
    pub id: String,
    /// Unix milliseconds.
    pub at: u64,
}

/// How much happened, counted from the newest events.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct Rates {
    /// Where the window begins, Unix milliseconds: later than was asked for where more happened than is read.
    pub from: u64,
    /// Where it ends.
    pub to: u64,
    /// How often: `accepted`, `submitted`, and the state that jobs came to.
    pub counts: BTreeMap<String, u64>,
    /// The same for a minute.
    pub per_minute: BTreeMap<String, f64>,
}

impl Rates {
    fn of(events: &[Event], from: u64, to: u64) -> Self {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for event in events.iter().filter(|it| it.at >= from) {
            let name = match (event.from.as_str(), event.state.as_str()) {
                ("", "queued") => "accepted",
                (_, "submitting") => "submitted",
                (from, to) if from == to || to.is_empty() => continue,
                (_, to) => to,
            };
            *counts.entry(name.to_owned()).or_default() += 1;
        }
        let minutes = to.saturating_sub(from).max(1) as f64 / 60_000.0;
        // A tenth is as exact as a rate of a few minutes is.
        let rate = |count: u64| (count as f64 / minutes * 10.0).round() / 10.0;
        Self {
            from,
            to,
            per_minute: counts
                .iter()
                .map(|(name, count)| (name.clone(), rate(*count)))
                .collect(),
            counts,
        }
    }
}

impl Queue {
    /// The queue at one look.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn overview(&self) -> Result<Overview, Error> {
        let now = self.time().await?;
        let mut broken = BTreeSet::new();
        let parked = self.keys.index(State::Ambiguous);
        let mut batch = Batch::new();
        batch.ask("GET", self.keys.schema(), &[]);
        batch.ask("XLEN", self.keys.inbox(), &[]);
        batch.ask("ZCARD", self.keys.due(), &[]);
        batch.ask("ZRANGE", self.keys.due(), &["0", "0", "WITHSCORES"]);
        batch.ask("ZRANGE", parked, &["0", "0", "WITHSCORES"]);
        batch.ask("HGETALL", self.keys.stats(), &[]);
        batch.ask("HGETALL", self.keys.paused(), &[]);
        for state in State::INDEXED {
            batch.ask("ZCARD", self.keys.index(state), &[]);
        }
        let mut answers = batch.send(self, &mut broken).await?.into_iter();
        let mut answer = || answers.next().unwrap_or(redis::Value::Nil);
        let schema = value::text(&answer());
        let (inbox, due) = (value::number(&answer()), value::number(&answer()));
        let (oldest_due, oldest_parked) = (placed(answer())?, placed(answer())?);
        let stats = value::map(answer())?;
        let paused = value::map(answer())?;
        let ended = State::INDEXED.map(|state| (state.to_string(), value::number(&answer())));
        let (names, more_accounts) = self.names_of_accounts(MOST_ACCOUNTS, &mut broken).await?;
        Ok(Overview {
            now,
            paused: (!paused.is_empty()).then(|| QueuePause {
                by: paused.get("by").cloned().unwrap_or_default(),
                at: paused.get("at").and_then(|it| it.parse().ok()).unwrap_or(0),
            }),
            schema: Some(schema).filter(|it| !it.is_empty()),
            inbox,
            due,
            oldest_late_ms: oldest_due.as_ref().map_or(0, |it| now.saturating_sub(it.at)),
            oldest_due,
            ended: ended.into(),
            oldest_parked,
            accounts: self.account_views(&names, now, &mut broken).await?,
            more_accounts,
            workers: self.worker_views(&mut broken).await?,
            stats,
            broken,
        })
    }

    /// How much happened in the last `window_ms`, or in the part of it that the newest 2,000 events cover.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn rates(&self, window_ms: u64) -> Result<Rates, Error> {
        let now = self.time().await?;
        let from = now.saturating_sub(window_ms);
        let events = self.events_back(None, Some(from), MOST_EVENTS).await?;
        let all = events.len() < MOST_EVENTS;
        let begin = events.first().map_or(from, |it| it.at.max(from));
        Ok(Rates::of(&events, if all { from } else { begin }, now))
    }
}

fn placed(answer: redis::Value) -> Result<Option<Placed>, Error> {
    let first = value::scored(answer)?.into_iter().next();
    Ok(first.map(|(id, at)| Placed { id, at: at as u64 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_of_the_window_and_of_moves_alone() {
        let event = |from: &str, state: &str, at| Event {
            from: from.to_owned(),
            state: state.to_owned(),
            at,
            ..Event::default()
        };
        let events = [
            event("", "queued", 5),
            event("", "queued", 60_000),
            event("submitting", "queued", 60_001),
            event("queued", "submitting", 60_002),
            event("", "", 60_003),
            event("completed", "completed", 60_004),
            event("generating", "completed", 90_000),
        ];
        let rates = Rates::of(&events, 10, 120_010);
        let told: Vec<_> = rates
            .per_minute
            .iter()
            .map(|(name, rate)| (name.as_str(), *rate))
            .collect();
        assert_eq!(
            told,
            [
                ("accepted", 0.5),
                ("completed", 0.5),
                ("queued", 0.5),
                ("submitted", 0.5)
            ]
        );
    }
}
