//! What becomes of a worker whose queue lost its data: it starts nothing more.
//!
//! It stays alive and goes on recording what it has in hand. It doesn't end: whatever starts it again would make it
//! begin anew without anybody having looked. It begins anew when an operator restarts it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What stands in the worker's hash.
const REASON: &str = "the queue lost its data";
/// It is said again after this time.
const AGAIN: Duration = Duration::from_secs(60);

/// Whether it halted, and when that was last said.
#[derive(Debug, Default)]
pub(crate) struct Halt {
    said: Mutex<Option<Instant>>,
}

impl Halt {
    /// Whether nothing new is begun any more.
    pub(crate) fn is_halted(&self) -> bool {
        self.said().is_some()
    }

    /// Notes that the queue is another one than that which the worker began with, and says so the first time.
    pub(crate) fn halt(&self) {
        let mut said = self.said();
        if said.is_none() {
            *said = Some(Instant::now());
            say();
        }
    }

    /// Says it again now and then. Answers why it halted, if it did.
    pub(crate) fn remind(&self) -> Option<&'static str> {
        let mut said = self.said();
        let last = (*said)?;
        if last.elapsed() >= AGAIN {
            *said = Some(Instant::now());
            say();
        }
        Some(REASON)
    }

    fn said(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn say() {
    tracing::error!(
        "halted: {REASON} (FLUSHALL, a Redis that keeps nothing over a restart, an empty replica). What was charged \
         and begun is not known any more, so nothing is taken in or submitted. See in Gamma what was made, restore \
         a backup of Redis if there is one, then restart the workers: they go on with what is there"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn halted_for_good_and_said_now_and_then() {
        let halt = Halt::default();
        assert_eq!(halt.remind(), None);
        assert!(!halt.is_halted());
        halt.halt();
        let first = *halt.said();
        tokio::time::advance(AGAIN / 2).await;
        halt.halt();
        assert_eq!(halt.remind(), Some(REASON));
        assert_eq!(*halt.said(), first, "said once");
        tokio::time::advance(AGAIN / 2).await;
        assert_eq!(halt.remind(), Some(REASON));
        assert_ne!(*halt.said(), first, "said again");
        assert!(halt.is_halted());
    }
}
