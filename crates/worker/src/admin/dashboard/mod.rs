//! The dashboard at `/` of the admin address: what the queue does, and what operators do about it, in pages that a server
//! makes and a browser needs nothing else for.
//!
//! Invariants:
//!
//! - Nobody off the loopback sees anything of the queue without the token (`access`). On the loopback, pages are served
//!   under a loopback's name alone, so that no other site's page reads them through a name of its own.
//! - Nothing is changed without the token, and nothing by a request that another site made: a session is bound to a cookie
//!   that other sites don't send, each form carries what only that session's pages know, and the browser has to say that
//!   the request is from here (`cross_site`).
//! - All that stands on a page is escaped by `maud`; the policy of the pages runs no script but the one file.
//! - It takes little from the worker: a connection to Redis of its own, so many requests at once (`guard`), an end to each,
//!   and every read is bounded.

mod access;
mod actions;
mod assets;
mod cross_site;
mod forms;
mod guard;
mod layout;
mod lost;
mod pages;
mod sessions;
mod sign_in;
mod strip;
mod throttle;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use gammaq_queue::Queue;
use secrecy::SecretString;
use tokio::sync::{Mutex, Semaphore};

use crate::app::App;
use guard::Requests;
use pages::overview;
use sessions::Sessions;
use throttle::Throttle;

/// What all requests share.
#[derive(Debug)]
pub(super) struct Dashboard {
    app: Arc<App>,
    /// The same queue over a connection of its own: large answers hold up no claim.
    queue: Queue,
    token: Option<SecretString>,
    /// Where it listens.
    address: SocketAddr,
    sessions: Sessions,
    throttle: Throttle,
    requests: Requests,
    /// The last overview; locked while one is read.
    overview: Mutex<Option<overview::Seen>>,
    /// Searches that go through many jobs, one at a time.
    searches: Semaphore,
}

/// The routes of the dashboard.
pub(super) fn routes(app: &Arc<App>, address: SocketAddr, token: Option<SecretString>) -> Router {
    let link = app.queue.link().for_blocking(Duration::ZERO);
    let dashboard = Arc::new(Dashboard {
        app: Arc::clone(app),
        queue: app.queue.on(Arc::new(link)),
        token,
        address,
        sessions: Sessions::default(),
        throttle: Throttle::default(),
        requests: Requests::default(),
        overview: Mutex::default(),
        searches: Semaphore::new(1),
    });
    Router::new()
        .route("/", get(pages::overview::show))
        .route("/accounts", get(pages::accounts::all))
        .route("/accounts/{name}", get(pages::account::show))
        .route("/jobs", get(pages::jobs::list))
        .route("/jobs/{id}", get(pages::job::show))
        .route("/parked", get(pages::parked::list))
        .route("/search", get(pages::search::show))
        .route("/sign-in", get(sign_in::show).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/act", post(actions::act))
        .route("/assets/dashboard.css", get(assets::style))
        .route("/assets/dashboard.js", get(assets::script))
        .route("/assets/icon.svg", get(assets::icon))
        .fallback(pages::nothing)
        .layer(from_fn_with_state(Arc::clone(&dashboard), guard::guard))
        .with_state(dashboard)
}
