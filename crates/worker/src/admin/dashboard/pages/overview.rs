//! The queue at one look.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::Response;
use gammaq_job::json::cut;
use gammaq_job::{State as JobState, moment};
use gammaq_queue::Error;
use gammaq_queue::read::overview::{Overview, Rates};
use gammaq_queue::read::workers::WorkerView;
use maud::{Markup, html};
use tokio::time::Instant;

use super::accounts::table;
use super::{broken, command, is_live, job, when};
use crate::admin::dashboard::access::Visitor;
use crate::admin::dashboard::layout::{Page, Place};
use crate::admin::dashboard::{Dashboard, lost};

/// An overview is taken for the same for so long, whoever asks.
const FRESH: Duration = Duration::from_secs(1);
/// Rates are of so many milliseconds.
const WINDOW_MS: u64 = 5 * 60 * 1000;
/// A step that is so late waits for something.
const LATE_MS: u64 = 30_000;
/// A worker beats every few seconds.
const SILENT_MS: u64 = 15_000;

/// An overview, and when it was read.
#[derive(Debug, Clone)]
pub(in crate::admin::dashboard) struct Seen {
    at: Instant,
    pub(in crate::admin::dashboard) overview: Arc<Overview>,
    rates: Option<Rates>,
}

/// The queue as it is now, or was within the last second: many viewers cost what one does.
pub(in crate::admin::dashboard) async fn look(dashboard: &Dashboard) -> Result<Seen, Error> {
    let mut last = dashboard.overview.lock().await;
    if let Some(seen) = &*last
        && seen.at.elapsed() < FRESH
    {
        return Ok(seen.clone());
    }
    let overview = dashboard.queue.overview().await?;
    let rates = match dashboard.queue.rates(WINDOW_MS).await {
        // Where the stream is broken, the overview is what matters.
        Err(Error::Refused(_)) => None,
        rates => Some(rates?),
    };
    let seen = Seen {
        at: Instant::now(),
        overview: Arc::new(overview),
        rates,
    };
    *last = Some(seen.clone());
    Ok(seen)
}

pub(in crate::admin::dashboard) async fn show(
    State(dashboard): State<Arc<Dashboard>>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
) -> Response {
    let seen = match look(&dashboard).await {
        Ok(seen) => seen,
        Err(error) => return lost::unreadable(&dashboard, &visitor, &error),
    };
    let overview = &*seen.overview;
    let body = html! {
        section #needs data-live { (needs(overview)) }
        section #numbers data-live aria-labelledby="numbers-title" {
            h2 #numbers-title { "Jobs" }
            (numbers(overview))
            @if let Some(rates) = &seen.rates { (per_minute(rates)) }
        }
        section #accounts data-live aria-labelledby="accounts-title" {
            h2 #accounts-title { "Accounts" }
            (table(&overview.accounts, overview.now))
            @if overview.more_accounts { p.hint { "There are more than these." } }
        }
        section #workers data-live aria-labelledby="workers-title" {
            h2 #workers-title { "Workers" }
            (workers(&overview.workers, overview.now))
        }
        @if visitor.may_act() {
            section #actions data-live aria-labelledby="actions-title" {
                h2 #actions-title { "The whole queue" }
                (switch(&visitor, overview))
            }
        }
    };
    Page::new("Overview", Place::Overview, body)
        .live()
        .without_notices(is_live(&headers))
        .respond(&dashboard, &visitor)
}

/// What somebody has to look at.
fn needs(overview: &Overview) -> Markup {
    let now = overview.now;
    let parked = overview
        .ended
        .get(JobState::Ambiguous.as_str())
        .copied()
        .unwrap_or(0);
    html! {
        @if overview.schema.is_none() { p.notice.bad { "No worker has ever begun with this queue." } }
        @if let Some(pause) = &overview.paused {
            p.notice.bad { (cut(&pause.by, 60)) " paused the queue " (when(now, pause.at)) ": nothing new is submitted until it is resumed." }
        }
        @if parked > 0 {
            p.notice.bad {
                a href="/parked" { (parked) " parked" } ": Gamma may have made them, and nothing happens until somebody decides."
                @if let Some(oldest) = &overview.oldest_parked { " The oldest is " (job(&oldest.id)) ", parked " (when(now, oldest.at)) "." }
            }
        }
        @if overview.oldest_late_ms > LATE_MS && let Some(oldest) = &overview.oldest_due {
            p.notice.bad { "Steps are late: " (job(&oldest.id)) " for " (moment::span(overview.oldest_late_ms)) ". Are there enough workers?" }
        }
        @for worker in &overview.workers {
            @if let Some(why) = &worker.halted {
                p.notice.bad { code { (worker.id) } " has halted: " (cut(why, 120)) ". Its log says what to do." }
            }
            @if let Some(at) = worker.heartbeat_at && now.saturating_sub(at) > SILENT_MS {
                p.notice.bad { code { (worker.id) } " was not heard of for " (moment::span(now.saturating_sub(at))) "." }
            }
        }
        (broken(&overview.broken))
    }
}

fn numbers(overview: &Overview) -> Markup {
    let waiting: u64 = overview.accounts.iter().map(|account| account.pending).sum();
    let next = match &overview.oldest_due {
        Some(next) if next.at > overview.now => {
            format!("the next step {}", moment::relative(overview.now, next.at))
        }
        Some(_) => format!("the oldest step {} late", moment::span(overview.oldest_late_ms)),
        None => "nothing to do".to_owned(),
    };
    let more = if overview.more_accounts { ", at least" } else { "" };
    html! {
        ul.tiles {
            (tile("inbox", overview.inbox, None, "not taken in yet"))
            (tile("waiting", waiting, Some("/jobs?state=queued"), &format!("for a slot{more}")))
            (tile("under way", overview.due, Some("/jobs"), &next))
            @for word in JobState::INDEXED.map(JobState::as_str) {
                @let count = overview.ended.get(word).copied().unwrap_or(0);
                @let path = if word == JobState::Ambiguous.as_str() { "/parked".to_owned() } else { format!("/jobs?state={word}") };
                (tile(word, count, Some(&path), ""))
            }
        }
    }
}

fn tile(name: &str, count: u64, path: Option<&str>, about: &str) -> Markup {
    html! {
        li.tile data-number=(name) {
            span.count data-state=[(count > 0).then_some(name)] { (count) }
            @if let Some(path) = path { a href=(path) { (name) } } @else { span { (name) } }
            @if !about.is_empty() { span.hint { (about) } }
        }
    }
}

fn per_minute(rates: &Rates) -> Markup {
    let window = moment::span(rates.to.saturating_sub(rates.from));
    let all: Vec<String> = rates
        .per_minute
        .iter()
        .map(|(name, rate)| format!("{name} {rate}"))
        .collect();
    html! {
        p.hint {
            @if all.is_empty() { "Nothing happened in the last " (window) "." }
            @else { "A minute, over the last " (window) ": " (all.join(", ")) "." }
        }
    }
}

fn workers(workers: &[WorkerView], now: u64) -> Markup {
    let text = |it: &Option<String>| it.as_deref().map(|it| cut(it, 80)).unwrap_or_default();
    html! {
        @if workers.is_empty() { p.notice.bad { "No worker is alive." } }
        @else {
            table {
                thead { tr { th scope="col" { "Worker" } th scope="col" { "Jobs in hand" } th scope="col" { "Started" } th scope="col" { "Last heard of" } th scope="col" { "Version" } } }
                tbody {
                    @for worker in workers {
                        tr {
                            th scope="row" { code { (worker.id) } }
                            td data-label="Jobs in hand" { (worker.running.unwrap_or(0)) " of " (worker.capacity.unwrap_or(0)) }
                            td data-label="Started" { @if let Some(at) = worker.started_at { (when(now, at)) } }
                            td data-label="Last heard of" { @if let Some(at) = worker.heartbeat_at { (when(now, at)) } }
                            td data-label="Version" { (text(&worker.version)) }
                        }
                    }
                }
            }
        }
    }
}

fn switch(visitor: &Visitor, overview: &Overview) -> Markup {
    let (op, name, about) = match overview.paused {
        Some(_) => ("resume", "Resume the queue", "Jobs are submitted again."),
        None => (
            "pause",
            "Pause the queue",
            "Nothing new is submitted; what is paid for is still looked at.",
        ),
    };
    let fields = [("op", op), ("account", gammaq_job::command::WHOLE_QUEUE)];
    let button = html! { button type="submit" { (name) } span.hint { (about) } };
    command(visitor, "/", &fields, &button)
}
