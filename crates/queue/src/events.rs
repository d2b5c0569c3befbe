//! The stream of what happened.

use std::time::Duration;

use redis::Value;

use crate::{Error, Queue, ms, value};

/// One entry of `events`.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Event {
    /// The stream's id of the entry.
    pub entry_id: String,
    /// The job; may be empty.
    pub id: String,
    /// Where it stands then; empty where it did not move.
    pub state: String,
    /// Where it stood.
    pub from: String,
    /// Unix milliseconds by Redis's clock.
    pub at: u64,
    /// The worker that did it.
    pub worker: String,
    /// Who asked for it.
    pub by: String,
    /// What there is to say.
    pub note: String,
}

impl Queue {
    /// The id of the newest event; `0-0` where there is none.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn last_event(&self) -> Result<String, Error> {
        Ok(self
            .newest_events(1)
            .await?
            .pop()
            .map_or_else(|| "0-0".to_owned(), |event| event.entry_id))
    }

    /// The newest `count` events, oldest first.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn newest_events(&self, count: usize) -> Result<Vec<Event>, Error> {
        self.events_back(None, None, count).await
    }

    /// The newest `count` events before the entry `before`, of those since `since_ms` (Unix milliseconds), oldest first.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn events_back(
        &self,
        before: Option<&str>,
        since_ms: Option<u64>,
        count: usize,
    ) -> Result<Vec<Event>, Error> {
        let mut command = redis::cmd("XREVRANGE");
        command
            .arg(self.keys.events())
            .arg(before.map_or_else(|| "+".to_owned(), |id| format!("({id}")))
            .arg(since_ms.map_or_else(|| "-".to_owned(), |ms| ms.to_string()))
            .arg("COUNT")
            .arg(count);
        let answer: Value = self
            .link
            .run(async |mut c| command.query_async(&mut c).await)
            .await?;
        let mut events = events(value::list(answer)?)?;
        events.reverse();
        Ok(events)
    }

    /// The oldest event that is still kept.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn oldest_event(&self) -> Result<Option<Event>, Error> {
        Ok(self.events_from("-", 1).await?.pop())
    }

    /// Up to `count` events from `start` on, in the words of `XRANGE`, oldest first.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn events_from(&self, start: &str, count: usize) -> Result<Vec<Event>, Error> {
        let mut command = redis::cmd("XRANGE");
        command.arg(self.keys.events()).arg(start).arg("+");
        command.arg("COUNT").arg(count);
        let answer: Value = self
            .link
            .run(async |mut c| command.query_async(&mut c).await)
            .await?;
        events(value::list(answer)?)
    }

    /// Up to `count` events after `entry_id`, waiting up to `block` for the first. Use a link for blocking.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn events_after(
        &self,
        entry_id: &str,
        count: usize,
        block: Duration,
    ) -> Result<Vec<Event>, Error> {
        let mut command = redis::cmd("XREAD");
        command.arg("COUNT").arg(count).arg("BLOCK").arg(ms(block).max(1));
        command.arg("STREAMS").arg(self.keys.events()).arg(entry_id);
        let answer: Value = self
            .link
            .run(async |mut c| command.query_async(&mut c).await)
            .await?;
        events(value::entries_of_one_stream(answer)?)
    }
}

fn events(entries: Vec<Value>) -> Result<Vec<Event>, Error> {
    entries.into_iter().map(event).collect()
}

fn event(entry: Value) -> Result<Event, Error> {
    let mut parts = value::list(entry)?.into_iter();
    let mut event = Event {
        entry_id: parts.next().as_ref().map(value::text).unwrap_or_default(),
        ..Event::default()
    };
    for (name, value) in parts.next().map_or(Ok(Vec::new()), value::pairs)? {
        match name.as_str() {
            "id" => event.id = value,
            "state" => event.state = value,
            "from" => event.from = value,
            "at" => event.at = value.parse().unwrap_or(0),
            "worker" => event.worker = value,
            "by" => event.by = value,
            "note" => event.note = value,
            _ => {}
        }
    }
    Ok(event)
}
