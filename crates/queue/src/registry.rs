//! What stands around the jobs: the schema's version, accounts and workers.

use std::collections::BTreeMap;
use std::time::Duration;

use gammaq_job::record::SCHEMA;
use redis::Value;

use crate::{Error, Queue, ms, value};

/// An account's budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Submits within the window.
    pub limit: u32,
    /// The rolling window.
    pub window: Duration,
    /// With fewer credits left than this the account begins nothing more.
    pub credits_floor: Option<u64>,
}

/// A worker's heartbeat.
#[derive(Debug, Clone)]
pub struct Heartbeat<'a> {
    /// The worker's id, new at each start.
    pub worker: &'a str,
    /// What stands in its hash.
    pub fields: &'a [(&'static str, String)],
    /// How long it counts as alive without the next one.
    pub alive_for: Duration,
}

impl Queue {
    /// Writes the schema's version where there is none.
    ///
    /// # Errors
    /// [`Error::NewerSchema`] where the queue was made by a newer version.
    pub async fn check_schema(&self) -> Result<(), Error> {
        let mut read = redis::cmd("GET");
        read.arg(self.keys.schema());
        let found: Option<String> = self
            .link
            .run(async |mut c| read.query_async(&mut c).await)
            .await?;
        let found = match found {
            Some(found) => found,
            None => {
                let mut pipe = redis::pipe();
                pipe.cmd("SET")
                    .arg(self.keys.schema())
                    .arg(SCHEMA)
                    .arg("NX")
                    .ignore();
                pipe.cmd("GET").arg(self.keys.schema());
                let (found,): (String,) = self
                    .link
                    .run(async |mut c| pipe.query_async(&mut c).await)
                    .await?;
                found
            }
        };
        match found.parse::<u32>() {
            Ok(version) if version <= SCHEMA => Ok(()),
            _ => Err(Error::NewerSchema { found, known: SCHEMA }),
        }
    }

    /// The error of a script that found a newer layout: with the version, which may be another one again by now.
    pub(crate) async fn newer_schema(&self) -> Error {
        match self.check_schema().await {
            Err(error) => error,
            Ok(()) => {
                Error::Unreachable("the version of the layout was changed, and changed back".to_owned())
            }
        }
    }

    /// Writes the account's budget where it isn't there, and answers another one that stood there, if it did.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn register_account(&self, name: &str, budget: Budget) -> Result<Option<Budget>, Error> {
        self.name_account(name).await?;
        let key = self.keys.account(name);
        let old = self.account_budget(name).await?;
        if old == Some(budget) {
            return Ok(None);
        }
        let mut pipe = redis::pipe();
        let fields = pipe.cmd("HSET").arg(&key).arg("limit").arg(budget.limit);
        fields.arg("window_ms").arg(ms(budget.window));
        match budget.credits_floor {
            Some(floor) => fields.arg("credits_floor").arg(floor).ignore(),
            None => pipe.cmd("HDEL").arg(&key).arg("credits_floor").ignore(),
        };
        // Another budget may let its jobs go earlier than was thought.
        pipe.cmd("ZADD")
            .arg(self.keys.accounts())
            .arg("XX")
            .arg("LT")
            .arg(0)
            .arg(name)
            .ignore();
        self.link
            .run(async |mut c| pipe.query_async::<()>(&mut c).await)
            .await?;
        Ok(old)
    }

    /// The account's budget as it stands in Redis; `None` where none was written.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn account_budget(&self, name: &str) -> Result<Option<Budget>, Error> {
        let mut read = redis::cmd("HMGET");
        read.arg(self.keys.account(name))
            .arg("limit")
            .arg("window_ms")
            .arg("credits_floor");
        let fields: (Option<u32>, Option<u64>, Option<u64>) = self
            .link
            .run(async |mut c| read.query_async(&mut c).await)
            .await?;
        Ok(match fields {
            (Some(limit), Some(window), credits_floor) => Some(Budget {
                limit,
                window: Duration::from_millis(window),
                credits_floor,
            }),
            _ => None,
        })
    }

    /// Puts the name where people look for it. No job depends on that list, so one broken by hand stops nobody.
    async fn name_account(&self, name: &str) -> Result<(), Error> {
        let mut command = redis::cmd("ZADD");
        command.arg(self.keys.account_names()).arg(0).arg(name);
        let listed: Result<u64, Error> = self
            .link
            .run(async |mut c| command.query_async(&mut c).await)
            .await;
        match listed {
            Ok(_) | Err(Error::Refused(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Says that a worker is alive, and forgets those that were not heard of for their time.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn beat(&self, beat: &Heartbeat<'_>) -> Result<(), Error> {
        let now = self.time().await?;
        let hash = self.keys.worker(beat.worker);
        let mut pipe = redis::pipe();
        pipe.cmd("ZADD")
            .arg(self.keys.workers())
            .arg(now)
            .arg(beat.worker)
            .ignore();
        let fields = pipe.cmd("HSET").arg(&hash);
        for (name, value) in beat.fields {
            fields.arg(*name).arg(value);
        }
        fields.arg("heartbeat_at").arg(now);
        pipe.ignore();
        pipe.cmd("PEXPIRE").arg(&hash).arg(ms(beat.alive_for)).ignore();
        let dead = now.saturating_sub(ms(beat.alive_for));
        pipe.cmd("ZREMRANGEBYSCORE")
            .arg(self.keys.workers())
            .arg("-inf")
            .arg(dead)
            .ignore();
        self.link.run(async |mut c| pipe.query_async(&mut c).await).await
    }

    /// Takes a worker that leaves off the list.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn sign_off(&self, worker: &str) -> Result<(), Error> {
        let mut pipe = redis::pipe();
        pipe.cmd("ZREM").arg(self.keys.workers()).arg(worker).ignore();
        pipe.cmd("DEL").arg(self.keys.worker(worker)).ignore();
        self.link.run(async |mut c| pipe.query_async(&mut c).await).await
    }

    /// The workers that are alive, with their fields.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn workers(&self) -> Result<Vec<(String, BTreeMap<String, String>)>, Error> {
        let mut command = redis::cmd("ZREVRANGE");
        command.arg(self.keys.workers()).arg(0).arg(199);
        let ids: Vec<String> = self
            .link
            .run(async |mut c| command.query_async(&mut c).await)
            .await?;
        let mut pipe = redis::pipe();
        for id in &ids {
            pipe.cmd("HGETALL").arg(self.keys.worker(id));
        }
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let hashes: Vec<BTreeMap<String, String>> = self
            .link
            .run(async |mut c| pipe.query_async(&mut c).await)
            .await?;
        Ok(ids.into_iter().zip(hashes).collect())
    }

    /// Redis's time, Unix milliseconds.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn time(&self) -> Result<u64, Error> {
        let command = redis::cmd("TIME");
        let answer: Value = self
            .link
            .run(async |mut c| command.query_async(&mut c).await)
            .await?;
        let parts = value::list(answer)?;
        match parts.as_slice() {
            [seconds, micros] => Ok(value::number(seconds) * 1000 + value::number(micros) / 1000),
            _ => Err(Error::Refused("TIME answered something else".to_owned())),
        }
    }
}
