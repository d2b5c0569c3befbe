//! What callers and operators look at. Nothing here scans the keys of the server, and every range has an end.
//!
//! - [`overview`]: the queue at one look, and how much happens; [`accounts`]: budgets and pauses; [`slots`]: when slots
//!   come back;
//! - [`pages`]: jobs, page by page; [`search`]: the job of a generation; [`story`]: all that is known of one job;
//!   [`workers`]: who is alive;
//! - here: one record, one result, and the indexes by themselves.

pub mod accounts;
mod batch;
pub mod overview;
pub mod pages;
pub mod search;
pub mod slots;
pub mod story;
pub mod workers;

use std::collections::BTreeMap;

use gammaq_job::{JobResult, Record, State};

use crate::{Error, Queue};

impl Queue {
    /// The whole record of a job; `None` where there is none.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn record(&self, id: &str) -> Result<Option<Record>, Error> {
        let mut command = redis::cmd("HGETALL");
        command.arg(self.keys.job(id));
        let fields: BTreeMap<String, String> = self
            .link
            .run(async |mut c| command.query_async(&mut c).await)
            .await?;
        let record = Record::new(fields);
        Ok((!record.is_empty()).then_some(record))
    }

    /// The result of a job as the JSON text in Redis; `None` where it has none yet.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn result_text(&self, id: &str) -> Result<Option<String>, Error> {
        let mut command = redis::cmd("GET");
        command.arg(self.keys.result(id));
        self.link
            .run(async |mut c| command.query_async(&mut c).await)
            .await
    }

    /// The result of a job; `None` where it has none yet.
    ///
    /// # Errors
    /// [`Error::Refused`] where the text in Redis isn't a result.
    pub async fn result(&self, id: &str) -> Result<Option<JobResult>, Error> {
        let text = self.result_text(id).await?;
        text.map(|text| serde_json::from_str(&text).map_err(|e| Error::Refused(format!("result:{id}: {e}"))))
            .transpose()
    }

    /// Ids from an index of ended jobs, newest first.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn ended_ids(&self, state: State, offset: usize, count: usize) -> Result<Vec<String>, Error> {
        self.ids("ZREVRANGE", &self.keys.index(state), offset, count)
            .await
    }

    /// Whether a worker has ever begun with this queue.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn is_made(&self) -> Result<bool, Error> {
        let mut command = redis::cmd("EXISTS");
        command.arg(self.keys.schema());
        self.link
            .run(async |mut c| command.query_async(&mut c).await)
            .await
    }

    /// How many entries of the inbox no worker has taken in yet.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn inbox_len(&self) -> Result<u64, Error> {
        let mut command = redis::cmd("XLEN");
        command.arg(self.keys.inbox());
        self.link
            .run(async |mut c| command.query_async(&mut c).await)
            .await
    }

    /// Accounts that have pending jobs, soonest first.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn pending_accounts(&self, offset: usize, count: usize) -> Result<Vec<String>, Error> {
        self.ids("ZRANGE", &self.keys.accounts(), offset, count).await
    }

    /// Ids from the schedule, soonest first.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn due_ids(&self, offset: usize, count: usize) -> Result<Vec<String>, Error> {
        self.ids("ZRANGE", &self.keys.due(), offset, count).await
    }

    /// Ids of jobs that wait for a slot of `account`, next first.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn pending_ids(
        &self,
        account: &str,
        offset: usize,
        count: usize,
    ) -> Result<Vec<String>, Error> {
        self.ids("ZRANGE", &self.keys.pending(account), offset, count)
            .await
    }

    async fn ids(&self, command: &str, key: &str, offset: usize, count: usize) -> Result<Vec<String>, Error> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let mut command = redis::cmd(command);
        command.arg(key).arg(offset).arg(offset + count - 1);
        self.link
            .run(async |mut c| command.query_async(&mut c).await)
            .await
    }

    /// Some fields of many jobs in one round trip, each `None` where it is missing.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn fields_of(
        &self,
        ids: &[String],
        fields: &[&str],
    ) -> Result<Vec<Vec<Option<String>>>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipe = redis::pipe();
        for id in ids {
            pipe.cmd("HMGET").arg(self.keys.job(id)).arg(fields);
        }
        self.link.run(async |mut c| pipe.query_async(&mut c).await).await
    }
}
