//! All that is known of one job.

mod next;
mod steps;
mod words;

use std::collections::BTreeSet;

use gammaq_job::Record;
pub use next::Next;
use redis::Value;
pub use steps::StoryStep;

use super::accounts::AccountView;
use super::batch::Batch;
use crate::events::Event;
use crate::{Error, Queue, value};

/// How many events are read in a round trip, and the most that are looked at for one job.
const PAGE: usize = 2_000;
const MOST_EVENTS: usize = 20_000;
/// The stream has a clock of its own, which is not that of the scripts to the millisecond.
const CLOCKS_APART_MS: u64 = 1_000;

/// All that is known of one job.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct Story {
    /// Redis's time, Unix milliseconds.
    pub now: u64,
    /// Its record, without `request` unless that was asked for.
    pub record: Record,
    /// How large its request is, in bytes; 0 where it is kept no more.
    pub request_bytes: u64,
    /// Its result as the JSON text in Redis.
    #[serde(skip)]
    pub result: Option<String>,
    /// Its time in the schedule: its next step, or the end of the lease of who holds it. Unix milliseconds.
    pub due_at: Option<u64>,
    /// When record and result are forgotten, Unix milliseconds.
    pub expires_at: Option<u64>,
    /// Its place in its account's line, from 1 on, and how many stand there.
    pub place: Option<Place>,
    /// Its account, while it waits for that.
    pub account: Option<AccountView>,
    /// What happens next; `None` where the state can't be read, or this user may not look.
    pub next: Option<Next>,
    /// Its events, oldest first.
    pub events: Vec<Event>,
    /// Whether some of its events are gone: the stream keeps a certain number of all of them.
    pub events_gone: bool,
    /// Where reading events stopped before their end, since so many were looked at: an id of the stream.
    pub events_until: Option<String>,
    /// Keys that are of another type than they should be, and were left out.
    pub broken: BTreeSet<String>,
}

/// A place in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Place {
    /// From 1 on.
    pub place: u64,
    /// How many stand in the line.
    pub of: u64,
}

impl Queue {
    /// All that is known of a job; `None` where there is no record. Its request is read only `with_request`.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn story(&self, id: &str, with_request: bool) -> Result<Option<Story>, Error> {
        let now = self.time().await?;
        let mut story = Story {
            now,
            ..Story::default()
        };
        let mut batch = Batch::new();
        batch.ask("GET", self.keys.result(id), &[]);
        let result = batch.send(self, &mut story.broken).await?.pop();
        story.result = result.filter(|it| *it != Value::Nil).as_ref().map(value::text);
        let mut batch = Batch::new();
        batch.ask("HKEYS", self.keys.job(id), &[]);
        match batch.send(self, &mut story.broken).await {
            Ok(names) => {
                let names = names.into_iter().next().map_or(Ok(Vec::new()), value::texts)?;
                self.add_record(id, names, with_request, &mut story).await?;
            }
            // A caller's user may read jobs, results and events, and nothing else.
            Err(Error::Denied(_)) => {
                let record = self.record(id).await?.unwrap_or_default();
                story.request_bytes = record.get("request").map_or(0, |it| it.len() as u64);
                let fields = record
                    .iter()
                    .filter(|(name, _)| with_request || *name != "request");
                story.record = Record::new(fields.map(|(name, it)| (name.to_owned(), it.to_owned())));
            }
            Err(error) => return Err(error),
        }
        if story.record.is_empty() && story.broken.is_empty() {
            return Ok(None);
        }
        self.add_events(id, &mut story).await?;
        Ok(Some(story))
    }

    /// Reads field by field, so that a request of megabytes stays where it is, and where the job stands.
    async fn add_record(
        &self,
        id: &str,
        mut names: Vec<String>,
        with_request: bool,
        story: &mut Story,
    ) -> Result<(), Error> {
        names.retain(|name| with_request || name != "request");
        if names.is_empty() {
            return Ok(());
        }
        let mut batch = Batch::new();
        let args: Vec<&str> = names.iter().map(String::as_str).collect();
        batch.ask("HMGET", self.keys.job(id), &args);
        batch.ask("HSTRLEN", self.keys.job(id), &["request"]);
        batch.ask("PTTL", self.keys.job(id), &[]);
        batch.ask("ZSCORE", self.keys.due(), &[id]);
        let answers = batch.send(self, &mut story.broken).await?;
        let [values, request_bytes, ttl, due] = <[Value; 4]>::try_from(answers)
            .map_err(|_| Error::Refused("fewer answers than questions".to_owned()))?;
        story.record = Record::new(names.into_iter().zip(value::texts(values)?));
        story.request_bytes = value::number(&request_bytes);
        story.expires_at = Some(value::number(&ttl))
            .filter(|ms| *ms > 0)
            .map(|ms| story.now + ms);
        story.due_at = Some(due)
            .filter(|it| *it != Value::Nil)
            .as_ref()
            .map(value::number);
        if let Some(account) = story.record.get("account").map(str::to_owned) {
            self.add_line(id, &account, story).await?;
        }
        story.next = Next::of(story);
        Ok(())
    }

    async fn add_line(&self, id: &str, account: &str, story: &mut Story) -> Result<(), Error> {
        let mut batch = Batch::new();
        batch.ask("ZRANK", self.keys.pending(account), &[id]);
        batch.ask("ZCARD", self.keys.pending(account), &[]);
        let answers = batch.send(self, &mut story.broken).await?;
        if let [Value::Int(rank), of] = answers.as_slice() {
            story.place = Some(Place {
                place: u64::try_from(*rank).unwrap_or(0) + 1,
                of: value::number(of),
            });
            let names = [account.to_owned()];
            let views = self.account_views(&names, story.now, &mut story.broken).await?;
            story.account = views.into_iter().next();
        }
        Ok(())
    }

    /// Reads the stream from the making of the job on.
    async fn add_events(&self, id: &str, story: &mut Story) -> Result<(), Error> {
        let created = story.record.number("created_at").unwrap_or(0);
        let mut start = created.saturating_sub(CLOCKS_APART_MS).to_string();
        let mut looked_at = 0;
        loop {
            let page = match self.events_from(&start, PAGE).await {
                Err(Error::Refused(text)) if text.contains("WRONGTYPE") => {
                    story.broken.insert(self.keys.events());
                    return Ok(());
                }
                page => page?,
            };
            let (read, last) = (page.len(), page.last().map(|it| it.entry_id.clone()));
            looked_at += read;
            // An earlier job may have had this id.
            story
                .events
                .extend(page.into_iter().filter(|it| it.id == id && it.at >= created));
            let Some(last) = last.filter(|_| read == PAGE) else {
                break;
            };
            if looked_at >= MOST_EVENTS {
                story.events_until = Some(last);
                break;
            }
            start = format!("({last}");
        }
        let made = |event: &Event| event.from.is_empty() && !event.state.is_empty();
        story.events_gone = !story.events.iter().any(made);
        Ok(())
    }
}
