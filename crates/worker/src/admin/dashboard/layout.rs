//! What every page has around it.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

use super::Dashboard;
use super::access::Visitor;

/// How often a page asks for its numbers again, in milliseconds.
const REFRESH_MS: u32 = 2_000;

/// Which of the pages that lead to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Overview,
    Accounts,
    Jobs,
    Parked,
    Elsewhere,
}

const PLACES: [(Place, &str, &str); 4] = [
    (Place::Overview, "/", "Overview"),
    (Place::Accounts, "/accounts", "Accounts"),
    (Place::Jobs, "/jobs", "Jobs"),
    (Place::Parked, "/parked", "Parked"),
];

/// A page in the making.
#[derive(Debug)]
pub(super) struct Page {
    title: String,
    place: Place,
    body: Markup,
    live: bool,
    lost: bool,
    notices: bool,
}

impl Page {
    pub(super) fn new(title: impl Into<String>, place: Place, body: Markup) -> Self {
        Self {
            title: title.into(),
            place,
            body,
            live: false,
            lost: false,
            notices: true,
        }
    }

    /// What is marked as live on it is asked for again and again.
    pub(super) fn live(mut self) -> Self {
        self.live = true;
        self
    }

    /// It is loaded again as soon as it can be.
    pub(super) fn lost(mut self) -> Self {
        (self.live, self.lost) = (true, true);
        self
    }

    /// This is only for the numbers: what is said once stays unsaid.
    pub(super) fn without_notices(mut self, without: bool) -> Self {
        self.notices = !without;
        self
    }

    pub(super) fn respond(self, dashboard: &Dashboard, visitor: &Visitor) -> Response {
        let session = visitor.session();
        let notice = session
            .filter(|_| self.notices)
            .and_then(|session| dashboard.sessions.take_notice(session));
        let queue = dashboard.queue.keys().base().trim_end_matches(':');
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    // Nobody else learns where somebody came from, and the own forms still say their origin.
                    meta name="referrer" content="same-origin";
                    title { (self.title) " · gammaq" }
                    link rel="icon" href="/assets/icon.svg" type="image/svg+xml";
                    link rel="stylesheet" href="/assets/dashboard.css";
                    script src="/assets/dashboard.js" defer {}
                }
                body data-refresh=[self.live.then_some(REFRESH_MS)] data-lost[self.lost] {
                    a.skip href="#main" { "Skip to content" }
                    header.top {
                        p.name { "gammaq " span.hint { (queue) } }
                        @if visitor.may_look() { (self.navigation()) (find()) }
                        (account(dashboard, visitor))
                    }
                    main #main tabindex="-1" {
                        h1 { (self.title) }
                        @if let Some(notice) = notice {
                            p.notice.good[notice.good].bad[!notice.good] role="status" { (notice.text) }
                        }
                        (self.body)
                    }
                    footer {
                        @if visitor.may_look() {
                            p { "Worker " code { (dashboard.app.worker) } ", version " (env!("CARGO_PKG_VERSION")) }
                        }
                        @if self.live { p #live role="status" { "Load the page again for new numbers." } }
                    }
                }
            }
        };
        ([(CONTENT_TYPE, "text/html; charset=utf-8")], page.into_string()).into_response()
    }

    fn navigation(&self) -> Markup {
        html! {
            nav aria-label="Pages" {
                @for (place, path, name) in PLACES {
                    a href=(path) aria-current=[(place == self.place).then_some("page")] { (name) }
                }
            }
        }
    }
}

fn find() -> Markup {
    html! {
        form.find role="search" action="/search" {
            label.away for="find" { "A job's id or a generationId" }
            input #find type="search" name="q" required maxlength="200" placeholder="Job or generationId" autocomplete="off";
            button type="submit" { "Find" }
        }
    }
}

fn account(dashboard: &Dashboard, visitor: &Visitor) -> Markup {
    match visitor {
        Visitor::Session(session) => html! {
            form.inline method="post" action="/sign-out" {
                (form_key(visitor))
                span.hint { (session.by) }
                button type="submit" { "Sign out" }
            }
        },
        Visitor::Local if dashboard.token.is_some() => {
            html! { a.sign-in href="/sign-in" { "Sign in to act" } }
        }
        _ => html! {},
    }
}

/// What binds a form to the session that it was made for.
pub(super) fn form_key(visitor: &Visitor) -> Markup {
    html! {
        @if let Some(session) = visitor.session() {
            input type="hidden" name="form_key" value=(session.form_key);
        }
    }
}
