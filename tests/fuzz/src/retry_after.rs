//! `Retry-After`: a time that can be added to any clock, or none.

use std::time::{Duration, SystemTime};

use arbitrary::Unstructured;
use gammaq_gamma::offline::retry_after;
use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue};

use crate::word;

const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);
const VALUES: [&str; 14] = [
    "0",
    "60",
    "1.5",
    "1e9",
    "1e400",
    "-0",
    "-1",
    "NaN",
    "inf",
    "0x10",
    "18446744073709551616",
    "Mon, 23 Nov 2026 19:00:00 GMT",
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "Monday, 23-Nov-26 19:00:00 GMT",
];

/// Reads headers made of `data`.
pub fn check(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let mut headers = HeaderMap::new();
    for name in [RETRY_AFTER, DATE, RETRY_AFTER] {
        if let (Ok(true), Ok(value)) = (u.ratio(2, 3), HeaderValue::from_bytes(&word(&mut u, &VALUES))) {
            headers.append(name, value);
        }
    }
    let since = Duration::from_secs(u.arbitrary::<u32>().unwrap_or(0).into());
    let now = SystemTime::UNIX_EPOCH + since;
    let wait = retry_after(&headers, now);
    assert!(wait.is_none_or(|wait| wait <= LONGEST), "{wait:?}");
    let text = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    match text.map(|text| text.trim().parse::<u64>()) {
        None => assert_eq!(wait, None, "nothing was asked for"),
        Some(Ok(seconds)) => {
            let seconds = Duration::from_secs(seconds).min(LONGEST);
            let apart = wait.expect("whole seconds are readable").abs_diff(seconds);
            assert!(apart < Duration::from_secs(1), "{text:?}: {wait:?}");
        }
        Some(Err(_)) => {}
    }
}
