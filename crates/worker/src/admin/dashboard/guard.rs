//! What stands before every page: bounds, names, who it is, and the headers of every answer.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
    RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::access::{self, Visitor};
use super::{Dashboard, cross_site, sign_in};
use crate::admin::connections::Peer;

/// Requests under way at once, assets and refusals included.
const AT_ONCE: usize = 24;
/// How long one may take.
const WITHIN: Duration = Duration::from_secs(10);

/// No script, style, picture or form but its own, and in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 8] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (CACHE_CONTROL, "no-store"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=()",
    ),
];

/// Room for so many requests.
#[derive(Debug)]
pub(super) struct Requests(Semaphore);

impl Default for Requests {
    fn default() -> Self {
        Self(Semaphore::new(AT_ONCE))
    }
}

pub(super) async fn guard(
    State(dashboard): State<Arc<Dashboard>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
    next: Next,
) -> Response {
    let answered = async {
        let Ok(_room) = dashboard.requests.0.try_acquire() else {
            return busy("the dashboard has too many requests at once");
        };
        let answer = timeout(WITHIN, admit(&dashboard, peer, request, next)).await;
        answer.unwrap_or_else(|_| busy("this took too long; look before you ask for it again"))
    };
    let mut response = answered.await;
    for (name, value) in HEADERS {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn admit(dashboard: &Arc<Dashboard>, peer: Peer, mut request: Request, next: Next) -> Response {
    let headers = request.headers();
    // Who listens for this machine alone answers to its names alone, whoever asks.
    if dashboard.address.ip().to_canonical().is_loopback() && !access::names_loopback(request.uri(), headers)
    {
        let text = "this dashboard is for this machine: ask for it as localhost or 127.0.0.1";
        return plain(StatusCode::MISDIRECTED_REQUEST, text);
    }
    let path = request.uri().path();
    let changes = request.method() != Method::GET && request.method() != Method::HEAD;
    if path.starts_with("/assets/") {
        return next.run(request).await;
    }
    let Some(token) = &dashboard.token else {
        if changes {
            let text = "this worker has no admin.token_file, and nothing is done here without a token: set it, and start the worker again";
            return plain(StatusCode::FORBIDDEN, text);
        }
        if !access::is_local(dashboard.address, peer.0, headers) {
            return plain(StatusCode::FORBIDDEN, REFUSAL);
        }
        request.extensions_mut().insert(Visitor::Local);
        return next.run(request).await;
    };
    let given = access::bearer(headers).map(str::to_owned);
    // A program has no cookie that another site could use.
    if changes && given.is_none() && !cross_site::is_from_here(headers) {
        let text = "this request does not come from a page of the dashboard: its Origin is missing, or not the Host that was asked";
        return plain(StatusCode::FORBIDDEN, text);
    }
    let visitor = match given {
        Some(given) => match sign_in::try_token(dashboard, token, peer, &given).await {
            Ok(()) => Visitor::Program,
            Err(refusal) => return refusal,
        },
        None => {
            let cookie = access::cookie_name(dashboard.address);
            match access::session(&dashboard.sessions, &cookie, headers) {
                Some(session) => Visitor::Session(session),
                None if access::is_local(dashboard.address, peer.0, headers) => Visitor::Local,
                None => Visitor::Stranger,
            }
        }
    };
    if !visitor.may_look() && path != "/sign-in" {
        if changes {
            return unauthorized("sign in first, or bring the token as Authorization: Bearer");
        }
        let mut page = sign_in::page(dashboard, &visitor, request.uri(), None);
        *page.status_mut() = StatusCode::UNAUTHORIZED;
        let scheme = HeaderValue::from_static("Bearer");
        page.headers_mut().insert(WWW_AUTHENTICATE, scheme);
        return page;
    }
    request.extensions_mut().insert(visitor);
    next.run(request).await
}

const REFUSAL: &str = "the dashboard is served on the loopback alone where there is no token: set admin.token_file to a file \
                       with one, and start the worker again.\n/healthz, /readyz and /metrics are here as before";

/// A line for people and programs.
pub(super) fn plain(status: StatusCode, text: &str) -> Response {
    (
        status,
        [(CONTENT_TYPE, "text/plain; charset=utf-8")],
        format!("{text}\n"),
    )
        .into_response()
}

pub(super) fn unauthorized(text: &str) -> Response {
    let mut response = plain(StatusCode::UNAUTHORIZED, text);
    let scheme = HeaderValue::from_static("Bearer");
    response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
    response
}

/// Not now.
pub(super) fn busy(text: &str) -> Response {
    let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, text);
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from_static("2"));
    response
}
