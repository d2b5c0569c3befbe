//! A job by its id, or by the generation that Gamma made for it.

use std::sync::Arc;

use axum::extract::{Extension, RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use gammaq_job::json::cut;
use gammaq_job::{GenerationId, JobId};
use gammaq_queue::Error;
use gammaq_queue::read::search::Searched;
use maud::html;

use crate::admin::dashboard::access::Visitor;
use crate::admin::dashboard::forms::Fields;
use crate::admin::dashboard::guard;
use crate::admin::dashboard::layout::{Page, Place};
use crate::admin::dashboard::{Dashboard, lost};

/// How many jobs of each index are looked at: no index leads from a generation to its job.
const MOST: usize = 2_000;

enum Found {
    Job(String),
    Nothing(Option<Searched>),
    Busy,
}

pub(in crate::admin::dashboard) async fn show(
    State(dashboard): State<Arc<Dashboard>>,
    Extension(visitor): Extension<Visitor>,
    RawQuery(query): RawQuery,
) -> Response {
    let fields = Fields::of_query(query.as_deref());
    let wanted = fields.get("q");
    let searched = match find(&dashboard, wanted).await {
        Ok(Found::Job(id)) => {
            return (StatusCode::SEE_OTHER, [(LOCATION, format!("/jobs/{id}"))]).into_response();
        }
        Ok(Found::Nothing(searched)) => searched,
        Ok(Found::Busy) => return guard::busy("somebody else's search goes on: try again in a moment"),
        Err(error) => return lost::unreadable(&dashboard, &visitor, &error),
    };
    let body = html! {
        p { "There is no job with the id " code { (cut(wanted, 200)) } "." }
        @match searched {
            Some(searched) => p {
                "Nor has any of " (searched.looked_at) " jobs that were looked at this generation: those under way by their next \
                 step and the newest of each that ended, " (MOST) " of each."
                @if searched.more { " There may be more, which were not looked at." } @else { " Those are all there are." }
            },
            None => p { "Nor can it be a generationId." },
        }
        p.hint { "A request that no worker has taken in yet is no job yet, and results are forgotten after " code { "results.ttl" } "." }
    };
    let mut page = Page::new("Nothing found", Place::Jobs, body).respond(&dashboard, &visitor);
    *page.status_mut() = StatusCode::NOT_FOUND;
    page
}

async fn find(dashboard: &Dashboard, wanted: &str) -> Result<Found, Error> {
    if let Ok(id) = JobId::new(wanted) {
        let ids = [id.to_string()];
        let fields = dashboard.queue.fields_of(&ids, &["state"]).await?;
        if fields.iter().flatten().any(Option::is_some) {
            return Ok(Found::Job(id.to_string()));
        }
    }
    let Ok(generation) = GenerationId::new(wanted) else {
        return Ok(Found::Nothing(None));
    };
    let Ok(_only) = dashboard.searches.try_acquire() else {
        return Ok(Found::Busy);
    };
    let searched = dashboard.queue.find_generation(generation.as_str(), MOST).await?;
    Ok(match searched.id.clone().filter(|id| JobId::new(id).is_ok()) {
        Some(id) => Found::Job(id),
        None => Found::Nothing(Some(searched)),
    })
}
