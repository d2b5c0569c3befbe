//! One look at a generation.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Map, Value};

use crate::answer::{AccountTrouble, Answer, Common, MESSAGE_MAX, RateLimited};
use crate::client::Client;
use crate::completed::{Completed, Credits};
use crate::exchange::Reply;
use crate::redact::rewrite;
use crate::target::{Engine, Target, is_askable};
use crate::wire;

/// The longest `progress` that is handed on, in bytes of JSON.
const PROGRESS_MAX: usize = 2048;
/// The longest unknown status that is repeated, in characters.
const WORD_MAX: usize = 64;

/// What a look at a generation showed; one variant for each reaction.
#[derive(Debug, Clone, PartialEq)]
pub enum Polled {
    /// Still being made.
    Pending {
        /// Gamma 5's card counts and percentage, if they are small; texts in it made safe.
        progress: Option<Value>,
    },
    /// Done.
    Completed(Box<Completed>),
    /// Gamma gave up on it: HTTP 200 with the status `failed`.
    Failed(Failed),
    /// A status this crate doesn't know; to be treated as pending.
    UnknownStatus {
        /// The word, made safe and cut.
        word: String,
    },
    /// 429: the account has to wait.
    RateLimited(RateLimited),
    /// 401, 402, or 403 about credits.
    AccountTrouble(AccountTrouble),
    /// 404: a wrong id, or one that can't be seen yet.
    NotFound {
        /// Gamma's words, made safe and cut.
        message: String,
    },
    /// The look could not be made: no answer, a broken one, 5xx or any other unexpected status. Says nothing
    /// about the generation.
    Unavailable {
        /// The HTTP status, if a response head arrived.
        status: Option<u16>,
        /// What was missing or wrong.
        reason: String,
        /// `Retry-After`, which a 503 may carry.
        retry_after: Option<Duration>,
    },
}

/// A generation that Gamma gave up on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// Gamma's words, made safe and cut.
    pub message: String,
    /// The `statusCode` inside `error`, for example 422; not the answer's own, which is 200.
    pub status: Option<u16>,
    /// What it cost all the same.
    pub credits: Credits,
}

impl Client {
    /// Asks how a generation is doing. Takes at most `request_timeout`; may be asked any number of times.
    pub async fn poll(&self, target: &Target, engine: Engine, generation_id: &str) -> Answer<Polled> {
        if !is_askable(generation_id) {
            let message = "this id can't be asked for".to_owned();
            return Answer::unanswered(Polled::NotFound { message });
        }
        match self.get(target, target.poll_url(engine, generation_id)).await {
            Ok(reply) => Answer::of(&reply, classify(&reply, target)),
            Err(reason) => Answer::unanswered(Polled::Unavailable {
                status: None,
                reason,
                retry_after: None,
            }),
        }
    }
}

pub(crate) fn classify(reply: &Reply, target: &Target) -> Polled {
    match Common::of(reply, target) {
        Common::RateLimited(limited) => return Polled::RateLimited(limited),
        Common::AccountTrouble(trouble) => return Polled::AccountTrouble(trouble),
        Common::Other => {}
    }
    if reply.status == StatusCode::NOT_FOUND {
        return Polled::NotFound {
            message: reply.message(target, MESSAGE_MAX),
        };
    }
    let seen = if reply.status.is_success() {
        look(reply, target)
    } else {
        Err(reply.message(target, MESSAGE_MAX))
    };
    seen.unwrap_or_else(|reason| Polled::Unavailable {
        status: Some(reply.status.as_u16()),
        reason,
        retry_after: reply.retry_after,
    })
}

/// Reads a 2xx; `Err` says why it shows nothing.
fn look(reply: &Reply, target: &Target) -> Result<Polled, String> {
    if let Some(cut) = &reply.cut {
        return Err(format!("the answer broke off: {cut}"));
    }
    let body = target
        .read(&reply.body)
        .ok_or("the answer is not a JSON object")?;
    let status = wire::string(&body, "status").ok_or("the answer has no status")?;
    Ok(match status.to_ascii_lowercase().as_str() {
        "pending" => Polled::Pending {
            progress: progress(&body, target),
        },
        "completed" => Polled::Completed(Box::new(Completed::of(&body, target))),
        "failed" => Polled::Failed(failed(&body, target)),
        _ => Polled::UnknownStatus {
            word: target.scrub(&status, WORD_MAX),
        },
    })
}

fn progress(body: &Map<String, Value>, target: &Target) -> Option<Value> {
    let progress = body.get("progress").filter(|progress| !progress.is_null())?;
    let mut progress = Some(progress)
        .filter(|progress| progress.to_string().len() <= PROGRESS_MAX)?
        .clone();
    rewrite(&mut progress, &|text| {
        Some(target.scrub(text, PROGRESS_MAX)).filter(|clean| clean != text)
    });
    Some(progress)
}

fn failed(body: &Map<String, Value>, target: &Target) -> Failed {
    let error = body.get("error");
    let message = error.and_then(wire::words).or_else(|| wire::said(body));
    let message = message.map(|message| target.scrub(&message, MESSAGE_MAX));
    Failed {
        message: message.unwrap_or_else(|| "Gamma gave no reason".to_owned()),
        status: error.and_then(Value::as_object).and_then(wire::status),
        credits: Credits::of(body),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::SecretString;

    use super::*;
    use crate::limits::RateLimits;

    /// Any JSON, made mostly of the names and words that are looked for.
    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "completed|failed|pending|pdf|\\PC{0,8}".prop_map(Value::from),
        ];
        let name =
            "status|error|message|statusCode|credits|deducted|gamma|result|exports?(Urls?)?|format|pdf|url";
        leaf.prop_recursive(4, 40, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::hash_map(name, inner, 0..6)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    #[test]
    fn progress_shows_no_key_and_no_link_to_a_file() {
        let base = "https://g.example".parse().unwrap();
        let target = Target::new(&base, &SecretString::from("sk-gamma-1")).unwrap();
        let said = serde_json::json!({"progress": {
            "cards": 3, "at": ["https://assets.gamma.app/export/pdf/1"], "sk-gamma-2": 1
        }});
        assert_eq!(
            progress(said.as_object().unwrap(), &target),
            Some(serde_json::json!({"cards": 3, "at": ["https://assets.gamma.app/…"]}))
        );
    }

    proptest! {
        #[test]
        fn no_json_makes_it_panic(body in json(), status in 100u16..1000) {
            let base = "https://g.example".parse().unwrap();
            let target = Target::new(&base, &SecretString::from("sk-gamma-1")).unwrap();
            for status in [status, 200] {
                classify(
                    &Reply {
                        status: StatusCode::from_u16(status).unwrap(),
                        limits: RateLimits::default(),
                        request_id: None,
                        retry_after: None,
                        body: body.to_string().into_bytes(),
                        cut: None,
                    },
                    &target,
                );
            }
        }
    }
}
