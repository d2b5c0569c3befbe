//! What this worker's accounts may start, and whether Redis knows it.
//!
//! A slot is given out by the budget that stands in Redis, and by a default one where none stands there. So nothing is
//! begun before every budget of this worker was written: a server that is full at the worker's start takes none of
//! them. Nor is anything begun over a new connection before they were compared again, since a server that came back
//! may have forgotten what it was told last. Redis keeps with a budget when it was registered, so of several workers
//! the one that registered last counts, whichever of them finds out first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use gammaq_queue::Error;
use gammaq_queue::key_news::KeyNews;
use gammaq_queue::registry::{Budget, Registered, Registration};
use tokio::sync::{Mutex as AsyncMutex, Notify};

use crate::app::App;

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Budgets {
    inner: Mutex<Inner>,
    /// Who writes: two at once could leave the older budget in Redis and know of the newer one.
    writing: AsyncMutex<()>,
    doubted: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    known: BTreeMap<String, Known>,
    unwritten: BTreeSet<String>,
    /// Those whose key in Redis is of another type: they are left alone until somebody mends it.
    broken: BTreeSet<String>,
    /// How often there had been a connection when all of them were last seen to stand in Redis.
    seen_at: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    budget: Budget,
    /// As which registration it was written last.
    at: Option<u64>,
}

impl Budgets {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An account's budget, which is still to be written, unless it is the one that was put last. Answers whether it is new.
    pub(crate) fn put(&self, name: &str, budget: Budget) -> bool {
        let mut inner = self.inner();
        if inner.known.get(name).is_some_and(|known| known.budget == budget) {
            return false;
        }
        inner.known.insert(name.to_owned(), Known { budget, at: None });
        inner.broken.remove(name);
        inner.unwritten.insert(name.to_owned());
        true
    }

    /// The account is no longer this worker's.
    pub(crate) fn forget(&self, name: &str) {
        let mut inner = self.inner();
        inner.known.remove(name);
        inner.unwritten.remove(name);
        inner.broken.remove(name);
    }

    /// Whether the account's budget was written.
    pub(crate) fn is_written(&self, name: &str) -> bool {
        self.inner()
            .known
            .get(name)
            .is_some_and(|known| known.at.is_some())
    }

    /// Accounts that no budget can be written for.
    pub(crate) fn broken(&self) -> Vec<String> {
        self.inner().broken.iter().cloned().collect()
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

    /// What is to be written, and whether that is all of them.
    fn to_write(&self, connects: u64) -> (Vec<(String, Known)>, bool) {
        let inner = self.inner();
        let all = inner.seen_at != Some(connects);
        let wanted = |name: &String| all || inner.unwritten.contains(name) || inner.broken.contains(name);
        let known = inner.known.iter().filter(|(name, _)| wanted(name));
        (known.map(|(name, known)| (name.clone(), *known)).collect(), all)
    }

    fn note(&self, name: &str, tried: Known, became: Registered) {
        let mut inner = self.inner();
        // Another one that was put meanwhile is still to be written.
        if inner
            .known
            .get(name)
            .is_none_or(|known| known.budget != tried.budget)
        {
            return;
        }
        inner.unwritten.remove(name);
        if became == Registered::Broken {
            if inner.broken.insert(name.to_owned()) {
                tracing::error!(
                    account = name,
                    "its key in Redis is of another type: the account waits until somebody mends it"
                );
            }
            return;
        }
        inner.broken.remove(name);
        let (Registered::Written { at, before }, Some(known)) = (became, inner.known.get_mut(name)) else {
            return;
        };
        known.at = Some(at);
        let budget = tried.budget;
        if tried.at.is_some() {
            tracing::warn!(
                account = name,
                "Redis forgot the account's budget: it is written again"
            );
        } else if let Some(old) = before.filter(|old| *old != budget) {
            tracing::warn!(
                account = name, limit = budget.limit, window = ?budget.window, floor = ?budget.credits_floor,
                old_limit = old.limit, old_window = ?old.window, old_floor = ?old.credits_floor, "this worker's budget of the account replaces another one in Redis"
            );
        }
    }
}

/// Writes what is still to be written, and over a new connection looks for what Redis forgot.
///
/// # Errors
/// Where Redis did not take them: then they stay to be written.
pub(crate) async fn write_all(app: &App) -> Result<(), Error> {
    let _writing = app.budgets.writing.lock().await;
    // Before anything is asked: a connection that is made meanwhile leads to another server, perhaps.
    let connects = app.queue.link().connects();
    let (names, all) = app.budgets.to_write(connects);
    for (name, _) in names
        .iter()
        .filter(|(name, known)| known.at.is_none() && app.knows(name))
    {
        match app.queue.note_key(&app.worker, name, KeyNews::Held).await {
            // Of a key of another type, as is found out in a moment.
            Ok(_) | Err(Error::Refused(_)) => {}
            Err(error) => return Err(error),
        }
    }
    let registrations: Vec<_> = names
        .iter()
        .map(|(name, known)| Registration {
            name,
            budget: known.budget,
            registered_at: known.at,
        })
        .collect();
    let registered = app.queue.register_accounts(&registrations).await?;
    for ((name, tried), became) in names.iter().zip(registered) {
        app.budgets.note(name, *tried, became);
    }
    if all {
        app.budgets.inner().seen_at = Some(connects);
    }
    Ok(())
}
