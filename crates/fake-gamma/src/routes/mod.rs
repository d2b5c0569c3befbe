//! The paths, and the step from a request to the world and back.

mod control;
mod create;
mod download;
mod exports;
mod lists;
mod poll;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use axum::routing::{get, post};

use crate::answer::Answer;
use crate::world::{Shared, api_key};

/// Far above the longest text that is allowed, so that the answer to one too long is Gamma's and not a 413.
const BODY_MAX: usize = 32 << 20;

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1.0/generations", post(create::classic))
        .route("/v1.0/generations/from-template", post(create::template))
        .route("/v1.0/generations/{id}", get(poll::classic))
        .route("/v1.0/agent/generations", post(create::agent))
        .route("/v1.0/agent/generations/{id}", get(poll::agent))
        .route("/v1.0/gammas/{id}/export", post(exports::begin))
        .route("/v1.0/exports/{id}", get(exports::poll))
        .route("/v1.0/themes", get(lists::themes))
        .route("/v1.0/folders", get(lists::folders))
        .route("/export/{token}/{name}", get(download::file))
        .merge(control::router())
        .fallback(no_such_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(shared)
}

async fn no_such_path(State(shared): State<Arc<Shared>>, headers: HeaderMap, uri: Uri) -> Response {
    let answer = Answer::error(StatusCode::NOT_FOUND, &format!("No such path: {}", uri.path()));
    shared
        .with(|world, now| world.stamped(answer, &api_key(&headers), now))
        .into_response()
}

async fn wrong_method(State(shared): State<Arc<Shared>>, headers: HeaderMap, uri: Uri) -> Response {
    let message = format!("Method not allowed at {}", uri.path());
    let answer = Answer::error(StatusCode::METHOD_NOT_ALLOWED, &message);
    shared
        .with(|world, now| world.stamped(answer, &api_key(&headers), now))
        .into_response()
}
