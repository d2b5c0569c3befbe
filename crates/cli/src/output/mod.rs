//! Answers for people: tables, colours, times.

pub(crate) mod bar;
pub(crate) mod result;
pub(crate) mod table;
pub(crate) mod time;

use anstyle::{AnsiColor, Style};
use gammaq_job::State;

/// The colour of a state: green for done, red for what failed, yellow for what wants a person.
pub(crate) fn style_of(state: State) -> Style {
    match state {
        State::Completed => AnsiColor::Green.on_default(),
        State::Failed | State::TimedOut => AnsiColor::Red.on_default(),
        State::Ambiguous => AnsiColor::Yellow.on_default().bold(),
        State::Cancelled => Style::new().dimmed(),
        State::Submitting | State::Generating | State::Exporting => AnsiColor::Cyan.on_default(),
        State::Queued => Style::new(),
    }
}

/// `text` in `style`; standard output drops the colours where they aren't wanted.
pub(crate) fn styled(text: impl std::fmt::Display, style: Style) -> String {
    format!("{style}{text}{style:#}")
}

/// How a state's word is shown: [`state`] in lines that are printed, `str::to_owned` where colours come otherwise.
pub(crate) type Paint = fn(&str) -> String;

/// A state in its colour; a word that is none stays as it is.
pub(crate) fn state(word: &str) -> String {
    match word.parse::<State>() {
        Ok(state) => styled(word, style_of(state)),
        Err(_) => word.to_owned(),
    }
}
