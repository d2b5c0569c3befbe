//! Accounts: their budgets, their pauses, and what waits for them.

mod words;

use std::collections::{BTreeMap, BTreeSet};

use super::batch::Batch;
use crate::held::{self, Held, held_back};
use crate::{Error, Queue, value};

/// The budget of an account that names none: that of `account.lua`.
const LIMIT: u64 = 50;
const WINDOW_MS: u64 = 3_600_000;
/// How many of the slots that come back next are told.
const SLOTS: usize = 10;

/// One account at one look.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct AccountView {
    /// Its name.
    pub name: String,
    /// Jobs that wait for a slot.
    pub pending: u64,
    /// When it may submit again by its budget and its pause, Unix milliseconds; not later than now where at once.
    pub next_at: u64,
    /// Submits that it may start within the window.
    pub limit: u64,
    /// The rolling window, in milliseconds.
    pub window_ms: u64,
    /// Slots that are charged in the window that ends now.
    pub used: u64,
    /// When the next of them come back, soonest first, at most ten of them, Unix milliseconds.
    pub slots_back_at: Vec<u64>,
    /// What holds it back at present, where anything does.
    pub held: Option<Held>,
    /// The pause, where there is one: also one that is over but for a job that tries first.
    pub pause: Option<PauseView>,
    /// Its hash: limit, window, pauses, what Gamma last said of limits.
    pub fields: BTreeMap<String, String>,
}

/// Why an account starts nothing.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PauseView {
    /// In a word, such as `rate_limited`.
    pub reason: String,
    /// Unix milliseconds. Once it is past, one job tries first, and the pause is over when that goes well.
    pub until: u64,
    /// While a job tries: when another one may, Unix milliseconds.
    pub probe_until: Option<u64>,
}

/// Accounts at one look.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct AccountViews {
    /// Redis's time, Unix milliseconds.
    pub now: u64,
    /// By name.
    pub accounts: Vec<AccountView>,
    /// Whether there are more than were read.
    pub more: bool,
    /// Keys that are of another type than they should be, and were left out.
    pub broken: BTreeSet<String>,
}

impl AccountView {
    fn number(&self, name: &str) -> Option<u64> {
        self.fields.get(name)?.parse().ok()
    }

    /// Reads the fields of its hash; the budget is filled in after that.
    fn read_fields(&mut self, now: u64) {
        self.held = held_back(&self.fields, now);
        self.limit = self.number("limit").unwrap_or(LIMIT);
        self.window_ms = self.number("window_ms").unwrap_or(WINDOW_MS);
        let reason = self.fields.get("pause_reason").filter(|it| !it.is_empty());
        self.pause = reason.map(|reason| PauseView {
            reason: reason.clone(),
            until: self.number("paused_until").unwrap_or(0),
            probe_until: self.number("probe_until"),
        });
    }

    fn first_in_window(&self, now: u64) -> u64 {
        now.saturating_sub(self.window_ms)
    }

    /// When the budget and the pause let it submit.
    fn next(&self, now: u64) -> u64 {
        // Where the limit was lowered, several slots have to come back first; the last one that was read is the best
        // that is known then.
        let over = usize::try_from(self.used.saturating_sub(self.limit)).unwrap_or(usize::MAX);
        let slot = match self.slots_back_at.get(over).or(self.slots_back_at.last()) {
            Some(back) if self.used >= self.limit => *back,
            _ => now,
        };
        // Whoever has a key is not held back by a pause that says that one is missing.
        let pause = self.pause.as_ref().filter(|it| it.reason != held::NO_KEY);
        let pause = pause.map_or(0, |it| {
            it.until.max(it.probe_until.filter(|at| *at > now).unwrap_or(0))
        });
        slot.max(pause)
    }
}

impl Queue {
    /// One account at one look.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn account(&self, name: &str) -> Result<AccountView, Error> {
        let names = [name.to_owned()];
        let mut broken = BTreeSet::new();
        let now = self.time().await?;
        let view = self.account_views(&names, now, &mut broken).await?.pop();
        match broken.pop_first() {
            Some(key) => Err(Error::Refused(format!("WRONGTYPE {key} is of another type"))),
            None => Ok(view.unwrap_or_default()),
        }
    }

    /// Whether anything is known of an account of this name.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn knows_account(&self, name: &str) -> Result<bool, Error> {
        let mut command = redis::cmd("EXISTS");
        command
            .arg(self.keys.account(name))
            .arg(self.keys.pending(name))
            .arg(self.keys.budget(name));
        let found: u64 = self
            .link
            .run(async |mut c| command.query_async(&mut c).await)
            .await?;
        Ok(found > 0)
    }

    /// The accounts that workers registered and those that have pending jobs, at most `most` of each, by name.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn accounts(&self, most: usize) -> Result<AccountViews, Error> {
        let now = self.time().await?;
        let mut broken = BTreeSet::new();
        let (names, more) = self.names_of_accounts(most, &mut broken).await?;
        let accounts = self.account_views(&names, now, &mut broken).await?;
        Ok(AccountViews {
            now,
            accounts,
            more,
            broken,
        })
    }

    /// Names, and whether there are more.
    pub(super) async fn names_of_accounts(
        &self,
        most: usize,
        broken: &mut BTreeSet<String>,
    ) -> Result<(Vec<String>, bool), Error> {
        let end = most.to_string();
        let mut batch = Batch::new();
        batch.ask("ZRANGE", self.keys.account_names(), &["0", &end]);
        batch.ask("ZRANGE", self.keys.accounts(), &["0", &end]);
        let mut names = BTreeSet::new();
        let mut more = false;
        for answer in batch.send(self, broken).await? {
            let some = value::texts(answer)?;
            more |= some.len() > most;
            names.extend(some.into_iter().take(most));
        }
        Ok((names.into_iter().collect(), more))
    }

    /// Two round trips for all of them: what a budget's window is stands in the account's hash.
    pub(super) async fn account_views(
        &self,
        names: &[String],
        now: u64,
        broken: &mut BTreeSet<String>,
    ) -> Result<Vec<AccountView>, Error> {
        let mut batch = Batch::new();
        for name in names {
            batch.ask("HGETALL", self.keys.account(name), &[]);
            batch.ask("ZCARD", self.keys.pending(name), &[]);
        }
        let mut answers = batch.send(self, broken).await?.into_iter();
        let mut views = Vec::with_capacity(names.len());
        for name in names {
            let fields = answers.next().map_or(Ok(BTreeMap::new()), value::map)?;
            let mut view = AccountView {
                name: name.clone(),
                pending: answers.next().as_ref().map_or(0, value::number),
                fields,
                ..AccountView::default()
            };
            view.read_fields(now);
            views.push(view);
        }
        self.add_budgets(&mut views, now, broken).await?;
        Ok(views)
    }

    async fn add_budgets(
        &self,
        views: &mut [AccountView],
        now: u64,
        broken: &mut BTreeSet<String>,
    ) -> Result<(), Error> {
        let most = SLOTS.to_string();
        let mut batch = Batch::new();
        for view in views.iter() {
            let first = view.first_in_window(now).to_string();
            let key = self.keys.budget(&view.name);
            batch.ask("ZCOUNT", key.clone(), &[&first, "+inf"]);
            let args = [&first, "+inf", "WITHSCORES", "LIMIT", "0", &most];
            batch.ask("ZRANGEBYSCORE", key, &args);
        }
        let mut answers = batch.send(self, broken).await?.into_iter();
        for view in views {
            view.used = answers.next().as_ref().map_or(0, value::number);
            let slots = answers.next().map_or(Ok(Vec::new()), value::scored)?;
            // A slot is free a millisecond after it left the window, since both ends count.
            let back =
                |(_, at): &(String, f64)| (*at as u64).saturating_add(view.window_ms).saturating_add(1);
            view.slots_back_at = slots.iter().map(back).collect();
            view.next_at = view.next(now);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_submit_waits_for_the_slot_and_for_the_pause() {
        let mut view = AccountView {
            limit: 2,
            used: 1,
            slots_back_at: vec![500, 600, 700],
            ..AccountView::default()
        };
        assert_eq!(view.next(100), 100);
        view.used = 2;
        assert_eq!(view.next(100), 500);
        // The limit was lowered: two slots have to come back.
        view.used = 3;
        assert_eq!(view.next(100), 600);
        view.pause = Some(PauseView {
            reason: "no_credits".to_owned(),
            until: 900,
            probe_until: Some(950),
        });
        assert_eq!(view.next(100), 950);
        assert_eq!(view.next(960), 900);
    }
}
