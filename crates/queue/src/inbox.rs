//! The stream that callers append to, read through the consumer group `workers`.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use redis::Value;

use crate::{Error, Queue, ms, value};

/// The consumer group of all workers.
pub const GROUP: &str = "workers";

/// An entry as read: its id, and its fields as bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxEntry {
    /// The stream's id.
    pub id: String,
    /// Names and values in order.
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
}

impl InboxEntry {
    /// The fields as they are judged.
    pub fn slices(&self) -> Vec<(&[u8], &[u8])> {
        self.fields
            .iter()
            .map(|(name, value)| (name.as_slice(), value.as_slice()))
            .collect()
    }
}

/// Entries that are appended together: their commands, ready to be sent.
pub struct Appends {
    inbox: String,
    commands: redis::Pipeline,
}

impl fmt::Debug for Appends {
    /// Nothing of the entries: they hold what callers wrote.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Appends").finish_non_exhaustive()
    }
}

impl Appends {
    /// Adds an entry with these fields.
    pub fn push(&mut self, fields: &[(&str, &[u8])]) {
        self.commands.add_command(xadd(&self.inbox, fields));
    }
}

fn xadd(inbox: &str, fields: &[(&str, &[u8])]) -> redis::Cmd {
    let size = fields.iter().map(|(name, value)| name.len() + value.len());
    let arguments = 3 + 2 * fields.len();
    let mut command = redis::Cmd::with_capacity(arguments, inbox.len() + 8 + size.sum::<usize>());
    command.arg("XADD").arg(inbox).arg("*");
    for (name, value) in fields {
        command.arg(*name).arg(*value);
    }
    command
}

impl Queue {
    /// Appends one entry and answers its id.
    ///
    /// # Errors
    /// By reaction; see [`Error`]. After [`Error::Unanswered`] the entry may be there.
    pub async fn append(&self, fields: &[(&str, &[u8])]) -> Result<String, Error> {
        let command = xadd(&self.keys.inbox(), fields);
        let id: Value = self
            .link
            .run(async |mut connection| command.query_async(&mut connection).await)
            .await?;
        Ok(value::text(&id))
    }

    /// Appends many entries in one round trip and answers their ids in order.
    ///
    /// # Errors
    /// By reaction; see [`Error`]. After [`Error::Unanswered`] some entries may be there.
    pub async fn append_many<'a>(&self, entries: &[&[(&'a str, &'a [u8])]]) -> Result<Vec<String>, Error> {
        let mut appends = self.appends();
        entries.iter().for_each(|fields| appends.push(fields));
        self.send(appends).await
    }

    /// Room for entries that are to be appended together.
    pub fn appends(&self) -> Appends {
        Appends {
            inbox: self.keys.inbox(),
            commands: redis::pipe(),
        }
    }

    /// Appends them in one round trip and answers their ids in order.
    ///
    /// # Errors
    /// By reaction; see [`Error`]. After [`Error::Unanswered`] some entries may be there.
    pub async fn send(&self, appends: Appends) -> Result<Vec<String>, Error> {
        let ids = self
            .link
            .run(async |mut connection| appends.commands.query_async(&mut connection).await)
            .await?;
        value::texts(ids)
    }

    /// Makes the inbox and its group where they are missing; writes nothing where they are there.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn create_inbox(&self) -> Result<(), Error> {
        let mut groups = redis::cmd("XINFO");
        groups.arg("GROUPS").arg(self.keys.inbox());
        // No such key is an error, and then there is no group either.
        let known: Result<Vec<HashMap<String, Value>>, Error> = self
            .link
            .run(async |mut c| groups.query_async(&mut c).await)
            .await;
        if known.is_ok_and(|groups| {
            groups
                .iter()
                .any(|it| it.get("name").map(value::text).as_deref() == Some(GROUP))
        }) {
            return Ok(());
        }
        let mut command = redis::cmd("XGROUP");
        command
            .arg("CREATE")
            .arg(self.keys.inbox())
            .arg(GROUP)
            .arg("0")
            .arg("MKSTREAM");
        match self
            .link
            .run(async |mut connection| command.query_async::<()>(&mut connection).await)
            .await
        {
            Err(Error::Refused(text)) if text.contains("BUSYGROUP") => Ok(()),
            other => other,
        }
    }

    /// Takes up to `count` new entries for `worker`, waiting up to `block` for the first.
    ///
    /// # Errors
    /// [`Error::NoGroup`] where the group is gone. After [`Error::Unanswered`] entries may have been given to
    /// `worker` all the same: see [`Queue::read_again`].
    pub async fn read_inbox(
        &self,
        worker: &str,
        count: usize,
        block: Duration,
    ) -> Result<Vec<InboxEntry>, Error> {
        let mut command = redis::cmd("XREADGROUP");
        command
            .arg("GROUP")
            .arg(GROUP)
            .arg(worker)
            .arg("COUNT")
            .arg(count)
            .arg("BLOCK")
            .arg(ms(block).max(1));
        command.arg("STREAMS").arg(self.keys.inbox()).arg(">");
        self.read_stream(command).await
    }

    /// The entries after `after` (`0` to begin) that were given to `worker` before and that it did not accept, up to
    /// `count`, oldest first.
    ///
    /// # Errors
    /// [`Error::NoGroup`] where the group is gone.
    pub async fn read_again(
        &self,
        worker: &str,
        after: &str,
        count: usize,
    ) -> Result<Vec<InboxEntry>, Error> {
        let mut command = redis::cmd("XREADGROUP");
        command
            .arg("GROUP")
            .arg(GROUP)
            .arg(worker)
            .arg("COUNT")
            .arg(count);
        command.arg("STREAMS").arg(self.keys.inbox()).arg(after);
        self.read_stream(command).await
    }

    async fn read_stream(&self, command: redis::Cmd) -> Result<Vec<InboxEntry>, Error> {
        let answer: Value = self
            .link
            .run(async |mut c| command.query_async(&mut c).await)
            .await?;
        read_entries(value::entries_of_one_stream(answer)?)
    }

    /// Takes over up to `count` entries, from `cursor` on (`0-0` to begin), that another worker took in and
    /// left alone for `idle`. Answers them and the next cursor.
    ///
    /// # Errors
    /// [`Error::NoGroup`] where the group is gone.
    pub async fn take_over_entries(
        &self,
        worker: &str,
        idle: Duration,
        cursor: &str,
        count: usize,
    ) -> Result<(String, Vec<InboxEntry>), Error> {
        let mut command = redis::cmd("XAUTOCLAIM");
        command
            .arg(self.keys.inbox())
            .arg(GROUP)
            .arg(worker)
            .arg(ms(idle))
            .arg(cursor)
            .arg("COUNT")
            .arg(count);
        let answer: Value = self
            .link
            .run(async |mut c| command.query_async(&mut c).await)
            .await?;
        let mut parts = value::list(answer)?.into_iter();
        let next = parts.next().as_ref().map(value::text).unwrap_or_default();
        Ok((
            next,
            read_entries(parts.next().map_or(Ok(Vec::new()), value::list)?)?,
        ))
    }

    /// Forgets consumers of the group that hold no entries and were not heard of for `idle`.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn forget_consumers(&self, idle: Duration) -> Result<(), Error> {
        let mut command = redis::cmd("XINFO");
        command.arg("CONSUMERS").arg(self.keys.inbox()).arg(GROUP);
        let consumers: Vec<HashMap<String, Value>> = self
            .link
            .run(async |mut c| command.query_async(&mut c).await)
            .await?;
        for consumer in consumers {
            let number = |name: &str| consumer.get(name).map_or(0, value::number);
            let Some(name) = consumer.get("name").map(value::text) else {
                continue;
            };
            if number("pending") == 0 && number("idle") > ms(idle) {
                let mut command = redis::cmd("XGROUP");
                command
                    .arg("DELCONSUMER")
                    .arg(self.keys.inbox())
                    .arg(GROUP)
                    .arg(name);
                self.link
                    .run(async |mut c| command.query_async::<Value>(&mut c).await)
                    .await?;
            }
        }
        Ok(())
    }
}

pub(crate) fn read_entries(entries: Vec<Value>) -> Result<Vec<InboxEntry>, Error> {
    let mut out = Vec::new();
    for entry in entries {
        // Redis 6.2 answers nil for an entry that was deleted meanwhile.
        let Value::Array(parts) = entry else { continue };
        let [id, fields] = <[Value; 2]>::try_from(parts)
            .map_err(|_| Error::Refused("an entry of the inbox was expected".to_owned()))?;
        let mut bytes = value::list(fields)?.into_iter().map(|value| match value {
            Value::BulkString(bytes) => bytes,
            other => value::text(&other).into_bytes(),
        });
        let mut fields = Vec::new();
        while let (Some(name), Some(value)) = (bytes.next(), bytes.next()) {
            fields.push((name, value));
        }
        out.push(InboxEntry {
            id: value::text(&id),
            fields,
        });
    }
    Ok(out)
}
