//! Redis's clock, as far as this process knows it.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

/// The last time that Redis told, and when it was heard here.
///
/// Heard is later than told, so an estimate is never ahead of Redis: what is planned by it comes late and never
/// early, and a deadline computed from it passes too soon and never too late.
#[derive(Debug, Default)]
pub(crate) struct RedisClock {
    heard: Mutex<Option<(u64, Instant)>>,
}

impl RedisClock {
    /// Notes that Redis said `now` (Unix milliseconds) just now.
    pub(crate) fn heard(&self, now: u64) {
        let mut heard = self
            .heard
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        *heard = Some((now, Instant::now()));
    }

    /// What Redis's clock shows now, or a little less; 0 before anything was heard.
    pub(crate) fn estimate(&self) -> u64 {
        let heard = self
            .heard
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        heard.map_or(0, |(now, at)| {
            now + u64::try_from(at.elapsed().as_millis()).unwrap_or(0)
        })
    }

    /// The instant here at which Redis's clock shows `time` (Unix milliseconds).
    pub(crate) fn instant(&self, time: u64) -> Instant {
        let heard = self
            .heard
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        match *heard {
            Some((now, at)) => at + Duration::from_millis(time.saturating_sub(now)),
            None => Instant::now(),
        }
    }
}
