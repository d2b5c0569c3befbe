//! The forms that a value may have: how each is read and what it allows. Addresses are in `addresses.rs`.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

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
fn type_of(written: &ValueKind) -> &'static str {
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

fn whole_number(text: &str) -> ValueKind {
    text.trim()
        .parse::<i64>()
        .map_or_else(|_| ValueKind::from(text), ValueKind::from)
}

fn integer(written: &ValueKind) -> Option<u64> {
    match written {
        ValueKind::I64(number) => u64::try_from(*number).ok(),
        ValueKind::U64(number) => Some(*number),
        _ => None,
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

/// A length of time between two bounds, both allowed.
pub(super) struct Span {
    pub(super) min: Duration,
    pub(super) max: Duration,
}

impl Form for Span {
    type Value = Duration;

    fn read(&self, written: &ValueKind) -> Result<Duration, Refusal> {
        if integer(written).is_some() {
            return Err(Refusal::because("a number without a unit"));
        }
        let span = text(written)?;
        if !span.is_empty() && span.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Refusal::because("a number without a unit"));
        }
        let span = humantime::parse_duration(span).map_err(|_| Refusal::because("not a length of time"))?;
        if (self.min..=self.max).contains(&span) {
            Ok(span)
        } else {
            Err(Refusal::default())
        }
    }

    fn allowed(&self) -> String {
        format!(
            "{} to {}, with its unit (ms, s, m, h, d)",
            in_words(self.min),
            in_words(self.max)
        )
    }
}

/// `span` in the largest unit that needs no fraction: `90s`, `5m`, `250ms`.
pub(super) fn in_words(span: Duration) -> String {
    const UNITS: [(u128, &str); 4] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")];
    let ms = span.as_millis();
    match UNITS.into_iter().find(|(unit, _)| ms >= *unit && ms % unit == 0) {
        Some((unit, name)) => format!("{}{name}", ms / unit),
        None => format!("{ms}ms"),
    }
}

/// A whole number between two bounds, both allowed, as the type that `as_type` makes of it.
pub(super) struct Count<T> {
    pub(super) min: u64,
    pub(super) max: u64,
    pub(super) as_type: fn(u64) -> Option<T>,
}

impl<T> Form for Count<T> {
    type Value = T;

    fn read(&self, written: &ValueKind) -> Result<T, Refusal> {
        let number = match written {
            ValueKind::I64(_) | ValueKind::U64(_) | ValueKind::I128(_) | ValueKind::U128(_) => {
                integer(written).filter(|number| (self.min..=self.max).contains(number))
            }
            other => {
                return Err(Refusal::because(format!(
                    "{} instead of a whole number",
                    type_of(other)
                )));
            }
        };
        number.and_then(self.as_type).ok_or_else(Refusal::default)
    }

    fn allowed(&self) -> String {
        format!("{} to {}", self.min, self.max)
    }

    fn typed(&self, text: &str) -> ValueKind {
        whole_number(text)
    }
}

/// A number of bytes between two bounds: a number, or text with a unit.
pub(super) struct Bytes {
    pub(super) min: u64,
    pub(super) max: u64,
}

const BYTE_UNITS: [(&str, u64); 7] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("kB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("B", 1),
];

impl Form for Bytes {
    type Value = u64;

    fn read(&self, written: &ValueKind) -> Result<u64, Refusal> {
        let bytes = match integer(written) {
            Some(bytes) => Some(bytes),
            None => parse_bytes(text(written)?),
        };
        let bytes = bytes.ok_or_else(|| Refusal::because("not a number of bytes"))?;
        if (self.min..=self.max).contains(&bytes) {
            Ok(bytes)
        } else {
            Err(Refusal::default())
        }
    }

    fn allowed(&self) -> String {
        format!(
            "{} to {} (B, kB, MB, GB, KiB, MiB, GiB)",
            bytes_in_words(self.min),
            bytes_in_words(self.max)
        )
    }

    fn typed(&self, text: &str) -> ValueKind {
        whole_number(text)
    }
}

fn parse_bytes(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim();
    let size = match BYTE_UNITS
        .into_iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit))
    {
        Some((_, size)) => size,
        None if unit.is_empty() => 1,
        None => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(size)
}

fn bytes_in_words(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match UNITS
        .into_iter()
        .find(|(unit, _)| bytes >= *unit && bytes.is_multiple_of(*unit))
    {
        Some((unit, name)) => format!("{} {name}", bytes / unit),
        None => format!("{bytes} B"),
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
