//! The three POSTs that start a generation.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use crate::answer::Answer;
use crate::deliver::deliver;
use crate::wire::Connection;
use crate::world::{Endpoint, Shared, Submission};

type App = State<Arc<Shared>>;

pub(super) async fn classic(
    app: App,
    connection: Extension<Connection>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    create(
        app,
        connection,
        Submission::read(Endpoint::Classic, &headers, &body),
    )
    .await
}

pub(super) async fn template(
    app: App,
    connection: Extension<Connection>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    create(
        app,
        connection,
        Submission::read(Endpoint::Template, &headers, &body),
    )
    .await
}

pub(super) async fn agent(
    app: App,
    connection: Extension<Connection>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    create(
        app,
        connection,
        Submission::read(Endpoint::Agent, &headers, &body),
    )
    .await
}

async fn create(
    State(shared): App,
    Extension(connection): Extension<Connection>,
    submission: Submission,
) -> Response {
    let chosen = shared.with(|world, _| world.choose_for_post(&submission));
    let answer = if chosen.slow_before.is_zero() {
        shared.with(|world, now| world.submit(&submission, &chosen, now))
    } else {
        // A task of its own: this future ends with the connection, but a request on its way arrives all the same.
        let chosen = chosen.clone();
        let late = tokio::spawn(async move {
            tokio::time::sleep(chosen.slow_before).await;
            shared.with(|world, now| world.submit(&submission, &chosen, now))
        });
        late.await
            .unwrap_or_else(|_| Answer::error(StatusCode::INTERNAL_SERVER_ERROR, "the fake is at fault"))
    };
    deliver(&connection, &chosen, answer).await
}
