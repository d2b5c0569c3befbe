//! What the tests of gammaq stand on: the real things, private to one test, and ways to break them.
//!
//! - [`Redis`]: a server of a test's own, that can be killed, paused and started again on its data.
//! - [`Cluster`]: three masters and their slots, which can be moved key by key; replicas and sentinels come from
//!   [`RedisBuilder`], and [`Certificates`] for TLS.
//! - [`Process`]: any program, with its output captured and signals at hand; [`gammaq_bin`] is the one to run.
//! - [`Terminal`]: a program on a pseudo-terminal, with its screen to read and keys to press.
//! - [`Proxy`]: a TCP proxy that cuts, holds, delays or swallows what goes through it.
//! - [`eventually`]: waits for a condition, never for a guessed length of time.
//!
//! All of it panics where it can't do what it was asked for, and names the line of the test that asked: a
//! fault that did not happen would make the test that follows worthless. Whatever is started here ends with
//! the value that started it, when a test panics, and when the test process itself is killed.

mod binary;
mod certificates;
mod eventually;
mod port;
mod process;
mod proxy;
mod redis;
mod seed;
mod terminal;

use std::time::{SystemTime, UNIX_EPOCH};

pub use binary::gammaq_bin;
pub use certificates::Certificates;
pub use eventually::{Condition, eventually};
pub use port::free_port;
pub use process::{Finished, Process, ProcessBuilder, Signal};
pub use proxy::{Counts, Proxy};
pub use redis::{Cluster, Move, Redis, RedisBuilder};
pub use seed::seed;
pub use terminal::{Left, Terminal};

/// The time of this machine in Unix milliseconds. Redis's own clock is what the queue goes by: `TIME`.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
