//! What is shown and what is chosen: changed by keys and by what was read, and known to neither the terminal nor Redis.

mod choice;
mod dialogue;
mod press;
mod screen;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use gammaq_job::Command;

pub(super) use dialogue::{Answer, Dialogue, WAYS};
pub(super) use press::hints;
pub(super) use screen::{Jobs, STATES, Screen};

use super::reads::{News, Want, trouble};
use super::words;

/// Lines of the screen around what is shown: the title, how old it is, the keys.
const AROUND: u16 = 3;
/// A read that takes so much longer than the interval is said to be late.
const LATE: Duration = Duration::from_secs(3);

/// What a key leads to outside of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Effect {
    None,
    /// Nobody looks any more.
    Quit,
    /// What is shown is to be read now.
    ReadNow,
    /// A command is to be given.
    Give(Command),
}

/// How old what is shown is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Freshness {
    /// Nothing was read for this screen yet.
    Reading,
    /// As of this time, Unix milliseconds by Redis's clock.
    Fresh(u64),
    /// Of this time and so long ago, and why there is nothing newer.
    Stale {
        of: Option<(u64, Duration)>,
        why: String,
    },
}

/// One screen, and when what it shows was read.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) screen: Screen,
    /// By this machine's clock, and by Redis's in Unix milliseconds.
    pub(super) read_at: Option<(Instant, u64)>,
}

/// All of it.
#[derive(Debug)]
pub(super) struct Model {
    /// The queue's name in full.
    pub(super) queue: String,
    pub(super) interval: Duration,
    /// Never empty: the first is a screen that a digit leads to, the last the one that is seen.
    stack: Vec<Shown>,
    pub(super) dialogue: Option<Dialogue>,
    /// Something to say until the next key.
    pub(super) remark: Option<String>,
    /// A command that is not answered yet.
    pub(super) given: Option<(Command, Instant)>,
    /// Why the last read found nothing.
    trouble: Option<String>,
    /// Since when this has been waited for.
    waits_since: Instant,
    size: (u16, u16),
}

impl Model {
    pub(super) fn new(queue: String, interval: Duration, size: (u16, u16), now: Instant) -> Self {
        Self {
            queue,
            interval,
            stack: vec![Shown {
                screen: Screen::overview(),
                read_at: None,
            }],
            dialogue: None,
            remark: None,
            given: None,
            trouble: None,
            waits_since: now,
            size,
        }
    }

    /// The screen that is seen.
    pub(super) fn shown(&self) -> &Shown {
        // Pushed in `new`, and `back` leaves one.
        &self.stack[self.stack.len() - 1]
    }

    fn screen_mut(&mut self) -> &mut Screen {
        let last = self.stack.len() - 1;
        &mut self.stack[last].screen
    }

    /// Redis's time at the last read, Unix milliseconds.
    pub(super) fn read_at(&self) -> u64 {
        self.shown().read_at.map_or(0, |(_, at)| at)
    }

    /// What is to be read for it.
    pub(super) fn want(&self) -> Want {
        let rows = usize::from(self.body_height()).saturating_sub(1);
        self.shown().screen.want(rows.clamp(1, 200))
    }

    /// Lines between the title and the keys.
    pub(super) const fn body_height(&self) -> u16 {
        self.size.1.saturating_sub(AROUND)
    }

    pub(super) fn resize(&mut self, width: u16, height: u16) {
        self.size = (width, height);
        self.clamp_scroll();
    }

    /// Takes in the end of a read; what is not wanted any more is left.
    pub(super) fn take(&mut self, news: News, now: Instant) {
        if news.want != self.want() {
            return;
        }
        self.waits_since = now;
        match news.found {
            Ok((at, found)) => {
                self.trouble = None;
                let last = self.stack.len() - 1;
                let shown = &mut self.stack[last];
                shown.read_at = Some((now, at));
                shown.screen.take(found);
                self.clamp_scroll();
            }
            Err(error) => self.trouble = Some(trouble(&error.into())),
        }
    }

    /// Takes in what came of a command.
    pub(super) fn answered(&mut self, answer: Answer) {
        self.given = None;
        match self.dialogue {
            // Whoever types something else is not interrupted.
            Some(Dialogue::Jump(_) | Dialogue::Generation(..) | Dialogue::Confirm(_) | Dialogue::Ways(_)) => {
                self.remark = Some(format!(
                    "{}: {}: {}",
                    words::name(&answer.command),
                    answer.word,
                    answer.text
                ));
            }
            _ => self.dialogue = Some(Dialogue::Told(answer)),
        }
    }

    pub(super) fn freshness(&self, now: Instant) -> Freshness {
        let read_at = self.shown().read_at;
        let of = read_at.map(|(read, at)| (at, now.saturating_duration_since(read)));
        if let Some(why) = &self.trouble {
            let why = why.clone();
            return Freshness::Stale { of, why };
        }
        let waited = now.saturating_duration_since(self.waits_since);
        if waited > self.interval + LATE {
            let why = format!("Redis has not answered for {}", seconds(waited));
            return Freshness::Stale { of, why };
        }
        of.map_or(Freshness::Reading, |(at, _)| Freshness::Fresh(at))
    }

    fn keys(&self) -> Vec<String> {
        self.shown().screen.keys()
    }

    fn open(&mut self, screen: Screen, now: Instant) {
        self.stack.push(Shown {
            screen,
            read_at: None,
        });
        self.waits_since = now;
    }

    fn open_root(&mut self, number: usize, now: Instant) {
        self.stack.clear();
        self.open(Screen::root(number), now);
    }

    fn clamp_scroll(&mut self) {
        let (width, height, at) = (
            usize::from(self.size.0),
            usize::from(self.body_height()),
            self.read_at(),
        );
        let Some(lines) = self.shown().screen.lines(at) else {
            return;
        };
        let folded: usize = lines
            .iter()
            .map(|line| super::layout::fold(line, width).len())
            .sum();
        if let Some(scroll) = self.screen_mut().scroll_mut() {
            *scroll = (*scroll).min(folded.saturating_sub(height));
        }
    }
}

/// `12 s`.
pub(super) fn seconds(duration: Duration) -> String {
    crate::output::time::span(duration.as_secs() * 1000)
}
