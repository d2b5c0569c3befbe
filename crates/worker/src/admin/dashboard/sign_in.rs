//! The token, once, for a session.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, Extension, State};
use axum::http::header::{LOCATION, RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use gammaq_job::json::cut;
use maud::html;
use secrecy::{ExposeSecret, SecretString};

use super::access::{self, Visitor};
use super::forms::{Fields, path_of};
use super::layout::{Page, Place};
use super::{Dashboard, cross_site, guard};
use crate::admin::connections::Peer;

/// The longest name that anybody signs in with, in characters.
const NAME: usize = 60;

/// Tries a token: counts and slows down those that are wrong.
///
/// # Errors
/// What to answer.
pub(super) async fn try_token(
    dashboard: &Dashboard,
    token: &SecretString,
    peer: Peer,
    given: &str,
) -> Result<(), Response> {
    let from = peer.0.ip();
    let leave = dashboard.throttle.begin(from).map_err(|wait| {
        let text = "too many wrong tokens from here, or at once: wait a little";
        let seconds = wait.as_secs().max(1);
        let mut response = guard::plain(StatusCode::TOO_MANY_REQUESTS, text);
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
        response
    })?;
    if access::is_token(token, given) {
        return Ok(());
    }
    tracing::warn!(peer = %from, "a wrong token was given to the dashboard");
    dashboard.throttle.failed(from, leave).await;
    Err(guard::unauthorized("that is not the token"))
}

pub(super) async fn show(
    State(dashboard): State<Arc<Dashboard>>,
    Extension(visitor): Extension<Visitor>,
    uri: Uri,
) -> Response {
    page(&dashboard, &visitor, &uri, None)
}

/// The page to sign in; it leads back to where somebody wanted to go.
pub(super) fn page(dashboard: &Dashboard, visitor: &Visitor, uri: &Uri, wrong: Option<&str>) -> Response {
    let wanted = match uri.path() {
        "/sign-in" => Fields::of_query(uri.query()).get("next").to_owned(),
        _ => uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
    };
    form(dashboard, visitor, path_of(&wanted), wrong)
}

fn form(dashboard: &Dashboard, visitor: &Visitor, next: &str, wrong: Option<&str>) -> Response {
    let body = html! {
        @if dashboard.token.is_none() {
            p { "This worker has no token: set " code { "admin.token_file" } " and start it again." }
        } @else {
            @if let Some(wrong) = wrong { p.notice.bad role="alert" { (wrong) } }
            form.stack method="post" action="/sign-in" {
                input type="hidden" name="next" value=(next);
                label for="token" { "Token" }
                input #token type="password" name="token" required autocomplete="current-password" aria-describedby="token-hint";
                p.hint #token-hint { "What the file of " code { "admin.token_file" } " holds." }
                label for="name" { "Your name (optional)" }
                input #name type="text" name="name" maxlength=(NAME) autocomplete="username" aria-describedby="name-hint";
                p.hint #name-hint { "Stands on jobs and in events beside what you do." }
                button.primary type="submit" { "Sign in" }
            }
        }
    };
    Page::new("Sign in", Place::Elsewhere, body).respond(dashboard, visitor)
}

pub(super) async fn sign_in(
    State(dashboard): State<Arc<Dashboard>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let fields = Fields::of_body(&body);
    let next = path_of(fields.get("next"));
    // The guard lets nobody here where there is none.
    let Some(token) = &dashboard.token else {
        return StatusCode::FORBIDDEN.into_response();
    };
    if let Err(refusal) = try_token(&dashboard, token, peer, fields.get("token")).await {
        let wait = refusal.headers().get(RETRY_AFTER).cloned();
        let text = match wait {
            Some(_) => "Too many wrong tokens from here, or at once. Wait a minute.",
            None => "That is not the token.",
        };
        let mut page = form(&dashboard, &visitor, next, Some(text));
        *page.status_mut() = refusal.status();
        wait.map(|wait| page.headers_mut().insert(RETRY_AFTER, wait));
        return page;
    }
    if let Visitor::Session(former) = &visitor {
        dashboard.sessions.end(former);
    }
    let by = by(fields.get("name"), Some(token));
    tracing::info!(peer = %peer.0.ip(), by, "signed in to the dashboard");
    let id = dashboard.sessions.begin(by);
    let secure = if cross_site::is_secure(&headers) {
        "; Secure"
    } else {
        ""
    };
    let name = access::cookie_name(dashboard.address);
    let cookie = format!("{name}={id}; Path=/; HttpOnly; SameSite=Strict{secure}");
    (
        StatusCode::SEE_OTHER,
        [(LOCATION, next.to_owned()), (SET_COOKIE, cookie)],
    )
        .into_response()
}

/// Who asks, as records and events name them: `oncall@dashboard`, or `dashboard`.
pub(super) fn by(name: &str, token: Option<&SecretString>) -> String {
    // Put into the wrong field once, it would stand in Redis.
    let is_token = token.is_some_and(|token| name.contains(token.expose_secret()));
    if name.is_empty() || is_token {
        return "dashboard".to_owned();
    }
    format!("{}@dashboard", cut(name, NAME))
}

pub(super) async fn sign_out(
    State(dashboard): State<Arc<Dashboard>>,
    Extension(visitor): Extension<Visitor>,
    body: Bytes,
) -> Response {
    if let Visitor::Session(session) = &visitor {
        if !session.is_form_key(Fields::of_body(&body).get("form_key")) {
            return guard::plain(
                StatusCode::FORBIDDEN,
                "this form is not of your session: load the page again",
            );
        }
        dashboard.sessions.end(session);
    }
    let name = access::cookie_name(dashboard.address);
    let gone = format!("{name}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    (
        StatusCode::SEE_OTHER,
        [(LOCATION, "/".to_owned()), (SET_COOKIE, gone)],
    )
        .into_response()
}
