//! Themes and folders: the same for everybody, in pages.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::deliver::deliver;
use crate::wire::Connection;
use crate::world::{Shared, api_key};

type App = State<Arc<Shared>>;

const LIMIT_MAX: usize = 50;
const THEMES: [&str; 12] = [
    "Alabaster",
    "Basalt",
    "Cobalt",
    "Driftwood",
    "Ember",
    "Fern",
    "Granite",
    "Harbour",
    "Indigo",
    "Juniper",
    "Kelp",
    "Linen",
];
const FOLDERS: [&str; 3] = ["Invoices", "Lectures", "Pitches"];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Page {
    query: Option<String>,
    /// Text, so that nonsense gets Gamma's answer and not the framework's.
    limit: Option<String>,
    after: Option<String>,
}

pub(super) async fn themes(
    State(shared): App,
    Extension(connection): Extension<Connection>,
    Query(page): Query<Page>,
    headers: HeaderMap,
) -> Response {
    // Each name in five shades, so that there is more than one page.
    let item = |name: &str, shade: usize| {
        let id = format!("{}-{shade}", name.to_lowercase());
        json!({ "id": id, "name": format!("{name} {shade}"), "type": "standard", "colorKeywords": [], "toneKeywords": [] })
    };
    let items = THEMES
        .iter()
        .flat_map(|name| (1..=5).map(move |shade| item(name, shade)))
        .collect();
    let answer = cut(items, &page);
    let (chosen, answer) =
        shared.with(|world, now| world.list(&api_key(&headers), "/v1.0/themes", answer, now));
    deliver(&connection, &chosen, answer).await
}

pub(super) async fn folders(
    State(shared): App,
    Extension(connection): Extension<Connection>,
    Query(page): Query<Page>,
    headers: HeaderMap,
) -> Response {
    let item = |name: &&str| json!({ "id": format!("folder-{}", name.to_lowercase()), "name": name });
    let answer = cut(FOLDERS.iter().map(item).collect(), &page);
    let (chosen, answer) =
        shared.with(|world, now| world.list(&api_key(&headers), "/v1.0/folders", answer, now));
    deliver(&connection, &chosen, answer).await
}

/// The page that is asked for. A cursor is the id of the last item before it, spelt backwards: opaque enough.
fn cut(items: Vec<Value>, page: &Page) -> Answer {
    let limit = match page.limit.as_deref().map(str::parse) {
        None => LIMIT_MAX,
        Some(Ok(limit)) if (1..=LIMIT_MAX).contains(&limit) => limit,
        Some(_) => {
            let message = "Input validation errors: 1. limit must be a number from 1 to 50";
            return Answer::error(StatusCode::BAD_REQUEST, message);
        }
    };
    let cursor = |item: &Value| {
        item["id"]
            .as_str()
            .unwrap_or_default()
            .chars()
            .rev()
            .collect::<String>()
    };
    let query = page.query.as_deref().unwrap_or_default().to_lowercase();
    let matches = |item: &Value| {
        item["name"]
            .as_str()
            .unwrap_or_default()
            .to_lowercase()
            .contains(&query)
    };
    let mut found: Vec<Value> = items.into_iter().filter(matches).collect();
    if let Some(after) = page.after.as_deref().filter(|after| !after.is_empty()) {
        let Some(position) = found.iter().position(|item| cursor(item) == after) else {
            return Answer::error(
                StatusCode::BAD_REQUEST,
                "Input validation errors: 1. after is not a valid cursor",
            );
        };
        found.drain(..=position);
    }
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(cursor);
    Answer::json(
        StatusCode::OK,
        &json!({ "data": found, "hasMore": more, "nextCursor": next }),
    )
}
