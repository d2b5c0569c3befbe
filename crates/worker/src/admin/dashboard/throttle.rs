//! Wrong tokens cost time, and after some of them nobody from there may try for a while.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep};

/// So many wrong ones from one place within the time, and no more.
const FAILURES: u32 = 5;
const WITHIN: Duration = Duration::from_secs(60);
/// How long a wrong one waits for its answer.
const COSTS: Duration = Duration::from_millis(700);
/// How many may be tried at once, from everywhere: with the cost above, that is all that can be tried in a time.
const AT_ONCE: usize = 4;
/// The most places that are remembered.
const PLACES: usize = 4_096;

#[derive(Debug)]
pub(super) struct Throttle {
    failures: Mutex<HashMap<IpAddr, (u32, Instant)>>,
    tries: Semaphore,
}

impl Default for Throttle {
    fn default() -> Self {
        Self {
            failures: Mutex::default(),
            tries: Semaphore::new(AT_ONCE),
        }
    }
}

impl Throttle {
    /// Leave to try a token; without it, how long to wait.
    pub(super) fn begin(&self, from: IpAddr) -> Result<SemaphorePermit<'_>, Duration> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((count, since)) = failures.get(&place(from))
            && *count >= FAILURES
            && since.elapsed() < WITHIN
        {
            return Err(WITHIN.saturating_sub(since.elapsed()));
        }
        self.tries.try_acquire().map_err(|_| COSTS)
    }

    /// It was the wrong one: counts, and waits with the leave in hand.
    pub(super) async fn failed(&self, from: IpAddr, leave: SemaphorePermit<'_>) {
        {
            let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
            if failures.len() >= PLACES {
                failures.retain(|_, (_, since)| since.elapsed() < WITHIN);
            }
            if failures.len() >= PLACES {
                failures.clear();
            }
            let (count, since) = failures.entry(place(from)).or_insert((0, Instant::now()));
            if since.elapsed() >= WITHIN {
                *count = 0;
            }
            (*count, *since) = (*count + 1, Instant::now());
        }
        sleep(COSTS).await;
        drop(leave);
    }
}

/// Whoever has one address of IPv6 has a whole network of them.
fn place(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6((ip.to_bits() >> 64 << 64).into()),
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn wrong_tokens_cost_time_and_then_wait() {
        let throttle = Throttle::default();
        let [one, neighbour, other] =
            ["2001:db8::1", "2001:db8::2", "192.0.2.1"].map(|ip| ip.parse::<IpAddr>().unwrap());
        let began = Instant::now();
        for _ in 0..FAILURES {
            let leave = throttle.begin(one).unwrap();
            throttle.failed(one, leave).await;
        }
        assert!(began.elapsed() >= COSTS * FAILURES);
        assert!(throttle.begin(one).is_err() && throttle.begin(neighbour).is_err());
        let held: Vec<_> = (0..AT_ONCE).map(|_| throttle.begin(other).unwrap()).collect();
        assert_eq!(throttle.begin(other).err(), Some(COSTS), "all at once is refused");
        drop(held);
        tokio::time::advance(WITHIN).await;
        let leave = throttle.begin(neighbour).unwrap();
        throttle.failed(neighbour, leave).await;
        assert!(throttle.begin(one).is_ok(), "it begins anew");
    }
}
