//! Dialogues, over the screen.

use std::time::Instant;

use ratatui::layout::Rect;
use ratatui::prelude::Frame;
use ratatui::text::{Line, Text};
use ratatui::widgets::{Block, Clear};

use super::super::layout::{fit, fold, shown};
use super::super::model::{Dialogue, WAYS, seconds};
use super::super::words;
use super::look::Look;

const WIDEST: u16 = 72;
/// Below this there is no room for a frame around it.
const ROOMY: u16 = 14;

pub(super) fn draw(
    frame: &mut Frame<'_>,
    dialogue: &Dialogue,
    given: Option<Instant>,
    look: Look,
    now: Instant,
) {
    let all = frame.area();
    let framed = all.height >= ROOMY && all.width >= 24;
    let around = if framed { 2 } else { 0 };
    let width = all.width.min(WIDEST).saturating_sub(2 * around);
    let content = content(dialogue, given, now);
    let wide = usize::from(width);
    let mut lines: Vec<Line<'_>> = Vec::new();
    for (n, text) in content.lines.iter().enumerate() {
        let style = if n == 0 {
            look.strong()
        } else {
            ratatui::style::Style::new()
        };
        lines.extend(
            fold(&shown(text), wide)
                .into_iter()
                .map(|line| Line::styled(line, style)),
        );
    }
    let height = all.height.saturating_sub(around).max(1);
    // The keys are seen in any case.
    let room = usize::from(height).saturating_sub(1);
    if lines.len() > room {
        lines.truncate(room);
        if let Some(last) = lines.last_mut() {
            *last = Line::raw(fit(&format!("{last} …"), wide));
        }
    }
    lines.push(Line::styled(fit(content.keys, wide), look.faint()));
    let high = u16::try_from(lines.len()).unwrap_or(height) + around;
    let (high, wide) = (high.min(all.height), (width + 2 * around).min(all.width));
    let area = Rect::new(
        all.x + (all.width - wide) / 2,
        all.y + (all.height - high) / 2,
        wide,
        high,
    );
    frame.render_widget(Clear, area);
    let inner = if framed {
        let block = Block::bordered();
        let inner = block.inner(area);
        frame.render_widget(block, area);
        Rect::new(inner.x + 1, inner.y, inner.width.saturating_sub(2), inner.height)
    } else {
        area
    };
    frame.render_widget(Text::from(lines), inner);
}

struct Content {
    lines: Vec<String>,
    keys: &'static str,
}

fn content(dialogue: &Dialogue, given: Option<Instant>, now: Instant) -> Content {
    let typed = |text: &str| format!("> {text}_");
    match dialogue {
        Dialogue::Confirm(command) => Content {
            lines: vec![words::question(command), words::consequence(command).to_owned()],
            keys: "y yes, do it   n, Esc no",
        },
        Dialogue::Ways(id) => Content {
            lines: std::iter::once(format!("What becomes of {id}? Look in Gamma first."))
                .chain(WAYS.iter().map(|(key, what)| format!("{key}  {what}")))
                .collect(),
            keys: "g r f choose   Esc leave it parked",
        },
        Dialogue::Generation(id, it) => Content {
            lines: [
                format!("The generationId of {id}, as Gamma names it:"),
                typed(&it.text),
            ]
            .into_iter()
            .chain(it.wrong.clone())
            .collect(),
            keys: "Enter go on   Esc leave it",
        },
        Dialogue::Jump(it) => Content {
            lines: ["Go to the job with this id:".to_owned(), typed(&it.text)]
                .into_iter()
                .chain(it.wrong.clone())
                .collect(),
            keys: "Enter go   Esc stay",
        },
        Dialogue::Given(command) => {
            let waited = given.map(|since| seconds(now.saturating_duration_since(since)));
            Content {
                lines: vec![
                    words::name(command),
                    format!("waiting for the answer for {}", waited.unwrap_or_default()),
                ],
                keys: "Esc look at something else meanwhile",
            }
        }
        Dialogue::Told(answer) => Content {
            lines: vec![
                format!("{}: {}", words::name(&answer.command), answer.word),
                answer.text.clone(),
            ],
            keys: "Enter, Esc go on",
        },
    }
}
