//! What is wrong with the settings: every problem at once, one line each.

use std::fmt;

use super::shown::shown_key;

/// One thing that is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key, as in `poll.interval` or `accounts.default.limit`; `--config` or `--set` for a flag itself.
    pub key: String,
    /// The value as it may be shown: cut, on one line, `<hidden>` for a secret. None where there is none, or where the
    /// key is not known and so the value might be anything.
    pub value: Option<String>,
    /// Where it was set: a file, an environment variable or a flag. None for a default or a missing setting.
    pub origin: Option<String>,
    /// What is wrong, and what is allowed.
    pub what: String,
}

impl Problem {
    pub(super) fn new(key: impl AsRef<str>, what: impl Into<String>) -> Self {
        // A key that nobody knows may be anything: a line break, or an API key in the wrong place.
        let shown = shown_key(key.as_ref());
        Self {
            // A line of nothing but what is wrong would name no setting.
            key: if shown.is_empty() {
                "\"\"".to_owned()
            } else {
                shown
            },
            value: None,
            origin: None,
            what: what.into(),
        }
    }

    pub(super) fn with_value(mut self, value: impl Into<String>) -> Self {
        self.value = Some(value.into());
        self
    }

    pub(super) fn found_in(mut self, origin: Option<&str>) -> Self {
        // The name of a variable may hold a line break, too.
        let plain = |c: char| if c.is_control() { ' ' } else { c };
        self.origin = origin.map(|origin| origin.chars().map(plain).collect());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key)?;
        if let Some(value) = &self.value {
            write!(f, " = {value}")?;
        }
        if let Some(origin) = &self.origin {
            write!(f, " ({origin})")?;
        }
        write!(f, ": {}", self.what)
    }
}

/// Everything that is wrong with the settings, never empty. Its `Display` has one line a problem.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", lines(.0))]
pub struct Problems(Vec<Problem>);

impl Problems {
    pub(super) fn new(problems: Vec<Problem>) -> Self {
        Self(problems)
    }

    /// The problems, in the order of the layers and then of the settings.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

fn lines(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(Problem::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

/// The word of `known` that somebody who wrote `word` may have meant: at most a third of it differs.
pub(super) fn nearest<S: AsRef<str>>(word: &str, known: impl IntoIterator<Item = S>) -> Option<S> {
    let furthest = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (strsim::osa_distance(word, candidate.as_ref()), candidate))
        .filter(|(distance, _)| *distance <= furthest)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_one_line() {
        let problem = Problem::new("poll.interval", "not a duration")
            .with_value("\"5\"")
            .found_in(Some("--set"));
        assert_eq!(
            problem.to_string(),
            "poll.interval = \"5\" (--set): not a duration"
        );
        let both = Problems::new(vec![problem, Problem::new("accounts", "none")]);
        assert_eq!(
            both.to_string(),
            "poll.interval = \"5\" (--set): not a duration\naccounts: none"
        );
    }

    #[test]
    fn the_nearest_word_is_found_unless_all_are_far() {
        let known = ["url", "queue", "prefix"];
        assert_eq!(nearest("queu", known), Some("queue"));
        assert_eq!(nearest("qeueu", known), None);
        assert_eq!(nearest("perfix", known), Some("prefix"));
        assert_eq!(nearest("concurrency", known), None);
    }
}
