//! Redis and the network to it: one server on virtual time, and connections on which things go wrong.

mod connection;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gammaq_queue::link::{Connecting, Stream};
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::dice::Dice;
use crate::redis::{Call, Redis, Reply, Snapshot};
use crate::world::{World, locked};

/// What Redis's clock shows when a run begins: far from now, so that a real server to which a run is shown expires
/// nothing by itself.
pub const EPOCH_MS: u64 = 4_000_000_000_000;
/// Bytes under way on a connection: more than any answer.
const BUFFER: usize = 1 << 20;
/// For how long a server that starts anew says that it loads its data.
const LOADING: Duration = Duration::from_millis(150);
const LOADING_ERROR: &str = "LOADING Redis is loading the dataset in memory";
/// More commands than any run needs: something spins.
const MOST_COMMANDS: u64 = 400_000;

/// A command that was carried out, for a real server to be held against.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Redis's time, Unix microseconds.
    pub at_us: u64,
    /// Whether Redis was full.
    pub full: bool,
    /// Keys that expired before it.
    pub expired: Vec<Vec<u8>>,
    /// The command.
    pub args: Vec<Vec<u8>>,
    /// Its answer; `None` for one that waited.
    pub reply: Option<Reply>,
}

struct Inner {
    redis: Redis,
    dice: Dice,
    up: bool,
    full: bool,
    loading_until: Option<Instant>,
    /// What the clock was set by, in milliseconds.
    offset_ms: i64,
    last: (u64, u64),
    connections: BTreeMap<u64, Vec<AbortHandle>>,
    made: u64,
    commands: u64,
    recording: Option<Vec<Recorded>>,
    /// For each worker: until when nothing gets through.
    partitions: BTreeMap<usize, Instant>,
}

/// The one server of a run.
#[derive(Clone)]
pub(crate) struct Server {
    world: Arc<World>,
    inner: Arc<Mutex<Inner>>,
    /// For reads that wait: told of each entry of a stream. Who waits first is told first, which a `watch` can't say.
    entries: Arc<Notify>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Server")
    }
}

impl Server {
    pub(crate) fn new(world: Arc<World>, redis: Redis, dice: Dice, record: bool) -> Self {
        let inner = Inner {
            redis,
            dice,
            up: true,
            full: false,
            loading_until: None,
            offset_ms: 0,
            last: (0, 0),
            connections: BTreeMap::new(),
            made: 0,
            commands: 0,
            recording: record.then(Vec::new),
            partitions: BTreeMap::new(),
        };
        Self {
            world,
            inner: Arc::new(Mutex::new(inner)),
            entries: Arc::default(),
        }
    }

    /// Redis's time, Unix milliseconds.
    pub(crate) fn now_ms(&self) -> u64 {
        let offset = locked(&self.inner).offset_ms;
        (EPOCH_MS + self.world.ms()).saturating_add_signed(offset)
    }

    /// Carries out a command, whoever sent it.
    pub(crate) fn execute(&self, who: fmt::Arguments<'_>, args: &[Vec<u8>]) -> Call {
        let inner = &mut *locked(&self.inner);
        if inner.loading_until.is_some_and(|until| Instant::now() < until) {
            return Call::Done(Reply::Error(LOADING_ERROR.to_owned()));
        }
        inner.commands += 1;
        if inner.commands == MOST_COMMANDS {
            self.world
                .wrong(format!("{MOST_COMMANDS} commands: something spins"));
        }
        let at_us = inner.tick(&self.world);
        inner.redis.set_time(at_us);
        let call = inner.redis.execute(args);
        let expired = inner.redis.take_expired();
        if let Some(recording) = &mut inner.recording {
            let reply = match &call {
                Call::Done(reply) => Some(reply.clone()),
                Call::Wait(_) => None,
            };
            recording.push(Recorded {
                at_us,
                full: inner.full,
                expired,
                args: args.to_vec(),
                reply,
            });
        }
        note(&self.world, who, args, &call);
        let appended = args
            .first()
            .is_some_and(|name| name.eq_ignore_ascii_case(b"XADD"));
        if appended {
            self.entries.notify_waiters();
        }
        call
    }

    /// Carries out a command of nobody: by the simulation itself, for a caller or for a look.
    pub(crate) fn direct(&self, who: fmt::Arguments<'_>, args: &[&str]) -> Reply {
        let args: Vec<Vec<u8>> = args.iter().map(|arg| arg.as_bytes().to_vec()).collect();
        match self.execute(who, &args) {
            Call::Done(reply) => reply,
            Call::Wait(_) => Reply::NilList,
        }
    }

    pub(crate) fn is_up(&self) -> bool {
        let inner = locked(&self.inner);
        inner.up && inner.loading_until.is_none_or(|until| Instant::now() >= until)
    }

    pub(crate) fn take_recording(&self) -> Vec<Recorded> {
        locked(&self.inner).recording.take().unwrap_or_default()
    }

    pub(crate) fn dump(&self) -> crate::redis::Dump {
        locked(&self.inner).redis.dump()
    }

    pub(crate) fn commands(&self) -> u64 {
        locked(&self.inner).commands
    }

    /// A new connection of `worker`, on its way.
    pub(crate) fn connect(&self, worker: usize) -> Connecting {
        let server = self.clone();
        Box::pin(async move {
            let calm = server.world.is_calm();
            let rate = if calm {
                0.0
            } else {
                server.world.plan.net.no_connection
            };
            let (hangs, delay) = {
                let inner = &mut *locked(&server.inner);
                let hangs = inner.dice.happens(rate);
                (hangs, inner.dice.ms(0, 2))
            };
            tokio::time::sleep(delay).await;
            if let Some(end) = server.partitioned(worker) {
                tokio::time::sleep_until(end).await;
            }
            if hangs {
                std::future::pending::<()>().await;
            }
            if !locked(&server.inner).up {
                return Err(std::io::Error::from(std::io::ErrorKind::ConnectionRefused));
            }
            let (client, end) = tokio::io::duplex(BUFFER);
            server.serve(worker, end);
            Ok(Box::new(client) as Box<dyn Stream>)
        })
    }

    fn partitioned(&self, worker: usize) -> Option<Instant> {
        let end = locked(&self.inner).partitions.get(&worker).copied();
        end.filter(|end| Instant::now() < *end)
    }

    /// Nothing gets through between the worker and the server until `until`.
    pub(crate) fn partition(&self, worker: usize, until: Instant) {
        locked(&self.inner).partitions.insert(worker, until);
    }

    pub(crate) fn set_full(&self, full: bool) {
        let inner = &mut *locked(&self.inner);
        inner.full = full;
        inner.redis.set_full(full);
    }

    pub(crate) fn set_clock(&self, by_ms: i64) {
        locked(&self.inner).offset_ms += by_ms;
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        locked(&self.inner).redis.snapshot()
    }

    /// The server is gone: what was under way to it is lost.
    pub(crate) fn go_down(&self) {
        let connections = {
            let inner = &mut *locked(&self.inner);
            inner.up = false;
            std::mem::take(&mut inner.connections)
        };
        connections.into_values().flatten().for_each(|task| task.abort());
    }

    /// It is back; without what was written since `lost`.
    pub(crate) fn come_up(&self, lost: Option<Snapshot>) {
        let inner = &mut *locked(&self.inner);
        inner.redis.restart(lost);
        // To a server that goes on, a start is this.
        let (at_us, full) = (inner.tick(&self.world), inner.full);
        if let Some(recording) = &mut inner.recording {
            recording.push(Recorded {
                at_us,
                full,
                expired: Vec::new(),
                args: vec![b"SCRIPT".to_vec(), b"FLUSH".to_vec()],
                reply: Some(Reply::Status("OK".to_owned())),
            });
        }
        inner.up = true;
        inner.loading_until = Some(Instant::now() + LOADING);
    }
}

impl Inner {
    /// The time of the next command, Unix microseconds: commands of one millisecond come one after the other.
    fn tick(&mut self, world: &World) -> u64 {
        let ms = (EPOCH_MS + world.ms()).saturating_add_signed(self.offset_ms);
        let within = if self.last.0 == ms {
            (self.last.1 + 1).min(999)
        } else {
            0
        };
        self.last = (ms, within);
        ms * 1000 + within
    }
}

/// A command with its answer: all of it into the fingerprint, and as a line with long texts cut.
fn note(world: &World, who: fmt::Arguments<'_>, args: &[Vec<u8>], call: &Call) {
    let mut bytes = Vec::new();
    if let Call::Done(reply) = call {
        crate::redis::encode(reply, &mut bytes);
    }
    let mut trace = locked(&world.trace);
    args.iter().for_each(|arg| trace.add_bytes(arg));
    trace.add_bytes(&bytes);
    trace.add_line(world.ms(), who, || {
        let told: String = args.iter().take(40).map(|arg| short(arg, 48) + " ").collect();
        format!("{told}=> {}", short(&bytes, 160))
    });
}

fn short(bytes: &[u8], most: usize) -> String {
    let text = String::from_utf8_lossy(bytes)
        .replace("\r\n", " ")
        .replace(['\r', '\n'], " ");
    if text.chars().count() <= most {
        return text;
    }
    text.chars().take(most).chain(['…']).collect()
}
