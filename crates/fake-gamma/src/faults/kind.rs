//! What can go wrong with a request.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::rule::{Operation, SpecError};

/// One way for a request to go wrong. Written and read as in the table of [`FromStr`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Read, then the connection is reset; nothing was accepted.
    LostBefore,
    /// Accepted and charged, then the connection is reset.
    LostAfter,
    /// Accepted and charged, never answered.
    Silent,
    /// Not accepted, never answered.
    SilentBefore,
    /// Accepted at once, answered after the delay.
    Slow(Duration),
    /// Accepted only after the delay, even if the client has gone by then.
    SlowBefore(Duration),
    /// Answered with this status; not accepted.
    Status(u16),
    /// Accepted and charged, then answered with this status.
    AfterStatus(u16),
    /// 403 with a message that speaks of credits.
    NoCredits,
    /// 429 with a `Retry-After`; a bare 429 is [`Kind::Status`].
    RateLimited(RetryAfter),
    /// The usual status, with a body that isn't JSON.
    Malformed,
    /// The usual answer, cut in the middle of the body.
    Half,
    /// The same by a reset: what the client has not got by then never comes.
    ResetHalf,
    /// Something that isn't HTTP.
    Garbage,
    /// The usual answer without the id.
    NoId,
    /// A body without an end.
    Huge,
    /// The usual answer, one byte of the body a second.
    Drip,
    /// A status word that nobody knows.
    Unknown,
    /// Pending for ever.
    Stuck,
    /// Failed, with the error as an object.
    Failed,
    /// Failed, with the error as a bare string.
    FailedString,
    /// Completed, but without the export that was asked for.
    NoExport,
    /// An export that failed for this reason.
    Reason(&'static str),
    /// An export link that has expired.
    Expired,
    /// A page where a file should be.
    WrongType,
    /// Half of the file, from a server that doesn't say how long it is.
    Unsized,
    /// Sent on to the same path at this host, by https.
    Redirect(String),
}

/// The `Retry-After` of a 429.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// Seconds.
    Seconds(u64),
    /// The HTTP date that lies so many seconds ahead.
    Date(u64),
}

/// The reasons that Gamma gives for a failed export.
const REASONS: [&str; 4] = ["render_timeout", "deck_too_large", "no_content", "export_failed"];

/// Kinds that are written as one word.
const WORDS: [(&str, Kind); 17] = [
    ("lost_before", Kind::LostBefore),
    ("lost_after", Kind::LostAfter),
    ("silent", Kind::Silent),
    ("silent_before", Kind::SilentBefore),
    ("403credits", Kind::NoCredits),
    ("malformed", Kind::Malformed),
    ("half", Kind::Half),
    ("reset_half", Kind::ResetHalf),
    ("garbage", Kind::Garbage),
    ("no_id", Kind::NoId),
    ("huge", Kind::Huge),
    ("drip", Kind::Drip),
    ("unknown", Kind::Unknown),
    ("stuck", Kind::Stuck),
    ("failed", Kind::Failed),
    ("failed_string", Kind::FailedString),
    ("no_export", Kind::NoExport),
];

impl Kind {
    /// Whether this says how a generation or export ends, not what happens to one request.
    pub(crate) fn is_outcome(&self) -> bool {
        matches!(
            self,
            Self::Unknown
                | Self::Stuck
                | Self::Failed
                | Self::FailedString
                | Self::NoExport
                | Self::Reason(_)
        )
    }

    /// Whether the request is not carried out at all.
    pub(crate) fn comes_before(&self) -> bool {
        matches!(
            self,
            Self::LostBefore
                | Self::SilentBefore
                | Self::Status(_)
                | Self::NoCredits
                | Self::RateLimited(_)
                | Self::Expired
                | Self::Redirect(_)
        )
    }

    /// Whether the client gets no status that it could read.
    pub(crate) fn hides_status(&self) -> bool {
        matches!(
            self,
            Self::LostBefore | Self::LostAfter | Self::Silent | Self::SilentBefore | Self::Garbage
        )
    }

    /// Whether the kind makes sense for the operation.
    pub(crate) fn fits(&self, operation: Operation) -> bool {
        use Operation::{Download, Export, ExportPoll, List, Poll, Post, Result};
        match self {
            Self::Unknown | Self::Stuck | Self::Failed | Self::FailedString => {
                matches!(operation, Post | Poll | Result | Export | ExportPoll)
            }
            Self::NoExport => matches!(operation, Post | Result),
            Self::Reason(_) => matches!(operation, Export | ExportPoll),
            Self::Expired | Self::WrongType | Self::Unsized | Self::Redirect(_) => operation == Download,
            Self::NoId => !matches!(operation, Result | List | Download),
            Self::AfterStatus(_) => matches!(operation, Post | Export),
            Self::SlowBefore(_) => operation == Post,
            _ => operation != Result,
        }
    }
}

impl FromStr for Kind {
    type Err = SpecError;

    /// Reads `lost_after`, `slow=5s`, `slow_before=5s`, `503`, `after_503`, `429`, `429s=7`, `429d=7`,
    /// `403credits`, `render_timeout`, `expired`, `wrong_type`, `unsized`,
    /// `redirect=evil.example` and the other words.
    fn from_str(text: &str) -> Result<Self, SpecError> {
        let unknown = || SpecError::Kind(text.to_owned());
        if let Some((_, kind)) = WORDS.iter().find(|(word, _)| *word == text) {
            return Ok(kind.clone());
        }
        if let Some(reason) = REASONS.iter().find(|reason| **reason == text) {
            return Ok(Self::Reason(reason));
        }
        match text {
            "expired" => return Ok(Self::Expired),
            "wrong_type" => return Ok(Self::WrongType),
            "unsized" => return Ok(Self::Unsized),
            _ => {}
        }
        if let Some(status) = text.strip_prefix("after_") {
            return status_code(status).map(Self::AfterStatus).ok_or_else(unknown);
        }
        match text.split_once('=') {
            Some(("slow", delay)) => Ok(Self::Slow(duration(delay)?)),
            Some(("slow_before", delay)) => Ok(Self::SlowBefore(duration(delay)?)),
            Some(("redirect", host)) if !host.is_empty() => Ok(Self::Redirect(host.to_owned())),
            Some(("429s", seconds)) => {
                let seconds = seconds.parse().map_err(|_| unknown())?;
                Ok(Self::RateLimited(RetryAfter::Seconds(seconds)))
            }
            Some(("429d", seconds)) => {
                let seconds = seconds.parse().map_err(|_| unknown())?;
                Ok(Self::RateLimited(RetryAfter::Date(seconds)))
            }
            _ => status_code(text).map(Self::Status).ok_or_else(unknown),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((word, _)) = WORDS.iter().find(|(_, kind)| kind == self) {
            return f.write_str(word);
        }
        match self {
            Self::Slow(delay) => write!(f, "slow={}", humantime::format_duration(*delay)),
            Self::SlowBefore(delay) => write!(f, "slow_before={}", humantime::format_duration(*delay)),
            Self::Status(status) => write!(f, "{status}"),
            Self::AfterStatus(status) => write!(f, "after_{status}"),
            Self::RateLimited(RetryAfter::Seconds(seconds)) => write!(f, "429s={seconds}"),
            Self::RateLimited(RetryAfter::Date(seconds)) => write!(f, "429d={seconds}"),
            Self::Reason(reason) => f.write_str(reason),
            Self::WrongType => f.write_str("wrong_type"),
            Self::Unsized => f.write_str("unsized"),
            Self::Redirect(host) => write!(f, "redirect={host}"),
            _ => f.write_str("expired"),
        }
    }
}

pub(super) fn duration(text: &str) -> Result<Duration, SpecError> {
    humantime::parse_duration(text).map_err(|_| SpecError::Duration(text.to_owned()))
}

fn status_code(text: &str) -> Option<u16> {
    // 1xx would not end the exchange, so it is no answer.
    text.parse().ok().filter(|status| (200..=599).contains(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_written_as_it_is_read() {
        let mut all: Vec<String> = WORDS.iter().map(|(word, _)| (*word).to_owned()).collect();
        all.extend(REASONS.map(str::to_owned));
        all.extend(
            [
                "slow=5s",
                "slow_before=5s",
                "503",
                "after_502",
                "429",
                "429s=7",
                "429d=7",
            ]
            .map(str::to_owned),
        );
        all.extend(["expired", "wrong_type", "unsized", "redirect=evil.example"].map(str::to_owned));
        for word in all {
            assert_eq!(word.parse::<Kind>().unwrap().to_string(), word);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for word in ["", "lost", "99", "600", "slow=x", "429s=x", "after_", "slow"] {
            assert!(word.parse::<Kind>().is_err(), "{word} was accepted");
        }
    }
}
