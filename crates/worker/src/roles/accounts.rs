//! Reads `accounts_dir` again and again: keys that came, changed and went, and what accounts may start.
//!
//! What is read counts when the next reading says the same, so neither a file that is half written nor a name that is
//! gone while one file replaces another becomes anything. A file that can't be used changes nothing: the key before it
//! stays. A key goes with its file only, and then its jobs wait: see [`gammaq_queue::key_news`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gammaq_job::AccountName;
use gammaq_queue::key_news::{KeyNews, KeyNoted};
use gammaq_queue::registry::Budget;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use crate::app::App;
use crate::budgets;
use crate::settings::{Directory, Found, Settings, read_directory};

/// Between two readings: names and contents, a few bytes each. A change takes effect within two of these, and a moment.
const EVERY: Duration = Duration::from_secs(1);

/// What is known of the directory.
#[derive(Debug)]
pub(crate) struct Watched {
    path: PathBuf,
    /// Accounts of the settings, which a file doesn't change.
    in_settings: BTreeSet<AccountName>,
    last: Option<Directory>,
    accounts: BTreeMap<AccountName, Account>,
    /// What was complained of, by what it is about, so that each is said once.
    said: BTreeMap<String, String>,
}

#[derive(Debug, Default)]
struct Account {
    key: Option<SecretString>,
    /// What Redis was told that it may start.
    budget: Option<Budget>,
    /// What Redis is still to be told of its key.
    news: Option<KeyNews>,
}

impl Watched {
    /// What a worker has read at its start; `None` without a directory.
    pub(crate) fn new(settings: &Settings) -> Option<Self> {
        let mut in_settings = BTreeSet::new();
        let mut accounts = BTreeMap::new();
        for (name, account) in settings.accounts.iter() {
            if !account.in_directory {
                in_settings.insert(name.clone());
                continue;
            }
            let known = Account {
                key: Some(account.api_key.clone()),
                budget: Some(account.budget()),
                news: None,
            };
            accounts.insert(name.clone(), known);
        }
        Some(Self {
            path: settings.accounts_dir.clone()?,
            in_settings,
            last: None,
            accounts,
            said: BTreeMap::new(),
        })
    }

    /// Says it, unless it is what was said of it last.
    fn alarm(&mut self, about: &str, what: &str) {
        if self.said.get(about).map(String::as_str) != Some(what) {
            tracing::error!(account = about, "accounts_dir: {what}");
            self.said.insert(about.to_owned(), what.to_owned());
        }
    }

    fn ignoring(&mut self, names: &[String]) {
        let list = names.join(", ");
        if !list.is_empty() && self.said.get("") != Some(&list) {
            tracing::warn!(names = list, "accounts_dir: ignored, since these are no accounts");
        }
        self.said.insert(String::new(), list);
    }
}

/// Runs until it is dropped.
pub(crate) async fn run(app: Arc<App>, mut watched: Watched) {
    let mut every = tokio::time::interval(EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        let path = watched.path.clone();
        // A directory on a network may hang; it must not hold up the jobs.
        match tokio::task::spawn_blocking(move || read_directory(&path)).await {
            Ok(Ok(directory)) => look(&app, &mut watched, directory).await,
            Ok(Err(error)) => watched.alarm("*", &format!("{error}; what is known of it stays")),
            Err(_) => watched.alarm("*", "reading it failed; what is known of it stays"),
        }
    }
}

async fn look(app: &App, watched: &mut Watched, directory: Directory) {
    watched.said.remove("*");
    watched.ignoring(&directory.ignored);
    let Some(last) = watched.last.replace(directory.clone()) else {
        return;
    };
    let known = watched.accounts.keys().chain(directory.accounts.keys()).cloned();
    for name in known.collect::<BTreeSet<_>>() {
        let found = directory.accounts.get(&name);
        if watched.in_settings.contains(&name) {
            let what = "the settings have this account, too: its file is not used";
            watched.alarm(name.as_str(), what);
            continue;
        }
        let mut account = watched.accounts.remove(&name).unwrap_or_default();
        if found == last.accounts.get(&name) {
            let trouble = match found {
                Some(found) => take_in(app, &name, &mut account, found).await,
                None => gone(app, &name, &mut account),
            };
            match trouble {
                Some(trouble) => watched.alarm(name.as_str(), &trouble),
                None => _ = watched.said.remove(name.as_str()),
            }
        }
        tell(app, &name, &mut account).await;
        watched.accounts.insert(name, account);
    }
}

/// What an account's files say; answers what is wrong with them.
async fn take_in(app: &App, name: &AccountName, account: &mut Account, found: &Found) -> Option<String> {
    let mut trouble = None;
    match &found.limits {
        Ok(limits) => {
            let budget = limits.budget();
            // First: with a key and no budget the account would have the default one.
            if app.budgets.put(name.as_str(), budget) || account.budget != Some(budget) {
                let written = budgets::write_all(app).await;
                match written {
                    Ok(()) if app.budgets.is_written(name.as_str()) => {
                        let (limit, window) = (budget.limit, budget.window);
                        let floor = budget.credits_floor;
                        tracing::info!(account = %name, limit, ?window, ?floor, "what the account may start");
                        account.budget = Some(budget);
                        app.schedule.at_most(Instant::now());
                    }
                    Ok(()) => {}
                    Err(error) => tracing::debug!(%error, account = %name, "its budget waits for Redis"),
                }
            }
        }
        Err(what) => {
            let meanwhile = if account.budget.is_some() {
                "those before it stay"
            } else {
                "the account waits"
            };
            trouble = Some(format!("{what}; {meanwhile}"));
        }
    }
    if account.budget.is_none() {
        return trouble;
    }
    let same = |key: &SecretString| {
        let held = account.key.as_ref();
        held.is_some_and(|held| held.expose_secret() == key.expose_secret())
    };
    match &found.key {
        Ok(key) if same(key) => {}
        Ok(key) => match app.keyring.put(name.as_str(), key.clone()) {
            Ok(()) => {
                let what = if account.key.is_some() { "changed" } else { "came" };
                tracing::info!(account = %name, "its key {what}: the next request uses it");
                account.key = Some(key.clone());
                account.news = Some(KeyNews::Changed);
                app.forget_foreign(name.as_str());
                app.schedule.at_most(Instant::now());
            }
            Err(error) => trouble = Some(format!("its key can't be used: {error}")),
        },
        Err(what) if account.key.is_some() => trouble = Some(format!("{what}; the key before it stays")),
        Err(what) => {
            trouble = Some(format!("{what}; the account waits for its key"));
            if !app
                .keyring
                .missing()
                .iter()
                .any(|missing| missing == name.as_str())
            {
                app.keyring.take_away(name.as_str());
                account.news = Some(KeyNews::Gone);
            }
        }
    }
    trouble
}

/// The account's file is gone, and so is its key. What is under way with it ends as it began.
fn gone(app: &App, name: &AccountName, account: &mut Account) -> Option<String> {
    app.budgets.forget(name.as_str());
    account.budget = None;
    if account.key.take().is_some() {
        app.keyring.take_away(name.as_str());
        account.news = Some(KeyNews::Gone);
        tracing::warn!(account = %name, "its key is gone: its jobs wait, or are left to other workers");
    }
    None
}

/// Tells Redis what became of the key, until it took it in.
async fn tell(app: &App, name: &AccountName, account: &mut Account) {
    let Some(news) = account.news else { return };
    match app.queue.note_key(&app.worker, name.as_str(), news).await {
        // Another pause says more; when that is over, this one is to be seen.
        Ok(KeyNoted::Kept) => {}
        Ok(noted) => {
            account.news = None;
            match noted {
                KeyNoted::Paused => tracing::warn!(account = %name, "paused until a key is there (no_key)"),
                KeyNoted::Lifted => tracing::info!(account = %name, "resumed: its key is there"),
                KeyNoted::Tried => {
                    tracing::info!(account = %name, "one job tries the new key out: the old one was refused");
                }
                KeyNoted::Kept | KeyNoted::Nothing => {}
            }
            app.schedule.at_most(Instant::now());
        }
        Err(error) => tracing::debug!(%error, account = %name, "what became of its key waits for Redis"),
    }
}
