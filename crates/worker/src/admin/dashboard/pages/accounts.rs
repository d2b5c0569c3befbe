//! All accounts: what each may start and when, and what it spent.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::Response;
use gammaq_job::json::cut;
use gammaq_job::moment;
use gammaq_queue::read::accounts::{AccountView, AccountViews};
use gammaq_queue::read::slots::Slots;
use gammaq_queue::spending::{Day, Spent, sum_of};
use gammaq_queue::{Error, Queue};
use maud::{Markup, html};

use super::{bar, broken, is_live, when};
use crate::admin::dashboard::access::Visitor;
use crate::admin::dashboard::layout::{Page, Place};
use crate::admin::dashboard::strip::strip;
use crate::admin::dashboard::{Dashboard, lost};

/// The most accounts of the page, and the most slots that are drawn of each.
const MOST: usize = 50;
const SLOTS: usize = 200;
/// What is told of spending.
const DAYS: u32 = 30;

pub(in crate::admin::dashboard) async fn all(
    State(dashboard): State<Arc<Dashboard>>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
) -> Response {
    let (views, slots, days) = match read(&dashboard.queue).await {
        Ok(read) => read,
        Err(error) => return lost::unreadable(&dashboard, &visitor, &error),
    };
    let now = views.now;
    let body = html! {
        section #accounts data-live {
            (broken(&views.broken))
            @if views.accounts.is_empty() { p { "No account is known: a worker registers those that it has keys for." } }
            @for (account, slots) in views.accounts.iter().zip(&slots) {
                article.card {
                    h2 { (name(account)) }
                    p { (budget(account)) (held(account, now)) }
                    (strip(account, slots, now))
                    p.hint {
                        "Next submit " (account.next_words(now)) "; " (account.pending) " waiting"
                        @if let Some(credits) = credits(account) { "; " (credits) " credits left" }
                        "; spent today " (spent(days.get(..1).unwrap_or_default(), &account.name))
                        ", in " (days.len()) " days " (spent(&days, &account.name)) "."
                    }
                }
            }
            @if views.more { p.hint { "There are more than " (MOST) ": " code { "/accounts/NAME" } " shows any of them." } }
        }
    };
    Page::new("Accounts", Place::Accounts, body)
        .live()
        .without_notices(is_live(&headers))
        .respond(&dashboard, &visitor)
}

async fn read(queue: &Queue) -> Result<(AccountViews, Vec<Slots>, Vec<Day>), Error> {
    let views = queue.accounts(MOST).await?;
    let slots = queue.slots(&views.accounts, views.now, SLOTS).await?;
    let days = match queue.spending(DAYS).await {
        // Broken by hand: the accounts are what matters.
        Err(Error::Refused(_)) => Vec::new(),
        days => days?,
    };
    Ok((views, slots, days))
}

/// Accounts as rows, also of the overview.
pub(super) fn table(accounts: &[AccountView], now: u64) -> Markup {
    html! {
        @if accounts.is_empty() { p.hint { "No account is known yet." } }
        @else {
            table {
                thead { tr { th scope="col" { "Account" } th scope="col" { "Budget" } th scope="col" { "Next submit" } th scope="col" { "Waiting" } th scope="col" { "Credits" } th scope="col" { "Held back" } } }
                tbody {
                    @for account in accounts {
                        tr {
                            th scope="row" { (name(account)) }
                            td data-label="Budget" { (bar(account.used, account.limit)) (budget(account)) }
                            td data-label="Next submit" { (account.next_words(now)) }
                            td data-label="Waiting" { (account.pending) }
                            td data-label="Credits" { (credits(account).unwrap_or_default()) }
                            td data-label="Held back" { (account.held_words(now).unwrap_or_default()) }
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn name(account: &AccountView) -> Markup {
    html! {
        @if gammaq_job::AccountName::new(&account.name).is_ok() { a href={ "/accounts/" (account.name) } { (account.name) } }
        @else { code { (cut(&account.name, 80)) } }
    }
}

pub(super) fn budget(account: &AccountView) -> Markup {
    html! { (account.used) " of " (account.limit) " in " (moment::span(account.window_ms)) }
}

pub(super) fn held(account: &AccountView, now: u64) -> Markup {
    html! { @if let Some(held) = account.held_words(now) { " " strong.held { "held back: " (held) } } }
}

pub(super) fn credits(account: &AccountView) -> Option<String> {
    account.fields.get("credits_remaining").map(|it| cut(it, 40))
}

/// `3 generations, 120 credits`.
pub(super) fn spent(days: &[Day], account: &str) -> String {
    let Spent { submits, credits } = sum_of(days, account);
    let many = if submits == 1 { "" } else { "s" };
    format!("{submits} generation{many}, {credits} credits")
}

/// When the first of the slots come back, for whoever can't see the strip.
pub(super) fn list(slots: &Slots, now: u64, most: usize) -> Markup {
    html! {
        @if slots.back_at.is_empty() { p.hint { "All slots are free." } }
        @else {
            ol.slots { @for back in slots.back_at.iter().take(most) { li { (when(now, (*back).max(now))) } } }
            @if slots.back_at.len() > most || slots.more { p.hint { "The next " (most) " are listed." } }
        }
    }
}
