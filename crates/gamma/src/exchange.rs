//! One HTTP exchange: a request out, the whole answer in, within a time and a size.

use std::error::Error;
use std::fmt::Write as _;
use std::pin::pin;
use std::time::{Duration, SystemTime};

use gammaq_crash::at;
use http::{HeaderMap, StatusCode};
use reqwest::{RequestBuilder, Response};
use tokio::time::{Instant, timeout, timeout_at};

use crate::answer::MESSAGE_MAX;
use crate::limits::{RateLimits, retry_after};
use crate::target::Target;
use crate::wire;

/// The bodies of errors are short, whatever is allowed for answers.
const MAX_ERROR_BODY: usize = 64 * 1024;
/// The longest request id that is kept, in characters.
const MAX_REQUEST_ID: usize = 128;
/// A timer that fires this much after its time shows that the process was stopped meanwhile …
const STOPPED: Duration = Duration::from_millis(200);
/// … and then the answer may be here already, and gets this long to be read.
const GRACE: Duration = Duration::from_secs(1);

/// How long an exchange may take, and how much of its answer is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) time: Duration,
    pub(crate) body: usize,
}

/// An answer whose head arrived.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) limits: RateLimits,
    pub(crate) request_id: Option<String>,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Vec<u8>,
    /// Why the body is not whole, if it isn't.
    pub(crate) cut: Option<String>,
}

impl Reply {
    pub(crate) fn of(response: &Response, target: &Target) -> Self {
        let headers = response.headers();
        Self {
            status: response.status(),
            limits: RateLimits::of(headers),
            request_id: request_id(headers, target),
            retry_after: retry_after(headers, SystemTime::now()),
            body: Vec::new(),
            cut: Some("the answer's body never came".to_owned()),
        }
    }

    /// What the answer says went wrong, made safe and cut to `max` characters; never empty.
    pub(crate) fn message(&self, target: &Target, max: usize) -> String {
        let message = target.scrub(&wire::message(&self.body), max);
        if message.is_empty() {
            format!("HTTP {} without a message", self.status)
        } else {
            message
        }
    }
}

fn request_id(headers: &HeaderMap, target: &Target) -> Option<String> {
    let id = headers.get("x-request-id")?.to_str().ok()?;
    Some(target.scrub(id, MAX_REQUEST_ID)).filter(|id| !id.is_empty())
}

/// Sends the request and reads its answer. `Err` says, fit for a log, why there was not even a response head;
/// a body that broke off is a [`Reply`] with `cut`.
pub(crate) async fn exchange(
    request: RequestBuilder,
    bounds: Bounds,
    target: &Target,
) -> Result<Reply, String> {
    let mut reply = None;
    let begun = Instant::now();
    let work = async {
        let mut response = at("exchange_head", request.send()).await?;
        let reply = reply.insert(Reply::of(&response, target));
        at("exchange_body", read_body(&mut response, reply, bounds.body)).await
    };
    let end = at("exchange_time", within(bounds.time, work)).await;
    let fault = match end {
        Some(Ok(())) => None,
        Some(Err(error)) => Some(target.scrub(&describe(error), MESSAGE_MAX)),
        None => Some(format!("no whole answer within {:?}", bounds.time)),
    };
    let status = reply.as_ref().map(|reply| reply.status.as_u16());
    tracing::debug!(
        status,
        fault,
        elapsed_ms = begun.elapsed().as_millis() as u64,
        "exchange with Gamma"
    );
    match (reply, fault) {
        (Some(mut reply), fault) => {
            if fault.is_some() {
                reply.cut = fault;
            }
            Ok(reply)
        }
        (None, fault) => Err(fault.unwrap_or_default()),
    }
}

async fn read_body(response: &mut Response, reply: &mut Reply, max: usize) -> Result<(), reqwest::Error> {
    let max = if reply.status.is_success() {
        max
    } else {
        max.min(MAX_ERROR_BODY)
    };
    while let Some(piece) = at("exchange_piece", response.chunk()).await? {
        let room = max - reply.body.len();
        reply.body.extend_from_slice(&piece[..piece.len().min(room)]);
        if piece.len() > room {
            reply.cut = Some(format!("the answer is longer than {max} bytes"));
            return Ok(());
        }
    }
    reply.cut = None;
    Ok(())
}

/// Waits for `work`, no longer than `limit`.
///
/// The clients' own total timeout looks at the clock before it looks at the socket: a process that was
/// stopped for longer than that would throw away an answer that has been waiting for it, and with it the id
/// of a generation.
async fn within<F: Future>(limit: Duration, work: F) -> Option<F::Output> {
    let mut work = pin!(work);
    let end = Instant::now() + limit;
    if let Ok(output) = at("within_time", timeout_at(end, work.as_mut())).await {
        return Some(output);
    }
    if end.elapsed() < STOPPED {
        return None;
    }
    at("within_grace", timeout(GRACE, work)).await.ok()
}

/// An error with its causes, without the URL.
fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}
