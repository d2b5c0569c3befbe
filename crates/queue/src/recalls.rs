//! What workers have to let go of the jobs that they keep between looks ([`Verb::Keep`](crate::settle::Verb::Keep)).

use crate::script::READ_RECALLS;
use crate::{Error, Queue, value};

/// What the script is sent; see its header.
#[cfg(test)]
pub(crate) const ARGV: &str = "events_cap ttl_ms since";

/// Jobs that are no longer to be looked at as they were kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recall {
    /// An operator moved this job: its fence is another by now.
    Job(String),
    /// This account has to wait, and every look with its key.
    Account(String),
    /// Nobody can say which: everything.
    All,
}

impl Queue {
    /// What was recalled at `since` or later (Unix milliseconds by Redis's clock), and what time it is there. A recall of that
    /// very moment comes twice. What was asked for longer than a minute ago is known no more: then all is recalled.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn read_recalls(&self, since: u64) -> Result<(u64, Vec<Recall>), Error> {
        let mut call = self.call(&READ_RECALLS);
        call.arg(since);
        let mut parts = value::list(self.invoke(&call).await?)?.into_iter();
        let Some(now) = parts.next() else {
            return Err(Error::Refused("read_recalls answered nothing".to_owned()));
        };
        let recalls = parts.map(|what| {
            let what = value::into_text(what);
            match what.split_once(' ') {
                Some(("job", id)) => Recall::Job(id.to_owned()),
                Some(("account", name)) => Recall::Account(name.to_owned()),
                _ => Recall::All,
            }
        });
        Ok((value::number(&now), recalls.collect()))
    }
}
