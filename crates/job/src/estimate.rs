//! What a request may cost, before it is sent: a range, and what it rests on.
//!
//! Gamma names no price beforehand. Its documentation (as of November 2026) has ranges: 1 to 3 credits a card, 2 to 125 a
//! picture that it makes, by the model that makes it. Afterwards `credits.deducted` says what it was.

use serde_json::{Map, Value};

use crate::{Kind, Request};

/// Credits a card.
pub const CARD: (u64, u64) = (1, 3);
/// Credits a picture that Gamma makes.
pub const PICTURE: (u64, u64) = (2, 125);
/// Cards where the request names no number.
const CARDS: u64 = 10;
/// The source of pictures that Gamma makes, and takes where the request names none.
const MADE: &str = "aiGenerated";
/// Where a card ends in the text, with `cardSplit: inputTextBreaks`.
const BREAK: &str = "\n---\n";
/// The most of a word of the request that is repeated, in characters.
const SHOWN: usize = 40;

/// A range of credits.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Estimate {
    /// At the least.
    pub low: u64,
    /// At the most.
    pub high: u64,
    /// What it rests on, one line a part. Words of the request are cut, and its text is not among them.
    pub basis: Vec<String>,
}

/// Why there is no estimate: fit for people, no full stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoEstimate {
    /// A template says itself how many cards and pictures it has.
    #[error("cards and pictures are the template's own, and a request for one doesn't say how many")]
    Template,
    /// Gamma 5 decides, where it isn't told.
    #[error("Gamma 5 chooses the number of cards itself where numCards is not set")]
    Agent,
}

/// What `request` may cost as a job of `kind`.
///
/// # Errors
/// Where the request doesn't allow one, why.
pub fn estimate(request: &Request, kind: Kind) -> Result<Estimate, NoEstimate> {
    let fields = request.fields();
    let (cards, told) = cards(fields, kind)?;
    let mut basis = vec![format!(
        "{cards} card{} ({told}) at {} to {} credits each",
        if cards == 1 { "" } else { "s" },
        CARD.0,
        CARD.1
    )];
    let (made, why) = pictures(fields);
    // How many there will be is said nowhere: taken as one a card at the most, and none at the least.
    let most = if made { cards } else { 0 };
    basis.push(if made {
        format!(
            "0 to {cards} pictures made by Gamma, taken as one a card at the most ({why}), at {} to {} credits each, by the model",
            PICTURE.0, PICTURE.1
        )
    } else {
        format!("no pictures made by Gamma ({why})")
    });
    Ok(Estimate {
        low: cards.saturating_mul(CARD.0),
        high: cards
            .saturating_mul(CARD.1)
            .saturating_add(most.saturating_mul(PICTURE.1)),
        basis,
    })
}

/// How many cards, and who says so.
fn cards(fields: &Map<String, Value>, kind: Kind) -> Result<(u64, String), NoEstimate> {
    // Checked before: a whole number of at least 1. It may be written as 8.0.
    let number = fields.get("numCards").and_then(Value::as_f64);
    let number = number.filter(|number| *number >= 1.0).map(|number| number as u64);
    match kind {
        Kind::Template => return Err(NoEstimate::Template),
        Kind::Agent => {
            let number = number.ok_or(NoEstimate::Agent)?;
            return Ok((number, "numCards".to_owned()));
        }
        Kind::Generation => {}
    }
    if let Some(pages) = fields.get("pages").and_then(Value::as_array) {
        return Ok((pages.len().max(1) as u64, "pages".to_owned()));
    }
    if fields.get("cardSplit").and_then(Value::as_str) == Some("inputTextBreaks") {
        let text = fields
            .get("inputText")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let text = text.replace("\r\n", "\n");
        return Ok((
            text.matches(BREAK).count() as u64 + 1,
            "inputTextBreaks: the lines --- of the text".to_owned(),
        ));
    }
    Ok(match number {
        Some(number) => (number, "numCards".to_owned()),
        None => (CARDS, "Gamma's number where numCards is not set".to_owned()),
    })
}

/// Whether Gamma makes the pictures, and who says so.
fn pictures(fields: &Map<String, Value>) -> (bool, String) {
    let options = fields.get("imageOptions").and_then(Value::as_object);
    let word = |name: &str| options?.get(name)?.as_str().filter(|word| !word.is_empty());
    let shown = |word: &str| crate::json::cut(word, SHOWN);
    match word("source") {
        Some(source) if source != MADE => (false, format!("imageOptions.source {}", shown(source))),
        source => {
            let mut why = match source {
                Some(_) => format!("imageOptions.source {MADE}"),
                None => format!("Gamma's own imageOptions.source, {MADE}"),
            };
            if let Some(model) = word("model") {
                why += &format!("; model {}", shown(model));
            }
            (true, why)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: Kind, text: &str) -> Result<Estimate, NoEstimate> {
        estimate(&Request::parse(text, kind, &[]).unwrap(), kind)
    }

    #[test]
    fn the_range_follows_cards_and_pictures() {
        for (text, low, high, part) in [
            (r#"{"inputText":"a"}"#, 10, 1_280, "10 cards (Gamma's number"),
            (
                r#"{"inputText":"a","numCards":8}"#,
                8,
                1_024,
                "8 cards (numCards)",
            ),
            (
                r#"{"inputText":"a","numCards":8.0}"#,
                8,
                1_024,
                "8 cards (numCards)",
            ),
            (r#"{"inputText":"a","numCards":null}"#, 10, 1_280, "10 cards"),
            (r#"{"inputText":"a","numCards":1}"#, 1, 128, "1 card ("),
            (
                r#"{"inputText":"a","numCards":8,"imageOptions":{"source":"noImages"}}"#,
                8,
                24,
                "no pictures made by Gamma (imageOptions.source noImages)",
            ),
            (
                r#"{"inputText":"a","numCards":2,"imageOptions":{"source":"aiGenerated","model":"flux-1"}}"#,
                2,
                256,
                "model flux-1",
            ),
            (
                r#"{"inputText":"a\n---\nb\r\n---\r\nc --- d","cardSplit":"inputTextBreaks","numCards":50}"#,
                3,
                384,
                "3 cards (inputTextBreaks",
            ),
            (r#"{"pages":[{},{}]}"#, 2, 256, "2 cards (pages)"),
        ] {
            let estimate = of(Kind::Generation, text).unwrap();
            assert_eq!((estimate.low, estimate.high), (low, high), "{text}");
            assert!(estimate.basis.join("\n").contains(part), "{text}: {estimate:?}");
        }
        let agent = of(Kind::Agent, r#"{"prompt":"a","numCards":4}"#).unwrap();
        assert_eq!((agent.low, agent.high), (4, 512));
    }

    #[test]
    fn where_the_request_says_nothing_there_is_none() {
        let template = of(Kind::Template, r#"{"prompt":"a","gammaId":"g","numCards":4}"#);
        assert_eq!(template, Err(NoEstimate::Template));
        assert_eq!(of(Kind::Agent, r#"{"prompt":"a"}"#), Err(NoEstimate::Agent));
    }

    #[test]
    fn no_text_of_the_request_is_repeated_and_nothing_overflows() {
        let text = r#"{"inputText":"secret plan","numCards":1e300,"imageOptions":{"model":"MODEL"}}"#;
        let estimate = of(Kind::Generation, &text.replace("MODEL", &"m".repeat(500))).unwrap();
        assert_eq!(estimate.high, u64::MAX);
        let basis = estimate.basis.join("\n");
        assert!(!basis.contains("secret") && basis.len() < 400, "{basis}");
    }
}
