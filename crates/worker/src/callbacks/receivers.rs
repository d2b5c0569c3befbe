//! How many attempts are under way at each receiver, so that a slow one takes no more than its own part of the room.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gammaq_queue::callbacks::BusyHost;
use tokio::time::Instant;

/// The shortest time that is put off for want of room.
const LATER: Duration = Duration::from_millis(100);

/// The receivers at which something is under way.
#[derive(Debug)]
pub(crate) struct Receivers {
    there: Mutex<BTreeMap<String, There>>,
    longest: Duration,
}

#[derive(Debug)]
struct There {
    attempts: usize,
    /// When one ended last, or else the first began.
    moved: Instant,
}

/// One attempt at a receiver, until it is dropped.
#[derive(Debug)]
pub(crate) struct Visit {
    receivers: Arc<Receivers>,
    host: String,
}

impl Receivers {
    /// `longest` is how long one attempt takes at the most: by then there is room.
    pub(crate) fn new(longest: Duration) -> Self {
        Self {
            there: Mutex::default(),
            longest: longest.max(LATER),
        }
    }

    fn there(&self) -> MutexGuard<'_, BTreeMap<String, There>> {
        self.there.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An attempt at `host` begins.
    pub(crate) fn enter(self: &Arc<Self>, host: &str) -> Visit {
        let mut there = self.there();
        let it = there.entry(host.to_owned()).or_insert_with(|| There {
            attempts: 0,
            moved: Instant::now(),
        });
        it.attempts += 1;
        Visit {
            receivers: Arc::clone(self),
            host: host.to_owned(),
        }
    }

    /// All of them. What finds no room at one is put off for as long as nothing has ended there: a quick receiver is asked
    /// again at once, and a slow one's backlog isn't looked through all the time.
    pub(crate) fn busy(&self) -> Vec<BusyHost> {
        let there = self.there();
        let all = there.iter().map(|(host, it)| BusyHost {
            host: host.clone(),
            attempts: it.attempts,
            later: it.moved.elapsed().clamp(LATER, self.longest),
        });
        all.collect()
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut there = self.receivers.there();
        let Some(it) = there.get_mut(&self.host) else {
            return;
        };
        it.attempts -= 1;
        it.moved = Instant::now();
        if it.attempts == 0 {
            there.remove(&self.host);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_receiver_is_asked_again_the_later_the_longer_nothing_ended_there() {
        let receivers = Arc::new(Receivers::new(Duration::from_secs(15)));
        let busy = |host: &str, attempts, ms| BusyHost {
            host: host.to_owned(),
            attempts,
            later: Duration::from_millis(ms),
        };
        let (first, _second) = (receivers.enter("a"), receivers.enter("a"));
        let other = receivers.enter("b");
        assert_eq!(receivers.busy(), [busy("a", 2, 100), busy("b", 1, 100)]);
        tokio::time::advance(Duration::from_secs(2)).await;
        drop(other);
        assert_eq!(receivers.busy(), [busy("a", 2, 2_000)]);
        drop(first);
        assert_eq!(receivers.busy(), [busy("a", 1, 100)]);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(receivers.busy(), [busy("a", 1, 15_000)]);
    }
}
