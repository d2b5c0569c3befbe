//! Forms with a size: lengths of time, numbers, bytes.

use std::time::Duration;

use config::ValueKind;

use super::forms::{Form, Refusal, text, type_of};

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
    match UNITS
        .into_iter()
        .find(|(unit, _)| ms >= *unit && ms.is_multiple_of(*unit))
    {
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
