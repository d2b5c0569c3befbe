//! What has to outlive a failover or a power cut: the intent before a paid call, and the id of the generation after it.
//!
//! Invariant: with `redis.durability` on, no byte of a POST leaves before its intent is where the setting says, and a
//! generation doesn't count as recorded before its id is. The proof is asked for on the connection that wrote, right
//! after the write: `WAIT` and `WAITAOF` speak of all that was written up to then. A write that is repeated, since its
//! proof was missing, writes again, so that there is something to prove.
//!
//! `WAIT` holds up everything behind it on its connection, so these writes have one of their own and take turns.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, ErrorKind, RedisError, RedisResult, ScriptInvocation, ServerErrorKind, Value,
};
use tokio::sync::Mutex;

use crate::link::{Dial, Dialled};
use crate::{Error, Link, Queue, ms};

/// Where a write must be before it counts as stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// With the server that answered.
    #[default]
    None,
    /// In that server's append-only file, on its disk.
    Aof,
    /// With a replica as well.
    Replica,
}

/// The way of writes that need a proof.
#[derive(Debug)]
pub(crate) struct Durable {
    link: Link,
    proof: Proof,
    /// How long a proof may take; less than an answer may, so that its absence is an answer too.
    patience: Duration,
    turn: Mutex<()>,
}

#[derive(Debug)]
enum Proof {
    Replica,
    /// Whether the server of the current connection has `WAITAOF`; where not, it syncs before each answer.
    Aof(Arc<AtomicBool>),
}

impl Queue {
    /// The same queue, whose intents and generations count as stored only where `durability` says.
    #[must_use]
    pub fn durable(mut self, durability: Durability) -> Self {
        // What goes together goes the same way.
        self.together = Arc::default();
        let proof = match durability {
            Durability::None => {
                self.durable = None;
                return self;
            }
            Durability::Replica => Proof::Replica,
            Durability::Aof => Proof::Aof(Arc::default()),
        };
        let link = match &proof {
            Proof::Replica => self.link.dialled_by(Arc::clone),
            Proof::Aof(has_waitaof) => self.link.dialled_by(|dial| {
                Arc::new(AofDial {
                    dial: Arc::clone(dial),
                    has_waitaof: Arc::clone(has_waitaof),
                })
            }),
        };
        self.durable = Some(Arc::new(Durable {
            link,
            proof,
            patience: self.link.response_timeout() / 3,
            turn: Mutex::default(),
        }));
        self
    }

    /// Whether the server is set up for what [`Queue::durable`] was told.
    ///
    /// # Errors
    /// [`Error::Settings`] where it isn't, with what is missing.
    pub async fn check_durability(&self) -> Result<(), Error> {
        match &self.durable {
            None => Ok(()),
            Some(durable) => durable.link.run(async |_| Ok(())).await,
        }
    }

    /// Runs a script; where `wrote` says that its answer means a write, asks for the proof, too.
    ///
    /// # Errors
    /// [`Error::NotDurable`] where the script ran but nothing proves that its write is stored safely.
    pub(crate) async fn invoke_durably(
        &self,
        call: &ScriptInvocation<'_>,
        wrote: impl Fn(&Value) -> bool,
    ) -> Result<Value, Error> {
        let Some(durable) = &self.durable else {
            return self.invoke(call).await;
        };
        let _turn = durable.turn.lock().await;
        let (answer, missing) = durable
            .link
            .run(async |mut connection| {
                let answer: Value = call.invoke_async(&mut connection).await?;
                let missing = if wrote(&answer) {
                    durable.missing(&mut connection).await?
                } else {
                    None
                };
                Ok((answer, missing))
            })
            .await?;
        match missing {
            None => Ok(answer),
            Some(what) => Err(Error::NotDurable(format!("{what} within {:?}", durable.patience))),
        }
    }
}

impl Durable {
    /// What is missing for all writes before this to be stored safely.
    async fn missing(&self, connection: &mut MultiplexedConnection) -> RedisResult<Option<&'static str>> {
        let patience = ms(self.patience).max(1);
        let mut wait = redis::cmd(match &self.proof {
            Proof::Replica => "WAIT",
            Proof::Aof(has_waitaof) if has_waitaof.load(Ordering::Acquire) => "WAITAOF",
            Proof::Aof(_) => return Ok(None),
        });
        match &self.proof {
            Proof::Replica => {
                let replicas: u64 = wait.arg(1).arg(patience).query_async(connection).await?;
                Ok((replicas == 0).then_some("no replica had it"))
            }
            Proof::Aof(_) => {
                let (own, _): (u64, u64) = wait.arg(1).arg(0).arg(patience).query_async(connection).await?;
                Ok((own == 0).then_some("it was not in the append-only file"))
            }
        }
    }
}

/// Connects only to servers that can prove, or promise, that a write is on their disk.
struct AofDial {
    dial: Arc<dyn Dial>,
    has_waitaof: Arc<AtomicBool>,
}

impl Dial for AofDial {
    fn dial<'a>(&'a self, config: &'a AsyncConnectionConfig) -> Dialled<'a> {
        Box::pin(async move {
            let mut connection = self.dial.dial(config).await?;
            self.has_waitaof
                .store(syncs(&mut connection).await?, Ordering::Release);
            Ok(connection)
        })
    }
}

/// Whether the server has `WAITAOF`; an error where it neither has nor syncs before each answer.
async fn syncs(connection: &mut MultiplexedConnection) -> RedisResult<bool> {
    let mut pipe = redis::pipe();
    pipe.cmd("INFO").arg("server");
    pipe.cmd("INFO").arg("persistence");
    let (server, persistence): (String, String) = pipe.query_async(connection).await?;
    if field(&persistence, "loading") == Some("1") {
        // While it loads its append-only file, a server says that it has none.
        let loading = ErrorKind::Server(ServerErrorKind::BusyLoading);
        return Err((loading, "it is loading its data").into());
    }
    if field(&persistence, "aof_enabled") != Some("1") {
        return Err(unfit("\"aof\" needs a Redis with appendonly yes".to_owned()));
    }
    // Valkey names the version of Redis that it is compatible with here: each of its versions has WAITAOF.
    let version = field(&server, "redis_version").unwrap_or_default();
    if has_waitaof(version) {
        return Ok(true);
    }
    let mut get = redis::cmd("CONFIG");
    get.arg("GET").arg("*appendfsync*");
    let found: RedisResult<std::collections::HashMap<String, String>> = get.query_async(connection).await;
    let needs = format!("Redis {version} has no WAITAOF (7.2 has), so \"aof\" needs");
    match found {
        Ok(found) => {
            let is = |name: &str, value: &str| found.get(name).is_some_and(|it| it == value);
            if is("appendfsync", "always") && is("no-appendfsync-on-rewrite", "no") {
                return Ok(false);
            }
            Err(unfit(format!(
                "{needs} appendfsync always and no-appendfsync-on-rewrite no"
            )))
        }
        // A server that is away or busy at this moment may well be set up for it.
        Err(cause) => Err(match Error::of(&cause) {
            Error::Denied(_) | Error::Refused(_) => {
                unfit(format!("{needs} to read appendfsync by CONFIG GET: {cause}"))
            }
            _ => cause,
        }),
    }
}

fn unfit(why: String) -> RedisError {
    let text = format!("redis.durability: {why}");
    (
        ErrorKind::InvalidClientConfig,
        "the server is not set up for it",
        text,
    )
        .into()
}

fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .map(str::trim)
}

fn has_waitaof(version: &str) -> bool {
    let mut numbers = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (7, 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers() {
        let known = ["6.2.21", "7.0.15", "7.2.4", "7.10.0", "8.0.0", "", "x"].map(has_waitaof);
        assert_eq!(known, [false, false, true, true, true, false, false]);
        assert_eq!(
            field("# Server\r\nredis_version:7.0.15\r\n", "redis_version"),
            Some("7.0.15")
        );
    }
}
