//! Thousands of queues under every fault, on virtual time.
//!
//! Each run is drawn from a seed: two or three real workers (`gammaq_worker`, all of it but the HTTP client) in one
//! thread on tokio's paused clock, against a stand-in for Redis that runs the real scripts ([`redis`]), and a Gamma with
//! a ledger. Workers crash, stand still and are stopped; connections break before and after a command, answers get lost,
//! commands arrive late; Redis is gone, full, forgets its last writes, and has its clock set; Gamma refuses, limits,
//! fails and keeps silent; operators give commands. At the end, and on the way, what is promised is checked. The same seed is the same run, to
//! the last byte.
//!
//! - `plan.rs`: what is drawn from the seed;  `run.rs`: one run;  `checks.rs`: what must hold in the end
//! - `server/`: Redis and the network to it;  `gamma/`: Gamma, the network to it, and what must hold on the way
//! - `workers.rs`, `life.rs`: the worker processes, which end or stand still all at once

mod checks;
mod dice;
mod gamma;
mod ledger;
mod life;
mod log;
mod operators;
mod plan;
pub mod redis;
mod run;
mod server;
mod trace;
mod workers;
mod world;

pub use checks::Counts;
pub use run::{Options, Run, run};
pub use server::{EPOCH_MS, Recorded};
