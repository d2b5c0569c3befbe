//! All that is known of one job.

use std::sync::Arc;

use axum::extract::{Extension, Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use gammaq_job::json::cut;
use gammaq_job::{JobId, JobResult, moment};
use gammaq_queue::read::story::{Story, StoryStep};
use maud::{Markup, html};

use super::ways_out::buttons;
use super::{broken, is_live, state, when};
use crate::admin::dashboard::access::Visitor;
use crate::admin::dashboard::forms::Fields;
use crate::admin::dashboard::layout::{Page, Place};
use crate::admin::dashboard::{Dashboard, lost};

/// The most of a request that is shown, in characters.
const REQUEST: usize = 20_000;
/// Fields of the record, and what they are called.
const FACTS: [(&str, &str); 13] = [
    ("generation_id", "Generation"),
    ("gamma_id", "Gamma's id"),
    ("extra_generation_id", "Paid twice"),
    ("attempts", "Submits"),
    ("resubmits", "Resubmits"),
    ("polls", "Looks"),
    ("poll_failures", "Failed looks"),
    ("worker", "Held by"),
    ("conflicts", "Conflicts"),
    ("last_error", "Last trouble"),
    ("unclear_answer", "Heard"),
    ("last_operation", "Last command"),
    ("last_operation_by", "Asked for by"),
];

pub(in crate::admin::dashboard) async fn show(
    State(dashboard): State<Arc<Dashboard>>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    // Its text is somebody's prompt: only who has the token reads it, and only where it is asked for.
    let asked = Fields::of_query(query.as_deref()).get("request") == "1";
    let with_request = asked && visitor.may_act();
    let Ok(id) = JobId::new(&id) else {
        return lost::missing(&dashboard, &visitor, "No job can have this id.");
    };
    let story = match dashboard.queue.story(id.as_str(), with_request).await {
        Ok(Some(story)) => story,
        Ok(None) => {
            let text = "There is no such job: it was never taken in, or its time is over.";
            return lost::missing(&dashboard, &visitor, text);
        }
        Err(error) => return lost::unreadable(&dashboard, &visitor, &error),
    };
    let back = format!("/jobs/{id}");
    let actions = buttons(&visitor, id.as_str(), story.record.state(), &back);
    let body = html! {
        section #state data-live {
            (broken(&story.broken))
            p.lead {
                (state(story.record.get("state").unwrap_or("without a readable record")))
                @if let Some(next) = &story.next { " Next: " (next.words(&story)) "." }
            }
        }
        section #actions data-live { @if let Some(actions) = &actions { h2 { "What can be done" } (actions) } }
        section #result data-live { (result(&story, &visitor)) }
        section #steps data-live {
            h2 { "Timeline" }
            (timeline(&story))
        }
        section #facts data-live {
            h2 { "Record" }
            (facts(&story))
        }
        (request(&story, &visitor, asked, &back))
    };
    Page::new(format!("Job {id}"), Place::Jobs, body)
        .live()
        .without_notices(is_live(&headers))
        .respond(&dashboard, &visitor)
}

fn timeline(story: &Story) -> Markup {
    html! {
        ol.steps { @for step in story.steps() { (line(&step, story.now)) } }
        @if story.events_gone { p.hint { "Events of its beginning are gone: the stream keeps the newest of all jobs. These times are the record's." } }
        @if story.events_until.is_some() { p.hint { "There may be more: " code { "gammaq events --id" } " goes on." } }
    }
}

fn line(step: &StoryStep, now: u64) -> Markup {
    let event = &step.event;
    html! {
        li {
            time title=(moment::relative(now, step.at)) { (moment::absolute(step.at)) }
            @if let Some(ms) = step.after_ms { span.hint { " +" (moment::span(ms)) } }
            span.what {
                @if !event.state.is_empty() {
                    @if !event.from.is_empty() { (event.from) " → " }
                    (state(&event.state)) " "
                }
                @if !event.note.is_empty() { (cut(&event.note, 400)) }
                @for (name, value) in [("by", &event.by), ("worker", &event.worker)] {
                    @if !value.is_empty() { span.hint { " " (name) " " (cut(value, 140)) } }
                }
            }
        }
    }
}

fn facts(story: &Story) -> Markup {
    let record = &story.record;
    let unfinished = record.number("finished_at").is_none();
    let times = [("run_at", "Not before"), ("deadline", "Deadline")];
    html! {
        dl {
            @for (field, name) in [("kind", "Kind"), ("account", "Account"), ("priority", "Priority"), ("exports", "Files")] {
                @if let Some(value) = record.get(field) { dt { (name) } dd { (cut(value, 100)) } }
            }
            @if let Some(at) = record.number("created_at") { dt { "Made" } dd { (when(story.now, at)) } }
            // What is over has no deadline that anybody needs to know.
            @for (field, name) in times {
                @if unfinished && let Some(at) = record.number(field) { dt { (name) } dd { (when(story.now, at)) } }
            }
            @for (field, name) in FACTS {
                @if let Some(value) = record.get(field).filter(|it| *it != "0") { dt { (name) } dd { (cut(value, 400)) } }
            }
            @if let Some(callback) = record.get("callback") { dt { "Callback" } dd { (without_query(callback)) } }
            @if let Some(status) = record.get("callback_status") {
                dt { "Called back" }
                dd { (status) @if let Some(why) = record.get("callback_error") { ": " (why) } }
            }
        }
    }
}

/// What stands behind the path may be a secret of the caller's.
fn without_query(url: &str) -> String {
    match url.split_once(['?', '#']) {
        Some((path, _)) => format!("{}?…", cut(path, 200)),
        None => cut(url, 200),
    }
}

fn result(story: &Story, visitor: &Visitor) -> Markup {
    let Some(text) = &story.result else {
        return html! {};
    };
    let Ok(result) = serde_json::from_str::<JobResult>(text) else {
        return html! { h2 { "Result" } p.notice.bad { "Its result can't be read." } };
    };
    let files = [
        ("pdf", &result.pdf_url),
        ("pptx", &result.pptx_url),
        ("png", &result.png_url),
    ];
    html! {
        h2 { "Result" }
        dl {
            @if let Some(url) = &result.gamma_url { dt { "Deck" } dd { (link(url, url)) } }
            @for (name, url) in files {
                @if let Some(url) = url {
                    dt { (name) }
                    // Whoever has the link has the file.
                    dd { @if visitor.may_act() { (link(url, "the file")) } @else { "there; its link is for whoever signed in" } }
                }
            }
            @for export in &result.exports {
                @if let Some(stored) = &export.stored { dt { (export.format) } dd { "kept at " (without_query(stored)) } }
                @if let Some(error) = &export.error { dt { (export.format) } dd { (cut(error, 400)) } }
            }
            @if let Some(deducted) = result.credits.deducted {
                dt { "Credits" } dd { (deducted) @if let Some(left) = result.credits.remaining { ", " (left) " left" } }
            }
            @if let Some(meta) = &result.meta { dt { "Meta" } dd { (cut(meta, 200)) } }
            @for warning in &result.warnings { dt { "Warning" } dd { (cut(warning, 400)) } }
            @if let Some(error) = &result.error {
                dt { "Error" } dd { (error.kind.as_str()) ": " (cut(&error.message, 1_000)) }
                @if let Some(status) = error.status { dt { "From Gamma" } dd { "HTTP " (status) @if let Some(id) = &error.request_id { ", request " (cut(id, 100)) } } }
            }
        }
    }
}

/// Out of here, where it leads to the web at all; nobody there learns where from.
fn link(url: &str, text: &str) -> Markup {
    html! {
        @if url.starts_with("https://") || url.starts_with("http://") { a href=(url) rel="noreferrer noopener" { (cut(text, 200)) } }
        @else { (cut(text, 200)) }
    }
}

fn request(story: &Story, visitor: &Visitor, asked: bool, back: &str) -> Markup {
    if story.request_bytes == 0 {
        return html! {};
    }
    html! {
        section {
            h2 { "Request" }
            @match story.record.get("request") {
                Some(request) => {
                    pre tabindex="0" { (request.chars().take(REQUEST).collect::<String>()) @if request.chars().nth(REQUEST).is_some() { "…" } }
                }
                None => p.hint {
                    (story.request_bytes) " bytes. "
                    @if visitor.may_act() { a #show-request href={ (back) "?request=1" } { "Show it" } }
                    @else if asked { "It is shown to whoever signed in." }
                },
            }
        }
    }
}
