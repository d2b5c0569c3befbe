//! What stands around the jobs: the schema's version, accounts and workers.

use std::time::Duration;

use gammaq_job::record::SCHEMA;
use redis::Value;

use crate::script::{NOTE_WORKER, REGISTER_ACCOUNTS};
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

/// An account that is to be written to Redis.
#[derive(Debug, Clone, Copy)]
pub struct Registration<'a> {
    /// The account's name.
    pub name: &'a str,
    /// What it may start.
    pub budget: Budget,
    /// `None` registers it now, in place of whatever stands there. What an earlier registration answered puts that one
    /// back where Redis has forgotten it, and leaves a later one alone.
    pub registered_at: Option<u64>,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registered {
    /// Written.
    Written {
        /// As which registration, in Unix milliseconds by Redis's clock; later than any before it.
        at: u64,
        /// What stood there before.
        before: Option<Budget>,
    },
    /// This registration stands there, or a later one.
    Stands,
    /// The account's key is of another type: nothing was written.
    Broken,
}

/// Far below what keeps Redis busy for a millisecond or two.
const ACCOUNTS_A_CALL: usize = 100;

/// What the script is sent; see its header.
#[cfg(test)]
pub(crate) const ACCOUNTS_ARGV: &str = "events_cap ttl_ms account...";

/// What `note_worker` is sent; see its header.
#[cfg(test)]
pub(crate) const NOTE_ARGV: &str = "events_cap ttl_ms worker alive_ms field...";

fn read_registered(answer: &[String]) -> Registered {
    let field = |n: usize| answer.get(n).map_or("", String::as_str);
    match field(0) {
        "broken" => return Registered::Broken,
        "" => return Registered::Stands,
        _ => {}
    }
    let before = match (field(1).parse(), field(2).parse()) {
        (Ok(limit), Ok(window)) => Some(Budget {
            limit,
            window: Duration::from_millis(window),
            credits_floor: field(3).parse().ok(),
        }),
        _ => None,
    };
    Registered::Written {
        at: field(0).parse().unwrap_or(0),
        before,
    }
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

    /// Writes what accounts may start, each as [`Registration::registered_at`] says. Safe to run twice.
    ///
    /// # Errors
    /// By reaction; see [`Error`]. [`Error::Full`] where Redis took none of a call's 100.
    pub async fn register_accounts(&self, accounts: &[Registration<'_>]) -> Result<Vec<Registered>, Error> {
        let mut registered = Vec::with_capacity(accounts.len());
        for chunk in accounts.chunks(ACCOUNTS_A_CALL) {
            let mut call = self.call(&REGISTER_ACCOUNTS);
            for Registration {
                name,
                budget,
                registered_at,
            } in chunk
            {
                call.arg(*name).arg(budget.limit).arg(ms(budget.window));
                call.arg(
                    budget
                        .credits_floor
                        .map(|floor| floor.to_string())
                        .unwrap_or_default(),
                );
                call.arg(registered_at.map(|at| at.to_string()).unwrap_or_default());
            }
            for answer in value::list(self.invoke(&call).await?)? {
                registered.push(read_registered(&value::texts(answer)?));
            }
        }
        Ok(registered)
    }

    /// Registers one account now, and answers another budget that stood there, if one did.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn register_account(&self, name: &str, budget: Budget) -> Result<Option<Budget>, Error> {
        let account = Registration {
            name,
            budget,
            registered_at: None,
        };
        match self.register_accounts(&[account]).await?.pop() {
            Some(Registered::Written { before, .. }) => Ok(before.filter(|before| *before != budget)),
            Some(Registered::Stands) | None => Ok(None),
            Some(Registered::Broken) => Err(Error::Refused(format!(
                "the key of account {name} is of another type"
            ))),
        }
    }

    /// Says that a worker is alive, and forgets those that were not heard of for their time. Answers how many are alive.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn beat(&self, beat: &Heartbeat<'_>) -> Result<u64, Error> {
        let mut call = self.call(&NOTE_WORKER);
        call.arg(beat.worker).arg(ms(beat.alive_for));
        for (name, value) in beat.fields {
            call.arg(*name).arg(value);
        }
        Ok(value::number(&self.invoke(&call).await?))
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
