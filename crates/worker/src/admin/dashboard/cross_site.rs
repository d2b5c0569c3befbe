//! Whether a request that changes something comes from a page of the dashboard itself.
//!
//! A browser says so by `Sec-Fetch-Site` where the address is trustworthy to it (https, the loopback), and by `Origin`
//! with every POST. One of the two has to be there, and neither may say anything else.

use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};

pub(super) fn is_from_here(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|it| it.to_str().unwrap_or_default());
    let site = text("sec-fetch-site");
    if site.is_some_and(|site| site != "same-origin") {
        return false;
    }
    match (text(ORIGIN.as_str()), text(HOST.as_str())) {
        (Some(origin), Some(host)) => is_same(origin, host),
        (None, _) => site.is_some(),
        (Some(_), None) => false,
    }
}

/// Whether the page was reached by https: its cookie then goes by nothing else.
pub(super) fn is_secure(headers: &HeaderMap) -> bool {
    let origin = headers.get(ORIGIN).and_then(|it| it.to_str().ok());
    origin.is_some_and(|origin| origin.starts_with("https://"))
}

fn is_same(origin: &str, host: &str) -> bool {
    let without = |text: &str, port: &str| text.strip_suffix(port).unwrap_or(text).to_ascii_lowercase();
    match origin.split_once("://") {
        Some(("http", place)) => without(place, ":80") == without(host, ":80"),
        Some(("https", place)) => without(place, ":443") == without(host, ":443"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_browser_says_is_from_here() {
        let from_here = |fields: &[(&'static str, &str)]| {
            let fields = fields
                .iter()
                .map(|(name, it)| (name.parse().unwrap(), it.parse().unwrap()));
            is_from_here(&HeaderMap::from_iter(fields))
        };
        let host = ("host", "Queue.example:9464");
        for (fields, expected) in [
            (&[host, ("origin", "http://queue.example:9464")][..], true),
            (&[host, ("sec-fetch-site", "same-origin")], true),
            (
                &[("host", "queue.example"), ("origin", "https://queue.example:443")],
                true,
            ),
            (
                &[
                    host,
                    ("origin", "http://queue.example:9464"),
                    ("sec-fetch-site", "same-origin"),
                ],
                true,
            ),
            (&[host], false),
            (&[host, ("origin", "null")], false),
            (&[host, ("origin", "http://queue.example")], false),
            (&[host, ("origin", "http://evil.example:9464")], false),
            (
                &[
                    host,
                    ("origin", "http://queue.example:9464"),
                    ("sec-fetch-site", "same-site"),
                ],
                false,
            ),
            (&[host, ("sec-fetch-site", "cross-site")], false),
            (&[host, ("sec-fetch-site", "none")], false),
            (
                &[
                    host,
                    ("origin", "http://evil.example"),
                    ("sec-fetch-site", "same-origin"),
                ],
                false,
            ),
            (&[("origin", "http://queue.example")], false),
        ] {
            assert_eq!(from_here(fields), expected, "{fields:?}");
        }
    }
}
