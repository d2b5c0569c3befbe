//! Export links: who has one has the file, until it expires.

use std::time::Duration;

use axum::http::StatusCode;

use super::World;
use crate::answer::{Answer, expired_link};
use crate::clock::{Moment, millis};
use crate::faults::{Chosen, Operation};
use crate::files::{Deck, Format};
use crate::ledger;

#[derive(Clone, Debug)]
pub(super) struct Link {
    position: usize,
    format: Format,
    made: Duration,
}

impl Link {
    pub(super) fn new(position: usize, format: Format, now: Moment) -> Self {
        Self {
            position,
            format,
            made: now.elapsed,
        }
    }
}

/// What a request for a file gets.
#[derive(Debug)]
pub(crate) enum Wanted {
    /// This file, to be written.
    File(Format, Deck),
    /// This answer.
    Refused(Answer),
}

impl World {
    /// Looks up a link.
    pub(crate) fn open_link(&mut self, token: &str, now: Moment) -> (Chosen, Wanted) {
        let Some(link) = self.links.get(token) else {
            let chosen = self.rulebook.choose(Operation::Download, "", Chosen::default());
            let body = "<?xml version='1.0' encoding='UTF-8'?><Error><Code>NoSuchKey</Code></Error>";
            let answer = Answer::new(StatusCode::NOT_FOUND, "application/xml", body.as_bytes().to_vec());
            return (chosen, Wanted::Refused(answer));
        };
        let generation = &mut self.generations[link.position];
        // Counted over all links to it: a file whose link is asked for anew comes in the end.
        generation.downloads += 1;
        let marked = generation
            .markers
            .choose(Operation::Download, generation.downloads);
        let chosen = self
            .rulebook
            .choose(Operation::Download, &generation.entry.key, marked);
        let path = format!("/export/{token}/deck.{}", link.format.extension());
        if let Some(answer) = chosen
            .kind
            .as_ref()
            .and_then(|kind| Answer::of_fault(kind, &path, now))
        {
            return (chosen, Wanted::Refused(answer));
        }
        if now.elapsed >= link.made + self.options.link_ttl {
            return (chosen, Wanted::Refused(expired_link()));
        }
        let size = generation.markers.size.unwrap_or(0);
        let deck = Deck {
            title: generation.title(),
            cards: generation.cards,
            size,
        };
        (chosen, Wanted::File(link.format, deck))
    }

    /// Notes a request for a file.
    pub(crate) fn note_download(
        &mut self,
        token: &str,
        range: Option<&str>,
        api_key: bool,
        chosen: &Chosen,
        status: StatusCode,
        now: Moment,
    ) {
        let link = self.links.get(token);
        let hidden = chosen
            .kind
            .as_ref()
            .is_some_and(crate::faults::Kind::hides_status);
        self.downloads.push(ledger::Download {
            at: now.unix_ms,
            elapsed_ms: millis(now.elapsed),
            gamma_id: link.map(|link| self.generations[link.position].entry.gamma_id.clone()),
            format: link.map(|link| link.format.to_string()),
            range: range.map(str::to_owned),
            api_key,
            status: (!hidden).then_some(status.as_u16()),
            fault: chosen.name(),
        });
    }
}
