//! Waiting longer after each trouble in a row.

use std::time::Duration;

/// Doubling from `base` up to `max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The wait after the first trouble.
    pub base: Duration,
    /// The longest wait.
    pub max: Duration,
}

impl Backoff {
    /// The wait after `failures` troubles in a row (at least 1), spread by `jitter` in `0.0..1.0`: up to a
    /// tenth longer and never shorter, so that what failed together doesn't come back together.
    pub fn after(&self, failures: u32, jitter: f64) -> Duration {
        let doublings = failures.saturating_sub(1).min(30);
        let wait = self.base.saturating_mul(1_u32 << doublings).min(self.max);
        wait + wait.mul_f64(0.1 * jitter.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_from_the_base_to_the_maximum() {
        let backoff = Backoff {
            base: Duration::from_secs(5),
            max: Duration::from_secs(300),
        };
        let waits: Vec<u64> = (1..=9).map(|n| backoff.after(n, 0.0).as_secs()).collect();
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
        assert_eq!(backoff.after(u32::MAX, 0.0).as_secs(), 300);
    }

    #[test]
    fn jitter_never_shortens_and_adds_a_tenth_at_most() {
        let backoff = Backoff {
            base: Duration::from_secs(10),
            max: Duration::from_secs(60),
        };
        assert_eq!(backoff.after(1, 1.0), Duration::from_secs(11));
        assert_eq!(backoff.after(1, -3.0), Duration::from_secs(10));
    }
}
