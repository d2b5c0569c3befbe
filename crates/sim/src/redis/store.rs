//! The keys and what they hold, on a clock that is set from outside.

use std::collections::BTreeMap;

use super::number;
use super::reply::Reply;
use super::streams::Stream;
use super::zset::Zset;

pub(crate) type Hash = BTreeMap<Vec<u8>, Vec<u8>>;

/// What a key holds.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Text(Vec<u8>),
    Hash(Hash),
    Zset(Zset),
    Stream(Stream),
}

#[derive(Debug, Clone)]
struct Entry {
    value: Value,
    expires_at: Option<u64>,
}

/// All keys. A clone is a snapshot.
#[derive(Debug, Clone, Default)]
pub(crate) struct Store {
    entries: BTreeMap<Vec<u8>, Entry>,
    /// Unix microseconds; stands still while a command runs.
    pub(crate) now_us: u64,
    /// Keys that expired since somebody last asked, for a replay.
    pub(crate) expired: Vec<Vec<u8>>,
}

/// A type that a key may have.
pub(crate) trait Typed: Sized + Default {
    fn of(value: &Value) -> Option<&Self>;
    fn of_mut(value: &mut Value) -> Option<&mut Self>;
    fn wrap(self) -> Value;
    fn is_empty(&self) -> bool;
}

macro_rules! typed {
    ($type:ty, $variant:ident, $empty:expr) => {
        impl Typed for $type {
            fn of(value: &Value) -> Option<&Self> {
                match value {
                    Value::$variant(it) => Some(it),
                    _ => None,
                }
            }
            fn of_mut(value: &mut Value) -> Option<&mut Self> {
                match value {
                    Value::$variant(it) => Some(it),
                    _ => None,
                }
            }
            fn wrap(self) -> Value {
                Value::$variant(self)
            }
            fn is_empty(&self) -> bool {
                let empty: fn(&Self) -> bool = $empty;
                empty(self)
            }
        }
    };
}

typed!(Vec<u8>, Text, |_| false);
typed!(Hash, Hash, |hash| hash.is_empty());
typed!(Zset, Zset, |zset| zset.len() == 0);
// An empty stream keeps its last id and its groups.
typed!(Stream, Stream, |_| false);

impl Store {
    pub(crate) fn now_ms(&self) -> u64 {
        self.now_us / 1000
    }

    /// Takes the key away if its time has come.
    fn expire(&mut self, key: &[u8]) {
        let now = self.now_ms();
        let over = self
            .entries
            .get(key)
            .is_some_and(|entry| entry.expires_at.is_some_and(|at| at <= now));
        if over {
            self.entries.remove(key);
            self.expired.push(key.to_vec());
        }
    }

    pub(crate) fn value(&mut self, key: &[u8]) -> Option<&Value> {
        self.expire(key);
        self.entries.get(key).map(|entry| &entry.value)
    }

    pub(crate) fn get<T: Typed>(&mut self, key: &[u8]) -> Result<Option<&T>, Reply> {
        self.value(key)
            .map(|value| T::of(value).ok_or_else(Reply::wrong_type))
            .transpose()
    }

    /// Changes what is there; a key that is left empty goes.
    pub(crate) fn change<T: Typed, R>(
        &mut self,
        key: &[u8],
        change: impl FnOnce(&mut T) -> R,
    ) -> Result<Option<R>, Reply> {
        self.expire(key);
        let Some(entry) = self.entries.get_mut(key) else {
            return Ok(None);
        };
        let typed = T::of_mut(&mut entry.value).ok_or_else(Reply::wrong_type)?;
        let answer = change(typed);
        if typed.is_empty() {
            self.entries.remove(key);
        }
        Ok(Some(answer))
    }

    /// Changes what is there, or makes it.
    pub(crate) fn make<T: Typed, R>(
        &mut self,
        key: &[u8],
        change: impl FnOnce(&mut T) -> R,
    ) -> Result<R, Reply> {
        if self.value(key).is_none() {
            self.put(key, T::default().wrap(), None);
        }
        self.change(key, change)?.ok_or_else(Reply::wrong_type)
    }

    pub(crate) fn put(&mut self, key: &[u8], value: Value, expires_at: Option<u64>) {
        self.entries.insert(key.to_vec(), Entry { value, expires_at });
    }

    pub(crate) fn remove(&mut self, key: &[u8]) -> bool {
        self.expire(key);
        self.entries.remove(key).is_some()
    }

    /// `None` where there is no such key, `Some(None)` where it stays.
    pub(crate) fn expiry(&mut self, key: &[u8]) -> Option<Option<u64>> {
        self.expire(key);
        self.entries.get(key).map(|entry| entry.expires_at)
    }

    pub(crate) fn set_expiry(&mut self, key: &[u8], at: Option<u64>) -> bool {
        self.expire(key);
        let Some(entry) = self.entries.get_mut(key) else {
            return false;
        };
        entry.expires_at = at;
        self.expire(key);
        true
    }

    /// Every key with what it holds, as text that can be compared.
    pub(crate) fn dump(&mut self) -> Dump {
        let keys: Vec<Vec<u8>> = self.entries.keys().cloned().collect();
        keys.iter().for_each(|key| self.expire(key));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let of = |entry: &Entry| match &entry.value {
            Value::Text(bytes) => text(bytes),
            Value::Hash(hash) => hash
                .iter()
                .map(|(name, value)| format!("{}={}\n", text(name), text(value)))
                .collect(),
            Value::Zset(zset) => zset
                .iter()
                .map(|(member, score)| format!("{} {}\n", text(member), number::score(score)))
                .collect(),
            Value::Stream(stream) => stream.dump(),
        };
        self.entries
            .iter()
            .map(|(key, entry)| (text(key), (of(entry), entry.expires_at)))
            .collect()
    }
}

/// What each key holds, and when it expires (Unix milliseconds).
pub type Dump = BTreeMap<String, (String, Option<u64>)>;
