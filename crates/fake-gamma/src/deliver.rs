//! The last step of every request: the answer goes out, or what a fault makes of it.

use axum::body::Body;
use axum::http::Response;

use crate::answer::Answer;
use crate::faults::{Chosen, Kind};
use crate::wire::{Connection, Takeover};

/// Sends the answer the way the fault says.
pub(crate) async fn deliver(connection: &Connection, chosen: &Chosen, mut answer: Answer) -> Response<Body> {
    if !chosen.slow.is_zero() {
        tokio::time::sleep(chosen.slow).await;
    }
    let takeover = match &chosen.kind {
        Some(Kind::LostBefore | Kind::LostAfter) => Takeover::Reset,
        Some(Kind::Silent | Kind::SilentBefore) => Takeover::Hang,
        Some(Kind::Garbage) => Takeover::Raw(b"\x00\x01 this is no HTTP at all\r\n\r\n".to_vec()),
        Some(Kind::Half) => Takeover::Raw(half(&answer, &content_length(&answer))),
        Some(Kind::ResetHalf) => Takeover::RawReset(half(&answer, &content_length(&answer))),
        // A file begins as it should: what has no end must not be told by its beginning.
        Some(Kind::Huge) => Takeover::Endless {
            head: answer.raw_head("transfer-encoding: chunked"),
            first: if answer.is_json() { Vec::new() } else { answer.body },
        },
        Some(Kind::Unsized) => Takeover::Raw(half(&answer, "connection: close")),
        Some(Kind::WrongType) => return answer.with_page().into_response(),
        Some(Kind::Drip) => Takeover::Drip {
            head: answer.raw_head(&content_length(&answer)),
            body: answer.body,
        },
        Some(Kind::Malformed) => {
            answer.body = b"{\"generationId\": \"cut, \"status\": }".to_vec();
            return answer.into_response();
        }
        Some(Kind::NoId) => {
            answer.remove_ids();
            return answer.into_response();
        }
        _ => return answer.into_response(),
    };
    connection.take_over(takeover).await
}

/// The head, framed by `framing`, and half of the body.
fn half(answer: &Answer, framing: &str) -> Vec<u8> {
    let mut bytes = answer.raw_head(framing);
    bytes.extend_from_slice(&answer.body[..answer.body.len() / 2]);
    bytes
}

fn content_length(answer: &Answer) -> String {
    format!("content-length: {}", answer.body.len())
}
