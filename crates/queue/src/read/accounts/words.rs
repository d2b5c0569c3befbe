//! What an account waits for, in the words of people.

use gammaq_job::json::cut;
use gammaq_job::moment;

use super::AccountView;
use crate::held;

impl AccountView {
    /// When it may submit again, as seen from `now`: `in 3 min`, `now`.
    pub fn next_words(&self, now: u64) -> String {
        if self.held.as_ref().is_some_and(|held| held.until.is_none()) {
            return "not before that ends".to_owned();
        }
        moment::relative(now, self.next_at.max(now))
    }

    /// Why it is held back, and until when; `None` where it isn't.
    pub fn held_words(&self, now: u64) -> Option<String> {
        if let Some(held) = self.held.as_ref().filter(|held| held.until.is_none()) {
            return Some(match (held.reason.as_str(), &held.by) {
                (held::OPERATOR, Some(by)) => format!("operator, by {} until it is resumed", cut(by, 40)),
                (held::OPERATOR, None) => "operator, until it is resumed".to_owned(),
                (held::NO_KEY, _) => "no_key, until a worker has one".to_owned(),
                _ => "credits_floor, until credits are seen above it".to_owned(),
            });
        }
        let pause = self.pause.as_ref()?;
        let why = cut(&pause.reason, 40);
        Some(match pause.probe_until.filter(|at| *at > now) {
            _ if pause.until > now => format!("{why}, ends {}", moment::relative(now, pause.until)),
            Some(until) => format!(
                "{why}, one job tries; another one may {}",
                moment::relative(now, until)
            ),
            None => format!("{why}, one job tries first"),
        })
    }
}
