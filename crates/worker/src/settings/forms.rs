//! The forms that a value may have: how each is read and what it allows. Quantities are in `quantities.rs`,
//! addresses in `addresses.rs`.

use std::path::PathBuf;
use std::str::FromStr;

use config::ValueKind;
use secrecy::SecretString;

use super::problems::nearest;

/// Why a form refused a value: a reason, where there is more to say than what is allowed. It never repeats the value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Refusal(pub(super) Option<String>);

impl Refusal {
    pub(super) fn because(why: impl Into<String>) -> Self {
        Self(Some(why.into()))
    }
}

/// One way to write a value.
pub(super) trait Form: Sync {
    type Value;

    /// The checked value, or why there is none.
    fn read(&self, written: &ValueKind) -> Result<Self::Value, Refusal>;

    /// What is allowed, for people.
    fn allowed(&self) -> String;

    /// Gives a value from the environment or a flag, which is always text, the type that it would have in a file.
    fn typed(&self, text: &str) -> ValueKind {
        ValueKind::from(text)
    }

    /// Whether the value must never be shown.
    fn is_secret(&self) -> bool {
        false
    }
}

pub(super) fn text(written: &ValueKind) -> Result<&str, Refusal> {
    match written {
        ValueKind::String(text) => Ok(text.trim()),
        other => Err(Refusal::because(format!("{} instead of text", type_of(other)))),
    }
}

/// The type of a value, in words.
pub(super) fn type_of(written: &ValueKind) -> &'static str {
    match written {
        ValueKind::Nil => "nothing",
        ValueKind::Boolean(_) => "true or false",
        ValueKind::Float(_) => "a fraction",
        ValueKind::String(_) => "text",
        ValueKind::Table(_) => "a table",
        ValueKind::Array(_) => "a list",
        _ => "a number",
    }
}

/// The texts of a list, or of one text that has commas.
pub(super) fn list(written: &ValueKind) -> Result<Vec<String>, Refusal> {
    match written {
        ValueKind::Array(items) => items
            .iter()
            .map(|item| text(&item.kind).map(str::to_owned))
            .collect::<Result<_, _>>(),
        other => {
            let parts = text(other)?.split(',').map(str::trim);
            Ok(parts.filter(|part| !part.is_empty()).map(str::to_owned).collect())
        }
    }
}

/// `true` or `false`.
pub(super) struct Flag;

impl Form for Flag {
    type Value = bool;

    fn read(&self, written: &ValueKind) -> Result<bool, Refusal> {
        match written {
            ValueKind::Boolean(flag) => Ok(*flag),
            _ => Err(Refusal::default()),
        }
    }

    fn allowed(&self) -> String {
        "true or false".to_owned()
    }

    fn typed(&self, text: &str) -> ValueKind {
        text.trim()
            .parse::<bool>()
            .map_or_else(|_| ValueKind::from(text), ValueKind::from)
    }
}

/// One of a few words.
pub(super) struct Choice<T: 'static>(pub(super) &'static [(&'static str, T)]);

impl<T: Copy + Sync> Form for Choice<T> {
    type Value = T;

    fn read(&self, written: &ValueKind) -> Result<T, Refusal> {
        let word = text(written)?;
        match self.0.iter().find(|(name, _)| *name == word) {
            Some((_, value)) => Ok(*value),
            None => Err(match nearest(word, self.0.iter().map(|(name, _)| *name)) {
                Some(name) => Refusal::because(format!("did you mean {name}?")),
                None => Refusal::default(),
            }),
        }
    }

    fn allowed(&self) -> String {
        self.0
            .iter()
            .map(|(name, _)| *name)
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// A name, as the type that `as_type` makes of it.
pub(super) struct Name<T> {
    pub(super) as_type: fn(&str) -> Option<T>,
}

/// What is allowed in the name of a queue, of an account or of the prefix.
pub(super) const NAME_ALLOWED: &str = "1 to 64 of A-Z a-z 0-9 . _ -";

impl<T> Form for Name<T> {
    type Value = T;

    fn read(&self, written: &ValueKind) -> Result<T, Refusal> {
        (self.as_type)(text(written)?).ok_or_else(Refusal::default)
    }

    fn allowed(&self) -> String {
        NAME_ALLOWED.to_owned()
    }
}

/// A path; relative ones start at the working directory of the process.
pub(super) struct FilePath {
    pub(super) to: &'static str,
}

impl Form for FilePath {
    type Value = PathBuf;

    fn read(&self, written: &ValueKind) -> Result<PathBuf, Refusal> {
        match text(written)? {
            "" => Err(Refusal::because("it is empty")),
            path => Ok(PathBuf::from(path)),
        }
    }

    fn allowed(&self) -> String {
        format!("the path of {}", self.to)
    }
}

/// What goes to the log: directives of `tracing-subscriber`.
pub(super) struct Filter;

const LEVELS: [&str; 6] = ["trace", "debug", "info", "warn", "error", "off"];

impl Form for Filter {
    type Value = String;

    fn read(&self, written: &ValueKind) -> Result<String, Refusal> {
        let filter = text(written)?;
        if filter.is_empty() {
            return Err(Refusal::because("it is empty"));
        }
        // A misspelt level is a legal filter: it is taken for a module, of which everything is then logged.
        for word in filter.split(',').map(|word| word.trim().to_ascii_lowercase()) {
            let level = LEVELS
                .into_iter()
                .find(|level| word.starts_with(level))
                .or_else(|| nearest(&word, LEVELS));
            if let Some(level) = level.filter(|level| word.len() <= level.len() + 3 && word != *level)
                && word.bytes().all(|b| b.is_ascii_alphabetic())
            {
                return Err(Refusal::because(format!("did you mean {level}?")));
            }
        }
        match tracing_subscriber::EnvFilter::builder().parse(filter) {
            Ok(_) => Ok(filter.to_owned()),
            Err(_) => Err(Refusal::because("not a filter")),
        }
    }

    fn allowed(&self) -> String {
        "trace, debug, info, warn, error or off, and module=level, with commas between them".to_owned()
    }
}

/// A key that goes into an HTTP header.
pub(super) struct Secret;

/// What is allowed in a secret.
pub(super) const SECRET_ALLOWED: &str = "1 to 1024 printable ASCII characters without spaces";

impl Form for Secret {
    type Value = SecretString;

    fn read(&self, written: &ValueKind) -> Result<SecretString, Refusal> {
        match written {
            ValueKind::String(secret) if is_secret(secret) => Ok(SecretString::from(secret.as_str())),
            _ => Err(Refusal::default()),
        }
    }

    fn allowed(&self) -> String {
        SECRET_ALLOWED.to_owned()
    }

    fn is_secret(&self) -> bool {
        true
    }
}

/// Whether `text` can be the value of a header, on its own.
pub(super) fn is_secret(text: &str) -> bool {
    (1..=1024).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

/// Makes a checked type out of text, for [`Name`].
pub(super) fn parsed<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}
