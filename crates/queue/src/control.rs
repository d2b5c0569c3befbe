//! The stream of operators' commands.
//!
//! Invariant: commands are carried out in the order of the stream, each once. Every worker reads from its beginning, and the
//! script that carries a command out takes it off in the same step and does nothing where it is gone. So whoever comes to a
//! command has seen the end of all before it, and what a worker that died had read is where it was. A consumer group would
//! give a `pause` to one worker and the `resume` after it to another, in whatever order these then live on.

use std::collections::BTreeMap;

use redis::Value;

use crate::inbox::{InboxEntry, read_entries};
use crate::{Error, Queue, value};

impl Queue {
    /// Appends a command and answers its id in the stream. A worker carries it out.
    ///
    /// # Errors
    /// By reaction; see [`Error`]. After [`Error::Unanswered`] it may be there.
    pub async fn append_command(&self, fields: &[(&str, &str)]) -> Result<String, Error> {
        let mut command = redis::cmd("XADD");
        command.arg(self.keys.control()).arg("*");
        for (name, value) in fields {
            command.arg(*name).arg(*value);
        }
        self.link
            .run(async |mut c| command.query_async(&mut c).await)
            .await
    }

    /// The first `count` commands that nobody has carried out yet.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn commands(&self, count: usize) -> Result<Vec<InboxEntry>, Error> {
        let mut command = redis::cmd("XRANGE");
        command
            .arg(self.keys.control())
            .arg("-")
            .arg("+")
            .arg("COUNT")
            .arg(count);
        let answer: Value = self
            .link
            .run(async |mut c| command.query_async(&mut c).await)
            .await?;
        read_entries(value::list(answer)?)
    }

    /// Who paused the whole queue (`by`) and when (`at`, Unix milliseconds); empty where it isn't paused.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn queue_pause(&self) -> Result<BTreeMap<String, String>, Error> {
        let mut command = redis::cmd("HGETALL");
        command.arg(self.keys.paused());
        self.link
            .run(async |mut c| command.query_async(&mut c).await)
            .await
    }
}
