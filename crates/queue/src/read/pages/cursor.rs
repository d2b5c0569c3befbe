//! A place in an index.

use std::fmt;
use std::str::FromStr;

use gammaq_job::{AccountName, JobId, State};

use crate::Keys;

/// One index of the queue, in the order in which lists go through them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// The schedule.
    Due,
    /// The line of an account.
    Pending(String),
    /// The jobs that ended, or were parked, in a state.
    Ended(State),
    /// The jobs whose caller is to be told of their end, or could not be.
    Callbacks(CallbackList),
}

/// One of the two lists of callbacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallbackList {
    /// To be made.
    Due,
    /// Given up.
    Failed,
}

impl CallbackList {
    /// What stands for it in texts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Failed => "failed",
        }
    }
}

impl FromStr for CallbackList {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lists = [Self::Due, Self::Failed];
        let found = lists.into_iter().find(|list| list.as_str() == text);
        found.ok_or_else(|| "allowed: due, failed".to_owned())
    }
}

impl Section {
    pub(super) fn key(&self, keys: &Keys) -> String {
        match self {
            Self::Due => keys.due(),
            Self::Pending(account) => keys.pending(account),
            Self::Ended(state) => keys.index(*state),
            Self::Callbacks(CallbackList::Due) => keys.callbacks(),
            Self::Callbacks(CallbackList::Failed) => keys.callback_failed(),
        }
    }

    /// Whether it is by the time of what happened, of which the newest comes first.
    pub(super) fn is_past(&self) -> bool {
        matches!(self, Self::Ended(_) | Self::Callbacks(CallbackList::Failed))
    }
}

/// A job's place: what comes after it is the next page. As text `completed:1763912410000:invoice-42`,
/// `pending:default:500000000000001:invoice-42` or `due:1763912410000:invoice-42`.
#[derive(Debug, Clone, PartialEq)]
pub struct Cursor {
    /// Where.
    pub section: Section,
    /// The score there.
    pub score: f64,
    /// The job.
    pub member: String,
}

/// A text that is no place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is not a place in a list; a list prints one where there are more jobs")]
pub struct BadCursor;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.section {
            Section::Due => f.write_str("due")?,
            Section::Pending(account) => write!(f, "pending:{account}")?,
            Section::Ended(state) => f.write_str(state.as_str())?,
            Section::Callbacks(list) => write!(f, "callback:{}", list.as_str())?,
        }
        write!(f, ":{}:{}", self.score, self.member)
    }
}

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        let mut parts = text.rsplitn(3, ':');
        let mut next = || parts.next().ok_or(BadCursor);
        let (member, score, section) = (next()?, next()?, next()?);
        let section = match section.split_once(':') {
            Some(("pending", account)) => {
                Section::Pending(AccountName::new(account).map_err(|_| BadCursor)?.to_string())
            }
            Some(("callback", list)) => Section::Callbacks(list.parse().map_err(|_| BadCursor)?),
            Some(_) => return Err(BadCursor),
            None if section == "due" => Section::Due,
            None => match section.parse() {
                Ok(state) if State::INDEXED.contains(&state) => Section::Ended(state),
                _ => return Err(BadCursor),
            },
        };
        let score: f64 = score.parse().map_err(|_| BadCursor)?;
        let member = JobId::new(member).map_err(|_| BadCursor)?.to_string();
        if !score.is_finite() {
            return Err(BadCursor);
        }
        Ok(Self {
            section,
            score,
            member,
        })
    }
}

impl serde::Serialize for Cursor {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_they_are_written() {
        for text in [
            "due:1763912410000.5:invoice-42",
            "pending:default:500000000000001:a.b_c",
            "completed:1763912410000:a",
            "timed_out:0:a",
            "callback:failed:1763912410000:a",
        ] {
            assert_eq!(text.parse::<Cursor>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "a",
            "due:1",
            "queued:1:a",
            "due:x:a",
            "due:inf:a",
            "due:1:",
            "pending:1:a",
            "pending:a b:1:a",
            "more:pending:a:1:a",
            "completed:1:a b",
            "callback:completed:1:a",
        ] {
            assert_eq!(text.parse::<Cursor>(), Err(BadCursor), "{text}");
        }
    }
}
