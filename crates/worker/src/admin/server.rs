//! The server on `admin.listen`.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use super::connections::{Bounded, Peer};
use super::{dashboard, health, look};
use crate::app::App;
use crate::settings::AdminSettings;

/// Between two times that histograms put away what they gathered.
const UPKEEP: Duration = Duration::from_secs(5);
/// The most of a request's body: a form of a few fields.
const BODY: usize = 16 * 1024;

/// A server that ends when this is dropped, whoever waits for an answer.
#[derive(Debug)]
pub(crate) struct Admin(
    #[expect(dead_code, reason = "held until the worker ends")] [AbortOnDropHandle<()>; 2],
);

/// Serves on `admin.listen`, if it is free.
pub(crate) async fn start(app: &Arc<App>, settings: &AdminSettings) -> Option<Admin> {
    let address = settings.listen?;
    let bound = async {
        let listener = TcpListener::bind(address).await?;
        let at = listener.local_addr()?;
        std::io::Result::Ok((listener, at))
    };
    let (listener, at) = match bound.await {
        Ok(bound) => bound,
        Err(error) => {
            tracing::warn!(
                %error, %address,
                "admin.listen can't be listened on: this worker serves neither health nor metrics"
            );
            return None;
        }
    };
    tracing::info!(
        url = format!("http://{at}"),
        "dashboard, health and metrics are served"
    );
    let routes = Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(Arc::clone(app))
        .merge(dashboard::routes(app, at, settings.token.clone()))
        .layer(DefaultBodyLimit::max(BODY));
    let serving = app.spawn(async move {
        if let Err(error) = axum::serve(
            Bounded::new(listener),
            routes.into_make_service_with_connect_info::<Peer>(),
        )
        .await
        {
            tracing::warn!(%error, "health and metrics are served no more");
        }
    });
    let upkeep = app.spawn({
        let app = Arc::clone(app);
        async move {
            loop {
                tokio::time::sleep(UPKEEP).await;
                app.measures.upkeep();
            }
        }
    });
    Some(Admin([serving, upkeep].map(AbortOnDropHandle::new)))
}

async fn healthz(State(app): State<Arc<App>>) -> impl IntoResponse {
    let health = health::health(&app);
    json(health.healthy, &health)
}

async fn readyz(State(app): State<Arc<App>>) -> impl IntoResponse {
    let reachable = look::look(&app).await.is_some();
    let readiness = health::readiness(&app, reachable);
    json(readiness.ready, &readiness)
}

async fn metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    let gauges = look::look(&app).await;
    let text = app.measures.render(&app, gauges.as_deref());
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        text,
    )
}

fn json(good: bool, body: &impl Serialize) -> Response {
    let status = if good {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let text = serde_json::to_string(body).unwrap_or_default();
    (status, [(header::CONTENT_TYPE, "application/json")], text + "\n").into_response()
}
