//! Every command that is known, and one server that carries them out.

use super::args::Args;
use super::engine::Engine;
use super::reply::{Outcome, Reply};
use super::store::{Dump, Store};
use super::stream_groups::{self, Read};
use super::{generic, hashes, sets, stream_commands};

type Run = fn(&mut Store, &mut Args<'_>) -> Outcome;

/// What a command may do: read, write without growing memory, or write in a way that a full server refuses.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Effect {
    Reads,
    Writes,
    Grows,
}

use Effect::{Grows, Reads, Writes};

const COMMANDS: &[(&str, Effect, Run)] = &[
    ("CLIENT", Reads, generic::client),
    ("DEL", Writes, generic::del),
    ("EXISTS", Reads, generic::exists),
    ("GET", Reads, generic::get),
    ("HDEL", Writes, hashes::hdel),
    ("HGET", Reads, hashes::hget),
    ("HGETALL", Reads, hashes::hgetall),
    ("HINCRBY", Grows, hashes::hincrby),
    ("HINCRBYFLOAT", Grows, hashes::hincrbyfloat),
    ("HMGET", Reads, hashes::hmget),
    ("HSET", Grows, hashes::hset),
    ("HSETNX", Grows, hashes::hsetnx),
    ("PERSIST", Writes, generic::persist),
    ("PEXPIRE", Writes, generic::pexpire),
    ("PEXPIREAT", Writes, generic::pexpireat),
    ("PING", Reads, generic::ping),
    ("PTTL", Reads, generic::pttl),
    ("SET", Grows, generic::set),
    ("TIME", Reads, generic::time),
    ("TYPE", Reads, generic::kind),
    ("UNLINK", Writes, generic::del),
    ("XACK", Writes, stream_groups::xack),
    ("XADD", Grows, stream_commands::xadd),
    ("XAUTOCLAIM", Writes, stream_groups::xautoclaim),
    ("XDEL", Writes, stream_commands::xdel),
    ("XGROUP", Grows, stream_groups::xgroup),
    ("XINFO", Reads, stream_groups::xinfo),
    ("XLEN", Reads, stream_commands::xlen),
    ("XRANGE", Reads, stream_commands::xrange),
    ("XREVRANGE", Reads, stream_commands::xrevrange),
    ("ZADD", Grows, sets::zadd),
    ("ZCARD", Reads, sets::zcard),
    ("ZRANGE", Reads, sets::zrange),
    ("ZRANGEBYSCORE", Reads, sets::zrangebyscore),
    ("ZRANK", Reads, sets::zrank),
    ("ZREM", Writes, sets::zrem),
    ("ZREMRANGEBYSCORE", Writes, sets::zremrangebyscore),
    ("ZREVRANGE", Reads, sets::zrevrange),
    ("ZSCORE", Reads, sets::zscore),
];

const FULL: &str = "OOM command not allowed when used memory > 'maxmemory'.";

/// On whose behalf a script's commands run.
#[derive(Debug, Default)]
pub(crate) struct Caller {
    /// Whether the server is full.
    pub(crate) full: bool,
    /// Whether the script wrote already: then a full server lets the rest through.
    pub(crate) dirty: bool,
}

fn find(name: &[u8]) -> Result<&'static (&'static str, Effect, Run), Reply> {
    COMMANDS
        .iter()
        .find(|(known, ..)| name.eq_ignore_ascii_case(known.as_bytes()))
        .ok_or_else(|| {
            let name = String::from_utf8_lossy(name);
            Reply::Error(format!(
                "ERR unknown command '{name}': the stand-in doesn't know it"
            ))
        })
}

fn answer(store: &mut Store, command: &'static str, run: Run, args: &[Vec<u8>]) -> Reply {
    run(store, &mut Args::new(command, &args[1..])).unwrap_or_else(|error| error)
}

pub(crate) fn within_script(store: &mut Store, caller: &mut Caller, args: &[Vec<u8>]) -> Reply {
    let name = args.first().map_or(&b""[..], Vec::as_slice);
    match find(name) {
        Err(error) => error,
        Ok((_, Grows, _)) if caller.full && !caller.dirty => Reply::error(FULL),
        Ok((command, effect, run)) => {
            caller.dirty |= *effect != Reads;
            answer(store, command, *run, args)
        }
    }
}

/// What a command of a client comes to.
#[derive(Debug)]
pub enum Call {
    /// It is answered.
    Done(Reply),
    /// It waits for an entry of a stream, so many milliseconds (0: for ever): carry it out again by then.
    Wait(u64),
}

/// One server.
pub struct Redis {
    store: Store,
    engine: Engine,
    full: bool,
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redis")
            .field("full", &self.full)
            .finish_non_exhaustive()
    }
}

impl Redis {
    /// An empty server. `patches` are texts to replace in each script before it is compiled: the simulation's own
    /// tests break the protocol by them.
    ///
    /// # Panics
    /// Where Lua can't be set up.
    pub fn new(patches: &[(&str, &str)]) -> Self {
        let owned = |(from, to): &(&str, &str)| ((*from).to_owned(), (*to).to_owned());
        match Engine::new(patches.iter().map(owned).collect()) {
            Ok(engine) => Self {
                store: Store::default(),
                engine,
                full: false,
            },
            Err(error) => panic!("Lua can't be set up: {error}"),
        }
    }

    /// Sets the clock, in Unix microseconds.
    pub fn set_time(&mut self, now_us: u64) {
        self.store.now_us = now_us;
    }

    /// Whether there is no room for more.
    pub fn set_full(&mut self, full: bool) {
        self.full = full;
    }

    /// Carries out one command.
    pub fn execute(&mut self, args: &[Vec<u8>]) -> Call {
        let name = args.first().map_or(&b""[..], Vec::as_slice);
        let is = |word: &str| name.eq_ignore_ascii_case(word.as_bytes());
        if is("EVALSHA") {
            return Call::Done(self.engine.run(&mut self.store, self.full, &args[1..]));
        }
        if is("SCRIPT") {
            let loaded = match args.get(2) {
                Some(source) => self.engine.load(source).map(Reply::bulk),
                None => Err(Reply::syntax()),
            };
            return Call::Done(loaded.unwrap_or_else(|error| error));
        }
        if is("XREADGROUP") {
            let read = stream_groups::xreadgroup(&mut self.store, &mut Args::new("xreadgroup", &args[1..]));
            return match read {
                Ok(Read::Done(reply)) | Err(reply) => Call::Done(reply),
                Ok(Read::Wait(block)) => Call::Wait(block),
            };
        }
        Call::Done(match find(name) {
            Err(error) => error,
            Ok((_, Grows, _)) if self.full => Reply::error(FULL),
            Ok((command, _, run)) => answer(&mut self.store, command, *run, args),
        })
    }

    /// What it holds now: to be given to [`Redis::restart`].
    pub fn snapshot(&self) -> Snapshot {
        Snapshot(self.store.clone())
    }

    /// Starts anew: scripts are gone, and with a snapshot everything that was written since.
    pub fn restart(&mut self, lost: Option<Snapshot>) {
        self.engine.forget();
        if let Some(Snapshot(store)) = lost {
            let now_us = std::mem::replace(&mut self.store, store).now_us;
            self.store.now_us = now_us;
        }
    }

    /// The keys that expired since this was last asked.
    pub fn take_expired(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.store.expired)
    }

    /// Everything that it holds.
    pub fn dump(&mut self) -> Dump {
        self.store.dump()
    }
}

/// What a server held at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot(Store);
