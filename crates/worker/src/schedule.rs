//! When the claimer looks into Redis next.

use std::sync::Mutex;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// One point in time that anyone may pull nearer.
#[derive(Debug)]
pub(crate) struct Schedule {
    next: Mutex<Instant>,
    nearer: Notify,
}

impl Default for Schedule {
    /// At once.
    fn default() -> Self {
        Self {
            next: Mutex::new(Instant::now()),
            nearer: Notify::new(),
        }
    }
}

impl Schedule {
    /// Looks no later than at `time`.
    pub(crate) fn at_most(&self, time: Instant) {
        let mut next = self
            .next
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if time < *next {
            *next = time;
            self.nearer.notify_one();
        }
    }

    /// Forgets what was planned. To be called *before* asking Redis: what is pulled nearer while the answer is
    /// under way then stays.
    pub(crate) fn put_off_to(&self, time: Instant) {
        *self
            .next
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = time;
    }

    /// Waits until it is time.
    pub(crate) async fn wait(&self) {
        loop {
            let next = *self
                .next
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            if next <= Instant::now() {
                return;
            }
            tokio::select! {
                biased;
                () = sleep_until(next) => {}
                () = self.nearer.notified() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn pulled_nearer_while_waiting() {
        let schedule = std::sync::Arc::new(Schedule::default());
        let start = Instant::now();
        schedule.put_off_to(start + Duration::from_secs(60));
        let waiter = tokio::spawn({
            let schedule = std::sync::Arc::clone(&schedule);
            async move { schedule.wait().await }
        });
        tokio::task::yield_now().await;
        schedule.at_most(start + Duration::from_secs(2));
        schedule.at_most(start + Duration::from_secs(30));
        waiter.await.unwrap();
        assert_eq!(start.elapsed(), Duration::from_secs(2));
    }
}
