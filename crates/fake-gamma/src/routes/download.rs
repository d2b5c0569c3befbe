//! Export links: whole files, or the range that is still missing.

use std::ops::Range;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use sha2::{Digest, Sha256};

use crate::answer::Answer;
use crate::deliver::deliver;
use crate::digest::hex;
use crate::files;
use crate::wire::Connection;
use crate::world::{Shared, Wanted};

pub(super) async fn file(
    State(shared): State<Arc<Shared>>,
    Extension(connection): Extension<Connection>,
    Path((token, _)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let (chosen, wanted) = shared.with(|world, now| world.open_link(&token, now));
    let answer = match wanted {
        Wanted::File(format, deck) => of_file(format.content_type(), files::write(format, &deck), &headers),
        Wanted::Refused(answer) => answer,
    };
    let range = text(&headers, &header::RANGE);
    let api_key = headers.contains_key("x-api-key") || headers.contains_key(header::AUTHORIZATION);
    shared.with(|world, now| world.note_download(&token, range, api_key, &chosen, answer.status, now));
    deliver(&connection, &chosen, answer).await
}

fn text<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn of_file(content_type: &'static str, file: Vec<u8>, headers: &HeaderMap) -> Answer {
    let etag = format!("\"{}\"", hex(&Sha256::digest(&file)[..16]));
    let length = file.len();
    // A range of another version of the file would be nonsense: with another tag the whole file comes.
    let unchanged = text(headers, &header::IF_RANGE).is_none_or(|tag| tag == etag);
    let range = text(headers, &header::RANGE)
        .filter(|_| unchanged)
        .and_then(|range| parse_range(range, length));
    let answer = match range {
        None => Answer::new(StatusCode::OK, content_type, file),
        Some(None) => Answer::new(StatusCode::RANGE_NOT_SATISFIABLE, content_type, Vec::new())
            .with(header::CONTENT_RANGE, &format!("bytes */{length}")),
        Some(Some(range)) => {
            let said = format!("bytes {}-{}/{length}", range.start, range.end - 1);
            Answer::new(StatusCode::PARTIAL_CONTENT, content_type, file[range].to_vec())
                .with(header::CONTENT_RANGE, &said)
        }
    };
    answer
        .with(header::ETAG, &etag)
        .with(header::ACCEPT_RANGES, "bytes")
}

/// One range of bytes: nothing if the header is to be ignored, `Some(None)` if no byte lies in it.
fn parse_range(text: &str, length: usize) -> Option<Option<Range<usize>>> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let range = match (first, last) {
        ("", tail) => length.saturating_sub(tail.parse().ok()?)..length,
        (first, "") => first.parse().ok()?..length,
        (first, last) => first.parse().ok()?..last.parse::<usize>().ok()?.saturating_add(1).min(length),
    };
    Some((range.start < range.end).then_some(range))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        let cases = [
            ("bytes=0-4", Some(Some(0..5))),
            ("bytes=5-", Some(Some(5..10))),
            ("bytes=-3", Some(Some(7..10))),
            ("bytes=8-99", Some(Some(8..10))),
            ("bytes=10-", Some(None)),
            ("bytes=-0", Some(None)),
            ("bytes=0-1,4-5", None),
            ("lines=1-2", None),
        ];
        for (text, wanted) in cases {
            assert_eq!(parse_range(text, 10), wanted, "{text}");
        }
    }
}
