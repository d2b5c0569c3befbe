//! Jobs, page by page.

use std::sync::Arc;

use axum::extract::{Extension, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use gammaq_job::json::cut;
use gammaq_job::{AccountName, State as JobState, moment};
use gammaq_queue::read::pages::{Cursor, Filter, JobPage, JobRow};
use maud::{Markup, html};
use serde_json::Value;

use super::{broken, is_live, job, state, when};
use crate::admin::dashboard::access::Visitor;
use crate::admin::dashboard::forms::{Fields, encoded};
use crate::admin::dashboard::layout::{Page, Place};
use crate::admin::dashboard::{Dashboard, lost};

/// Jobs of a page.
const PAGE: usize = 50;

pub(in crate::admin::dashboard) async fn list(
    State(dashboard): State<Arc<Dashboard>>,
    Extension(visitor): Extension<Visitor>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let asked = Fields::of_query(query.as_deref());
    let filter = Filter {
        state: asked.get("state").parse().ok(),
        account: AccountName::new(asked.get("account"))
            .ok()
            .map(|it| it.to_string()),
        ..Filter::default()
    };
    let after: Option<Cursor> = asked.get("after").parse().ok();
    let read = async {
        let now = dashboard.queue.time().await?;
        let page = dashboard.queue.jobs(&filter, after.as_ref(), PAGE).await?;
        Ok((now, page))
    };
    let (now, page) = match read.await {
        Ok(read) => read,
        Err(error) => return lost::unreadable(&dashboard, &visitor, &error),
    };
    let body = html! {
        (choice(&filter))
        section #jobs data-live {
            (broken(&page.broken))
            (rows(&page, now))
            (turn(&page, &filter, after.is_some()))
        }
    };
    let title = match filter.state {
        Some(state) => format!("Jobs: {state}"),
        None => "Jobs".to_owned(),
    };
    Page::new(title, Place::Jobs, body)
        .live()
        .without_notices(is_live(&headers))
        .respond(&dashboard, &visitor)
}

fn choice(filter: &Filter) -> Markup {
    html! {
        form.filter action="/jobs" {
            label for="state" { "State" }
            select #state name="state" {
                option value="" { "all" }
                @for state in JobState::ALL {
                    option value=(state) selected[filter.state == Some(state)] { (state) }
                }
            }
            label for="account" { "Account" }
            input #account type="text" name="account" maxlength="64" value=(filter.account.as_deref().unwrap_or_default()) autocomplete="off";
            button type="submit" { "Show" }
        }
    }
}

fn rows(page: &JobPage, now: u64) -> Markup {
    html! {
        @if page.jobs.is_empty() { p { "No such jobs." } }
        @else {
            table {
                thead { tr { th scope="col" { "Job" } th scope="col" { "State" } th scope="col" { "Account" } th scope="col" { "Age" } th scope="col" { "Next step" } th scope="col" { "What there is to say" } } }
                tbody {
                    @for row in &page.jobs {
                        tr {
                            th scope="row" { (job(&row.id)) }
                            td data-label="State" { (state(&row.state)) }
                            td data-label="Account" { (row.account) }
                            td data-label="Age" { @if let Some(at) = row.created_at { (moment::span(now.saturating_sub(at))) } }
                            td data-label="Next step" { @if let Some(at) = row.next_at { (when(now, at)) } }
                            td data-label="Says" { (cut(&says(row), 140)) }
                        }
                    }
                }
            }
        }
    }
}

/// What went wrong, else the deck, else what else is known.
pub(super) fn says(row: &JobRow) -> String {
    let error = row.error.as_ref().map(|error| match error {
        Value::Object(error) => {
            let part = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
            format!("{}: {}", part("kind"), part("message"))
        }
        other => other.to_string(),
    });
    let kept = [&row.gamma_url, &row.last_error, &row.generation_id];
    error
        .or_else(|| kept.into_iter().flatten().next().cloned())
        .unwrap_or_default()
}

fn turn(page: &JobPage, filter: &Filter, turned: bool) -> Markup {
    let mut path = format!("/jobs?state={}", filter.state.map_or("", JobState::as_str));
    if let Some(account) = &filter.account {
        path += &format!("&account={}", encoded(account));
    }
    html! {
        @if page.stopped { p.hint { "Stopped looking after " (page.looked_at) " jobs: there may be more." } }
        @if turned || page.after.is_some() {
            nav.turn aria-label="Turn pages" {
                @if turned { a #first href=(path) { "First page" } }
                @if let Some(after) = &page.after { a #next href={ (path) "&after=" (encoded(&after.to_string())) } { "Next page" } }
            }
        }
    }
}
