//! The headers that steer: rate limits and `Retry-After`.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};

/// A `Retry-After` beyond this is cut, so that adding it to a clock can't overflow.
const LONGEST_WAIT: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// What the `x-ratelimit-*` headers of an answer said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RateLimits {
    /// `x-ratelimit-limit-burst`, `x-ratelimit-remaining-burst`; below 100 left, Gamma asks for slower polls.
    pub burst: Quota,
    /// `x-ratelimit-limit`, `x-ratelimit-remaining`: the hour's.
    pub hour: Quota,
    /// `x-ratelimit-limit-daily`, `x-ratelimit-remaining-daily`.
    pub daily: Quota,
}

/// One of the limits, in requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quota {
    /// How many there are in all; `None` if the answer didn't say, or not as a whole number.
    pub limit: Option<u64>,
    /// How many are left.
    pub remaining: Option<u64>,
}

impl RateLimits {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let quota = |limit, remaining| Quota {
            limit: whole(headers, limit),
            remaining: whole(headers, remaining),
        };
        Self {
            burst: quota("x-ratelimit-limit-burst", "x-ratelimit-remaining-burst"),
            hour: quota("x-ratelimit-limit", "x-ratelimit-remaining"),
            daily: quota("x-ratelimit-limit-daily", "x-ratelimit-remaining-daily"),
        }
    }
}

fn whole(headers: &HeaderMap, name: &'static str) -> Option<u64> {
    // Some gateways append a policy to the number: `100;w=3600`, or list several: `100, 1000`.
    let value = headers.get(name)?.to_str().ok()?;
    value.split([',', ';']).next()?.trim().parse().ok()
}

/// How long `Retry-After` asks to wait, given as seconds or as an HTTP date.
///
/// A date is taken relative to the answer's own `Date`, so that a wrong clock here doesn't matter; without
/// one relative to `now`. A date in the past is zero.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        let sane = seconds.is_finite() && seconds >= 0.0;
        return sane.then(|| Duration::from_secs_f64(seconds.min(LONGEST_WAIT.as_secs_f64())));
    }
    let then = httpdate::parse_http_date(text).ok()?;
    let sent = headers
        .get(DATE)
        .and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
    let wait = then.duration_since(sent.unwrap_or(now)).unwrap_or(Duration::ZERO);
    Some(wait.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(k, v)| (HeaderName::from_static(k), HeaderValue::from_str(v).unwrap()))
            .collect()
    }

    #[test]
    fn the_documented_limits() {
        let limits = RateLimits::of(&headers(&[
            ("x-ratelimit-limit-burst", "10000"),
            ("x-ratelimit-remaining-burst", "9999"),
            ("x-ratelimit-limit", "40000;w=3600"),
            ("x-ratelimit-remaining", " 39990 "),
            ("x-ratelimit-limit-daily", "200000, 5"),
            ("x-ratelimit-remaining-daily", "many"),
        ]));
        assert_eq!(
            limits.burst,
            Quota {
                limit: Some(10_000),
                remaining: Some(9_999)
            }
        );
        assert_eq!(
            limits.hour,
            Quota {
                limit: Some(40_000),
                remaining: Some(39_990)
            }
        );
        assert_eq!(
            limits.daily,
            Quota {
                limit: Some(200_000),
                remaining: None
            }
        );
        assert_eq!(RateLimits::of(&HeaderMap::new()), RateLimits::default());
    }

    #[test]
    fn retry_after_in_both_forms() {
        let now = httpdate::parse_http_date("Mon, 23 Nov 2026 19:00:00 GMT").unwrap();
        let date = "Mon, 23 Nov 2026 18:00:00 GMT";
        let secs = |s| Some(Duration::from_secs(s));
        for (value, date, wait) in [
            ("60", None, secs(60)),
            (" 0 ", None, secs(0)),
            ("1.5", None, Some(Duration::from_millis(1500))),
            ("99999999999999999999", None, Some(LONGEST_WAIT)),
            ("-5", None, None),
            ("NaN", None, None),
            ("inf", None, None),
            ("soon", None, None),
            ("", None, None),
            ("Mon, 23 Nov 2026 19:01:30 GMT", None, secs(90)),
            ("Mon, 23 Nov 2026 18:01:30 GMT", Some(date), secs(90)),
            ("Mon, 23 Nov 2026 18:59:00 GMT", None, secs(0)),
            ("Mon, 23 Nov 2026 19:00:10 GMT", Some("nonsense"), secs(10)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", None, Some(LONGEST_WAIT)),
        ] {
            let mut map = headers(&[("retry-after", value)]);
            if let Some(date) = date {
                map.insert(DATE, HeaderValue::from_static(date));
            }
            assert_eq!(retry_after(&map, now), wait, "{value}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
