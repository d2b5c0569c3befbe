//! The paths under `/_fake`, for tests: no key, no faults, no limits.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::faults::{Kind, Rule, SpecError};
use crate::ledger::Filter;
use crate::world::Shared;

type App = State<Arc<Shared>>;

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/_fake/ledger", get(ledger))
        .route("/_fake/ledger/summary", get(summary))
        .route("/_fake/faults", get(faults).post(set_faults))
        .route("/_fake/reset", post(reset))
        .route("/_fake/credits", post(credits))
        .route("/_fake/complete", post(complete))
}

async fn ledger(State(shared): App, Query(filter): Query<Filter>) -> Response {
    ok(json!(shared.with(|world, now| world.ledger(&filter, now))))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SummaryOf {
    window_ms: Option<u64>,
    key: Option<String>,
}

async fn summary(State(shared): App, Query(of): Query<SummaryOf>) -> Response {
    let window = of.window_ms.map(Duration::from_millis);
    ok(json!(
        shared.with(|world, _| world.summary(window, of.key.as_deref()))
    ))
}

async fn faults(State(shared): App) -> Response {
    ok(json!({ "faults": shared.with(|world, _| world.faults()) }))
}

/// Takes `{"faults": [RULE, …]}`, or the list alone.
async fn set_faults(State(shared): App, body: Bytes) -> Response {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Faults {
        Named { faults: Vec<String> },
        List(Vec<String>),
    }
    let rules = match serde_json::from_slice(&body) {
        Ok(Faults::Named { faults } | Faults::List(faults)) => faults,
        Err(_) => return refused("expected {\"faults\": [RULE, …]}"),
    };
    let rules: Result<Vec<Rule>, SpecError> = rules.iter().map(|rule| rule.parse()).collect();
    match rules {
        Ok(rules) => {
            let faults = shared.with(|world, _| {
                world.set_faults(rules);
                world.faults()
            });
            ok(json!({ "faults": faults }))
        }
        Err(wrong) => refused(&wrong.to_string()),
    }
}

async fn reset(State(shared): App) -> Response {
    shared.with(|world, _| world.reset());
    ok(json!({}))
}

#[derive(Debug, Deserialize)]
struct Credits {
    key: Option<String>,
    credits: u64,
}

async fn credits(State(shared): App, body: Bytes) -> Response {
    let Ok(credits) = serde_json::from_slice::<Credits>(&body) else {
        return refused("expected {\"credits\": NUMBER, \"key\"?: NAME}");
    };
    shared.with(|world, _| world.set_credits(credits.key.as_deref(), credits.credits));
    ok(json!({ "credits": credits.credits }))
}

/// Which generations to end, and how; empty is all of them, each as it was going to end.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
struct Complete {
    generation_id: Option<String>,
    title: Option<String>,
    outcome: Option<String>,
}

async fn complete(State(shared): App, body: Bytes) -> Response {
    let wanted = if body.is_empty() {
        Ok(Complete::default())
    } else {
        serde_json::from_slice(&body)
    };
    let Ok(Complete {
        generation_id,
        title,
        outcome,
    }) = wanted
    else {
        return refused(
            "expected {\"generationId\"?, \"title\"?, \"outcome\"?: completed, failed or failed_string}",
        );
    };
    let kind = match outcome.as_deref() {
        None | Some("completed") => None,
        Some("failed") => Some(Kind::Failed),
        Some("failed_string") => Some(Kind::FailedString),
        Some(other) => {
            return refused(&format!(
                "`{other}` is no outcome: completed, failed or failed_string"
            ));
        }
    };
    let ended = shared
        .with(|world, now| world.complete(generation_id.as_deref(), title.as_deref(), kind.as_ref(), now));
    ok(json!({ "ended": ended }))
}

fn ok(body: Value) -> Response {
    Answer::json(StatusCode::OK, &body).into_response()
}

fn refused(message: &str) -> Response {
    Answer::error(StatusCode::BAD_REQUEST, message).into_response()
}
