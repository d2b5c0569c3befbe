//! The queue's mark: how a worker knows that this still is the queue that it began with.
//!
//! Invariant: who has once begun to work with a queue starts nothing new in another life of it. Its data may go while
//! workers run: `FLUSHALL` by mistake, a restart of a server that keeps nothing, a failover to an empty replica. The
//! log of the budget and the intents go with it, so a worker that went on would pay a second time for what callers
//! append again, and start more than its budget allows. The mark is a random text in `stats`, written by the first
//! worker; the scripts that start something are told the mark that their worker began with and refuse under any
//! other. Recording scripts are not told: what was paid for is recorded in whatever is there.
//!
//! A backup that is restored brings its mark along, so it is the same life.

use crate::script::MARK_QUEUE;
use crate::{Error, Queue, value};

/// What the script is sent; see its header.
#[cfg(test)]
pub(crate) const ARGV: &str = "events_cap ttl_ms queue_id";

impl Queue {
    /// Begins: marks the queue where it has no mark, and remembers the one that it has. What is started through this
    /// queue and its clones from then on is refused in another life of it. Once begun, that mark stays. `random` is a
    /// number that nobody else comes up with.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn begin_life(&self, random: u64) -> Result<(), Error> {
        let mut call = self.call(&MARK_QUEUE);
        call.arg(format!("{random:016x}"));
        let mark = value::text(&self.invoke(&call).await?);
        self.mark.get_or_init(|| mark);
        Ok(())
    }

    /// The mark under which this queue was begun with; empty before that.
    pub(crate) fn mark(&self) -> &str {
        self.mark.get().map_or("", String::as_str)
    }

    /// Whether the queue in Redis is another one by now than that which was begun with.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn is_reset(&self) -> Result<bool, Error> {
        let mut command = redis::cmd("HGET");
        command.arg(self.keys.stats()).arg("queue_id");
        let found: Option<String> = self
            .link
            .run(async |mut c| command.query_async(&mut c).await)
            .await?;
        Ok(!self.mark().is_empty() && found.as_deref() != Some(self.mark()))
    }
}
