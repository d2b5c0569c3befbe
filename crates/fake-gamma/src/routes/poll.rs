//! GETs of generations.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;

use crate::deliver::deliver;
use crate::wire::Connection;
use crate::world::{Shared, api_key};

type App = State<Arc<Shared>>;

pub(super) async fn classic(
    State(shared): App,
    Extension(connection): Extension<Connection>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let (chosen, answer) = shared.with(|world, now| world.poll(&api_key(&headers), &id, false, now));
    deliver(&connection, &chosen, answer).await
}

pub(super) async fn agent(
    State(shared): App,
    Extension(connection): Extension<Connection>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let (chosen, answer) = shared.with(|world, now| world.poll(&api_key(&headers), &id, true, now));
    deliver(&connection, &chosen, answer).await
}
