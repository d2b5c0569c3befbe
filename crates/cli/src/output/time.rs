//! Times for people, and from them. All are Unix milliseconds by Redis's clock.

use std::time::{Duration, UNIX_EPOCH};

/// `12 s ago`, `in 3 min`, `now`.
pub(crate) fn relative(now: u64, time: u64) -> String {
    match now.abs_diff(time) {
        0..1000 => "now".to_owned(),
        ms if time < now => format!("{} ago", span(ms)),
        ms => format!("in {}", span(ms)),
    }
}

/// A length of time, in the one or two largest units: `850 ms`, `12 s`, `3 min 20 s`, `2 h 5 min`, `4 d 1 h`.
pub(crate) fn span(ms: u64) -> String {
    let two = |large: u64, name: &str, small: u64, small_name: &str| match small {
        0 => format!("{large} {name}"),
        _ => format!("{large} {name} {small} {small_name}"),
    };
    match ms / 1000 {
        0 => format!("{ms} ms"),
        s @ 1..60 => format!("{s} s"),
        s @ 60..3600 => two(s / 60, "min", s % 60, "s"),
        s @ 3600..86_400 => two(s / 3600, "h", s % 3600 / 60, "min"),
        s => two(s / 86_400, "d", s % 86_400 / 3600, "h"),
    }
}

/// `2026-11-23 20:06:37Z`.
pub(crate) fn absolute(time: u64) -> String {
    let time = UNIX_EPOCH.checked_add(Duration::from_millis(time));
    // Years of five digits can't be shown; nobody meant them.
    let shown = time.filter(|it| *it < UNIX_EPOCH + Duration::from_secs(253_402_300_800));
    match shown {
        Some(time) => humantime::format_rfc3339_seconds(time)
            .to_string()
            .replace('T', " "),
        None => "far in the future".to_owned(),
    }
}

/// Both: `2026-11-23 20:06:37Z (12 s ago)`.
pub(crate) fn both(now: u64, time: u64) -> String {
    format!("{} ({})", absolute(time), relative(now, time))
}

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
    fn times_are_shown_as_people_say_them() {
        let now = 1_700_000_000_000;
        assert_eq!(relative(now, now - 400), "now");
        assert_eq!(relative(now, now - 12_345), "12 s ago");
        assert_eq!(relative(now, now + 200_000), "in 3 min 20 s");
        assert_eq!(span(7_500_000), "2 h 5 min");
        assert_eq!(span(86_400_000 * 4), "4 d");
        assert_eq!(absolute(now), "2023-11-14 22:13:20Z");
        assert_eq!(absolute(u64::MAX), "far in the future");
    }

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
