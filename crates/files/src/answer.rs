//! What the head of a link's answer says of the file behind it.

use std::error::Error;
use std::time::Duration;

use reqwest::header::{CONTENT_RANGE, ETAG, HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};

use crate::fetched::Halt;

/// What an answer says of the file.
pub(crate) struct Head {
    /// From which byte on it comes.
    pub(crate) from: u64,
    /// How long all of it is.
    pub(crate) total: Option<u64>,
    /// Its version, where that is a strong one.
    pub(crate) tag: Option<String>,
}

/// What the head of an answer says; `from` is where the rest was asked for.
pub(crate) fn judge(response: &Response, from: u64) -> Result<Head, Halt> {
    let (status, headers) = (response.status(), response.headers());
    let tag = headers.get(ETAG).and_then(|tag| tag.to_str().ok());
    let tag = tag.filter(|tag| tag.starts_with('"')).map(str::to_owned);
    let retry_after = headers
        .get(RETRY_AFTER)
        .and_then(|it| it.to_str().ok()?.trim().parse().ok());
    match status {
        StatusCode::OK => Ok(Head {
            from: 0,
            total: response.content_length(),
            tag,
        }),
        StatusCode::PARTIAL_CONTENT if from > 0 => match content_range(headers) {
            Some((first, total)) if first == from => Ok(Head { from, total, tag }),
            _ => Err(Halt::Anew("another part came than was asked for".to_owned())),
        },
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::GONE => {
            Err(Halt::Expired(status.as_u16()))
        }
        // What lies here is all of it, but for its name, or no beginning of it: nobody can tell.
        StatusCode::RANGE_NOT_SATISFIABLE => Err(Halt::Anew("nothing is left to go on with".to_owned())),
        _ => {
            let wait = retry_after.map(Duration::from_secs);
            Err(Halt::Busy(
                format!("the link's host answered {}", status.as_u16()),
                wait,
            ))
        }
    }
}

/// `bytes 5-9/10` as the first byte and, where it is known, the length of the whole.
fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let text = headers.get(CONTENT_RANGE)?.to_str().ok()?;
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, _) = range.split_once('-')?;
    Some((first.parse().ok()?, total.parse().ok()))
}

/// An error with its causes, without the link.
pub(crate) fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
