//! When an account's rate limits were last written down. Every answer names them, and thousands of looks a second would
//! write little else.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gammaq_queue::settle::{Settlement, Verb};
use tokio::time::Instant;

/// What was written so lately is good enough for whoever reads it.
const FRESH: Duration = Duration::from_secs(1);

/// By account; there are no more of them than keys.
#[derive(Debug, Default)]
pub(crate) struct ToldLimits(Mutex<HashMap<String, Instant>>);

impl ToldLimits {
    /// Leaves the limits out of a settlement that only looks again, where the account's were written a moment ago.
    pub(crate) fn thin(&self, account: &str, settlement: &mut Settlement) {
        let only_limits = |(name, _): &(&str, String)| name.starts_with("ratelimit_");
        if settlement.account_fields.is_empty()
            || !matches!(settlement.verb, Verb::Again(_))
            || settlement.pause.is_some()
            || !settlement.account_fields.iter().all(only_limits)
        {
            return;
        }
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match told.get_mut(account) {
            Some(at) if at.elapsed() < FRESH => settlement.account_fields.clear(),
            Some(at) => *at = Instant::now(),
            None => {
                told.insert(account.to_owned(), Instant::now());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use gammaq_queue::settle::{Pause, Probe};

    use super::*;

    fn again(name: &'static str) -> Settlement {
        Settlement {
            id: "a".into(),
            fence: 1,
            verb: Verb::Again(FRESH),
            probe: Probe::None,
            pause: None,
            jitter: 0.0,
            note: String::new(),
            fields: vec![],
            account_fields: vec![(name, "99".into())],
        }
    }

    #[tokio::test(start_paused = true)]
    async fn limits_are_written_once_a_second_and_all_else_always() {
        let told = ToldLimits::default();
        let is_told = |account, mut settlement: Settlement| {
            told.thin(account, &mut settlement);
            !settlement.account_fields.is_empty()
        };
        let limits = || again("ratelimit_burst_remaining");
        assert!(is_told("x", limits()) && is_told("y", limits()));
        assert!(!is_told("x", limits()) && !is_told("y", limits()));
        assert!(is_told("x", again("credits_remaining")));
        let paused = Settlement {
            pause: Some(Pause {
                reason: "rate_limited",
                fixed: None,
            }),
            ..limits()
        };
        assert!(is_told("x", paused));
        let over = Settlement {
            verb: Verb::Complete,
            ..limits()
        };
        assert!(is_told("x", over));
        tokio::time::advance(FRESH).await;
        assert!(is_told("x", limits()) && !is_told("x", limits()));
    }
}
