//! One job as `look_jobs.lua` sees it: record, result and places in one moment, so that no move of a healthy queue can
//! be mistaken for a contradiction.

use gammaq_job::State;
use redis::Value;

use crate::script::LOOK_JOBS;
use crate::{Error, Queue, value};

/// What the script is sent; see its header.
#[cfg(test)]
pub(crate) const LOOK_ARGV: &str = "events_cap ttl_ms pair...";

const PLACES: usize = 10;
const FIELDS: [&str; 23] = [
    "id",
    "v",
    "state",
    "account",
    "fence",
    "seq",
    "worker",
    "priority",
    "created_at",
    "run_at",
    "deadline",
    "intent_at",
    "submitted_at",
    "finished_at",
    "slot",
    "generation_id",
    "late_until",
    "attempts",
    "polls",
    "callback",
    "callback_id",
    "callback_state",
    "callback_status",
];

/// Where a job may stand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Place {
    Absent,
    At(f64),
    /// The index itself is broken: nothing follows from it.
    Unknown,
}

impl Place {
    pub(super) fn is_at(self) -> bool {
        matches!(self, Self::At(_))
    }

    pub(super) fn is_absent(self) -> bool {
        self == Self::Absent
    }
}

/// A job at one moment.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) id: String,
    /// The account of the line in which it was seen; empty where it was seen elsewhere.
    pub(super) asked: String,
    pub(super) now: u64,
    pub(super) kind: String,
    pub(super) ttl: i64,
    pub(super) request_bytes: u64,
    pub(super) result_kind: String,
    pub(super) result_ttl: i64,
    pub(super) result: String,
    pub(super) charged: bool,
    pub(super) window: u64,
    pub(super) due: Place,
    pub(super) ended: [(State, Place); 5],
    pub(super) callbacks: Place,
    pub(super) callback_failed: Place,
    pub(super) line: Place,
    pub(super) asked_line: Place,
    fields: Vec<String>,
}

impl Seen {
    /// A field's text; empty where it is missing.
    pub(super) fn get(&self, name: &str) -> &str {
        let at = FIELDS.iter().position(|field| *field == name);
        at.and_then(|at| self.fields.get(at)).map_or("", String::as_str)
    }

    /// Where callbacks stand that are to be made, and those that were given up.
    pub(super) fn callback_lists(&self) -> [(&'static str, Place); 2] {
        [
            ("callbacks", self.callbacks),
            ("callback_failed", self.callback_failed),
        ]
    }

    /// `None` where a field holds something that is no whole number.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.get(name).parse().ok()
    }

    /// Whether a field is there and is no whole number.
    pub(super) fn is_garbled(&self, name: &str) -> bool {
        !self.get(name).is_empty() && self.number(name).is_none()
    }
}

impl Queue {
    /// Looks at these jobs; a pair is an id and the account of the line in which it was seen.
    pub(super) async fn look_at(&self, pairs: &[(String, String)]) -> Result<Vec<Seen>, Error> {
        if pairs.is_empty() {
            return Ok(Vec::new());
        }
        let mut call = self.call(&LOOK_JOBS);
        for (id, line) in pairs {
            call.arg(id).arg(line);
        }
        let answer = value::list(self.invoke(&call).await?)?;
        let [now, jobs] = <[Value; 2]>::try_from(answer)
            .map_err(|_| Error::Refused("look_jobs answered too little".to_owned()))?;
        let now = value::number(&now);
        let jobs = value::list(jobs)?;
        pairs
            .iter()
            .zip(jobs)
            .map(|((id, line), job)| seen(id, line, now, job))
            .collect()
    }
}

fn seen(id: &str, asked: &str, now: u64, job: Value) -> Result<Seen, Error> {
    let mut parts = value::texts(job)?.into_iter();
    let mut next = || parts.next().unwrap_or_default();
    let signed = |text: String| text.parse::<i64>().unwrap_or(-2);
    let kind = next();
    let ttl = signed(next());
    let request_bytes = next().parse().unwrap_or(0);
    let result_kind = next();
    let result_ttl = signed(next());
    let result = next();
    let charged = next() == "1";
    let window = next().parse::<f64>().unwrap_or(3_600_000.0) as u64;
    let places: Vec<Place> = (0..PLACES).map(|_| place(&next())).collect();
    let fields: Vec<String> = FIELDS.iter().map(|_| next()).collect();
    let [due, a, b, c, d, e, callbacks, callback_failed, line, asked_line] =
        <[Place; PLACES]>::try_from(places)
            .map_err(|_| Error::Refused("look_jobs answered a job without its places".to_owned()))?;
    let [i, j, k, l, m] = State::INDEXED;
    Ok(Seen {
        id: id.to_owned(),
        asked: asked.to_owned(),
        now,
        kind,
        ttl,
        request_bytes,
        result_kind,
        result_ttl,
        result,
        charged,
        window,
        due,
        ended: [(i, a), (j, b), (k, c), (l, d), (m, e)],
        callbacks,
        callback_failed,
        line,
        asked_line,
        fields,
    })
}

fn place(text: &str) -> Place {
    match text {
        "" => Place::Absent,
        "?" => Place::Unknown,
        score => score.parse().map_or(Place::Unknown, Place::At),
    }
}
