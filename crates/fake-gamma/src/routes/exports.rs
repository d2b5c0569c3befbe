//! Exports of gammas that exist.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;

use crate::deliver::deliver;
use crate::wire::Connection;
use crate::world::{Shared, api_key};

type App = State<Arc<Shared>>;

pub(super) async fn begin(
    State(shared): App,
    Extension(connection): Extension<Connection>,
    Path(gamma): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (chosen, answer) = shared.with(|world, now| world.export(&api_key(&headers), &gamma, &body, now));
    deliver(&connection, &chosen, answer).await
}

pub(super) async fn poll(
    State(shared): App,
    Extension(connection): Extension<Connection>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let (chosen, answer) = shared.with(|world, now| world.poll_export(&api_key(&headers), &id, now));
    deliver(&connection, &chosen, answer).await
}
