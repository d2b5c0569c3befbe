//! What callers and operators look at. Nothing here scans the keys of the server.

use std::collections::BTreeMap;

use gammaq_job::{JobResult, Record, State};

use crate::{Error, Queue};

/// The queue at one look.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct Overview {
    /// Redis's time, Unix milliseconds.
    pub now: u64,
    /// Entries that no worker has taken in yet.
    pub inbox: u64,
    /// Jobs in the schedule: submitted, being looked at, delayed, or held.
    pub due: u64,
    /// How late the oldest step in the schedule is, in milliseconds.
    pub oldest_late_ms: u64,
    /// Jobs in each state that has an index.
    pub ended: BTreeMap<String, u64>,
    /// Accounts that have pending jobs, at most 100 of them, soonest first.
    pub accounts: Vec<AccountView>,
    /// Counters since the queue was made.
    pub stats: BTreeMap<String, String>,
}

/// One account at one look.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct AccountView {
    /// Its name.
    pub name: String,
    /// Jobs that wait for a slot.
    pub pending: u64,
    /// When it may submit again, Unix milliseconds.
    pub next_at: u64,
    /// Its hash: limit, window, pauses, what Gamma last said of limits.
    pub fields: BTreeMap<String, String>,
}

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

    /// The queue at one look.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn overview(&self) -> Result<Overview, Error> {
        let now = self.time().await?;
        let mut pipe = redis::pipe();
        pipe.cmd("XLEN").arg(self.keys.inbox());
        pipe.cmd("ZCARD").arg(self.keys.due());
        pipe.cmd("ZRANGE")
            .arg(self.keys.due())
            .arg(0)
            .arg(0)
            .arg("WITHSCORES");
        pipe.cmd("ZRANGE")
            .arg(self.keys.accounts())
            .arg(0)
            .arg(99)
            .arg("WITHSCORES");
        pipe.cmd("HGETALL").arg(self.keys.stats());
        type Parts = (
            u64,
            u64,
            Vec<(String, f64)>,
            Vec<(String, f64)>,
            BTreeMap<String, String>,
        );
        let (inbox, due, oldest, accounts, stats): Parts = self
            .link
            .run(async |mut c| pipe.query_async(&mut c).await)
            .await?;

        let mut pipe = redis::pipe();
        for state in State::INDEXED {
            pipe.cmd("ZCARD").arg(self.keys.index(state));
        }
        let ended: Vec<u64> = self
            .link
            .run(async |mut c| pipe.query_async(&mut c).await)
            .await?;
        let ended = State::INDEXED
            .iter()
            .map(ToString::to_string)
            .zip(ended)
            .collect();

        let mut views = Vec::with_capacity(accounts.len());
        for (name, score) in accounts {
            let mut view = self.account(&name).await?;
            view.next_at = score as u64;
            views.push(view);
        }
        let oldest_late_ms = oldest
            .first()
            .map_or(0, |(_, score)| now.saturating_sub(*score as u64));
        Ok(Overview {
            now,
            inbox,
            due,
            oldest_late_ms,
            ended,
            accounts: views,
            stats,
        })
    }

    /// One account at one look.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn account(&self, name: &str) -> Result<AccountView, Error> {
        let mut pipe = redis::pipe();
        pipe.cmd("ZCARD").arg(self.keys.pending(name));
        pipe.cmd("HGETALL").arg(self.keys.account(name));
        let (pending, fields) = self
            .link
            .run(async |mut c| pipe.query_async(&mut c).await)
            .await?;
        Ok(AccountView {
            name: name.to_owned(),
            pending,
            next_at: 0,
            fields,
        })
    }

    /// Ids from an index of ended jobs, newest first.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn ended_ids(&self, state: State, offset: usize, count: usize) -> Result<Vec<String>, Error> {
        self.ids("ZREVRANGE", &self.keys.index(state), offset, count)
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
