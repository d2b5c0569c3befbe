//! From the model to the screen: nothing here changes anything.

mod boxes;
mod look;
mod overview;
mod tables;
#[cfg(test)]
mod tests;

use std::time::Instant;

use ratatui::layout::Rect;
use ratatui::prelude::Frame;
use ratatui::text::{Line, Text};

pub(super) use look::Look;

use super::layout::{fit, fold, shown};
use super::model::{Freshness, Model, Screen, hints, seconds};
use super::words;
use crate::output::time;

const ROOTS: [&str; 4] = ["overview", "jobs", "accounts", "events"];

/// Draws all of it.
pub(super) fn draw(frame: &mut Frame<'_>, model: &Model, look: Look, now: Instant) {
    let area = frame.area();
    if area.width == 0 || area.height == 0 {
        return;
    }
    let line = |n: u16| Rect::new(area.x, area.y + n, area.width, 1);
    let width = usize::from(area.width);
    frame.render_widget(title(model, look, width), line(0));
    if area.height > 2 {
        frame.render_widget(freshness(model, look, width, now), line(1));
    }
    if area.height > 3 {
        let body = Rect::new(area.x, area.y + 2, area.width, area.height - 3);
        let lines = body_lines(model, look, width, usize::from(body.height));
        frame.render_widget(Text::from(lines), body);
    }
    if area.height > 1 {
        frame.render_widget(footer(model, look, width, now), line(area.height - 1));
    }
    if let Some(dialogue) = &model.dialogue {
        boxes::draw(
            frame,
            dialogue,
            model.given.as_ref().map(|(_, since)| *since),
            look,
            now,
        );
    }
}

/// `[overview] jobs accounts events  gammaq:{main}`.
fn title(model: &Model, look: Look, width: usize) -> Line<'static> {
    let active = model.shown().screen.root_number();
    let tab = |(n, name): (usize, &&str)| {
        if n == active {
            format!("[{name}]")
        } else {
            (*name).to_owned()
        }
    };
    let tabs: Vec<String> = ROOTS.iter().enumerate().map(tab).collect();
    let text = format!("{}  {}", tabs.join(" "), shown(&model.queue));
    Line::styled(fit(&text, width), look.strong())
}

/// What is shown, and how old it is.
fn freshness(model: &Model, look: Look, width: usize, now: Instant) -> Line<'static> {
    let name = name(model);
    match model.freshness(now) {
        Freshness::Reading => Line::raw(fit(&format!("{name}  reading …"), width)),
        Freshness::Fresh(at) => {
            let every = humantime::format_duration(model.interval);
            Line::raw(fit(
                &format!("{name}  as of {}, every {every}", words::clock(at)),
                width,
            ))
        }
        Freshness::Stale { of, why } => {
            let since = match of {
                Some((at, ago)) => format!("STALE for {}, since {}", seconds(ago), words::clock(at)),
                None => "STALE, nothing read yet".to_owned(),
            };
            let why = shown(&why);
            Line::styled(fit(&format!("{since}: {why}"), width), look.alarm())
        }
    }
}

fn name(model: &Model) -> String {
    match &model.shown().screen {
        Screen::Overview { .. } => "overview".to_owned(),
        Screen::Jobs(jobs) => {
            let state = jobs.state.map_or("all", |state| state.as_str());
            let account = jobs.account.as_ref().map(|name| format!(" of {}", shown(name)));
            let page = jobs.before.len() + 1;
            let turning = if jobs.turning.is_some() {
                ", reading …"
            } else {
                ""
            };
            format!(
                "{state} jobs{}, page {page}{turning}",
                account.unwrap_or_default()
            )
        }
        Screen::Job { .. } => "one job".to_owned(),
        Screen::Accounts { .. } => "accounts".to_owned(),
        Screen::Account { .. } => "one account".to_owned(),
        Screen::Events { follow: true, .. } => "events".to_owned(),
        Screen::Events { .. } => "events, held: G follows".to_owned(),
        Screen::Worker { .. } => "one worker".to_owned(),
        Screen::Help { .. } => "keys".to_owned(),
    }
}

fn footer(model: &Model, look: Look, width: usize, now: Instant) -> Line<'static> {
    if let Some(remark) = &model.remark {
        return Line::styled(fit(&shown(remark), width), look.strong());
    }
    if let Some((command, since)) = &model.given {
        let waited = seconds(now.saturating_duration_since(*since));
        let text = format!("{}: no answer yet for {waited}", words::name(command));
        return Line::styled(fit(&text, width), look.strong());
    }
    Line::styled(fit(hints(&model.shown().screen), width), look.faint())
}

fn body_lines(model: &Model, look: Look, width: usize, height: usize) -> Vec<Line<'static>> {
    let shown = model.shown();
    let at = model.read_at();
    if let Some(lines) = shown.screen.lines(at) {
        let folded = lines.iter().enumerate().flat_map(|(n, line)| {
            // The first line names what it is, and where it stands.
            let style = match (n, line.rsplit_once("  ")) {
                (0, Some((_, word))) => look.state(word).patch(look.strong()),
                (0, None) => look.strong(),
                _ => ratatui::style::Style::new(),
            };
            fold(line, width)
                .into_iter()
                .map(move |it| Line::styled(it, style))
        });
        return folded.skip(shown.screen.scroll()).take(height).collect();
    }
    match &shown.screen {
        Screen::Overview {
            seen: Some((seen, rates)),
            choice,
        } => overview::lines(
            seen,
            rates.as_ref(),
            &model.queue,
            choice.at(),
            look,
            width,
            height,
        ),
        Screen::Jobs(jobs) => tables::jobs(jobs, at, look, width, height),
        Screen::Accounts {
            seen: Some((views, days)),
            choice,
        } => tables::accounts(views, days, choice.at(), look, width, height),
        Screen::Events { events, choice, .. } => tables::events(events, choice.at(), look, width, height),
        _ => Vec::new(),
    }
}

/// The part of so many lines in which the chosen one is seen.
fn part<T>(lines: Vec<T>, chosen: usize, height: usize) -> Vec<T> {
    let first = first_of(lines.len(), chosen, height);
    lines.into_iter().skip(first).take(height).collect()
}

/// Where that part begins: the chosen one stays in the middle, as far as there are lines around it.
fn first_of(count: usize, chosen: usize, height: usize) -> usize {
    chosen
        .saturating_sub(height / 2)
        .min(count.saturating_sub(height))
}

fn ago(now: u64, at: Option<u64>) -> String {
    at.map(|at| time::span(now.saturating_sub(at)))
        .unwrap_or_default()
}
