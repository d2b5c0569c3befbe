//! Lists to choose from.

use std::collections::VecDeque;

use gammaq_job::json::cut;
use gammaq_queue::events::Event;
use gammaq_queue::read::accounts::{AccountView, AccountViews};
use gammaq_queue::spending::{Day, sum_of};
use ratatui::text::{Line, Span};

use super::super::layout::{Column, cells, fit, shown, widths};
use super::super::model::Jobs;
use super::super::words;
use super::look::Look;
use super::{ago, first_of};
use crate::commands::{accounts as account_words, list};
use crate::output::time;

/// What stands before a line: the chosen one is told by it too.
const MARK: &str = "> ";
const NO_MARK: &str = "  ";

const fn column(name: &'static str, least: usize) -> Column {
    Column { name, least }
}

/// A table as lines, the head first. `coloured` is the column whose words are states.
pub(super) fn table(
    columns: &[Column],
    rows: Vec<Vec<String>>,
    coloured: Option<usize>,
    chosen: Option<usize>,
    look: Look,
    width: usize,
) -> Vec<Line<'static>> {
    let rows: Vec<Vec<String>> = rows
        .into_iter()
        .map(|row| row.iter().map(|cell| shown(cell)).collect())
        .collect();
    let widths = widths(columns, &rows, width.saturating_sub(MARK.len()));
    let head: Vec<String> = columns.iter().map(|it| it.name.to_owned()).collect();
    let head = format!("{NO_MARK}{}", cells(&head, &widths).concat());
    let mut lines = vec![Line::styled(head, look.strong())];
    for (n, row) in rows.iter().enumerate() {
        let is_chosen = chosen == Some(n);
        let mark = if is_chosen { MARK } else { NO_MARK };
        let mut spans = vec![Span::raw(mark)];
        for (at, cell) in cells(row, &widths).into_iter().enumerate() {
            let style = match coloured {
                Some(it) if it == at => look.state(row[at].as_str()),
                _ => ratatui::style::Style::new(),
            };
            spans.push(Span::styled(cell, style));
        }
        let line = Line::from(spans);
        lines.push(if is_chosen {
            line.patch_style(look.chosen())
        } else {
            line
        });
    }
    lines
}

pub(super) fn jobs(jobs: &Jobs, now: u64, look: Look, width: usize, height: usize) -> Vec<Line<'static>> {
    let Some(page) = &jobs.page else { return Vec::new() };
    let columns = [
        column("JOB", 16),
        column("STATE", 10),
        column("ACCOUNT", 7),
        column("AGE", 6),
        column("NEXT STEP", 9),
        column("WHAT THERE IS TO SAY", 12),
    ];
    let rows_high = height.saturating_sub(1);
    let first = first_of(page.jobs.len(), jobs.choice.at(), rows_high);
    let rows = page.jobs.iter().skip(first).take(rows_high);
    let rows = rows.map(|job| {
        let next = job.next_at.map(|it| time::relative(now, it));
        vec![
            job.id.clone(),
            job.state.clone(),
            job.account.clone(),
            ago(now, job.created_at),
            next.unwrap_or_default(),
            cut(&list::says(job), 200),
        ]
    });
    let chosen = jobs.choice.at().checked_sub(first);
    let mut lines = table(&columns, rows.collect(), Some(1), chosen, look, width);
    if page.jobs.is_empty() {
        lines.push(Line::raw("  no such jobs here"));
    }
    if page.stopped && lines.len() < height {
        let text = format!("  stopped looking after {} jobs: n goes on", page.looked_at);
        lines.push(Line::raw(fit(&text, width)));
    }
    lines
}

/// Accounts as rows of a table, also of the overview.
pub(super) fn account_rows(views: &[AccountView], now: u64) -> Vec<Vec<String>> {
    let row = |view: &AccountView| {
        vec![
            view.name.clone(),
            words::next(view, now),
            words::budget(view),
            view.pending.to_string(),
            account_words::credits(view).unwrap_or_default().to_owned(),
        ]
    };
    views.iter().map(row).collect()
}

/// Of a narrow screen what holds an account back is the last to go.
pub(super) const ACCOUNT_COLUMNS: [Column; 5] = [
    column("ACCOUNT", 7),
    column("NEXT SUBMIT", 13),
    column("BUDGET", 13),
    column("WAITING", 7),
    column("CREDITS", 7),
];

pub(super) fn accounts(
    views: &AccountViews,
    days: &[Day],
    chosen: usize,
    look: Look,
    width: usize,
    height: usize,
) -> Vec<Line<'static>> {
    let rows_high = height.saturating_sub(1);
    let first = first_of(views.accounts.len(), chosen, rows_high);
    let seen: Vec<_> = views
        .accounts
        .iter()
        .skip(first)
        .take(rows_high)
        .cloned()
        .collect();
    let mut rows = account_rows(&seen, views.now);
    for (row, view) in rows.iter_mut().zip(&seen) {
        let today = sum_of(days.get(..1).unwrap_or_default(), &view.name);
        row.push(format!("{} credits", today.credits));
    }
    let mut columns = ACCOUNT_COLUMNS.to_vec();
    columns.push(column("SPENT TODAY", 11));
    let mut lines = table(&columns, rows, None, chosen.checked_sub(first), look, width);
    if views.accounts.is_empty() {
        lines.push(Line::raw("  no account is known: a worker registers its own"));
    }
    if views.more && lines.len() < height {
        lines.push(Line::raw(
            "  there are more: `gammaq accounts NAME` shows any of them",
        ));
    }
    lines
}

pub(super) fn events(
    events: &VecDeque<Event>,
    chosen: usize,
    look: Look,
    width: usize,
    height: usize,
) -> Vec<Line<'static>> {
    let columns = [
        column("AT (UTC)", 9),
        column("JOB", 12),
        column("MOVED", 10),
        column("WHAT THERE IS TO SAY", 12),
    ];
    let rows_high = height.saturating_sub(1);
    let first = first_of(events.len(), chosen, rows_high);
    let rows = events.iter().skip(first).take(rows_high).map(|event| {
        vec![
            words::clock(event.at),
            event.id.clone(),
            words::moved(event),
            cut(&words::note(event), 400),
        ]
    });
    let mut lines = table(
        &columns,
        rows.collect(),
        None,
        chosen.checked_sub(first),
        look,
        width,
    );
    if events.is_empty() {
        lines.push(Line::raw("  nothing has happened yet"));
    }
    lines
}
