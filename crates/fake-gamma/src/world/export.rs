//! Exports of gammas that exist.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::generation::{Names, Outcome, write_error};
use super::links::Link;
use super::{EXPORT, LINK, World, not_found};
use crate::answer::Answer;
use crate::clock::{Moment, millis};
use crate::faults::{Chosen, Kind, Operation};
use crate::files::Format;
use crate::ledger;

/// One export under way or done.
#[derive(Clone, Debug)]
pub(super) struct Export {
    position: usize,
    format: Format,
    ready: Duration,
    outcome: Outcome,
    /// Made when a poll first sees the end.
    token: Option<String>,
    polls: u64,
}

impl World {
    /// Deals with a POST that asks for an export.
    pub(crate) fn export(&mut self, key: &str, gamma_id: &str, body: &[u8], now: Moment) -> (Chosen, Answer) {
        let position = self.by_gamma.get(gamma_id).copied();
        let marked = position.map(|position| {
            let generation = &mut self.generations[position];
            generation.export_posts += 1;
            generation
                .markers
                .choose(Operation::Export, generation.export_posts)
        });
        let chosen = self
            .rulebook
            .choose(Operation::Export, key, marked.unwrap_or_default());
        let kind = chosen.kind.as_ref();
        let path = format!("/v1.0/gammas/{gamma_id}/export");
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let wanted = body.get("exportAs").and_then(Value::as_str);
        let early = kind.filter(|kind| kind.comes_before());
        let begun = match early {
            Some(kind) => Err(Answer::of_fault(kind, &path, now).unwrap_or_else(|| not_found("Gamma"))),
            None => self.begin_export(key, position, wanted, kind, now),
        };
        let (mut answer, export_id) = match begun {
            Ok(id) => {
                let late = kind.and_then(|kind| Answer::of_fault(kind, &path, now));
                let usual = || Answer::json(StatusCode::OK, &json!({ "exportId": id }));
                (late.unwrap_or_else(usual), Some(id))
            }
            Err(refusal) => (refusal, None),
        };
        self.stamp(&mut answer, key, now);
        self.export_posts.push(ledger::Export {
            at: now.unix_ms,
            elapsed_ms: millis(now.elapsed),
            key: key.to_owned(),
            gamma_id: gamma_id.to_owned(),
            export_as: wanted.map(str::to_owned),
            export_id,
            status: kind
                .is_none_or(|kind| !kind.hides_status())
                .then_some(answer.status.as_u16()),
            fault: chosen.name(),
        });
        (chosen, answer)
    }

    fn begin_export(
        &mut self,
        key: &str,
        position: Option<usize>,
        wanted: Option<&str>,
        kind: Option<&Kind>,
        now: Moment,
    ) -> Result<String, Answer> {
        self.authorise(key)?;
        let format = wanted.and_then(|wanted| wanted.parse::<Format>().ok()).ok_or_else(|| {
            let message = "Input validation errors: 1. exportAs must be one of the following values: pdf, pptx, png";
            Answer::error(StatusCode::BAD_REQUEST, message)
        })?;
        // A gamma is there once its generation is through, not before.
        let position = position.filter(|position| {
            let generation = &self.generations[*position];
            generation.entry.key == key && generation.outcome.word(generation.ready(now)) == "completed"
        });
        let position = position.ok_or_else(|| not_found("Gamma"))?;
        let outcome = match Outcome::of(kind) {
            Outcome::Failed(None) => Outcome::Failed(Some("export_failed")),
            other => other,
        };
        let takes = self.generations[position]
            .markers
            .export_time
            .unwrap_or(self.options.export_time);
        let id = self.id(EXPORT, 20);
        let ready = now.elapsed + takes;
        self.exports.insert(
            id.clone(),
            Export {
                position,
                format,
                ready,
                outcome,
                token: None,
                polls: 0,
            },
        );
        Ok(id)
    }

    /// Answers a GET of an export.
    pub(crate) fn poll_export(&mut self, key: &str, id: &str, now: Moment) -> (Chosen, Answer) {
        let marked = self.exports.get_mut(id).map(|export| {
            export.polls += 1;
            self.generations[export.position]
                .markers
                .choose(Operation::ExportPoll, export.polls)
        });
        let chosen = self
            .rulebook
            .choose(Operation::ExportPoll, key, marked.unwrap_or_default());
        let mut answer = self.export_answer(key, id, &chosen, now);
        self.stamp(&mut answer, key, now);
        (chosen, answer)
    }

    fn export_answer(&mut self, key: &str, id: &str, chosen: &Chosen, now: Moment) -> Answer {
        if let Some(answer) = chosen
            .kind
            .as_ref()
            .and_then(|kind| Answer::of_fault(kind, &format!("/v1.0/exports/{id}"), now))
        {
            return answer;
        }
        if let Err(refusal) = self.authorise(key) {
            return refusal;
        }
        let spare = self.id(LINK, 32);
        let Some(export) = self.exports.get_mut(id) else {
            return not_found("Export");
        };
        let generation = &self.generations[export.position].entry;
        if generation.key != key {
            return not_found("Export");
        }
        let forced = chosen
            .kind
            .as_ref()
            .filter(|kind| kind.is_outcome())
            .map(|kind| Outcome::of(Some(kind)));
        let ready = now.elapsed >= export.ready || forced.is_some();
        let outcome = forced.unwrap_or_else(|| export.outcome.clone());
        let status = outcome.word(ready);
        let mut body = Map::new();
        body.insert("exportId".to_owned(), json!(id));
        body.insert("status".to_owned(), json!(status));
        body.insert("gammaId".to_owned(), json!(generation.gamma_id));
        body.insert("exportAs".to_owned(), json!(export.format.to_string()));
        if status == "completed" {
            let token = export.token.get_or_insert_with(|| {
                self.links
                    .insert(spare.clone(), Link::new(export.position, export.format, now));
                spare
            });
            let names = Names {
                base: &self.base,
                style: self.options.link_names,
            };
            names.write(&mut body, export.format, token);
        }
        if status == "failed" {
            write_error(&mut body, &outcome);
        }
        Answer::json(StatusCode::OK, &Value::Object(body))
    }
}
