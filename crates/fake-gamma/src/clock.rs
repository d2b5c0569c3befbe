//! The fake's clock: one monotonic time that everything is computed with, and the wall-clock time to go with it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// One moment, on both clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Moment {
    /// Monotonic time since the fake started; limits and outcomes go by this one.
    pub(crate) elapsed: Duration,
    /// Milliseconds since 1970, for comparing with other processes.
    pub(crate) unix_ms: u64,
}

impl Moment {
    /// The wall-clock time of this moment.
    pub(crate) fn wall(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.unix_ms)
    }
}

/// Tells the time since the fake started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    started: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self {
            started: Instant::now(),
        }
    }

    pub(crate) fn now(&self) -> Moment {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Moment {
            elapsed: self.started.elapsed(),
            unix_ms: millis(unix),
        }
    }
}

/// Whole milliseconds of a duration.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
