//! Times in the words of people. All are Unix milliseconds by Redis's clock.

use std::time::{Duration, UNIX_EPOCH};

/// `12 s ago`, `in 3 min`, `now`.
pub fn relative(now: u64, time: u64) -> String {
    match now.abs_diff(time) {
        0..1000 => "now".to_owned(),
        ms if time < now => format!("{} ago", span(ms)),
        ms => format!("in {}", span(ms)),
    }
}

/// A length of time, in the one or two largest units: `850 ms`, `12 s`, `3 min 20 s`, `2 h 5 min`, `4 d 1 h`.
pub fn span(ms: u64) -> String {
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
pub fn absolute(time: u64) -> String {
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
pub fn both(now: u64, time: u64) -> String {
    format!("{} ({})", absolute(time), relative(now, time))
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
        assert_eq!(absolute(253_402_300_799_999), "9999-12-31 23:59:59Z");
        assert_eq!(absolute(u64::MAX), "far in the future");
    }
}
