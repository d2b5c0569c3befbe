//! What is asked before anything is done, and what came of it.

use std::time::Instant;

use gammaq_job::{Command, GenerationId, JobId, Resolution};

use super::{Effect, Model, Screen};
use crate::commands::operate::operator::Told;
use crate::commands::top::keys::Key;
use crate::commands::top::reads::trouble;

/// The longest text that can be typed.
const MOST_TYPED: usize = 256;

/// The three ways out of `ambiguous`: the key, and what it does.
pub(in crate::commands::top) const WAYS: [(char, &str); 3] = [
    (
        'g',
        "attach a generation: Gamma made it, and you have its generationId",
    ),
    (
        'r',
        "resubmit: it is not there; had Gamma accepted it, it is paid for twice",
    ),
    ('f', "fail: give it up"),
];

/// What stands before the screen and takes the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::commands::top) enum Dialogue {
    /// Whether a command is to be given.
    Confirm(Command),
    /// Which way out a parked job takes.
    Ways(JobId),
    /// The generation of a parked job, as far as it is typed.
    Generation(JobId, Typed),
    /// The id of the job to go to.
    Jump(Typed),
    /// A command is given and not answered yet.
    Given(Command),
    /// What came of it.
    Told(Answer),
}

/// What somebody types, and what is wrong with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::commands::top) struct Typed {
    pub(in crate::commands::top) text: String,
    pub(in crate::commands::top) wrong: Option<String>,
}

/// What came of a command, in the answer's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::commands::top) struct Answer {
    pub(in crate::commands::top) command: Command,
    /// `done`, `refused` …, in a word.
    pub(in crate::commands::top) word: String,
    pub(in crate::commands::top) text: String,
}

impl Answer {
    /// From what the operator was told.
    pub(in crate::commands::top) fn of(command: Command, told: anyhow::Result<Told>) -> Self {
        let (word, text) = match told {
            Ok(told) => (told.outcome.map_or("waiting", |it| it.as_str()), told.text),
            Err(error) => (
                "not answered",
                format!("{}; it is safe to repeat", trouble(&error)),
            ),
        };
        Self {
            command,
            word: word.to_owned(),
            text,
        }
    }
}

impl Typed {
    fn press(&mut self, key: Key) {
        match key {
            Key::Char(c) if self.text.chars().count() < MOST_TYPED => self.text.push(c),
            Key::Backspace => drop(self.text.pop()),
            _ => return,
        }
        self.wrong = None;
    }
}

impl Model {
    /// A key while a dialogue stands there.
    pub(super) fn press_dialogue(&mut self, dialogue: Dialogue, key: Key, now: Instant) -> Effect {
        match (dialogue, key) {
            (_, Key::Escape) => {}
            (Dialogue::Confirm(command), Key::Char('y' | 'Y')) => {
                self.given = Some((command.clone(), now));
                self.dialogue = Some(Dialogue::Given(command.clone()));
                return Effect::Give(command);
            }
            // Enter is what led here: pressed twice it must not do anything.
            (Dialogue::Confirm(_), Key::Char('n' | 'N')) => {}
            (Dialogue::Ways(id), Key::Char('g')) => {
                self.dialogue = Some(Dialogue::Generation(id, Typed::default()));
            }
            (Dialogue::Ways(id), Key::Char('r')) => {
                self.dialogue = Some(Dialogue::Confirm(Command::Resolve(id, Resolution::Resubmit)));
            }
            (Dialogue::Ways(id), Key::Char('f')) => {
                self.dialogue = Some(Dialogue::Confirm(Command::Resolve(id, Resolution::Fail)));
            }
            (Dialogue::Generation(id, mut typed), Key::Enter) => {
                self.dialogue = Some(match GenerationId::new(typed.text.trim()) {
                    Ok(generation) => {
                        Dialogue::Confirm(Command::Resolve(id, Resolution::Generation(generation)))
                    }
                    Err(error) => {
                        typed.wrong = Some(error.to_string());
                        Dialogue::Generation(id, typed)
                    }
                });
            }
            (Dialogue::Jump(mut typed), Key::Enter) => match JobId::new(typed.text.trim()) {
                Ok(id) => self.open(Screen::job(id.to_string()), now),
                Err(error) => {
                    typed.wrong = Some(error.to_string());
                    self.dialogue = Some(Dialogue::Jump(typed));
                }
            },
            (Dialogue::Generation(id, mut typed), key) => {
                typed.press(key);
                self.dialogue = Some(Dialogue::Generation(id, typed));
            }
            (Dialogue::Jump(mut typed), key) => {
                typed.press(key);
                self.dialogue = Some(Dialogue::Jump(typed));
            }
            (Dialogue::Told(_), Key::Enter | Key::Backspace | Key::Char(' ' | 'q')) => {}
            (other, _) => self.dialogue = Some(other),
        }
        Effect::None
    }
}
