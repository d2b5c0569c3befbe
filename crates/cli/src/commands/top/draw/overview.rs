//! The queue on one screen.

use gammaq_queue::read::overview::{Overview, Rates};
use gammaq_queue::read::workers::WorkerView;
use ratatui::text::{Line, Span};

use super::super::layout::{Column, fit, fold, shown};
use super::look::Look;
use super::tables::{ACCOUNT_COLUMNS, account_rows, table};
use super::{ago, part};
use crate::commands::status::{self, hints};
use crate::output::time;

const WORKER_COLUMNS: [Column; 6] = [
    Column {
        name: "WORKER",
        least: 12,
    },
    Column {
        name: "RUNNING",
        least: 8,
    },
    Column {
        name: "LAST HEARD OF",
        least: 13,
    },
    Column { name: "UP", least: 6 },
    Column {
        name: "VERSION",
        least: 7,
    },
    Column {
        name: "HALTED",
        least: 12,
    },
];

/// What stands there, the `chosen` line in sight. Counts, accounts and workers can be chosen, in this order.
pub(super) fn lines(
    overview: &Overview,
    rates: Option<&Rates>,
    queue: &str,
    chosen: usize,
    look: Look,
    width: usize,
    height: usize,
) -> Vec<Line<'static>> {
    let now = overview.now;
    let mut lines = Vec::new();
    // The line of the screen that is chosen.
    let mut at = 0;
    let counts = status::counts(overview);
    for (n, count) in counts.iter().enumerate() {
        let is_chosen = n == chosen;
        let mark = if is_chosen { "> " } else { "  " };
        let style = if count.count > 0 {
            look.state(&count.name)
        } else {
            look.faint()
        };
        let line = Line::from(vec![
            Span::raw(mark),
            Span::styled(format!("{:<9} {:>8}", count.name, count.count), style),
            Span::raw(fit(
                &format!("  {}", shown(&count.what)),
                width.saturating_sub(20),
            )),
        ]);
        if is_chosen {
            at = lines.len();
        }
        lines.push(if is_chosen {
            line.patch_style(look.chosen())
        } else {
            line
        });
    }
    if let Some(rates) = rates {
        let text = format!("  a minute  {}", shown(&status::per_minute(rates)));
        lines.extend(fold(&text, width).into_iter().map(Line::raw));
    }
    // Above the tables, which may be long: whoever looks at this for a moment has to see it.
    for hint in hints::of(overview, queue) {
        let folded = fold(&format!("! {}", shown(&hint)), width);
        lines.extend(folded.into_iter().map(|line| Line::styled(line, look.strong())));
    }
    let mut add = |rows: Vec<Vec<String>>, columns: &[Column], before: usize| {
        if rows.is_empty() {
            return;
        }
        let count = rows.len();
        let own = chosen.checked_sub(before).filter(|n| *n < count);
        lines.push(Line::raw(""));
        if let Some(own) = own {
            at = lines.len() + 1 + own;
        }
        lines.extend(table(columns, rows, None, own, look, width));
    };
    add(
        account_rows(&overview.accounts, now),
        &ACCOUNT_COLUMNS,
        counts.len(),
    );
    let before = counts.len() + overview.accounts.len();
    add(
        overview.workers.iter().map(|it| worker(it, now)).collect(),
        &WORKER_COLUMNS,
        before,
    );
    part(lines, at, height)
}

fn worker(worker: &WorkerView, now: u64) -> Vec<String> {
    let number = |it: Option<u64>| it.map_or_else(|| "?".to_owned(), |it| it.to_string());
    let heard = worker.heartbeat_at.map(|it| time::relative(now, it));
    vec![
        worker.id.clone(),
        format!("{} of {}", number(worker.running), number(worker.capacity)),
        heard.unwrap_or_default(),
        ago(now, worker.started_at),
        worker.version.clone().unwrap_or_default(),
        worker.halted.clone().unwrap_or_default(),
    ]
}
