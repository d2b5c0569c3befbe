//! What tests ask and tell the fake by the paths under `/_fake`.

use std::collections::HashMap;
use std::time::Duration;

use super::World;
use super::generation::Outcome;
use crate::answer::Answer;
use crate::clock::{Moment, millis};
use crate::faults::{Chosen, Kind, Operation, Rule};
use crate::ledger::{Filter, KeySummary, Ledger, Summary};

impl World {
    /// The part of the ledger that the filter takes.
    pub(crate) fn ledger(&self, filter: &Filter, now: Moment) -> Ledger {
        let generations = self.generations.iter().map(|generation| generation.entry(now));
        Ledger {
            seed: self.seed,
            at: now.unix_ms,
            elapsed_ms: millis(now.elapsed),
            posts: self
                .posts
                .iter()
                .filter(|post| filter.takes_post(post))
                .cloned()
                .collect(),
            generations: generations
                .filter(|generation| filter.takes_generation(generation))
                .collect(),
            exports: self
                .export_posts
                .iter()
                .filter(|export| filter.takes_key(&export.key))
                .cloned()
                .collect(),
            downloads: self.downloads.clone(),
        }
    }

    /// Sums, of one key or of all; without a window, the limit's own.
    pub(crate) fn summary(&self, window: Option<Duration>, key: Option<&str>) -> Summary {
        let window = window.unwrap_or(self.options.window);
        let mut summary = Summary {
            seed: self.seed,
            window_ms: millis(window),
            ..Summary::default()
        };
        for (name, account) in self
            .accounts
            .iter()
            .filter(|(name, _)| key.is_none_or(|key| key == *name))
        {
            let max_in_window = account.max_in_window(window);
            summary.posts += account.posts;
            summary.accepted += account.accepted();
            summary.max_in_window = summary.max_in_window.max(max_in_window);
            let of_key = KeySummary {
                posts: account.posts,
                accepted: account.accepted(),
                max_in_window,
                credits_remaining: account.credits,
            };
            summary.by_key.insert(name.clone(), of_key);
        }
        let mut accepted: HashMap<&str, u64> = HashMap::new();
        let generations = self.generations.iter().map(|generation| &generation.entry);
        for entry in generations.filter(|entry| key.is_none_or(|key| key == entry.key)) {
            *accepted.entry(&entry.digest).or_default() += 1;
        }
        let twice = accepted.into_iter().filter(|(_, times)| *times > 1);
        summary.duplicates = twice.map(|(digest, times)| (digest.to_owned(), times)).collect();
        summary
    }

    /// The fault rules in force.
    pub(crate) fn faults(&self) -> Vec<String> {
        self.rulebook.list()
    }

    /// Puts other fault rules in force.
    pub(crate) fn set_faults(&mut self, rules: Vec<Rule>) {
        self.rulebook.replace(rules);
    }

    /// Forgets everything but options and rules; what was given out before is unknown from now on.
    pub(crate) fn reset(&mut self) {
        self.rulebook.restart();
        self.accounts.clear();
        self.generations.clear();
        self.by_id.clear();
        self.by_gamma.clear();
        self.bodies.clear();
        self.exports.clear();
        self.links.clear();
        self.posts.clear();
        self.export_posts.clear();
        self.downloads.clear();
    }

    /// Sets the balance of a key; or, without one, of every key, those to come among them.
    pub(crate) fn set_credits(&mut self, key: Option<&str>, credits: u64) {
        match key {
            Some(key) => self.account(key).credits = credits,
            None => {
                self.options.credits = credits;
                self.accounts
                    .values_mut()
                    .for_each(|account| account.credits = credits);
            }
        }
    }

    /// Ends generations now: the one with this id, those with this title, or all that run. Says how many.
    pub(crate) fn complete(
        &mut self,
        id: Option<&str>,
        title: Option<&str>,
        kind: Option<&Kind>,
        now: Moment,
    ) -> usize {
        let mut ended = 0;
        for generation in &mut self.generations {
            let runs = !matches!(
                generation.outcome.word(generation.ready(now)),
                "completed" | "failed"
            );
            let meant = id.is_none_or(|id| id == generation.entry.generation_id)
                && title.is_none_or(|title| Some(title) == generation.entry.title.as_deref());
            if !runs || !meant {
                continue;
            }
            generation.takes = now.elapsed - generation.accepted.elapsed;
            if kind.is_some() || matches!(generation.outcome, Outcome::Stuck | Outcome::Unknown) {
                generation.outcome = Outcome::of(kind);
            }
            ended += 1;
        }
        ended
    }

    /// Answers a listing of themes or folders; `page` is computed by the caller.
    pub(crate) fn list(&mut self, key: &str, path: &str, page: Answer, now: Moment) -> (Chosen, Answer) {
        let chosen = self.rulebook.choose(Operation::List, key, Chosen::default());
        let fault = chosen
            .kind
            .as_ref()
            .and_then(|kind| Answer::of_fault(kind, path, now));
        let refused = || self.authorise(key).err();
        let mut answer = fault.or_else(refused).unwrap_or(page);
        self.stamp(&mut answer, key, now);
        (chosen, answer)
    }
}
