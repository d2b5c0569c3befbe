//! One account.

use std::sync::Arc;

use axum::extract::{Extension, Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use gammaq_job::AccountName;
use gammaq_job::json::cut;
use gammaq_queue::read::accounts::AccountView;
use gammaq_queue::read::slots::Slots;
use gammaq_queue::spending::Day;
use gammaq_queue::{Error, Queue};
use maud::{Markup, html};

use super::accounts::{budget, credits, held, list, spent};
use super::{command, is_live};
use crate::admin::dashboard::access::Visitor;
use crate::admin::dashboard::layout::{Page, Place};
use crate::admin::dashboard::strip::strip;
use crate::admin::dashboard::{Dashboard, lost};

/// The most slots that are drawn, and that are listed.
const SLOTS: usize = 1_000;
const LISTED: usize = 50;
/// Days of spending that are told one by one.
const DAYS: u32 = 14;
/// What is told in words of its own; all other fields are what Gamma said last.
const TOLD: [&str; 11] = [
    "limit",
    "window_ms",
    "used",
    "paused_until",
    "pause_reason",
    "paused_by",
    "paused_at",
    "pause_level",
    "probe_until",
    "credits_remaining",
    "api_key",
];

#[derive(Debug)]
struct Read {
    now: u64,
    account: AccountView,
    slots: Slots,
    days: Vec<Day>,
}

pub(in crate::admin::dashboard) async fn show(
    State(dashboard): State<Arc<Dashboard>>,
    Extension(visitor): Extension<Visitor>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let name = AccountName::new(&name).ok();
    let read = match &name {
        Some(name) => read(&dashboard.queue, name.as_str()).await,
        None => Ok(None),
    };
    let read = match read {
        Ok(Some(read)) => read,
        Ok(None) => return lost::missing(&dashboard, &visitor, "No such account is known to the queue."),
        Err(error) => return lost::unreadable(&dashboard, &visitor, &error),
    };
    let (account, now) = (&read.account, read.now);
    let body = html! {
        section #account data-live {
            p { (budget(account)) (held(account, now)) }
            (strip(account, &read.slots, now))
            dl {
                dt { "Next submit" } dd { (account.next_words(now)) }
                dt { "Waiting" } dd { a href={ "/jobs?state=queued&account=" (account.name) } { (account.pending) } }
                @if let Some(credits) = credits(account) { dt { "Credits left" } dd { (credits) } }
                @for (name, value) in account.fields.iter().filter(|(name, _)| !TOLD.contains(&name.as_str())) {
                    dt { (cut(name, 60)) } dd { (cut(value, 200)) }
                }
            }
            h2 { "Slots come back" }
            (list(&read.slots, now, LISTED))
            h2 { "Spent" }
            (spending(&read.days, &account.name))
        }
        @if visitor.may_act() {
            section #actions data-live aria-labelledby="actions-title" {
                h2 #actions-title { "This account" }
                (switch(&visitor, account))
            }
        }
    };
    Page::new(format!("Account {}", account.name), Place::Accounts, body)
        .live()
        .without_notices(is_live(&headers))
        .respond(&dashboard, &visitor)
}

async fn read(queue: &Queue, name: &str) -> Result<Option<Read>, Error> {
    if !queue.knows_account(name).await? {
        return Ok(None);
    }
    let now = queue.time().await?;
    let account = queue.account(name).await?;
    let slots = queue.slots(std::slice::from_ref(&account), now, SLOTS).await?;
    let days = match queue.spending(DAYS).await {
        Err(Error::Refused(_)) => Vec::new(),
        days => days?,
    };
    Ok(Some(Read {
        now,
        account,
        slots: slots.into_iter().next().unwrap_or_default(),
        days,
    }))
}

fn spending(days: &[Day], account: &str) -> Markup {
    html! {
        table {
            thead { tr { th scope="col" { "Day (UTC)" } th scope="col" { "Spent" } } }
            tbody {
                @for day in days {
                    tr { th scope="row" { (day.date) } td data-label="Spent" { (spent(std::slice::from_ref(day), account)) } }
                }
            }
        }
    }
}

/// Either makes sense at any time: an operator's pause goes before any other, and `resume` ends all of them.
fn switch(visitor: &Visitor, account: &AccountView) -> Markup {
    let back = format!("/accounts/{}", account.name);
    let form = |op, name, about: &str| {
        let fields = [("op", op), ("account", account.name.as_str())];
        let button = html! { button type="submit" { (name) } span.hint { (about) } };
        command(visitor, &back, &fields, &button)
    };
    html! {
        @if account.held.is_some() || account.pause.is_some() {
            (form("resume", "Resume it", "Jobs are submitted and looked at again."))
        }
        @if account.held.as_ref().is_none_or(|held| held.reason != gammaq_queue::held::OPERATOR) {
            (form("pause", "Pause it", "Nothing is sent with its key, neither submits nor looks."))
        }
    }
}
