//! From an inbox entry, as raw bytes, to a job: a good one, or a failed one that says what is wrong.

use crate::json::cut;
use crate::request::{MAX_BYTES, fingerprint_of_bytes, too_long};
use crate::trace::{is_traceparent, is_tracestate};
use crate::{AccountName, ErrorKind, ExportFormat, JobError, JobId, Kind, Request};

/// The longest `meta`, in bytes.
pub const MAX_META: usize = 4 * 1024;
/// The longest `timeout`, in seconds: a week.
pub const MAX_TIMEOUT_S: u64 = 7 * 24 * 3600;
/// The latest `run_at`, in Unix milliseconds: 13 digits, the year 2286.
pub const MAX_RUN_AT: u64 = 9_999_999_999_999;
/// The most of a bad value that an error shows, in characters.
const SHOWN: usize = 60;
/// The longest error message, in characters.
const MAX_MESSAGE: usize = 1_000;

/// An inbox entry as Redis holds it.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// The stream's id of the entry.
    pub entry_id: &'a str,
    /// Its fields in order, not yet known to be text.
    pub fields: &'a [(&'a [u8], &'a [u8])],
}

/// A job that intake may write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// The caller's id, or the entry's.
    pub id: JobId,
    /// Whose key and budget.
    pub account: AccountName,
    /// Which endpoint.
    pub kind: Kind,
    /// Formats wanted as files, the first of them goes with the POST.
    pub exports: Vec<ExportFormat>,
    /// 0 first to 9 last.
    pub priority: u8,
    /// Not before this time, Unix milliseconds.
    pub run_at: Option<u64>,
    /// Seconds from submit to the deadline.
    pub timeout_s: Option<u64>,
    /// URL to call at the end.
    pub callback: Option<String>,
    /// The caller's own words, given back with the result.
    pub meta: Option<String>,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// What goes with it of systems that trace; only beside a `traceparent`.
    pub tracestate: Option<String>,
    /// Tells another wish under the same id apart.
    pub fingerprint: String,
    /// What was odd but harmless.
    pub warnings: Vec<String>,
}

/// What intake writes for an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    /// A job to queue.
    Accepted(NewJob),
    /// A job that failed at once.
    Rejected {
        /// What could be read of it, with defaults for the rest.
        job: NewJob,
        /// What is wrong: every problem, by field.
        error: JobError,
        /// Whether the request is small enough to be kept with the record.
        keep_request: bool,
    },
}

impl Judged {
    /// The job, good or bad.
    pub fn job(&self) -> &NewJob {
        match self {
            Self::Accepted(job) | Self::Rejected { job, .. } => job,
        }
    }

    /// The same, to be changed.
    pub fn job_mut(&mut self) -> &mut NewJob {
        match self {
            Self::Accepted(job) | Self::Rejected { job, .. } => job,
        }
    }
}

const FIELDS: [&str; 12] = [
    "request",
    "id",
    "account",
    "kind",
    "exports",
    "priority",
    "run_at",
    "timeout",
    "callback",
    "meta",
    TRACEPARENT,
    TRACESTATE,
];
const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

/// Judges an entry. Never fails: what can't be used becomes a job that says why.
pub fn judge(entry: &Entry<'_>) -> Judged {
    let (mut judged, request) = read(entry);
    let job = judged.job_mut();
    job.fingerprint = match &request {
        Some(request) => request.fingerprint(&job.account, job.kind),
        None => fingerprint_of_bytes(entry.first("request").unwrap_or_default()),
    };
    judged
}

/// Judges an entry for its caller, without the fingerprint, which costs a good part of it all and which intake alone needs: it is
/// empty.
pub fn check(entry: &Entry<'_>) -> Judged {
    read(entry).0
}

fn read(entry: &Entry<'_>) -> (Judged, Option<Request>) {
    let mut reader = Reader {
        entry: *entry,
        problems: Vec::new(),
        warnings: Vec::new(),
    };
    reader.look_for_odd_fields();
    let id = reader.id(entry.entry_id);
    let account = reader.parsed("account", "1 to 64 of A-Z a-z 0-9 . _ -", |t| {
        AccountName::new(t).ok()
    });
    let kind = reader
        .parsed("kind", "generation, template or agent", |t| t.parse().ok())
        .unwrap_or_default();
    let exports = reader.exports();
    let priority = reader.parsed("priority", "a whole number from 0 to 9", |t| {
        whole(t).filter(|n| *n <= 9)
    });
    let run_at = reader.parsed("run_at", "a time in Unix milliseconds", |t| {
        whole(t).filter(|n| *n <= MAX_RUN_AT)
    });
    let timeout_s = reader.parsed("timeout", "whole seconds from 1 to 604800", |t| {
        whole(t).filter(|n| (1..=MAX_TIMEOUT_S).contains(n))
    });
    let callback = reader.parsed("callback", "an https URL of at most 2048 bytes", |t| {
        (t.starts_with("https://")
            && t.len() <= 2048
            && !t.contains(|c: char| c.is_whitespace() || c.is_control()))
        .then(|| t.to_owned())
    });
    let meta = reader.meta();
    let traceparent = reader.trace(TRACEPARENT, is_traceparent);
    let mut tracestate = reader.trace(TRACESTATE, is_tracestate);
    if traceparent.is_none() && tracestate.take().is_some() {
        reader
            .warnings
            .push("tracestate: means nothing without a traceparent; left out".to_owned());
    }
    let request = reader.request(kind, &exports);

    let account = account.unwrap_or_default();
    let mut job = NewJob {
        id,
        fingerprint: String::new(),
        exports: request
            .as_ref()
            .map_or(exports, |request| request.wanted().to_vec()),
        account,
        kind,
        priority: priority.and_then(|p| u8::try_from(p).ok()).unwrap_or(5),
        run_at,
        timeout_s,
        callback,
        meta,
        traceparent,
        tracestate,
        warnings: Vec::new(),
    };
    job.warnings = reader.warnings;
    if reader.problems.is_empty() {
        return (Judged::Accepted(job), request);
    }
    let message = cut(&reader.problems.join("; "), MAX_MESSAGE);
    let length = entry.first("request").map_or(0, <[u8]>::len);
    let rejected = Judged::Rejected {
        job,
        error: JobError::new(ErrorKind::InvalidRequest, message),
        keep_request: length <= MAX_BYTES,
    };
    (rejected, request)
}

impl<'a> Entry<'a> {
    fn first(&self, name: &str) -> Option<&'a [u8]> {
        self.fields
            .iter()
            .find(|(n, _)| *n == name.as_bytes())
            .map(|(_, value)| *value)
    }
}

struct Reader<'a> {
    entry: Entry<'a>,
    problems: Vec<String>,
    warnings: Vec<String>,
}

impl<'a> Reader<'a> {
    fn first(&self, name: &str) -> Option<&'a [u8]> {
        self.entry.first(name)
    }

    fn count(&self, name: &str) -> usize {
        let named = |(n, _): &&(&[u8], &[u8])| *n == name.as_bytes();
        self.entry.fields.iter().filter(named).count()
    }

    fn look_for_odd_fields(&mut self) {
        for name in FIELDS {
            if self.count(name) > 1 && ![TRACEPARENT, TRACESTATE].contains(&name) {
                self.problems.push(format!(
                    "{name}: stands {} times; once is allowed",
                    self.count(name)
                ));
            }
        }
        for (name, _) in self
            .entry
            .fields
            .iter()
            .filter(|(n, _)| !FIELDS.iter().any(|known| *n == known.as_bytes()))
            .take(8)
        {
            self.warnings.push(format!(
                "{}: not a field of an entry; ignored",
                cut(&String::from_utf8_lossy(name), 40)
            ));
        }
    }

    /// The field's text; a problem where it is empty or not UTF-8.
    fn text(&mut self, name: &str) -> Option<&'a str> {
        let bytes = self.first(name)?;
        if bytes.is_empty() {
            self.problems
                .push(format!("{name}: empty; leave it out or give it a value"));
            return None;
        }
        let text = std::str::from_utf8(bytes);
        if let Err(error) = text {
            self.problems
                .push(format!("{name}: not UTF-8 at byte {}", error.valid_up_to()));
        }
        text.ok()
    }

    fn parsed<T>(&mut self, name: &str, allowed: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let text = self.text(name)?;
        let value = parse(text);
        if value.is_none() {
            self.problems.push(format!(
                "{name}: \"{}\" is not allowed; {allowed} is",
                cut(text, SHOWN)
            ));
        }
        value
    }

    fn id(&mut self, entry_id: &str) -> JobId {
        let own = self.parsed("id", "1 to 64 of A-Z a-z 0-9 . _ -", |t| JobId::new(t).ok());
        let own = own.filter(|_| self.count("id") == 1);
        // A stream's id is digits and a dash, so it is always a name.
        own.or_else(|| JobId::new(entry_id).ok())
            .unwrap_or_else(JobId::unnamed)
    }

    fn exports(&mut self) -> Vec<ExportFormat> {
        self.parsed("exports", "a comma-separated list of pdf, pptx and png", |text| {
            text.split(',')
                .map(|word| word.trim().parse().ok())
                .collect::<Option<Vec<ExportFormat>>>()
        })
        .unwrap_or_default()
    }

    fn meta(&mut self) -> Option<String> {
        let text = self.text("meta")?;
        if text.len() > MAX_META {
            self.problems.push(format!(
                "meta: {} bytes; allowed are at most {MAX_META}",
                text.len()
            ));
            return None;
        }
        Some(text.to_owned())
    }

    /// The W3C rule: a trace context that can't be read is left out and harms nothing. One that stands there twice is
    /// one that can't be read.
    fn trace(&mut self, name: &str, is_good: fn(&str) -> bool) -> Option<String> {
        let text = std::str::from_utf8(self.first(name)?).unwrap_or_default();
        if self.count(name) > 1 || !is_good(text) {
            self.warnings
                .push(format!("{name}: not a W3C trace context; left out"));
            return None;
        }
        Some(text.to_owned())
    }

    fn request(&mut self, kind: Kind, exports: &[ExportFormat]) -> Option<Request> {
        let Some(bytes) = self.first("request") else {
            self.problems
                .push("request: missing; the JSON body for Gamma is required".to_owned());
            return None;
        };
        if bytes.len() > MAX_BYTES {
            self.problems.push(too_long(bytes.len()));
            return None;
        }
        let text = self.text("request")?;
        Request::parse(text, kind, exports)
            .map_err(|problems| self.problems.extend(problems))
            .ok()
    }
}

/// Digits and nothing else: no sign, no space, no exponent.
fn whole(text: &str) -> Option<u64> {
    text.bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}

#[cfg(test)]
#[path = "entry_tests.rs"]
mod tests;
