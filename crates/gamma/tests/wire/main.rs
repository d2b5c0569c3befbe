//! The client against raw TCP servers that break in every way a real one can.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests, which clippy takes for ordinary code"
)]

mod answers;
mod backlog;
mod bodies;
mod caps;
mod gate;
mod not_sent;
mod polls;
mod redirects;
mod secrets;
mod server;
mod unclear;

use std::time::Duration;

use bytes::Bytes;
use gammaq_gamma::{Answer, Client, ClientSettings, Engine, Submitted, Target};
use secrecy::SecretString;
use tokio::time::Instant;

/// Part of every body that is sent, so that a server can be shown not to have it.
const PROMPT: &str = "wind-and-water";
const KEY: &str = "sk-gamma-0123456789";

fn body() -> Bytes {
    Bytes::from(format!(r#"{{"inputText":"{PROMPT}","textMode":"generate"}}"#))
}

/// A body beyond what the sockets' buffers take.
fn big_body() -> Bytes {
    Bytes::from(format!(r#"{{"inputText":"{PROMPT}{}"}}"#, "x".repeat(32 << 20)))
}

fn target(base: &str) -> Target {
    Target::new(&base.parse().unwrap(), &SecretString::from(KEY)).unwrap()
}

/// Patient enough for a busy machine.
fn client() -> Client {
    Client::new(&ClientSettings::default()).unwrap()
}

/// For faults that only a timeout ends.
fn impatient(connect_ms: u64, request_ms: u64) -> Client {
    Client::new(&ClientSettings {
        connect_timeout: Duration::from_millis(connect_ms),
        request_timeout: Duration::from_millis(request_ms),
        ..ClientSettings::default()
    })
    .unwrap()
}

fn in_a_minute() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

async fn submit(client: &Client, base: &str) -> Answer<Submitted> {
    client
        .submit(&target(base), Engine::Classic, body(), in_a_minute())
        .await
}

#[track_caller]
fn assert_not_sent(answer: &Answer<Submitted>) {
    assert!(
        matches!(&answer.outcome, Submitted::NotSent { reason } if !reason.is_empty()),
        "{answer:?}"
    );
}

/// Unclear, with the HTTP status and the start of the body that came.
#[track_caller]
fn assert_unclear(answer: &Answer<Submitted>, status: Option<u16>, body: &str) {
    match &answer.outcome {
        Submitted::Unclear {
            status: seen,
            reason,
            body_start,
        } => {
            assert!(
                *seen == status && body_start.starts_with(body) && !reason.is_empty(),
                "{answer:?}"
            );
        }
        _ => panic!("{answer:?}"),
    }
}

#[track_caller]
fn assert_accepted(answer: &Answer<Submitted>, id: &str) {
    match &answer.outcome {
        Submitted::Accepted { generation_id, .. } => assert_eq!(generation_id, id),
        _ => panic!("{answer:?}"),
    }
}
