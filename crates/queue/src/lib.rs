//! Everything that touches Redis.
//!
//! - [`keys`]: every key, with its type; nothing else makes one;
//! - `lua/`: one file a script, and beside it here one typed wrapper: [`accept`], [`claim`], [`submit`],
//!   [`settle`], [`lease`], [`sweep`];
//! - [`inbox`]: the stream that callers append to; [`events`]: the stream of what happened;
//! - [`registry`]: the schema's version, accounts and workers; [`read`]: what callers and operators look at;
//! - [`link`]: a connection that is replaced when it stops working.

pub mod accept;
pub mod claim;
pub mod error;
pub mod events;
pub mod inbox;
pub mod keys;
pub mod lease;
pub mod link;
pub mod read;
pub mod registry;
mod script;
pub mod settle;
pub mod submit;
pub mod sweep;
mod value;

use std::sync::Arc;
use std::time::Duration;

pub use error::Error;
pub use keys::Keys;
pub use link::{Link, LinkSettings};

/// What holds for the whole queue, and goes with every script.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// About how many entries the stream of events keeps.
    pub events_cap: u64,
    /// How long results and records are kept after the end.
    pub results_ttl: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            events_cap: 10_000,
            results_ttl: Duration::from_secs(7 * 24 * 3600),
        }
    }
}

/// One queue in one Redis. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Queue {
    link: Arc<Link>,
    keys: Keys,
    policy: Policy,
}

impl Queue {
    /// The queue named by `keys` behind `link`.
    pub fn new(link: Arc<Link>, keys: Keys, policy: Policy) -> Self {
        Self { link, keys, policy }
    }

    /// The keys of this queue.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The connection.
    pub fn link(&self) -> &Arc<Link> {
        &self.link
    }

    /// The same queue over a connection of its own, for reads that block.
    pub fn on(&self, link: Arc<Link>) -> Self {
        Self { link, ..self.clone() }
    }
}

/// A duration as whole milliseconds, the unit of every time in Redis.
pub(crate) fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
