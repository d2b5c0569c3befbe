//! POSTs that ask for a generation: refused, or accepted and charged.

use std::time::Duration;

use axum::http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value, json};

use super::generation::{Generation, Outcome};
use super::{GAMMA, GENERATION, World};
use crate::answer::{Answer, NO_CREDITS, too_many_requests};
use crate::clock::{Moment, millis};
use crate::digest::digest;
use crate::faults::{Chosen, Kind, Markers, Operation, SpecError};
use crate::ledger;
use crate::options::{OutOfCredits, RetryAfterForm};
use crate::random::{Purpose, draw_unit};
use crate::validation::{self, Order};

/// The three ways to ask for a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Classic,
    Template,
    Agent,
}

impl Endpoint {
    fn name(self) -> &'static str {
        match self {
            Self::Classic => "generations",
            Self::Template => "from-template",
            Self::Agent => "agent",
        }
    }

    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Classic => "/v1.0/generations",
            Self::Template => "/v1.0/generations/from-template",
            Self::Agent => "/v1.0/agent/generations",
        }
    }

    /// Every one of these is in use, so a client has to take them all.
    fn accepted_status(self) -> StatusCode {
        match self {
            Self::Classic => StatusCode::CREATED,
            Self::Template => StatusCode::OK,
            Self::Agent => StatusCode::ACCEPTED,
        }
    }
}

/// A POST whose body has been read to its end.
#[derive(Debug)]
pub(crate) struct Submission {
    endpoint: Endpoint,
    key: String,
    body: Option<Map<String, Value>>,
    digest: String,
    markers: Result<Markers, SpecError>,
}

impl Submission {
    pub(crate) fn read(endpoint: Endpoint, headers: &HeaderMap, body: &[u8]) -> Self {
        let value = serde_json::from_slice::<Value>(body).ok();
        Self {
            endpoint,
            key: api_key(headers),
            digest: digest(value.as_ref(), body),
            // Nothing in a marker is ever escaped in JSON, so they can be read from the body as it is.
            markers: Markers::find(&String::from_utf8_lossy(body)),
            body: value.and_then(|value| {
                if let Value::Object(map) = value {
                    Some(map)
                } else {
                    None
                }
            }),
        }
    }

    fn text(&self, field: &str) -> Option<&str> {
        self.body.as_ref()?.get(field)?.as_str()
    }
}

/// The key of a request; `Authorization` counts for nothing.
pub(crate) fn api_key(headers: &HeaderMap) -> String {
    let value = headers.get("x-api-key").and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}

/// A request that was accepted, as far as the answer needs it.
struct Accepted {
    generation_id: String,
    warnings: Vec<String>,
}

impl World {
    /// What is to happen to a POST; to be asked once for each.
    pub(crate) fn choose_for_post(&mut self, submission: &Submission) -> Chosen {
        let number = self.bodies.entry(submission.digest.clone()).or_default();
        *number += 1;
        let marked = submission
            .markers
            .as_ref()
            .map(|markers| markers.choose(Operation::Post, *number));
        self.rulebook
            .choose(Operation::Post, &submission.key, marked.unwrap_or_default())
    }

    /// Deals with a POST; if it accepts it, this moment is the moment of acceptance.
    pub(crate) fn submit(&mut self, submission: &Submission, chosen: &Chosen, now: Moment) -> Answer {
        let kind = chosen.kind.as_ref();
        let early = kind.filter(|kind| kind.comes_before());
        let accepted = match early {
            Some(kind) => Err(Answer::of_fault(kind, submission.endpoint.path(), now)
                .unwrap_or_else(|| Answer::error(StatusCode::SERVICE_UNAVAILABLE, "withheld"))),
            None => self.accept(submission, kind, now),
        };
        let (mut answer, generation_id) = match accepted {
            Ok(accepted) => (
                self.accepted_answer(submission, &accepted, kind, now),
                Some(accepted.generation_id),
            ),
            Err(refusal) => (refusal, None),
        };
        let request_id = self.stamp(&mut answer, &submission.key, now);
        let seen = kind.is_none_or(|kind| !kind.hides_status());
        self.account(&submission.key).posts += 1;
        let post = ledger::Post {
            at: now.unix_ms,
            elapsed_ms: millis(now.elapsed),
            key: submission.key.clone(),
            endpoint: submission.endpoint.name().to_owned(),
            accepted: generation_id.is_some(),
            generation_id,
            digest: submission.digest.clone(),
            title: submission.text("title").map(str::to_owned),
            input_text: submission
                .text("inputText")
                .or_else(|| submission.text("prompt"))
                .map(|text| text.chars().take(200).collect())
                .unwrap_or_default(),
            status: seen.then_some(answer.status.as_u16()),
            fault: chosen.name(),
            message: answer.message().filter(|_| seen),
            request_id,
        };
        if let Some(file) = &mut self.file {
            file.append("post", &post);
        }
        self.posts.push(post);
        answer
    }

    fn accepted_answer(
        &self,
        submission: &Submission,
        accepted: &Accepted,
        kind: Option<&Kind>,
        now: Moment,
    ) -> Answer {
        if let Some(answer) = kind.and_then(|kind| Answer::of_fault(kind, submission.endpoint.path(), now)) {
            return answer;
        }
        let mut body = json!({ "generationId": accepted.generation_id });
        if !accepted.warnings.is_empty() {
            body["warnings"] = match submission.endpoint {
                Endpoint::Classic => json!(accepted.warnings.join(" ")),
                Endpoint::Template | Endpoint::Agent => json!(accepted.warnings),
            };
        }
        Answer::json(submission.endpoint.accepted_status(), &body)
    }

    /// Refuses the request in the order in which Gamma does, or makes the generation.
    fn accept(
        &mut self,
        submission: &Submission,
        kind: Option<&Kind>,
        now: Moment,
    ) -> Result<Accepted, Answer> {
        let endpoint = submission.endpoint;
        self.authorise(&submission.key)?;
        if endpoint == Endpoint::Agent && self.options.no_agent {
            return Err(Answer::error(
                StatusCode::NOT_FOUND,
                "Cannot POST /v1.0/agent/generations",
            ));
        }
        let order = validation::check(endpoint, submission.body.as_ref(), self.options.link_names)?;
        let markers = submission.markers.clone().map_err(|wrong| {
            Answer::error(
                StatusCode::BAD_REQUEST,
                &format!("Input validation errors: 1. marker: {wrong}"),
            )
        })?;
        if endpoint == Endpoint::Agent {
            self.check_concurrency(&submission.key, now)?;
        }
        self.check_limit(&submission.key, now)?;
        let cost = self.options.cost.unwrap_or(order.cost);
        if self.account(&submission.key).credits < cost {
            return Err(match self.options.out_of_credits {
                OutOfCredits::PaymentRequired => Answer::error(StatusCode::PAYMENT_REQUIRED, NO_CREDITS),
                OutOfCredits::Forbidden => Answer::error(StatusCode::FORBIDDEN, NO_CREDITS),
            });
        }
        self.account(&submission.key).accept(cost, now.elapsed);
        Ok(self.make_generation(submission, order, markers, kind, cost, now))
    }

    fn check_concurrency(&self, key: &str, now: Moment) -> Result<(), Answer> {
        let runs = |generation: &&Generation| {
            generation.endpoint == Endpoint::Agent
                && generation.entry.key == key
                && !matches!(
                    generation.outcome.word(generation.ready(now)),
                    "completed" | "failed"
                )
        };
        let most = self.options.agent_concurrency;
        if most == 0 || self.generations.iter().filter(runs).count() < most {
            return Ok(());
        }
        Err(too_many_requests().with(header::RETRY_AFTER, "60"))
    }

    fn check_limit(&mut self, key: &str, now: Moment) -> Result<(), Answer> {
        let (limit, window) = (self.options.limit, self.options.window);
        let Err(wait) = self.account(key).check_limit(limit, window, now.elapsed) else {
            return Ok(());
        };
        // Rounded up, so that who waits as long as it says is not refused again.
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        Err(match self.options.retry_after {
            RetryAfterForm::None => too_many_requests(),
            RetryAfterForm::Seconds => too_many_requests().with(header::RETRY_AFTER, &seconds.to_string()),
            RetryAfterForm::Date => {
                // A date has no fractions: one more second makes up for those of now.
                let date = now.wall() + Duration::from_secs(seconds + 1);
                too_many_requests().with(header::RETRY_AFTER, &httpdate::fmt_http_date(date))
            }
        })
    }

    fn make_generation(
        &mut self,
        submission: &Submission,
        order: Order,
        markers: Markers,
        kind: Option<&Kind>,
        cost: u64,
        now: Moment,
    ) -> Accepted {
        let number = self.generations.len() as u64 + 1;
        let marked = markers.choose(Operation::Result, 1);
        let ruled = self
            .rulebook
            .choose(Operation::Result, &submission.key, marked)
            .kind;
        let end = kind.filter(|kind| kind.is_outcome()).cloned().or(ruled);
        let prefix = if submission.endpoint == Endpoint::Agent {
            "gen_"
        } else {
            ""
        };
        let generation_id = format!("{prefix}{}", self.id(GENERATION, 20));
        let gamma_id = format!("g_{}", self.id(GAMMA, 16));
        self.by_id.insert(generation_id.clone(), self.generations.len());
        self.by_gamma.insert(gamma_id.clone(), self.generations.len());
        self.generations.push(Generation {
            endpoint: submission.endpoint,
            cards: order.cards,
            accepted: now,
            takes: markers.time.unwrap_or_else(|| self.generation_time(number)),
            outcome: Outcome::of(end.as_ref()),
            formats: if end == Some(Kind::NoExport) {
                Vec::new()
            } else {
                order.formats
            },
            links: Vec::new(),
            settled: false,
            export_posts: 0,
            downloads: 0,
            markers,
            entry: ledger::Generation {
                generation_id: generation_id.clone(),
                gamma_id,
                key: submission.key.clone(),
                endpoint: submission.endpoint.name().to_owned(),
                digest: submission.digest.clone(),
                title: submission.text("title").map(str::to_owned),
                accepted_at: now.unix_ms,
                elapsed_ms: millis(now.elapsed),
                takes_ms: None,
                outcome: String::new(),
                status: String::new(),
                credits: cost,
                polls: Vec::new(),
            },
        });
        Accepted {
            generation_id,
            warnings: order.warnings,
        }
    }

    fn generation_time(&self, number: u64) -> Duration {
        let least = self.options.generation_time;
        let most = self.options.generation_time_max.unwrap_or(least).max(least);
        least + (most - least).mul_f64(draw_unit(self.seed, Purpose::GenerationTime, number))
    }
}
