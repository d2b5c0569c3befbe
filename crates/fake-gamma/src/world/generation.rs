//! One generation: how long it takes, how it ends, and what a poll says of it.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::submit::Endpoint;
use crate::answer::Answer;
use crate::clock::{Moment, millis};
use crate::faults::{Kind, Markers};
use crate::files::Format;
use crate::ledger;
use crate::options::LinkNames;

/// The word for a status that no client knows.
pub(super) const UNKNOWN_WORD: &str = "processing";
const FAILED: &str = "Failed to generate text. Check your inputs and try again.";

/// How a generation or an export ends.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outcome {
    Completed,
    /// With the error as an object; exports name a reason.
    Failed(Option<&'static str>),
    FailedString,
    Unknown,
    Stuck,
}

impl Outcome {
    pub(super) fn of(kind: Option<&Kind>) -> Self {
        match kind {
            Some(Kind::Failed) => Self::Failed(None),
            Some(Kind::Reason(reason)) => Self::Failed(Some(reason)),
            Some(Kind::FailedString) => Self::FailedString,
            Some(Kind::Unknown) => Self::Unknown,
            Some(Kind::Stuck) => Self::Stuck,
            _ => Self::Completed,
        }
    }

    /// The status word, and whether it is a final one.
    pub(super) fn word(&self, ready: bool) -> &'static str {
        match self {
            Self::Unknown => UNKNOWN_WORD,
            Self::Completed if ready => "completed",
            Self::Failed(_) | Self::FailedString if ready => "failed",
            _ => "pending",
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed(_) => "failed",
            Self::FailedString => "failed_string",
            Self::Unknown => "unknown",
            Self::Stuck => "stuck",
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Generation {
    pub(super) endpoint: Endpoint,
    pub(super) cards: u64,
    pub(super) accepted: Moment,
    pub(super) takes: Duration,
    pub(super) outcome: Outcome,
    pub(super) markers: Markers,
    /// The formats asked for in the same request.
    pub(super) formats: Vec<Format>,
    /// The links of those, made when a poll first sees the end.
    pub(super) links: Vec<(Format, String)>,
    /// Whether a poll has seen the end.
    pub(super) settled: bool,
    /// POSTs for an export so far.
    pub(super) export_posts: u64,
    /// Requests for its files, by whichever link.
    pub(super) downloads: u64,
    /// What the ledger says; `outcome`, `status` and `takes_ms` are filled in on the way out.
    pub(super) entry: ledger::Generation,
}

impl Generation {
    pub(super) fn ready(&self, now: Moment) -> bool {
        now.elapsed >= self.accepted.elapsed + self.takes
    }

    /// The ledger's entry at this moment.
    pub(super) fn entry(&self, now: Moment) -> ledger::Generation {
        let mut entry = self.entry.clone();
        self.outcome.name().clone_into(&mut entry.outcome);
        self.outcome.word(self.ready(now)).clone_into(&mut entry.status);
        let ends = !matches!(self.outcome, Outcome::Unknown | Outcome::Stuck);
        entry.takes_ms = ends.then(|| millis(self.takes));
        entry
    }

    /// The answer to a poll, with this outcome instead of its own if a fault wants so.
    pub(super) fn answer(&self, outcome: &Outcome, remaining: u64, names: &Names<'_>, now: Moment) -> Answer {
        // A fault that says `failed` or `completed` for one poll says it at once.
        let ready = self.ready(now) || *outcome != self.outcome;
        let status = outcome.word(ready);
        let mut body = Map::new();
        body.insert("status".to_owned(), json!(status));
        body.insert("generationId".to_owned(), json!(self.entry.generation_id));
        match status {
            "completed" => self.write_completed(&mut body, names),
            "failed" => write_error(&mut body, outcome),
            "pending" if self.endpoint == Endpoint::Agent => self.write_progress(&mut body, now),
            _ => {}
        }
        if matches!(status, "completed" | "failed") {
            let credits = json!({ "deducted": self.entry.credits, "remaining": remaining });
            body.insert("credits".to_owned(), credits);
        }
        Answer::json(StatusCode::OK, &Value::Object(body))
    }

    fn write_completed(&self, body: &mut Map<String, Value>, names: &Names<'_>) {
        let gamma_id = &self.entry.gamma_id;
        let gamma_url = format!("https://gamma.app/docs/{gamma_id}");
        if self.endpoint == Endpoint::Agent {
            body.insert(
                "gamma".to_owned(),
                json!({ "gammaId": gamma_id, "gammaUrl": gamma_url }),
            );
            let summary = format!("Made {} cards.", self.cards);
            body.insert("result".to_owned(), json!({ "summary": summary }));
        } else {
            body.insert("gammaId".to_owned(), json!(gamma_id));
            body.insert("gammaUrl".to_owned(), json!(gamma_url));
            body.insert("title".to_owned(), json!(self.title()));
        }
        for (format, token) in &self.links {
            names.write(body, *format, token);
        }
    }

    fn write_progress(&self, body: &mut Map<String, Value>, now: Moment) {
        let part = if self.takes.is_zero() {
            1.0
        } else {
            (now.elapsed - self.accepted.elapsed).as_secs_f64() / self.takes.as_secs_f64()
        };
        // Whoever is stuck stays just below the end.
        let percentage = (part * 100.0).min(99.0) as u64;
        let done = self.cards * percentage / 100;
        let progress = json!({ "cardsCompleted": done, "cardsTotal": self.cards, "percentage": percentage });
        body.insert("progress".to_owned(), progress);
    }

    /// The title asked for, or else one made from the text.
    pub(super) fn title(&self) -> String {
        self.entry
            .title
            .clone()
            .unwrap_or_else(|| format!("Gamma {}", self.entry.gamma_id))
    }
}

/// How links are named and where they lead.
pub(super) struct Names<'a> {
    pub(super) base: &'a str,
    pub(super) style: LinkNames,
}

impl Names<'_> {
    pub(super) fn write(&self, body: &mut Map<String, Value>, format: Format, token: &str) {
        let field = match (self.style, format) {
            (LinkNames::Server, _) => "exportUrl",
            (LinkNames::Page, Format::Pdf) => "pdfUrl",
            (LinkNames::Page, Format::Pptx) => "pptxUrl",
            (LinkNames::Page, Format::Png) => "pngUrl",
        };
        let url = format!("{}/export/{token}/deck.{}", self.base, format.extension());
        body.insert(field.to_owned(), json!(url));
    }
}

/// Writes the error of a failed generation or export.
pub(super) fn write_error(body: &mut Map<String, Value>, outcome: &Outcome) {
    let error = match outcome {
        Outcome::FailedString => json!(FAILED),
        Outcome::Failed(Some(reason)) => json!({ "message": "The export failed.", "reason": reason }),
        _ => json!({ "message": FAILED, "statusCode": 422 }),
    };
    body.insert("error".to_owned(), error);
}
