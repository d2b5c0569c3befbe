//! Pages for what can't be shown.

use axum::http::StatusCode;
use axum::response::Response;
use gammaq_job::json::cut;
use maud::html;

use super::Dashboard;
use super::access::Visitor;
use super::layout::{Page, Place};

/// Redis gave no answer, or not the one that was asked for.
pub(super) fn unreadable(dashboard: &Dashboard, visitor: &Visitor, error: &gammaq_queue::Error) -> Response {
    tracing::debug!(%error, "the queue could not be read for the dashboard");
    let (title, text) = if error.is_temporary() {
        let text = "The worker goes on trying, and what is under way is kept. This page comes back by itself as soon as Redis does.";
        ("Redis does not answer", text)
    } else {
        (
            "Redis did not say",
            "`gammaq doctor` tells what is wrong with it.",
        )
    };
    let body = html! {
        p { (text) }
        p.hint { "It said: " code { (cut(&error.to_string(), 300)) } }
    };
    let page = Page::new(title, Place::Elsewhere, body).lost();
    let mut response = page.respond(dashboard, visitor);
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
}

/// There is no such thing.
pub(super) fn missing(dashboard: &Dashboard, visitor: &Visitor, text: &str) -> Response {
    let body = html! { p { (text) } };
    let mut response = Page::new("Not here", Place::Elsewhere, body).respond(dashboard, visitor);
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}
