//! Times for people, and from them. All are Unix milliseconds by Redis's clock.

use std::time::UNIX_EPOCH;

pub(crate) use gammaq_job::moment::{absolute, both, relative, span};

/// A point in time as people write it: Unix milliseconds, RFC 3339 with any offset, or a distance from `now` such as
/// `+10m` or `-2h`.
///
/// # Errors
/// What is allowed.
pub(crate) fn parse(text: &str, now: u64) -> Result<u64, String> {
    let allowed = || {
        format!(
            "\"{text}\" is not a time; allowed are Unix milliseconds, RFC 3339 (2026-11-23T20:00:00+01:00) and +10m"
        )
    };
    let distance = |text: &str| {
        let span = humantime::parse_duration(text).map_err(|_| allowed())?;
        u64::try_from(span.as_millis()).map_err(|_| allowed())
    };
    if let Some(span) = text.strip_prefix('+') {
        return now.checked_add(distance(span)?).ok_or_else(allowed);
    }
    if let Some(span) = text.strip_prefix('-') {
        return Ok(now.saturating_sub(distance(span)?));
    }
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().map_err(|_| allowed());
    }
    rfc3339(text).ok_or_else(allowed)
}

/// The same for what is past, where a length of time is one ago: `10m`.
///
/// # Errors
/// What is allowed.
pub(crate) fn since(text: &str, now: u64) -> Result<u64, String> {
    if !text.starts_with(['+', '-']) && !text.bytes().all(|b| b.is_ascii_digit()) {
        let ago = humantime::parse_duration(text).ok();
        if let Some(ms) = ago.and_then(|span| u64::try_from(span.as_millis()).ok()) {
            return Ok(now.saturating_sub(ms));
        }
    }
    parse(text, now).map_err(|what| format!("{what}, and 10m for ten minutes ago"))
}

fn rfc3339(text: &str) -> Option<u64> {
    let text = text.replacen(' ', "T", 1).to_uppercase();
    let (local, offset_s) = match text.strip_suffix('Z') {
        Some(local) => (local.to_owned(), 0),
        None => {
            let (local, offset) = text.split_at_checked(text.len().checked_sub(6)?)?;
            let sign = match offset.get(..1)? {
                "+" => 1,
                "-" => -1,
                _ => return None,
            };
            let (hours, minutes) = offset.get(1..)?.split_once(':')?;
            let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
            if !(0..24).contains(&hours) || !(0..60).contains(&minutes) {
                return None;
            }
            (local.to_owned(), sign * (hours * 3600 + minutes * 60))
        }
    };
    let time = humantime::parse_rfc3339(&format!("{local}Z")).ok()?;
    let ms = i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()?;
    u64::try_from(ms - offset_s * 1000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let now = 1_700_000_000_000;
        for text in [
            "1700000000000",
            "2023-11-14T22:13:20Z",
            "2023-11-14 22:13:20z",
            "2023-11-14T23:13:20+01:00",
            "2023-11-14T16:43:20-05:30",
            "+0s",
        ] {
            assert_eq!(parse(text, now), Ok(now), "{text}");
        }
        for ago in ["10m", "-10m", "1699999400000", "2023-11-14T22:03:20Z"] {
            assert_eq!(since(ago, now), Ok(now - 600_000), "{ago}");
        }
        assert_eq!(parse("+10m", now), Ok(now + 600_000));
        assert_eq!(parse("-2h", now), Ok(now - 7_200_000));
        for text in [
            "",
            "soon",
            "+",
            "+5",
            "2023-11-14",
            "2023-11-14T22:13:20",
            "2023-11-14T22:13:20+25:00",
            "é+01:00",
        ] {
            assert!(parse(text, now).is_err(), "{text}");
        }
    }
}
