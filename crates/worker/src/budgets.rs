//! What this worker's accounts may start, and whether Redis knows it.
//!
//! A slot is given out by the budget that stands in Redis, and by a default one where none stands there. So nothing is
//! begun before every budget of this worker was written: a server that is full at the worker's start takes none of
//! them. Nor is anything begun over a new connection before they were compared again, since a server that came back
//! may have forgotten what it was told last.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use gammaq_queue::Error;
use gammaq_queue::key_news::KeyNews;
use gammaq_queue::registry::Budget;
use tokio::sync::Notify;

use crate::app::App;

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Budgets {
    inner: Mutex<Inner>,
    doubted: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    known: BTreeMap<String, Known>,
    unwritten: BTreeSet<String>,
    /// How often there had been a connection when all of them were last seen to stand in Redis.
    seen_at: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    budget: Budget,
    /// What stood in Redis before.
    replaced: Option<Budget>,
}

impl Budgets {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An account's budget, which is still to be written.
    pub(crate) fn put(&self, name: &str, budget: Budget) {
        let mut inner = self.inner();
        let replaced = None;
        inner.known.insert(name.to_owned(), Known { budget, replaced });
        inner.unwritten.insert(name.to_owned());
    }

    /// The account is no longer this worker's.
    pub(crate) fn forget(&self, name: &str) {
        let mut inner = self.inner();
        inner.known.remove(name);
        inner.unwritten.remove(name);
    }

    /// Whether a slot may be given out by another budget than this worker's settings say. `connects`: how often there was a
    /// connection to Redis by now.
    pub(crate) fn in_doubt(&self, connects: u64) -> bool {
        let inner = self.inner();
        inner.seen_at != Some(connects) || !inner.unwritten.is_empty()
    }

    /// Asks for them to be written soon.
    pub(crate) fn doubt(&self) {
        self.doubted.notify_one();
    }

    /// Waits until somebody asks for that.
    pub(crate) async fn doubted(&self) {
        self.doubted.notified().await;
    }
}

/// Writes an account's budget; nothing where it has none here. What stood there before, if it was another one.
///
/// # Errors
/// Where Redis did not take it: then it stays to be written.
pub(crate) async fn write(app: &App, name: &str) -> Result<Option<Budget>, Error> {
    let Some(Known { budget, .. }) = app.budgets.inner().known.get(name).copied() else {
        return Ok(None);
    };
    let replaced = app.queue.register_account(name, budget).await?;
    if app.knows(name) {
        app.queue.note_key(&app.worker, name, KeyNews::Held).await?;
    }
    let mut inner = app.budgets.inner();
    if let Some(known) = inner.known.get_mut(name)
        && known.budget == budget
    {
        known.replaced = replaced.or(known.replaced);
        inner.unwritten.remove(name);
    }
    Ok(replaced)
}

/// Writes what is still to be written, and over a new connection looks for what Redis forgot. A budget that another
/// worker wrote since then stays: the last one that was started counts.
///
/// # Errors
/// Of the first that Redis did not take; the others were tried all the same.
pub(crate) async fn write_all(app: &App) -> Result<(), Error> {
    let connects = app.queue.link().connects();
    let (is_new, names) = {
        let inner = app.budgets.inner();
        let is_new = inner.seen_at != Some(connects);
        let names = if is_new {
            inner.known.keys().cloned().collect()
        } else {
            inner.unwritten.iter().cloned().collect::<Vec<_>>()
        };
        (is_new, names)
    };
    let mut first = Ok(());
    for name in &names {
        if let Err(error) = tend(app, name).await {
            first = first.and(Err(error));
        }
    }
    if is_new && first.is_ok() {
        app.budgets.inner().seen_at = Some(connects);
    }
    first
}

async fn tend(app: &App, name: &str) -> Result<(), Error> {
    let (known, is_written) = {
        let inner = app.budgets.inner();
        (inner.known.get(name).copied(), !inner.unwritten.contains(name))
    };
    let Some(known) = known else { return Ok(()) };
    if is_written {
        let stands = app.queue.account_budget(name).await?;
        if stands.is_some() && (stands == Some(known.budget) || stands != known.replaced) {
            return Ok(());
        }
        tracing::warn!(
            account = name,
            "Redis forgot the account's budget: it is written again"
        );
    }
    let budget = known.budget;
    if let Some(old) = write(app, name).await?
        && !is_written
    {
        tracing::warn!(
            account = name, limit = budget.limit, window = ?budget.window, floor = ?budget.credits_floor,
            old_limit = old.limit, old_window = ?old.window, old_floor = ?old.credits_floor, "this worker's budget of the account replaces another one in Redis"
        );
    }
    Ok(())
}
