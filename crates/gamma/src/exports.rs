//! Files of a deck that exists: `POST /v1.0/gammas/{gammaId}/export` and `GET /v1.0/exports/{id}`.
//!
//! Neither costs credits, so both may be asked again: an answer that was lost is asked for anew, and the export that it
//! named is left alone.

use std::time::Duration;

use gammaq_crash::at;
use http::StatusCode;
use serde_json::{Map, Value};

use crate::answer::{AccountTrouble, Answer, Common, MESSAGE_MAX, RateLimited};
use crate::client::Client;
use crate::completed::{ExportLink, file_link};
use crate::exchange::Reply;
use crate::target::{Target, is_askable};
use crate::wire;

/// The longest id of an export that is believed, in bytes.
const ID_MAX: usize = 512;

/// What asking for a file, or looking for it, came to; one variant for each reaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exported {
    /// Gamma makes it under this name.
    Begun {
        /// What [`Client::poll_export`] asks for. Opaque.
        export_id: String,
    },
    /// Still being made, or a status that nobody knows.
    Pending,
    /// Done.
    Ready {
        /// Where the file is, for about a week.
        link: ExportLink,
    },
    /// Gamma gave up on it.
    Failed(ExportFailed),
    /// Refused: 400, 403, 413, 422, any other 4xx but those below, or a redirect.
    Refused {
        /// The HTTP status.
        status: u16,
        /// Gamma's words, made safe and cut.
        message: String,
    },
    /// 404: no such deck or export, or one that can't be seen yet.
    NotFound {
        /// Gamma's words, made safe and cut.
        message: String,
    },
    /// 429: the account has to wait.
    RateLimited(RateLimited),
    /// 401, 402, or 403 about credits.
    AccountTrouble(AccountTrouble),
    /// No answer, or one that says nothing about the file.
    Unavailable {
        /// The HTTP status, if a response head arrived.
        status: Option<u16>,
        /// What was missing or wrong.
        reason: String,
        /// `Retry-After`, which a 503 may carry.
        retry_after: Option<Duration>,
    },
}

/// Why there is no file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportFailed {
    /// By what may be done about it.
    pub reason: FailReason,
    /// Gamma's words, made safe and cut.
    pub message: String,
}

/// The reasons that Gamma's documentation names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailReason {
    /// It took too long this time: may be asked for again.
    RenderTimeout,
    /// The deck has too much in it for this format.
    DeckTooLarge,
    /// There is nothing to export.
    NoContent,
    /// Any other, unknown ones too.
    ExportFailed,
}

impl FailReason {
    /// Gamma's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RenderTimeout => "render_timeout",
            Self::DeckTooLarge => "deck_too_large",
            Self::NoContent => "no_content",
            Self::ExportFailed => "export_failed",
        }
    }

    fn of(word: &str) -> Self {
        [Self::RenderTimeout, Self::DeckTooLarge, Self::NoContent]
            .into_iter()
            .find(|reason| reason.as_str() == word)
            .unwrap_or(Self::ExportFailed)
    }
}

impl Client {
    /// Asks for a file of a deck in `format` (`pdf`, `pptx` or `png`). Takes at most `request_timeout`.
    pub async fn export(&self, target: &Target, gamma_id: &str, format: &str) -> Answer<Exported> {
        if !is_askable(gamma_id) {
            let message = "this deck can't be asked for".to_owned();
            return Answer::unanswered(Exported::NotFound { message });
        }
        let body = serde_json::json!({ "exportAs": format }).to_string();
        let asked = self.ask(target, target.export_url(gamma_id), body);
        answer(at("export_ask", asked).await, target, format)
    }

    /// Asks how an export in `format` is doing. Takes at most `request_timeout`.
    pub async fn poll_export(&self, target: &Target, export_id: &str, format: &str) -> Answer<Exported> {
        let asked = self.get(target, target.export_poll_url(export_id));
        answer(at("export_poll", asked).await, target, format)
    }
}

fn answer(reply: Result<Reply, String>, target: &Target, format: &str) -> Answer<Exported> {
    match reply {
        Ok(reply) => Answer::of(&reply, classify(&reply, target, format)),
        Err(reason) => Answer::unanswered(Exported::Unavailable {
            status: None,
            reason,
            retry_after: None,
        }),
    }
}

fn classify(reply: &Reply, target: &Target, format: &str) -> Exported {
    match Common::of(reply, target) {
        Common::RateLimited(limited) => return Exported::RateLimited(limited),
        Common::AccountTrouble(trouble) => return Exported::AccountTrouble(trouble),
        Common::Other => {}
    }
    let status = reply.status;
    let message = || reply.message(target, MESSAGE_MAX);
    let seen = match status {
        StatusCode::NOT_FOUND => return Exported::NotFound { message: message() },
        StatusCode::REQUEST_TIMEOUT | StatusCode::CONFLICT | StatusCode::TOO_EARLY => Err(message()),
        _ if status.is_success() => read(reply, target, format),
        _ if status.is_client_error() || status.is_redirection() => {
            return Exported::Refused {
                status: status.as_u16(),
                message: message(),
            };
        }
        _ => Err(message()),
    };
    seen.unwrap_or_else(|reason| Exported::Unavailable {
        status: Some(status.as_u16()),
        reason,
        retry_after: reply.retry_after,
    })
}

/// Reads a 2xx of either endpoint; `Err` says why it shows nothing.
fn read(reply: &Reply, target: &Target, format: &str) -> Result<Exported, String> {
    if let Some(cut) = &reply.cut {
        return Err(format!("the answer broke off: {cut}"));
    }
    let body = target
        .read(&reply.body)
        .ok_or("the answer is not a JSON object")?;
    let link = || file_link(&body, format);
    let status = wire::string(&body, "status").map(|status| status.to_ascii_lowercase());
    match status.as_deref() {
        Some("failed") => Ok(Exported::Failed(failed(&body, target))),
        Some("completed") => match link() {
            Some(link) => Ok(Exported::Ready { link }),
            None => Ok(Exported::Failed(ExportFailed {
                reason: FailReason::RenderTimeout,
                message: "Gamma made it, and gave no link to it".to_owned(),
            })),
        },
        // The answer to the POST has no status; a GET's has.
        _ => match export_id(&body, target) {
            Some(export_id) if status.is_none() => Ok(Exported::Begun { export_id }),
            Some(_) => Ok(Exported::Pending),
            None if status.is_some() => Ok(Exported::Pending),
            None => Err("the answer has no readable exportId".to_owned()),
        },
    }
}

fn export_id(body: &Map<String, Value>, target: &Target) -> Option<String> {
    let id = wire::string(body, "exportId")?;
    let readable = id.len() <= ID_MAX && !id.contains(char::is_control) && is_askable(&id);
    (readable && target.is_safe_id(&id)).then_some(id)
}

fn failed(body: &Map<String, Value>, target: &Target) -> ExportFailed {
    let error = body.get("error");
    let fields = error.and_then(Value::as_object);
    let reason = fields
        .and_then(|error| wire::string(error, "reason"))
        .or_else(|| wire::string(body, "reason"));
    let message = error.and_then(wire::words).or_else(|| wire::said(body));
    ExportFailed {
        reason: FailReason::of(reason.as_deref().unwrap_or_default()),
        message: message.map_or_else(
            || "Gamma gave no reason".to_owned(),
            |message| target.scrub(&message, MESSAGE_MAX),
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::limits::RateLimits;

    fn judged(status: u16, body: &str) -> Exported {
        let base = "https://g.example".parse().unwrap();
        let target = Target::new(&base, &"sk-gamma-1".to_owned().into()).unwrap();
        let reply = Reply {
            status: StatusCode::from_u16(status).unwrap(),
            limits: RateLimits::default(),
            request_id: None,
            retry_after: None,
            body: body.as_bytes().to_vec(),
            cut: None,
        };
        classify(&reply, &target, "pptx")
    }

    #[test]
    fn both_endpoints_answers_are_read() {
        let word = |exported: Exported| match exported {
            Exported::Begun { export_id } => format!("begun {export_id}"),
            Exported::Pending => "pending".to_owned(),
            Exported::Ready { link } => format!("ready {}", link.as_str()),
            Exported::Failed(failed) => format!("{} {}", failed.reason.as_str(), failed.message),
            Exported::Refused { status, .. } => format!("refused {status}"),
            Exported::NotFound { .. } => "not found".to_owned(),
            Exported::RateLimited(_) => "rate limited".to_owned(),
            Exported::AccountTrouble(_) => "trouble".to_owned(),
            Exported::Unavailable { status, .. } => format!("unavailable {status:?}"),
        };
        let failed = |reason: &str| json!({"status": "failed", "error": {"message": "no", "reason": reason}});
        for (status, body, expected) in [
            (200, json!({"exportId": "e1"}), "begun e1"),
            (202, json!({"exportId": "e1", "status": "pending"}), "pending"),
            (200, json!({"exportId": "e1", "status": "rendering"}), "pending"),
            (
                200,
                json!({"status": "completed", "exportUrl": "https://x/1"}),
                "ready https://x/1",
            ),
            (
                200,
                json!({"status": "completed", "pptxUrl": "https://x/2"}),
                "ready https://x/2",
            ),
            (
                200,
                json!({"status": "completed"}),
                "render_timeout Gamma made it, and gave no link to it",
            ),
            (200, failed("render_timeout"), "render_timeout no"),
            (200, failed("deck_too_large"), "deck_too_large no"),
            (200, failed("no_content"), "no_content no"),
            (200, failed("export_failed"), "export_failed no"),
            (200, failed("of_a_later_day"), "export_failed no"),
            (
                200,
                json!({"status": "failed", "error": "bare"}),
                "export_failed bare",
            ),
            (200, json!({}), "unavailable Some(200)"),
            (200, json!({"exportId": ".."}), "unavailable Some(200)"),
            (200, json!([1]), "unavailable Some(200)"),
            (400, json!({"message": "no"}), "refused 400"),
            (307, json!({}), "refused 307"),
            (404, json!({}), "not found"),
            (409, json!({}), "unavailable Some(409)"),
            (429, json!({}), "rate limited"),
            (401, json!({}), "trouble"),
            (403, json!({"message": "no credits left"}), "trouble"),
            (403, json!({"message": "plan"}), "refused 403"),
            (503, json!({}), "unavailable Some(503)"),
        ] {
            assert_eq!(
                word(judged(status, &body.to_string())),
                expected,
                "{status} {body}"
            );
        }
        assert_eq!(word(judged(200, "<html>")), "unavailable Some(200)");
    }

    #[test]
    fn a_link_never_shows() {
        let ready = judged(
            200,
            r#"{"status":"completed","exportUrl":"https://x/export/secret"}"#,
        );
        assert!(!format!("{ready:?}").contains("secret"));
    }
}
