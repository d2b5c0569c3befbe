//! How far a pending generation is, where Gamma says so.

use serde_json::{Map, Value};

use crate::wire::number;

/// Names under which the percentage has been seen or may be expected: Gamma 5 says "card counts and a percentage".
const PERCENTAGES: [&str; 4] = ["percentage", "percent", "percentComplete", "percentageComplete"];
/// Pairs of counts: what is done, of how much.
const COUNTS: [(&str, &str); 4] = [
    ("cardsCompleted", "cardsTotal"),
    ("completedCards", "totalCards"),
    ("cardsGenerated", "cardsTotal"),
    ("completed", "total"),
];

/// The percentage, 0 to 100, that `progress` of a [pending](crate::Polled::Pending) answer says, in its own words or by
/// its counts. `None` where it says neither: an answer without a number is no progress, and no error either.
pub fn percent(progress: &Value) -> Option<u8> {
    if let Some(whole) = number(progress) {
        return held(whole);
    }
    let object = progress.as_object()?;
    let field = |name: &str| object.get(name).and_then(number);
    PERCENTAGES
        .into_iter()
        .find_map(field)
        .or_else(|| COUNTS.into_iter().find_map(|pair| part(object, pair)))
        .and_then(held)
}

fn part(object: &Map<String, Value>, (done, of): (&str, &str)) -> Option<f64> {
    let (done, of) = (number(object.get(done)?)?, number(object.get(of)?)?);
    (of > 0.0).then_some(done * 100.0 / of)
}

fn held(percent: f64) -> Option<u8> {
    // `as` would take NaN for 0, and what is below 0 or above 100 is no percentage.
    (0.0..=100.0).contains(&percent).then_some(percent as u8)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn it_is_read_in_any_of_its_shapes() {
        for (progress, expected) in [
            (
                json!({"percentage": 40, "cardsCompleted": 1, "cardsTotal": 10}),
                Some(40),
            ),
            (json!({"percentage": 99.9}), Some(99)),
            (json!({"percent": "75"}), Some(75)),
            (json!({"cardsCompleted": 3, "cardsTotal": 8}), Some(37)),
            (json!({"completedCards": 8, "totalCards": 8}), Some(100)),
            (json!(12), Some(12)),
            (json!({"cardsCompleted": 0, "cardsTotal": 0}), None),
            (json!({"cardsCompleted": 9, "cardsTotal": 8}), None),
            (json!({"percentage": -1}), None),
            (json!({"percentage": 101}), None),
            (json!({"percentage": null}), None),
            (json!({"stage": "outline"}), None),
            (json!("soon"), None),
            (json!([50]), None),
            (json!(null), None),
        ] {
            assert_eq!(percent(&progress), expected, "{progress}");
        }
    }
}
