//! What Gamma knows: every POST that reached it, every generation it made, every look.

use std::collections::{BTreeMap, BTreeSet};

use crate::life::Life;

/// A POST that reached Gamma.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    pub(crate) account: String,
    /// By the clock that budgets are measured by, milliseconds.
    pub(crate) at: u64,
    /// Whether it counts against the account: accepted, refused for good, or answered in a way that says nothing.
    pub(crate) counts: bool,
}

/// How a generation goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum End {
    Completes,
    Fails,
}

/// What Gamma makes.
#[derive(Debug, Clone)]
pub(crate) struct Generation {
    pub(crate) job: String,
    /// Virtual milliseconds at which it ends.
    pub(crate) ends_at: u64,
    pub(crate) end: End,
    /// The process that was told of it, if one was.
    pub(crate) told: Option<Life>,
}

/// A look that is under way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    pub(crate) number: u64,
    pub(crate) worker: usize,
    /// Whether its worker stood still since, or died.
    pub(crate) disturbed: bool,
}

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) posts: Vec<Post>,
    pub(crate) generations: BTreeMap<String, Generation>,
    pub(crate) looks: BTreeMap<String, Vec<Look>>,
    /// Generation → when the last look's answer came, if somebody was there to hear it.
    pub(crate) answered: BTreeMap<String, u64>,
    pub(crate) looks_made: u64,
    /// Jobs that operators gave commands about, and accounts that they paused or resumed.
    pub(crate) touched: BTreeSet<String>,
}

impl Ledger {
    /// The generations that were made for a job.
    pub(crate) fn of<'a>(&'a self, job: &'a str) -> impl Iterator<Item = &'a String> {
        self.generations
            .iter()
            .filter(move |(_, it)| it.job == job)
            .map(|(id, _)| id)
    }
}
