//! An answer before it is sent: kept whole, so that a fault can still cut, garble or withhold it.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::clock::Moment;
use crate::faults::{Kind, RetryAfter};

/// Status, headers and body.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn new(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Self {
        let headers = vec![(header::CONTENT_TYPE, HeaderValue::from_static(content_type))];
        Self {
            status,
            headers,
            body,
        }
    }

    pub(crate) fn json(status: StatusCode, body: &Value) -> Self {
        Self::new(
            status,
            "application/json; charset=utf-8",
            body.to_string().into_bytes(),
        )
    }

    /// An error as Gamma words it.
    pub(crate) fn error(status: StatusCode, message: &str) -> Self {
        Self::json(
            status,
            &json!({ "message": message, "statusCode": status.as_u16() }),
        )
    }

    pub(crate) fn with(mut self, name: HeaderName, value: &str) -> Self {
        self.set(name, value);
        self
    }

    pub(crate) fn set(&mut self, name: HeaderName, value: &str) {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
    }

    /// The answer of a fault that comes instead of, or after, the request's own.
    pub(crate) fn of_fault(kind: &Kind, path: &str, now: Moment) -> Option<Self> {
        match kind {
            Kind::Status(status) | Kind::AfterStatus(status) => Some(of_status(*status, path)),
            Kind::NoCredits => Some(Self::error(StatusCode::FORBIDDEN, NO_CREDITS)),
            Kind::Expired => Some(expired_link()),
            Kind::Redirect(host) => {
                let to = format!("https://{host}{path}");
                Some(Self::new(StatusCode::FOUND, "text/plain", Vec::new()).with(header::LOCATION, &to))
            }
            Kind::RateLimited(RetryAfter::Seconds(seconds)) => {
                Some(too_many_requests().with(header::RETRY_AFTER, &seconds.to_string()))
            }
            Kind::RateLimited(RetryAfter::Date(seconds)) => {
                let date = now
                    .wall()
                    .checked_add(Duration::from_secs(*seconds))
                    .unwrap_or(now.wall());
                Some(too_many_requests().with(header::RETRY_AFTER, &httpdate::fmt_http_date(date)))
            }
            _ => None,
        }
    }

    /// The value of a JSON body's `message`, for the ledger.
    pub(crate) fn message(&self) -> Option<String> {
        let body: Value = serde_json::from_slice(&self.body).ok()?;
        Some(body.get("message")?.as_str()?.to_owned())
    }

    /// Takes the ids out of a JSON body.
    pub(crate) fn remove_ids(&mut self) {
        if let Ok(Value::Object(mut body)) = serde_json::from_slice(&self.body) {
            body.remove("generationId");
            body.remove("exportId");
            self.body = Value::Object(body).to_string().into_bytes();
        }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.body.first().is_some_and(|first| *first == b'{')
    }

    /// The same answer, headers and all, with a page for a body, as a portal in front of the internet gives it.
    pub(crate) fn with_page(mut self) -> Self {
        self.body = b"<!doctype html><html><body>Please sign in to use this network.</body></html>".to_vec();
        self
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        response.headers_mut().extend(self.headers);
        response
    }

    /// The head of the answer as it goes over the wire, framed by `framing` (a header line).
    pub(crate) fn raw_head(&self, framing: &str) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {}\r\n{framing}\r\n", self.status).into_bytes();
        for (name, value) in &self.headers {
            head.extend_from_slice(name.as_str().as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"\r\n");
        head
    }
}

/// What Gamma says when the balance is gone, under either status.
pub(crate) const NO_CREDITS: &str =
    "Insufficient credits remaining. Please upgrade your plan or add credits.";

pub(crate) fn too_many_requests() -> Answer {
    Answer::error(StatusCode::TOO_MANY_REQUESTS, "Too many requests")
}

/// What the file store, not the API, says of a link that no longer works.
pub(crate) fn expired_link() -> Answer {
    let body = "<?xml version='1.0' encoding='UTF-8'?>\
                <Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>";
    Answer::new(StatusCode::FORBIDDEN, "application/xml", body.as_bytes().to_vec())
}

fn of_status(status: u16, path: &str) -> Answer {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let message = match status.as_u16() {
        400 => "Input validation errors: 1. refused on demand",
        401 => "Invalid API key",
        402 => NO_CREDITS,
        403 => "Forbidden: this feature is not part of your plan",
        404 => "Not found",
        422 => "Failed to generate text. Check your inputs and try again.",
        429 => return too_many_requests(),
        // These come from what stands in front of the API, which answers pages.
        502 | 504 => {
            let page = format!("<html><body><center><h1>{status}</h1></center></body></html>\n");
            return Answer::new(status, "text/html", page.into_bytes());
        }
        500 => "Internal server error",
        _ => status.canonical_reason().unwrap_or("Unexpected"),
    };
    let answer = Answer::error(status, message);
    // Who follows it comes back here, and shows in the ledger as a second request.
    if status.is_redirection() {
        answer.with(header::LOCATION, &format!("{path}?redirected=1"))
    } else {
        answer
    }
}
