//! What became of an account's key at a worker.
//!
//! A key that goes pauses its account (`no_key`), but holds back nobody who has one: while a secret is rolled out some
//! workers have it and some don't, and a pause that all obey would stop those that could go on. So the pause says what
//! is the matter, for people; what keeps a worker without a key from the account's jobs is that it names the account
//! as foreign in its claims ([`ClaimRequest::foreign`](crate::claim::ClaimRequest)). Without any worker that has one,
//! the jobs wait: none is submitted, none is looked at, and since only a look that was made ends a job after its
//! deadline, none times out.

use crate::script::NOTE_KEY;
use crate::{Error, Queue, value};

/// What the script is sent; see its header.
#[cfg(test)]
pub(crate) const ARGV: &str = "events_cap ttl_ms worker account news";

/// What became of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyNews {
    /// This worker has none any more.
    Gone,
    /// This worker has one.
    Held,
    /// This worker has one, and it is another one than before.
    Changed,
}

/// What that meant for the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyNoted {
    /// It is paused from now on, for want of a key.
    Paused,
    /// Another pause holds it, which stays.
    Kept,
    /// Its pause for want of a key is over.
    Lifted,
    /// The pause that its old key earned is over; one job tries it out.
    Tried,
    /// Nothing.
    Nothing,
}

impl Queue {
    /// Notes what became of an account's key at a worker. Safe to run twice.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn note_key(&self, worker: &str, account: &str, news: KeyNews) -> Result<KeyNoted, Error> {
        let mut call = self.call(&NOTE_KEY);
        call.arg(worker).arg(account).arg(match news {
            KeyNews::Gone => "gone",
            KeyNews::Held => "held",
            KeyNews::Changed => "changed",
        });
        Ok(match value::text(&self.invoke(&call).await?).as_str() {
            "paused" => KeyNoted::Paused,
            "kept" => KeyNoted::Kept,
            "lifted" => KeyNoted::Lifted,
            "tried" => KeyNoted::Tried,
            "nothing" => KeyNoted::Nothing,
            other => return Err(Error::Refused(format!("note_key answered {other}"))),
        })
    }
}
