//! A queue in a cluster: a connection to the one node that owns the queue's slot.
//!
//! Invariant: no script runs while only a part of the queue is there. Scripts touch keys that they don't declare, and
//! Lua takes nothing back, so a script that met half a queue would make records a second time, forget what was charged
//! to a budget, or stop half-way. It holds since
//!
//! - every script declares one key, the queue's base, and no key of that name ever exists (looked at here). While the
//!   slot is being moved, the node that has it answers `ASK` to a command whose key it doesn't have, before it runs
//!   anything; the node that gets it answers `MOVED` to whoever didn't say `ASKING`. This client never says that: it
//!   takes `ASK` for "not now", and tries again until the slot is where it belongs;
//! - commands on single keys run on the node that has the key, or get `ASK` too: nothing is read as missing that is
//!   only elsewhere, and nothing is made anew beside what was moved;
//! - a node that takes over from a failed one doesn't know that a slot was being moved, and would run scripts on what
//!   is left there. So a connection is used only when no node of the cluster says that the slot is open. A node that
//!   isn't known to be dead and can't be asked leaves the question open, and the connection unused.
//!
//! Nothing is sent twice on a redirection: the connection is given up, and the next one finds the owner.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Cmd, ErrorKind, FromRedisValue, RedisError, RedisResult, ServerErrorKind, Value,
};
use tokio::task::JoinSet;

use super::access::{Access, host_and_port};
use super::{Dial, Dialled};
use crate::value;

/// The most redirections that are followed for one connection.
const HOPS: usize = 4;
/// The most nodes that are remembered.
const KNOWN: usize = 32;

/// The nodes of a cluster, as far as they are known, and the queue that is looked for.
pub(super) struct Cluster {
    seeds: Vec<Access>,
    base: String,
    /// For one answer while the owner is looked for.
    patience: Duration,
    known: Mutex<Vec<(String, u16)>>,
}

/// Who owns the queue's slot, as one node told it.
struct Owner {
    access: Access,
    slot: u64,
    nodes: Vec<(String, u16)>,
}

impl Dial for Cluster {
    fn dial<'a>(&'a self, config: &'a AsyncConnectionConfig) -> Dialled<'a> {
        Box::pin(self.connect(config))
    }
}

impl Cluster {
    /// The cluster that `seeds` are some nodes of; `base` is what every key of the queue begins with.
    pub(super) fn new(seeds: Vec<Access>, base: &str, patience: Duration) -> Self {
        Self {
            seeds,
            base: base.to_owned(),
            patience,
            known: Mutex::default(),
        }
    }

    async fn connect(&self, config: &AsyncConnectionConfig) -> RedisResult<MultiplexedConnection> {
        let mut owner = self.owner().await?;
        for _ in 0..HOPS {
            let mut connection = owner
                .access
                .client()?
                .get_multiplexed_async_connection_with_config(config)
                .await?;
            match self.check(&mut connection, &owner).await {
                Ok(()) => return Ok(connection),
                Err(cause) => owner.access = moved_to(&cause, &owner.access).ok_or(cause)?,
            }
        }
        Err(not_now(
            "the cluster's nodes don't agree yet on who has the queue's slot",
        ))
    }

    /// Asks all known nodes at once, and takes the first answer.
    async fn owner(&self) -> RedisResult<Owner> {
        let mut asked = JoinSet::new();
        for node in self.candidates() {
            let (base, patience) = (self.base.clone(), self.patience);
            asked.spawn(async move { ask_for_owner(node, &base, patience).await });
        }
        let mut last = not_now("no node of the cluster is known");
        while let Some(answer) = asked.join_next().await {
            match answer {
                Ok(Ok(owner)) => {
                    *self.known.lock().unwrap_or_else(PoisonError::into_inner) = owner.nodes.clone();
                    return Ok(owner);
                }
                Ok(Err(error)) => last = error,
                // It panicked: as good as no answer.
                Err(_) => {}
            }
        }
        Err(last)
    }

    fn candidates(&self) -> Vec<Access> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut nodes = self.seeds.clone();
        for (host, port) in known {
            let there = nodes
                .iter()
                .any(|node| node.place() == Some((host.as_str(), port)));
            nodes.extend(
                self.seeds
                    .first()
                    .filter(|_| !there)
                    .map(|seed| seed.at(&host, port)),
            );
        }
        nodes
    }

    /// Whether this is the owner, with the whole queue.
    async fn check(&self, connection: &mut MultiplexedConnection, owner: &Owner) -> RedisResult<()> {
        let mut exists = redis::cmd("EXISTS");
        exists.arg(&self.base);
        let exists = match within(self.patience, exists.query_async::<bool>(connection)).await {
            // Who may not look at the base, as a producer may not, can't run a script that names it either.
            Err(cause) if cause.kind() == ErrorKind::Server(ServerErrorKind::NoPerm) => false,
            answer => answer?,
        };
        if exists {
            let text = format!(
                "redis.queue: a key of the name {:?} exists, and none may",
                self.base
            );
            return Err((ErrorKind::InvalidClientConfig, "the queue can't be used", text).into());
        }
        let nodes: String = within(self.patience, cluster(&["NODES"]).query_async(connection)).await?;
        if nodes.lines().any(|line| has_open(line, owner.slot)) {
            return Err(not_now("the queue's slot is being moved"));
        }
        let mut asked = JoinSet::new();
        for (host, port) in nodes.lines().filter_map(other_master) {
            let host = if host.is_empty() {
                owner.access.place().map_or(host, |it| it.0.to_owned())
            } else {
                host
            };
            let (node, patience, slot) = (owner.access.at(&host, port), self.patience, owner.slot);
            asked.spawn(async move {
                let nodes: RedisResult<String> = ask(&node, &cluster(&["NODES"]), patience).await;
                nodes.map(|nodes| nodes.lines().any(|line| has_open(line, slot)))
            });
        }
        while let Some(answer) = asked.join_next().await {
            match answer {
                Ok(Ok(false)) => {}
                Ok(Ok(true)) => return Err(not_now("the queue's slot is being moved")),
                _ => return Err(not_now("a node that can't be asked may have a part of the queue")),
            }
        }
        Ok(())
    }
}

/// The answer of one command on a connection for it alone.
async fn ask<T: FromRedisValue>(node: &Access, command: &Cmd, patience: Duration) -> RedisResult<T> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(patience))
        .set_response_timeout(Some(patience));
    let mut connection = node
        .client()?
        .get_multiplexed_async_connection_with_config(&config)
        .await?;
    command.query_async(&mut connection).await
}

async fn ask_for_owner(node: Access, base: &str, patience: Duration) -> RedisResult<Owner> {
    // The server knows how keys fall into slots.
    let slot: u64 = ask(&node, &cluster(&["KEYSLOT", base]), patience).await?;
    let slots: Vec<Value> = ask(&node, &cluster(&["SLOTS"]), patience).await?;
    let asked = node.place().map(|(host, _)| host.to_owned()).unwrap_or_default();
    let (mut owner, mut nodes) = (None, Vec::new());
    for range in slots {
        // From, to, the master, its replicas.
        let parts = value::list(range).unwrap_or_default();
        let [from, to, servers @ ..] = parts.as_slice() else {
            continue;
        };
        for (n, server) in servers.iter().enumerate() {
            let server = value::list(server.clone()).unwrap_or_default();
            let [host, port, ..] = server.as_slice() else {
                continue;
            };
            // No name means the one that was used to ask.
            let host = Some(value::text(host))
                .filter(|host| !host.is_empty())
                .unwrap_or_else(|| asked.clone());
            let Ok(port) = u16::try_from(value::number(port)) else {
                continue;
            };
            if n == 0 && (value::number(from)..=value::number(to)).contains(&slot) {
                owner = Some(node.at(&host, port));
            }
            if nodes.len() < KNOWN {
                nodes.push((host, port));
            }
        }
    }
    match owner {
        Some(access) => Ok(Owner { access, slot, nodes }),
        None => Err(not_now("no node of the cluster has the queue's slot")),
    }
}

fn cluster(words: &[&str]) -> Cmd {
    let mut command = redis::cmd("CLUSTER");
    command.arg(words);
    command
}

async fn within<T>(patience: Duration, answer: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    match tokio::time::timeout(patience, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
    }
}

/// Where a `MOVED` leads; an `ASK` leads nowhere.
fn moved_to(cause: &RedisError, from: &Access) -> Option<Access> {
    if cause.kind() != ErrorKind::Server(ServerErrorKind::Moved) {
        return None;
    }
    let (host, port) = host_and_port(cause.redirect_node()?.0)?;
    let host = if host.is_empty() {
        from.place()?.0.to_owned()
    } else {
        host
    };
    Some(from.at(&host, port))
}

/// What passes by itself.
fn not_now(why: &'static str) -> RedisError {
    (ErrorKind::Server(ServerErrorKind::TryAgain), why).into()
}

/// Whether a line of `CLUSTER NODES` is the asked node's own and says that it gives or gets the slot: `[93->-id]`,
/// `[93-<-id]`. Only a node's own line has these.
fn has_open(line: &str, slot: u64) -> bool {
    let open = format!("[{slot}-");
    line.split(' ').any(|word| word.starts_with(&open))
}

/// Host and port of another master that isn't known to be dead: `id host:port@bus,name flags …`.
fn other_master(line: &str) -> Option<(String, u16)> {
    let mut words = line.split(' ').skip(1);
    let (address, flags) = (words.next()?, words.next()?);
    let flags: Vec<&str> = flags.split(',').collect();
    let has = |flag| flags.contains(&flag);
    if !has("master") || has("myself") || has("fail") || has("noaddr") || has("handshake") {
        return None;
    }
    host_and_port(address.split('@').next()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODES: &str = "\
a1 127.0.0.1:7001@17001 myself,master - 0 0 1 connected 0-100 [93->-b2] [77-<-c3]
b2 127.0.0.1:7002@17002,name master - 0 0 2 connected 101-200
c3 2001:db8::1:7003@17003 master,fail? - 0 0 3 connected
d4 127.0.0.1:7004@17004 master,fail - 0 0 4 disconnected
e5 127.0.0.1:7005@17005 slave a1 0 0 1 connected
f6 :0@0 master,noaddr - 0 0 6 disconnected";

    #[test]
    fn an_open_slot_is_seen_from_both_sides() {
        let open = |slot| NODES.lines().any(|line| has_open(line, slot));
        assert!(open(93) && open(77));
        assert!(!open(9) && !open(3) && !open(0) && !open(933));
    }

    #[test]
    fn every_master_that_may_live_is_asked() {
        let others: Vec<_> = NODES.lines().filter_map(other_master).collect();
        let expected = [("127.0.0.1", 7002), ("2001:db8::1", 7003)];
        assert_eq!(others, expected.map(|(host, port)| (host.to_owned(), port)));
    }
}
