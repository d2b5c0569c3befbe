//! What belongs to one API key: its balance, its rolling limit, and the counts behind the rate headers.

use std::time::Duration;

use axum::http::HeaderName;

use crate::answer::Answer;
use crate::clock::Moment;
use crate::options::RateHeaders;

/// The periods of burst, hour and day.
const PERIODS: [u64; 3] = [60, 3_600, 86_400];

#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    /// The balance.
    pub(crate) credits: u64,
    /// POSTs seen.
    pub(crate) posts: u64,
    /// The time of every acceptance, in order.
    accepted: Vec<Duration>,
    /// By period: its number, and the requests in it so far.
    requests: [(u64, u64); 3],
}

impl Account {
    pub(crate) fn new(credits: u64) -> Self {
        Self {
            credits,
            ..Self::default()
        }
    }

    /// Whether the limit allows one more; if not, the time until it does.
    pub(crate) fn check_limit(&self, limit: usize, window: Duration, now: Duration) -> Result<(), Duration> {
        // What lies exactly one window back has left it: no half-open window holds both.
        let gone = self.accepted.partition_point(|at| *at + window <= now);
        let used = self.accepted.len() - gone;
        if limit == 0 || used < limit {
            return Ok(());
        }
        Err(self.accepted[self.accepted.len() - limit] + window - now)
    }

    pub(crate) fn accept(&mut self, cost: u64, now: Duration) {
        self.credits = self.credits.saturating_sub(cost);
        self.accepted.push(now);
    }

    pub(crate) fn accepted(&self) -> u64 {
        self.accepted.len() as u64
    }

    /// The greatest number of acceptances that any half-open window of this length holds.
    pub(crate) fn max_in_window(&self, window: Duration) -> u64 {
        let mut first = 0;
        let mut most = 0;
        for (last, at) in self.accepted.iter().enumerate() {
            while first < last && *at - self.accepted[first] >= window {
                first += 1;
            }
            most = most.max(last + 1 - first);
        }
        most as u64
    }

    /// Counts a request towards the remainders.
    pub(crate) fn count_request(&mut self, now: Moment) {
        for (period, count) in PERIODS.into_iter().zip(&mut self.requests) {
            let number = now.elapsed.as_secs() / period;
            *count = if count.0 == number {
                (number, count.1 + 1)
            } else {
                (number, 1)
            };
        }
    }

    /// Writes the six headers.
    pub(crate) fn write_rates(&self, rates: &RateHeaders, answer: &mut Answer) {
        let left = |fixed: Option<u64>, limit: u64, period: usize| {
            fixed
                .unwrap_or_else(|| limit.saturating_sub(self.requests[period].1))
                .to_string()
        };
        let mut set = |name, value: &str| answer.set(HeaderName::from_static(name), value);
        set("x-ratelimit-limit-burst", &rates.burst_limit.to_string());
        set(
            "x-ratelimit-remaining-burst",
            &left(rates.burst_remaining, rates.burst_limit, 0),
        );
        set("x-ratelimit-limit", &rates.hour_limit.to_string());
        set(
            "x-ratelimit-remaining",
            &left(rates.hour_remaining, rates.hour_limit, 1),
        );
        set("x-ratelimit-limit-daily", &rates.day_limit.to_string());
        set(
            "x-ratelimit-remaining-daily",
            &left(rates.day_remaining, rates.day_limit, 2),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(10);

    fn accepted_at(seconds: &[u64]) -> Account {
        let mut account = Account::new(100);
        seconds
            .iter()
            .for_each(|at| account.accept(1, Duration::from_secs(*at)));
        account
    }

    #[test]
    fn the_limit_rolls() {
        let account = accepted_at(&[0, 4, 9]);
        let check = |now| account.check_limit(3, WINDOW, Duration::from_millis(now));
        assert_eq!(check(9_500), Err(Duration::from_millis(500)));
        assert_eq!(check(10_000), Ok(()));
        assert_eq!(account.check_limit(0, WINDOW, Duration::from_secs(9)), Ok(()));
    }

    #[test]
    fn waiting_is_until_enough_have_left() {
        let account = accepted_at(&[0, 4, 9]);
        assert_eq!(
            account.check_limit(1, WINDOW, WINDOW),
            Err(Duration::from_secs(9))
        );
    }

    #[test]
    fn the_fullest_window_is_found() {
        assert_eq!(accepted_at(&[0, 4, 9, 10, 11]).max_in_window(WINDOW), 4);
        assert_eq!(accepted_at(&[0, 10, 20]).max_in_window(WINDOW), 1);
        assert_eq!(accepted_at(&[]).max_in_window(WINDOW), 0);
        assert_eq!(accepted_at(&[1, 1, 1]).max_in_window(Duration::ZERO), 1);
    }
}
