//! Jobs of which nobody knows whether Gamma accepted them.

use std::sync::Arc;

use axum::extract::{Extension, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use gammaq_job::State as JobState;
use gammaq_job::json::cut;
use gammaq_queue::read::pages::{Cursor, Filter};
use maud::html;

use super::jobs::says;
use super::ways_out::buttons;
use super::{broken, is_live, job, when};
use crate::admin::dashboard::access::Visitor;
use crate::admin::dashboard::forms::{Fields, encoded};
use crate::admin::dashboard::layout::{Page, Place};
use crate::admin::dashboard::{Dashboard, lost};

/// Jobs of a page; each has three forms.
const PAGE: usize = 20;

pub(in crate::admin::dashboard) async fn list(
    State(dashboard): State<Arc<Dashboard>>,
    Extension(visitor): Extension<Visitor>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let after: Option<Cursor> = Fields::of_query(query.as_deref()).get("after").parse().ok();
    let filter = Filter {
        state: Some(JobState::Ambiguous),
        ..Filter::default()
    };
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
        p {
            "The answer to their submit was lost or unclear. Look in Gamma for each, by its title and its time: is the deck there? "
            "Nothing happens to them until somebody decides."
        }
        section #parked data-live {
            (broken(&page.broken))
            @if page.jobs.is_empty() { p.notice.good { "Nothing is parked." } }
            @for row in &page.jobs {
                article.card {
                    h2 { (job(&row.id)) }
                    p.hint {
                        "Account " (row.account)
                        @if let Some(at) = row.created_at { ", made " (when(now, at)) }
                        @if let Some(at) = row.finished_at { ", parked " (when(now, at)) }
                        ", submits: " (row.attempts.unwrap_or(0))
                    }
                    p { (cut(&says(row), 300)) }
                    @if let Some(buttons) = buttons(&visitor, &row.id, Some(JobState::Ambiguous), "/parked") { (buttons) }
                }
            }
            @if let Some(after) = &page.after {
                nav.turn aria-label="Turn pages" { a #next href={ "/parked?after=" (encoded(&after.to_string())) } { "Next page" } }
            }
        }
        @if !visitor.may_act() { p.hint { "The three ways out are here for whoever signed in with the token of " code { "admin.token_file" } "." } }
    };
    Page::new("Parked jobs", Place::Parked, body)
        .live()
        .without_notices(is_live(&headers))
        .respond(&dashboard, &visitor)
}
