//! The soak: everything is broken at random under load, then two ledgers are compared.
//!
//! ```text
//!  callers ──XADD──▶ Redis ◀── proxy ── worker ── proxy ──▶ fake Gamma
//!                      ▲         ▲        ▲         ▲           ▲
//!                      └─────────┴── breakers, each by its own dice
//! ```
//!
//! 1. [`Scene::set`] starts a Redis that writes each answer to disk first, a fake Gamma, and workers with a proxy on
//!    either side of each.
//! 2. [`Scene::play`] lets callers append jobs and breakers break things until the time is over, then heals all and
//!    waits until nothing is left to do.
//! 3. [`Scene::verdict`] reads Redis and the fake's ledger, lets the [`judge`] compare them, and gives the figures.
//!
//! All decisions are drawn from one seed: the same seed takes the same ones again. How processes are scheduled is not
//! part of it.

mod breakers;
mod crew;
mod diary;
mod dice;
pub mod document;
mod evidence;
pub mod judge;
mod load;
mod orders;
pub mod recovery;
mod report;
mod resp;
mod rules;
mod scene;
mod settle;
mod traces;

use std::time::Duration;

pub use report::Report;
pub use scene::Scene;

/// How long and with which decisions.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How long things are broken.
    pub length: Duration,
    /// Where all decisions are drawn from.
    pub seed: u64,
    /// How many workers run at a time.
    pub workers: usize,
    /// Whether anything is broken at all.
    pub faults: bool,
    /// How long it may take, once all is healed, until nothing is left to do. A pause of an account after trouble
    /// with its key lasts a minute.
    pub settle_within: Duration,
}

impl Plan {
    /// Four workers, and all kinds of faults.
    pub fn new(length: Duration, seed: u64) -> Self {
        Self {
            length,
            seed,
            workers: 4,
            faults: true,
            settle_within: Duration::from_secs(150),
        }
    }
}

/// Plays a plan to its end.
///
/// # Panics
///
/// When the stage itself fails: a server that can't be started or controlled.
pub async fn run(plan: Plan, progress: impl Fn(&str) + Send + Sync + 'static) -> Report {
    let scene = Scene::set(plan, progress).await;
    scene.play().await;
    scene.verdict().await
}
