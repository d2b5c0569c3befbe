//! A stream and its consumer groups.

use std::collections::BTreeMap;
use std::fmt;

use super::reply::Reply;

/// The id of an entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id(pub(crate) u64, pub(crate) u64);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0, self.1)
    }
}

impl Id {
    pub(crate) const MAX: Self = Self(u64::MAX, u64::MAX);

    /// An end of a range: `-`, `+`, `5` or `5-1`; `seq` stands where none is written.
    pub(crate) fn end(bytes: &[u8], seq: u64) -> Result<Self, Reply> {
        match bytes {
            b"-" => Ok(Self::default()),
            b"+" => Ok(Self::MAX),
            _ => Self::parse(bytes, seq),
        }
    }

    /// `5` or `5-1`; `seq` stands where none is written.
    pub(crate) fn parse(bytes: &[u8], seq: u64) -> Result<Self, Reply> {
        let text = String::from_utf8_lossy(bytes);
        let wrong = || Reply::error("ERR Invalid stream ID specified as stream command argument");
        let (ms, seq) = match text.split_once('-') {
            Some((ms, seq)) => (ms, seq.parse().map_err(|_| wrong())?),
            None => (text.as_ref(), seq),
        };
        Ok(Self(ms.parse().map_err(|_| wrong())?, seq))
    }

    pub(crate) fn next(self) -> Self {
        match self.1.checked_add(1) {
            Some(seq) => Self(self.0, seq),
            None => Self(self.0.saturating_add(1), 0),
        }
    }

    pub(crate) fn reply(self) -> Reply {
        Reply::bulk(self.to_string())
    }
}

/// An entry that a consumer was given and did not acknowledge.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    pub(crate) consumer: Vec<u8>,
    pub(crate) delivered_at: u64,
    pub(crate) deliveries: u64,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Group {
    pub(crate) last: Id,
    pub(crate) pending: BTreeMap<Id, Pending>,
    /// Consumer → when it was last heard of.
    pub(crate) consumers: BTreeMap<Vec<u8>, u64>,
}

/// Names and values in turns.
pub(crate) type Fields = Vec<Vec<u8>>;

/// A stream. It is trimmed by nobody: `MAXLEN ~` promises nothing below its cap, and no run reaches that.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stream {
    pub(crate) entries: BTreeMap<Id, Fields>,
    pub(crate) last: Id,
    pub(crate) groups: BTreeMap<Vec<u8>, Group>,
}

/// An entry as a reply.
pub(crate) fn entry(id: Id, fields: &[Vec<u8>]) -> Reply {
    let fields = fields.iter().cloned().map(Reply::Bulk).collect();
    Reply::List(vec![id.reply(), Reply::List(fields)])
}

impl Stream {
    /// The id that `*` stands for at `now`.
    pub(crate) fn next_id(&self, now: u64) -> Id {
        if now > self.last.0 {
            Id(now, 0)
        } else {
            self.last.next()
        }
    }

    pub(crate) fn dump(&self) -> String {
        let mut out = format!("last {}\n", self.last);
        let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
        for (id, fields) in &self.entries {
            out += &format!("{id} {:?}\n", fields.iter().map(text).collect::<Vec<_>>());
        }
        for (name, group) in &self.groups {
            out += &format!("group {} {}\n", text(name), group.last);
            for (id, pending) in &group.pending {
                let consumer = text(&pending.consumer);
                out += &format!("pending {id} {consumer} {}\n", pending.deliveries);
            }
        }
        out
    }
}
