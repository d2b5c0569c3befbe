//! Who gives commands here, and how they are carried out: by their script, or by a worker where this user of Redis may
//! run none.

use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::time::Duration;

use gammaq_job::Command;
use gammaq_queue::events::Event;
use gammaq_queue::operate::{Asker, Outcome, Timeouts};
use gammaq_queue::{Error, Queue};
use gammaq_worker::settings::Settings;
use serde_json::json;
use tokio::time::Instant;

use crate::context::{Context, note};
use crate::exit::Code;

/// How long a worker has to carry out a command of the control stream.
const PATIENCE: Duration = Duration::from_secs(30);
const BLOCK: Duration = Duration::from_secs(1);
const PER_READ: usize = 500;

/// Who gives commands.
pub(in crate::commands) struct Operator {
    queue: Queue,
    timeouts: Timeouts,
    by: String,
    /// This user of Redis may append commands, and not carry them out.
    by_stream: bool,
}

/// What came of a command.
#[derive(Debug)]
pub(in crate::commands) struct Told {
    /// `None` where nobody has carried it out yet.
    pub(in crate::commands) outcome: Option<Outcome>,
    pub(in crate::commands) text: String,
}

impl Told {
    pub(super) fn code(&self) -> Code {
        match self.outcome {
            Some(outcome) if outcome.is_good() => Code::Done,
            Some(Outcome::Missing) => Code::NotFound,
            Some(_) => Code::Unsuccessful,
            None => Code::TimedOut,
        }
    }
}

impl Operator {
    pub(super) async fn new(context: &Context) -> anyhow::Result<Self> {
        let producer = context.connect().await?;
        Self::on(context, producer.queue().clone())
    }

    /// One who gives commands to a queue that is connected.
    pub(in crate::commands) fn on(context: &Context, queue: Queue) -> anyhow::Result<Self> {
        let poll = Settings::load_for_client(context.source())?.poll;
        Ok(Self {
            queue,
            timeouts: Timeouts {
                classic: poll.timeout,
                agent: poll.agent_timeout,
            },
            by: caller(),
            by_stream: false,
        })
    }

    pub(super) fn queue(&self) -> &Queue {
        &self.queue
    }

    pub(in crate::commands) async fn carry_out(&mut self, command: &Command) -> anyhow::Result<Told> {
        if !self.by_stream {
            let asker = Asker::direct(&self.by);
            match self.queue.operate(&asker, command, &self.timeouts).await {
                Ok(answer) => {
                    return Ok(Told {
                        outcome: Some(answer.outcome),
                        text: answer.text,
                    });
                }
                Err(Error::Denied(_)) => self.by_stream = true,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(self.ask_workers(command).await?)
    }

    /// Appends the command and waits until `events` says what came of it.
    async fn ask_workers(&self, command: &Command) -> Result<Told, Error> {
        let mut at = self.queue.last_event().await?;
        let mut fields = command.to_fields();
        fields.push(("by", &self.by));
        let entry = self.queue.append_command(&fields).await?;
        let queue = self.queue.on(Arc::new(self.queue.link().for_blocking(BLOCK)));
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            let events = queue.events_after(&at, PER_READ, BLOCK).await?;
            if let Some(told) = events.iter().find_map(|event| told(event, &entry)) {
                return Ok(told);
            }
            if let Some(last) = events.last() {
                at.clone_from(&last.entry_id);
            }
        }
        let text = format!(
            "no worker has carried it out yet: it waits in the control stream as {entry}; does one run?"
        );
        Ok(Told { outcome: None, text })
    }
}

/// What an event says of this command.
fn told(event: &Event, entry: &str) -> Option<Told> {
    let text = event.note.strip_prefix(&format!("control {entry}: "))?;
    let of = |outcome: Outcome| {
        let text = text.strip_prefix(outcome.as_str())?.strip_prefix(": ")?;
        Some((outcome, text))
    };
    let (outcome, text) = [Outcome::Refused, Outcome::Missing, Outcome::Already]
        .into_iter()
        .find_map(of)
        .unwrap_or((Outcome::Done, text));
    Some(Told {
        outcome: Some(outcome),
        text: text.to_owned(),
    })
}

/// One line of what came of it.
pub(super) fn tell(context: &Context, command: &Command, answer: &Told) -> anyhow::Result<()> {
    if context.json {
        return context.json_line(&as_json(command, answer));
    }
    match answer.outcome {
        Some(outcome) if outcome.is_good() => context.line(&answer.text)?,
        _ => note(&answer.text),
    }
    Ok(())
}

fn as_json(command: &Command, answer: &Told) -> serde_json::Value {
    let mut value = serde_json::Map::new();
    for (name, field) in command.to_fields() {
        value.insert(name.to_owned(), field.into());
    }
    value.insert(
        "outcome".to_owned(),
        answer
            .outcome
            .map_or_else(|| json!("waiting"), |outcome| json!(outcome)),
    );
    value.insert("text".to_owned(), answer.text.clone().into());
    value.into()
}

/// `user@host`, as the record and `events` are to name who asked.
fn caller() -> String {
    let user = ["USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|it| !it.is_empty()));
    let user = user.unwrap_or_else(|| match std::fs::metadata("/proc/self") {
        Ok(own) => format!("uid-{}", own.uid()),
        Err(_) => "unknown".to_owned(),
    });
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match host.trim() {
        "" => user,
        host => format!("{user}@{host}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outcome_of_a_command_is_read_from_its_event() {
        let event = |note: &str| Event {
            note: note.to_owned(),
            ..Event::default()
        };
        for (note, outcome, text) in [
            (
                "control 5-0: cancel; nothing was spent",
                Outcome::Done,
                "cancel; nothing was spent",
            ),
            (
                "control 5-0: refused: job a is completed",
                Outcome::Refused,
                "job a is completed",
            ),
            (
                "control 5-0: missing: there is no job a",
                Outcome::Missing,
                "there is no job a",
            ),
            ("control 5-0: already: so it is", Outcome::Already, "so it is"),
        ] {
            let told = told(&event(note), "5-0").unwrap();
            assert_eq!((told.outcome, told.text.as_str()), (Some(outcome), text));
        }
        assert!(told(&event("control 5-01: refused: no"), "5-0").is_none());
        assert!(told(&event("the answer came late"), "5-0").is_none());
    }
}
