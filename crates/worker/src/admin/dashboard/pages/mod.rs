//! The pages, one file each.

pub(super) mod account;
pub(super) mod accounts;
pub(super) mod job;
pub(super) mod jobs;
pub(super) mod overview;
pub(super) mod parked;
pub(super) mod search;
mod ways_out;

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::Response;
use gammaq_job::{JobId, moment};
use maud::{Markup, html};

use super::access::Visitor;
use super::layout::form_key;
use super::{Dashboard, lost};

pub(super) async fn nothing(
    State(dashboard): State<Arc<Dashboard>>,
    Extension(visitor): Extension<Visitor>,
) -> Response {
    lost::missing(&dashboard, &visitor, "There is no such page.")
}

/// Whether a page asks for its own numbers again, and no person for a page.
fn is_live(headers: &HeaderMap) -> bool {
    headers.contains_key("x-gammaq-live")
}

/// A state in its colour; a word that is none stays as it is.
fn state(word: &str) -> Markup {
    let known = word.parse::<gammaq_job::State>().is_ok();
    html! { span.state data-state=[known.then_some(word)] { (word) } }
}

/// A time as it is told from now, with the whole of it beside.
fn when(now: u64, at: u64) -> Markup {
    html! { time title=(moment::absolute(at)) { (moment::relative(now, at)) } }
}

/// A job's name, that leads to it where it can be one.
fn job(id: &str) -> Markup {
    html! {
        @if JobId::new(id).is_ok() { a.id href={ "/jobs/" (id) } { (id) } }
        @else { code { (gammaq_job::json::cut(id, 80)) } }
    }
}

/// How much of something is used.
fn bar(used: u64, limit: u64) -> Markup {
    let width = used.min(limit) * 100 / limit.max(1);
    html! {
        svg.bar viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" {
            rect.ground width="100" height="8" {}
            rect.slot width=(width) height="8" {}
        }
    }
}

/// A button that gives a command, with what it needs beside it.
fn command(visitor: &Visitor, back: &str, fields: &[(&str, &str)], inner: &Markup) -> Markup {
    html! {
        form.command method="post" action="/act" {
            (form_key(visitor))
            input type="hidden" name="back" value=(back);
            @for (name, value) in fields { input type="hidden" name=(name) value=(value); }
            (inner)
        }
    }
}

/// Keys that are of another type than they should be.
fn broken(keys: &std::collections::BTreeSet<String>) -> Markup {
    html! {
        @for key in keys {
            p.notice.bad { code { (key) } " is of another type than it should be and was left out: " code { "gammaq doctor" } " says more." }
        }
    }
}
