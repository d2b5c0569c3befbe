//! Jobs that ended in one state, the newest first: what a command about many of them is about.

use gammaq_job::State;

use crate::{Error, Queue};

/// Entries of an index that are read in one round trip.
const PAGE: usize = 500;

/// A job that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The job.
    pub id: String,
    /// When it came into its state, Unix milliseconds.
    pub at: u64,
    /// Whose budget it used.
    pub account: String,
    /// What its record says of the end, as JSON; may be empty.
    pub error: String,
}

/// Which of them.
#[derive(Debug, Clone)]
pub struct Which<'a> {
    /// The state that they ended in; one of [`State::INDEXED`].
    pub state: State,
    /// Not earlier than this, Unix milliseconds; 0 for all.
    pub since: u64,
    /// Of this account alone.
    pub account: Option<&'a str>,
    /// The most.
    pub most: usize,
}

impl Queue {
    /// Jobs that ended, the newest first, and whether there are more than the most.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn ended_jobs(&self, which: &Which<'_>) -> Result<(Vec<Ended>, bool), Error> {
        let mut found = Vec::new();
        let mut offset = 0;
        loop {
            let mut command = redis::cmd("ZREVRANGEBYSCORE");
            command
                .arg(self.keys.index(which.state))
                .arg("+inf")
                .arg(which.since)
                .arg("WITHSCORES")
                .arg("LIMIT")
                .arg(offset)
                .arg(PAGE);
            let page: Vec<(String, f64)> = self
                .link
                .run(async |mut c| command.query_async(&mut c).await)
                .await?;
            offset += page.len();
            let ids: Vec<String> = page.iter().map(|(id, _)| id.clone()).collect();
            let records = self.fields_of(&ids, &["state", "account", "error"]).await?;
            for ((id, at), fields) in page.iter().zip(records) {
                let field = |at: usize| fields.get(at).cloned().flatten().unwrap_or_default();
                let here = field(0) == which.state.as_str();
                if !here || which.account.is_some_and(|account| field(1) != account) {
                    continue;
                }
                if found.len() == which.most {
                    return Ok((found, true));
                }
                found.push(Ended {
                    id: id.clone(),
                    at: *at as u64,
                    account: field(1),
                    error: field(2),
                });
            }
            if page.len() < PAGE {
                return Ok((found, false));
            }
        }
    }
}
