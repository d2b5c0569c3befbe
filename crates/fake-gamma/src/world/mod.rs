//! Gamma's side of things: keys with their balances, generations, exports, links, and the rules by which they go wrong.
//!
//! Nothing here waits or does I/O but for the ledger file. Every method gets the time as an argument and runs under
//! one lock, so what the ledger says happened in that order.

mod account;
mod control;
mod export;
mod generation;
mod links;
mod poll;
mod submit;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::http::{HeaderName, StatusCode};

use crate::answer::Answer;
use crate::clock::{Clock, Moment};
use crate::error::Error;
use crate::faults::Rulebook;
use crate::ledger;
use crate::ledger_file::LedgerFile;
use crate::options::Options;
use crate::random;

use account::Account;
use export::Export;
use generation::Generation;
use links::Link;

pub(crate) use links::Wanted;
pub(crate) use submit::{Endpoint, Submission, api_key};

/// The kinds of id; see [`World::id`].
const GENERATION: u8 = 1;
const GAMMA: u8 = 2;
const EXPORT: u8 = 3;
const LINK: u8 = 4;
const REQUEST: u8 = 5;

/// What all handlers share.
#[derive(Debug)]
pub(crate) struct Shared {
    clock: Clock,
    world: Mutex<World>,
}

impl Shared {
    pub(crate) fn new(clock: Clock, world: World) -> Self {
        Self {
            clock,
            world: Mutex::new(world),
        }
    }

    /// Does something to the world. The time is taken under the lock, so later entries never carry earlier times.
    pub(crate) fn with<R>(&self, act: impl FnOnce(&mut World, Moment) -> R) -> R {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut world, self.clock.now())
    }
}

/// All that the fake knows.
#[derive(Debug)]
pub(crate) struct World {
    options: Options,
    seed: u64,
    /// Base of export links.
    base: String,
    /// Makes ids of this run differ from those of any other, whatever the seed.
    nonce: u64,
    /// Ids given out so far.
    ids: u64,
    rulebook: Rulebook,
    accounts: HashMap<String, Account>,
    generations: Vec<Generation>,
    /// Position in `generations`, by id and by gamma.
    by_id: HashMap<String, usize>,
    by_gamma: HashMap<String, usize>,
    /// POSTs by digest, for markers that count.
    bodies: HashMap<String, u64>,
    exports: HashMap<String, Export>,
    links: HashMap<String, Link>,
    posts: Vec<ledger::Post>,
    export_posts: Vec<ledger::Export>,
    downloads: Vec<ledger::Download>,
    file: Option<LedgerFile>,
}

impl World {
    pub(crate) fn new(options: Options, seed: u64, base: String, now: Moment) -> Result<Self, Error> {
        let mut file = options.ledger.as_deref().map(LedgerFile::open).transpose()?;
        if let Some(file) = &mut file {
            file.append("start", &serde_json::json!({ "seed": seed, "at": now.unix_ms }));
        }
        Ok(Self {
            rulebook: Rulebook::new(seed, options.faults.clone()),
            options,
            seed,
            base,
            nonce: rand::random(),
            ids: 0,
            accounts: HashMap::new(),
            generations: Vec::new(),
            by_id: HashMap::new(),
            by_gamma: HashMap::new(),
            bodies: HashMap::new(),
            exports: HashMap::new(),
            links: HashMap::new(),
            posts: Vec::new(),
            export_posts: Vec::new(),
            downloads: Vec::new(),
            file,
        })
    }

    /// A new id; unlike times and faults, ids don't repeat with the seed, or a fake started anew would know the ids of
    /// the one before.
    fn id(&mut self, kind: u8, length: usize) -> String {
        self.ids += 1;
        random::id(self.nonce, kind, self.ids, length)
    }

    fn account(&mut self, key: &str) -> &mut Account {
        let credits = self.options.credits;
        self.accounts
            .entry(key.to_owned())
            .or_insert_with(|| Account::new(credits))
    }

    /// Whether the key is one; if not, the answer.
    fn authorise(&self, key: &str) -> Result<(), Answer> {
        let known = match self.options.keys.as_slice() {
            [] => key.starts_with("sk-"),
            keys => keys.iter().any(|known| known == key),
        };
        if known {
            Ok(())
        } else {
            Err(Answer::error(StatusCode::UNAUTHORIZED, "Invalid API key"))
        }
    }

    /// Adds what every answer of the API carries, and gives back the request's id.
    fn stamp(&mut self, answer: &mut Answer, key: &str, now: Moment) -> String {
        let request_id = format!("req_{}", self.id(REQUEST, 24));
        answer.set(HeaderName::from_static("x-request-id"), &request_id);
        if self.authorise(key).is_ok() {
            self.account(key).count_request(now);
        }
        let rates = self.options.rates.clone();
        // A stranger sees the limits too.
        let stranger = Account::default();
        self.accounts
            .get(key)
            .unwrap_or(&stranger)
            .write_rates(&rates, answer);
        request_id
    }

    /// The headers of the API on an answer that is about no key's business: a wrong path, a wrong method.
    pub(crate) fn stamped(&mut self, mut answer: Answer, key: &str, now: Moment) -> Answer {
        self.stamp(&mut answer, key, now);
        answer
    }
}

fn not_found(what: &str) -> Answer {
    Answer::error(StatusCode::NOT_FOUND, &format!("{what} not found"))
}
