//! A fault rule as an operator writes it: `OPERATION:KIND[:p=0.05][:n=2-5][:key=NAME]`.

use std::fmt;
use std::str::FromStr;

use super::kind::Kind;

/// The requests that a rule or a marker is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// The three POSTs that start a generation.
    Post,
    /// A GET of a generation.
    Poll,
    /// How a generation ends, seen by every poll of it.
    Result,
    /// The POST that starts an export.
    Export,
    /// A GET of an export.
    ExportPoll,
    /// A GET of themes or folders.
    List,
    /// A GET of an export link.
    Download,
}

const OPERATIONS: [(&str, Operation); 7] = [
    ("post", Operation::Post),
    ("poll", Operation::Poll),
    ("result", Operation::Result),
    ("export", Operation::Export),
    ("export_poll", Operation::ExportPoll),
    ("list", Operation::List),
    ("download", Operation::Download),
];

impl FromStr for Operation {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let found = OPERATIONS.iter().find(|(word, _)| *word == text);
        found
            .map(|(_, operation)| *operation)
            .ok_or_else(|| SpecError::Operation(text.to_owned()))
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = OPERATIONS
            .iter()
            .find(|(_, operation)| operation == self)
            .map_or("", |(word, _)| word);
        f.write_str(word)
    }
}

/// What goes wrong, where and when. Requests are counted from one for each rule, from the moment it was set; only
/// those of the rule's operation and key count. Without a condition every request meets the fault.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// The requests that the rule is about.
    pub operation: Operation,
    /// What goes wrong.
    pub kind: Kind,
    /// How probable it is, 0 to 1; drawn from the seed and the request's number.
    pub probability: Option<f64>,
    /// The first and the last request that it happens to.
    pub numbers: Option<(u64, u64)>,
    /// The API key that it happens to.
    pub key: Option<String>,
}

/// What is wrong with a rule or a marker.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// No such operation.
    #[error("`{0}` is no operation: post, poll, result, export, export_poll, list or download")]
    Operation(String),
    /// No such fault.
    #[error("`{0}` is no kind of fault")]
    Kind(String),
    /// The fault says nothing about such a request.
    #[error("`{kind}` can't happen to `{operation}`")]
    Misfit {
        /// The operation named.
        operation: Operation,
        /// The fault named.
        kind: Kind,
    },
    /// A duration that humantime can't read.
    #[error("`{0}` is no duration such as 5s or 250ms")]
    Duration(String),
    /// A condition that isn't one.
    #[error("`{0}` is no condition: p=0.05 (0 to 1), n=3, n=2-5, n=2- or key=NAME")]
    Condition(String),
    /// Not of the form at all.
    #[error("`{0}` is not of the form OPERATION:KIND[:CONDITION], or OPERATION=KIND[*TIMES] in a marker")]
    Form(String),
}

impl FromStr for Rule {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let mut parts = text.split(':');
        let (Some(operation), Some(kind)) = (parts.next(), parts.next()) else {
            return Err(SpecError::Form(text.to_owned()));
        };
        let (operation, kind) = pair(operation, kind)?;
        let mut rule = Self {
            operation,
            kind,
            probability: None,
            numbers: None,
            key: None,
        };
        for part in parts {
            rule.read_condition(part)
                .ok_or_else(|| SpecError::Condition(part.to_owned()))?;
        }
        Ok(rule)
    }
}

impl Rule {
    fn read_condition(&mut self, part: &str) -> Option<()> {
        match part.split_once('=')? {
            ("p", p) => self.probability = Some(p.parse().ok().filter(|p| (0.0..=1.0).contains(p))?),
            ("n", n) => self.numbers = Some(numbers(n)?),
            ("key", key) if !key.is_empty() => self.key = Some(key.to_owned()),
            _ => return None,
        }
        Some(())
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.operation, self.kind)?;
        if let Some(probability) = self.probability {
            write!(f, ":p={probability}")?;
        }
        match self.numbers {
            Some((first, u64::MAX)) => write!(f, ":n={first}-")?,
            Some((first, last)) if first == last => write!(f, ":n={first}")?,
            Some((first, last)) => write!(f, ":n={first}-{last}")?,
            None => {}
        }
        self.key.iter().try_for_each(|key| write!(f, ":key={key}"))
    }
}

/// Reads an operation and a kind that has to fit it.
pub(super) fn pair(operation: &str, kind: &str) -> Result<(Operation, Kind), SpecError> {
    let (operation, kind) = (operation.parse()?, kind.parse::<Kind>()?);
    if kind.fits(operation) {
        Ok((operation, kind))
    } else {
        Err(SpecError::Misfit { operation, kind })
    }
}

fn numbers(text: &str) -> Option<(u64, u64)> {
    let (first, last) = match text.split_once('-') {
        None => (text.parse().ok()?, text.parse().ok()?),
        Some((first, "")) => (first.parse().ok()?, u64::MAX),
        Some((first, last)) => (first.parse().ok()?, last.parse().ok()?),
    };
    (first >= 1 && first <= last).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_written_as_it_is_read() {
        for text in [
            "post:lost_after:p=0.05",
            "post:500:n=3",
            "poll:429s=7:n=2-5",
            "result:failed:n=4-:key=sk-a",
            "download:expired",
        ] {
            assert_eq!(text.parse::<Rule>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "post",
            "put:500",
            "post:sideways",
            "post:500:n=0",
            "post:500:n=5-2",
            "post:500:p=2",
            "post:500:x=1",
            "result:500",
            "poll:expired",
            "list:stuck",
            "post:500:key=",
        ] {
            assert!(text.parse::<Rule>().is_err(), "{text} was accepted");
        }
    }
}
