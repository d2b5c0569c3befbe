//! Styles. Colours only add to what the words say, and are left out where nobody wants them.

use anstyle::{AnsiColor, Color as Ansi, Effects};
use gammaq_job::State;
use ratatui::style::{Color, Modifier, Style};

use crate::output::style_of;

/// Whether there are colours.
#[derive(Debug, Clone, Copy)]
pub(in crate::commands::top) struct Look {
    pub(in crate::commands::top) colour: bool,
}

impl Look {
    /// A state in its colour; plain for every other word.
    pub(super) fn state(self, word: &str) -> Style {
        let Ok(state) = word.parse::<State>() else {
            return Style::new();
        };
        let style = style_of(state);
        let mut out = Style::new();
        if let Some(Ansi::Ansi(colour)) = style.get_fg_color().filter(|_| self.colour) {
            out = out.fg(match colour {
                AnsiColor::Green => Color::Green,
                AnsiColor::Red => Color::Red,
                AnsiColor::Yellow => Color::Yellow,
                AnsiColor::Cyan => Color::Cyan,
                _ => Color::Reset,
            });
        }
        for (effect, modifier) in [(Effects::BOLD, Modifier::BOLD), (Effects::DIMMED, Modifier::DIM)] {
            if style.get_effects().contains(effect) {
                out = out.add_modifier(modifier);
            }
        }
        out
    }

    pub(super) const fn chosen(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    pub(super) const fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub(super) const fn faint(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// What nobody may miss.
    pub(super) const fn alarm(self) -> Style {
        let style = Style::new().add_modifier(Modifier::BOLD.union(Modifier::REVERSED));
        if self.colour { style.fg(Color::Red) } else { style }
    }
}
