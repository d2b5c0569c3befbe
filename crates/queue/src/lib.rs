//! Everything that touches Redis.
//!
//! - [`keys`]: every key, with its type; nothing else makes one;
//! - `lua/`: one file a script, and beside it here one typed wrapper: [`accept`], [`claim`], [`submit`],
//!   [`settle`], [`lease`], [`sweep`], [`restore`], [`callbacks`];
//! - [`operate`]: what operators do, by one script a command; [`control`]: the stream of such commands;
//! - [`inbox`]: the stream that callers append to; [`events`]: the stream of what happened;
//! - [`registry`]: the schema's version, accounts and workers; [`read`]: what callers and operators look at;
//! - [`gauges`] and [`moves`]: the queue in numbers, and how often jobs were moved from here;
//! - [`spending`]: what was spent day by day; [`key_news`]: what a worker's keys mean for
//!   pauses; [`held`]: what holds an account back;
//! - [`durable`]: writes that outlive a failover;
//! - [`doctor`]: whether the server is fit, and records and indexes agree;
//! - [`link`]: a connection that is replaced when it stops working.

pub mod accept;
pub mod callbacks;
pub mod claim;
pub mod control;
pub mod doctor;
pub mod durable;
pub mod ended;
pub mod error;
pub mod events;
pub mod gauges;
pub mod held;
pub mod inbox;
pub mod key_news;
pub mod keys;
pub mod lease;
pub mod link;
mod mark;
pub mod moves;
pub mod operate;
pub mod read;
pub mod recalls;
pub mod registry;
pub mod restore;
mod script;
pub mod settle;
pub mod spending;
pub mod submit;
pub mod sweep;
mod together;
mod value;

use std::num::NonZeroU64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

pub use durable::Durability;
pub use error::Error;
pub use keys::Keys;
pub use link::{Link, LinkSettings, Mode};

/// What holds for the whole queue, and goes with every script.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// About how many entries the stream of events keeps.
    pub events_cap: u64,
    /// How long results and records are kept after the end.
    pub results_ttl: Duration,
    /// How many ended jobs of each state are kept at the most; any number where it isn't set.
    pub max_jobs: Option<NonZeroU64>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            events_cap: 10_000,
            results_ttl: Duration::from_secs(7 * 24 * 3600),
            max_jobs: None,
        }
    }
}

/// One queue in one Redis. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Queue {
    link: Arc<Link>,
    keys: Keys,
    policy: Policy,
    mark: Arc<OnceLock<String>>,
    durable: Option<Arc<durable::Durable>>,
    moves: Arc<moves::Moves>,
    together: Arc<submit::Together>,
}

impl Queue {
    /// The queue named by `keys` behind `link`.
    pub fn new(link: Arc<Link>, keys: Keys, policy: Policy) -> Self {
        Self {
            link,
            keys,
            policy,
            mark: Arc::default(),
            durable: None,
            moves: Arc::default(),
            together: Arc::default(),
        }
    }

    /// The keys of this queue.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// What holds for all of it.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The connection.
    pub fn link(&self) -> &Arc<Link> {
        &self.link
    }

    /// What was moved through this queue and all that were made of it by [`Queue::on`] and [`Clone`].
    pub fn moves(&self) -> &moves::Moves {
        &self.moves
    }

    /// The same queue over a connection of its own, for reads that block.
    pub fn on(&self, link: Arc<Link>) -> Self {
        Self {
            link,
            together: Arc::default(),
            ..self.clone()
        }
    }
}

/// A duration as whole milliseconds, the unit of every time in Redis.
pub(crate) fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
