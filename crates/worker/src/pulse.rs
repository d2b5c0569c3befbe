//! Whether the loops of a worker still turn: what a watchdog has to know, systemd's as well as whoever asks `/healthz`.
//!
//! The invariant: a loop that awaits something beats at every turn, and each thing that it awaits between two beats has a
//! limit, or is work that another task has to bring first, for which it rests. So a loop that neither rests nor has
//! beaten for longer than these limits together hangs. A Redis that is away is no hang: the loops ask it again and
//! again, and each question ends.
//!
//! Steps have no pulse: each exchange has a time limit of its own, and what they wait for without one is Redis.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// One loop: when it last turned, or that it rests.
#[derive(Debug, Default)]
pub(crate) struct Pulse(Mutex<Option<Instant>>);

impl Pulse {
    /// The loop turned, and goes on at once.
    pub(crate) fn beat(&self) {
        *self.last() = Some(Instant::now());
    }

    /// The loop waits for others, however long that takes; or has ended as it should.
    pub(crate) fn rest(&self) {
        *self.last() = None;
    }

    /// Since when it neither turned nor rested; zero where it rests.
    fn age(&self) -> Duration {
        self.last().map_or(Duration::ZERO, |last| last.elapsed())
    }

    fn last(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Questions of Redis that one turn of a loop may hold, each with a connection that has to be made first.
const QUESTIONS: u32 = 6;

/// Three turns of the slowest loop, which is the heartbeat's.
const SLOWEST: Duration = Duration::from_secs(15);

/// How long a loop may take for a turn, where nobody wants to know sooner than after `wanted` and one answer of Redis,
/// connection included, may take `answer`.
pub(crate) fn limit(wanted: Duration, answer: Duration) -> Duration {
    wanted.max(answer * QUESTIONS).max(SLOWEST)
}

/// The loops without which a worker only looks alive.
#[derive(Debug, Default)]
pub(crate) struct Pulses {
    /// Claims jobs.
    pub(crate) claimer: Pulse,
    /// Reads the inbox.
    pub(crate) intake: Pulse,
    /// Brings what became of steps to Redis.
    pub(crate) settler: Pulse,
    /// The same for what nobody waits for.
    pub(crate) unhurried: Pulse,
    /// Keeps jobs between looks.
    pub(crate) keeper: Pulse,
    /// Says that the worker is alive.
    pub(crate) heartbeat: Pulse,
}

impl Pulses {
    /// A loop that hangs, and for how long by now: it made no turn within `limit`.
    pub(crate) fn hung(&self, limit: Duration) -> Option<(&'static str, Duration)> {
        let loops = [
            ("claimer", &self.claimer),
            ("intake", &self.intake),
            ("settler", &self.settler),
            ("settler of looks", &self.unhurried),
            ("keeper", &self.keeper),
            ("heartbeat", &self.heartbeat),
        ];
        let ages = loops.map(|(name, pulse)| (name, pulse.age()));
        ages.into_iter().find(|(_, age)| *age > limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_stands_still_is_seen_and_one_that_rests_is_not() {
        let pulses = Pulses::default();
        tokio::time::advance(LIMIT * 9).await;
        assert_eq!(pulses.hung(LIMIT), None, "nothing began yet");
        pulses.claimer.beat();
        pulses.intake.beat();
        pulses.settler.rest();
        tokio::time::advance(LIMIT).await;
        pulses.claimer.beat();
        assert_eq!(pulses.hung(LIMIT), None, "just in time");
        tokio::time::advance(Duration::from_secs(1)).await;
        // The claimer turns: that is no excuse for the other one.
        assert_eq!(
            pulses.hung(LIMIT),
            Some(("intake", LIMIT + Duration::from_secs(1)))
        );
        pulses.intake.rest();
        assert_eq!(pulses.hung(LIMIT), None);
        tokio::time::advance(LIMIT * 9).await;
        assert_eq!(pulses.hung(LIMIT).map(|(name, _)| name), Some("claimer"));
        pulses.claimer.beat();
        assert_eq!(pulses.hung(LIMIT), None, "it goes on");
    }
}
