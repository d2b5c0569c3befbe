//! What holds an account back, out of its hash: one answer for everybody who shows accounts.

use std::collections::BTreeMap;

/// The word of an account whose key is missing; see [`key_news`](crate::key_news).
pub const NO_KEY: &str = "no_key";
/// The word of an account that an operator paused; see [`operate`](crate::operate).
pub const OPERATOR: &str = "operator";
/// The word of an account that has fewer credits than its `credits_floor`.
pub const CREDITS_FLOOR: &str = "credits_floor";

/// What holds an account back.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Held {
    /// `rate_limited`, `unauthorized`, `out_of_credits`, [`OPERATOR`], [`NO_KEY`], [`CREDITS_FLOOR`], or another word that
    /// somebody wrote there.
    pub reason: String,
    /// Until when, Unix milliseconds; `None` where it lasts until something changes: the key, the credits, the floor, or
    /// the operator's mind.
    pub until: Option<u64>,
    /// Who paused it, where an operator did.
    pub by: Option<String>,
}

/// What holds back an account with these fields at `now` (Redis's time, Unix milliseconds). A pause holds submits and
/// looks, the floor submits alone; of the two the pause is told.
pub fn held_back(fields: &BTreeMap<String, String>, now: u64) -> Option<Held> {
    let until = fields.get("paused_until").and_then(|it| it.parse::<u64>().ok());
    if let Some(until) = until.filter(|until| *until > now) {
        let reason = fields.get("pause_reason").filter(|reason| !reason.is_empty());
        let reason = reason.map_or("paused", String::as_str);
        return Some(Held {
            reason: reason.to_owned(),
            until: (reason != NO_KEY && reason != OPERATOR).then_some(until),
            by: fields.get("paused_by").filter(|_| reason == OPERATOR).cloned(),
        });
    }
    is_below_floor(fields).then(|| Held {
        reason: CREDITS_FLOOR.to_owned(),
        until: None,
        by: None,
    })
}

/// Whether an account with these fields submits nothing more for want of credits; the scripts decide alike.
pub fn is_below_floor(fields: &BTreeMap<String, String>) -> bool {
    let number = |name: &str| fields.get(name).and_then(|it| it.parse::<f64>().ok());
    matches!((number("credits_remaining"), number("credits_floor")), (Some(left), Some(floor)) if left < floor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(fields: &[(&str, &str)]) -> Option<(String, Option<u64>)> {
        let fields = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        held_back(&fields.collect(), 1_000).map(|held| (held.reason, held.until))
    }

    #[test]
    fn a_pause_goes_before_the_floor_and_nothing_is_held_without_either() {
        let floor = [("credits_remaining", "-3"), ("credits_floor", "1")];
        assert_eq!(held(&floor), Some(("credits_floor".to_owned(), None)));
        assert_eq!(held(&[("credits_remaining", "1"), ("credits_floor", "1")]), None);
        assert_eq!(held(&[("credits_floor", "1")]), None);
        assert_eq!(
            held(&[("paused_until", "1000"), ("pause_reason", "operator")]),
            None
        );
        let paused = [
            ("paused_until", "1001"),
            ("pause_reason", "unauthorized"),
            floor[0],
            floor[1],
        ];
        assert_eq!(held(&paused), Some(("unauthorized".to_owned(), Some(1_001))));
        assert_eq!(
            held(&[("paused_until", "1001")]),
            Some(("paused".to_owned(), Some(1_001)))
        );
        let somebodys = [
            ("paused_until", "99999"),
            ("pause_reason", "operator"),
            ("paused_by", "carol"),
        ];
        assert_eq!(held(&somebodys), Some(("operator".to_owned(), None)));
        let missing = [("paused_until", "99999"), ("pause_reason", "no_key")];
        assert_eq!(held(&missing), Some(("no_key".to_owned(), None)));
    }
}
