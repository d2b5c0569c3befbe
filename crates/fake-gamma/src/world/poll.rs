//! GETs of generations.

use axum::http::StatusCode;

use super::generation::{Names, Outcome};
use super::links::Link;
use super::submit::Endpoint;
use super::{LINK, World, not_found};
use crate::answer::Answer;
use crate::clock::{Moment, millis};
use crate::faults::{Chosen, Operation};
use crate::ledger;

impl World {
    /// Answers a poll; `agent` says by which of the two paths it came.
    pub(crate) fn poll(&mut self, key: &str, id: &str, agent: bool, now: Moment) -> (Chosen, Answer) {
        let position = self.by_id.get(id).copied();
        let marked = position.map(|position| {
            let generation = &self.generations[position];
            generation
                .markers
                .choose(Operation::Poll, generation.entry.polls.len() as u64 + 1)
        });
        let chosen = self
            .rulebook
            .choose(Operation::Poll, key, marked.unwrap_or_default());
        let engine = if agent {
            "/v1.0/agent/generations"
        } else {
            "/v1.0/generations"
        };
        let fault = chosen
            .kind
            .as_ref()
            .and_then(|kind| Answer::of_fault(kind, &format!("{engine}/{id}"), now));
        let mut answer = match fault {
            Some(answer) => answer,
            None => self.poll_answer(position, key, agent, &chosen, now),
        };
        if let Some(position) = position {
            let word = chosen.kind.as_ref().map(ToString::to_string);
            let word = word.unwrap_or_else(|| match answer.status {
                StatusCode::OK => self.generations[position]
                    .outcome
                    .word(self.generations[position].ready(now))
                    .to_owned(),
                refused => refused.as_u16().to_string(),
            });
            let poll = ledger::Poll {
                at: now.unix_ms,
                elapsed_ms: millis(now.elapsed),
                answer: word,
            };
            self.generations[position].entry.polls.push(poll);
        }
        self.stamp(&mut answer, key, now);
        (chosen, answer)
    }

    fn poll_answer(
        &mut self,
        position: Option<usize>,
        key: &str,
        agent: bool,
        chosen: &Chosen,
        now: Moment,
    ) -> Answer {
        if let Err(refusal) = self.authorise(key) {
            return refusal;
        }
        let found = position.filter(|position| {
            let generation = &self.generations[*position];
            generation.entry.key == key && (generation.endpoint == Endpoint::Agent) == agent
        });
        let Some(position) = found else {
            return not_found("Generation");
        };
        self.settle(position, now);
        let remaining = self.account(key).credits;
        let names = Names {
            base: &self.base,
            style: self.options.link_names,
        };
        let generation = &self.generations[position];
        let outcome = match chosen.kind.as_ref().filter(|kind| kind.is_outcome()) {
            Some(kind) => Outcome::of(Some(kind)),
            None => generation.outcome.clone(),
        };
        generation.answer(&outcome, remaining, &names, now)
    }

    /// At the first poll after the end: makes the links and tells the ledger file.
    fn settle(&mut self, position: usize, now: Moment) {
        let generation = &self.generations[position];
        let word = generation.outcome.word(generation.ready(now));
        if generation.settled || !matches!(word, "completed" | "failed") {
            return;
        }
        let formats = if word == "completed" {
            generation.formats.clone()
        } else {
            Vec::new()
        };
        for format in formats {
            let token = self.id(LINK, 32);
            self.links.insert(token.clone(), Link::new(position, format, now));
            self.generations[position].links.push((format, token));
        }
        self.generations[position].settled = true;
        let entry = self.generations[position].entry(now);
        if let Some(file) = &mut self.file {
            file.append("settled", &entry);
        }
    }
}
