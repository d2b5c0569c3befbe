//! What keys do.

use std::time::Instant;

use gammaq_job::{AccountName, Command, JobId, Scope, State};

use super::dialogue::Typed;
use super::screen::Turn;
use super::{Dialogue, Effect, Model, STATES, Screen, Shown};
use crate::commands::top::keys::Key;

/// All keys, for the screen that tells them.
pub(in crate::commands::top) const HELP: &str = "\
everywhere
  1 2 3 4, Tab     overview, jobs, accounts, events
  up down, k j     move, or scroll
  PgUp PgDn, b n   a screen or a page back and on
  Home End, g G    the first and the last
  Enter            go down: to the jobs, the job, the account, the worker
  Esc, Backspace   go back
  /                go to a job by its id
  r                read now
  ?                these lines
  q, Ctrl-C        quit

jobs
  f F              only jobs of the next, of the last state
  c                cancel the chosen job
  t                retry it: one more submit, paid for again
  s                resolve a parked job: attach a generation, resubmit, fail
  l                look again at one that timed out (repoll)

accounts
  p u              pause and resume the chosen account
  P U              pause and resume the whole queue, on any screen

Whatever changes something asks first and says what it costs; y does it.
What stands here is read again after every interval; if Redis does not
answer, the second line says since when, and why.";

/// Of what was put into an index by hand.
const UNNAMEABLE: &str = "no command can name this: names have 1 to 64 of A-Z a-z 0-9 . _ -";

/// The most important keys of a screen.
pub(in crate::commands::top) const fn hints(screen: &Screen) -> &'static str {
    match screen {
        Screen::Overview { .. } => "? help  Enter open  / find  p pause  u resume  Tab next  q quit",
        Screen::Jobs(_) => {
            "? help  Enter open  n b pages  f state  c cancel  t retry  s resolve  l repoll  q quit"
        }
        Screen::Job { .. } => "? help  Esc back  c cancel  t retry  s resolve  l repoll  j k scroll  q quit",
        Screen::Accounts { .. } => "? help  Enter open  p pause  u resume  Tab next  q quit",
        Screen::Account { .. } => "? help  Esc back  Enter its jobs  p pause  u resume  q quit",
        Screen::Events { .. } => "? help  Enter its job  G newest  Tab next  q quit",
        Screen::Worker { .. } | Screen::Help { .. } => "Esc back  j k scroll  q quit",
    }
}

impl Model {
    /// What a key does.
    pub(in crate::commands::top) fn press(&mut self, key: Key, now: Instant) -> Effect {
        if key == Key::Interrupt {
            return Effect::Quit;
        }
        self.remark = None;
        if let Some(dialogue) = self.dialogue.take() {
            return self.press_dialogue(dialogue, key, now);
        }
        match key {
            Key::Char('q') => return Effect::Quit,
            Key::Char('r') => return Effect::ReadNow,
            Key::Char('?') if !matches!(self.shown().screen, Screen::Help { .. }) => {
                // What is beneath it is read on.
                let (want, read_at) = (self.want(), self.shown().read_at);
                let screen = Screen::Help { want, scroll: 0 };
                self.stack.push(Shown { screen, read_at });
            }
            Key::Char('/') => self.dialogue = Some(Dialogue::Jump(Typed::default())),
            Key::Char(c @ '1'..='4') => self.open_root(c as usize - '1' as usize, now),
            Key::Tab => self.open_root((self.shown().screen.root_number() + 1) % 4, now),
            Key::BackTab => self.open_root((self.shown().screen.root_number() + 3) % 4, now),
            Key::Escape | Key::Backspace => self.back(now),
            Key::Enter => self.down(now),
            Key::Char('f') => self.narrow(1, now),
            Key::Char('F') => self.narrow(STATES.len() - 1, now),
            Key::Char(c @ ('c' | 't' | 's' | 'l')) => self.ask_of_job(c),
            Key::Char('p') => self.ask_of_account(Command::Pause),
            Key::Char('u') => self.ask_of_account(Command::Resume),
            Key::Char('P') => self.ask(Command::Pause(Scope::Queue)),
            Key::Char('U') => self.ask(Command::Resume(Scope::Queue)),
            _ => self.move_by(key, now),
        }
        Effect::None
    }

    fn back(&mut self, now: Instant) {
        if self.stack.len() > 1 {
            self.stack.pop();
            self.waits_since = now;
        } else if !matches!(self.shown().screen, Screen::Overview { .. }) {
            self.open_root(0, now);
        }
    }

    fn down(&mut self, now: Instant) {
        let next = match &self.shown().screen {
            Screen::Overview { choice, .. } => match choice.key().and_then(|key| key.split_once(' ')) {
                Some(("count", "inbox")) => {
                    self.remark = Some("what is in the inbox is no job yet: a worker takes it in".to_owned());
                    return;
                }
                Some(("count", "waiting")) => Screen::jobs(Some(State::Queued), None),
                Some(("count", word)) => Screen::jobs(word.parse().ok(), None),
                Some(("account", name)) => Screen::account(name.to_owned()),
                Some(("worker", id)) => Screen::Worker {
                    id: id.to_owned(),
                    seen: None,
                    scroll: 0,
                },
                _ => return,
            },
            Screen::Accounts { choice, .. } => match choice.key() {
                Some(name) => Screen::account(name.to_owned()),
                None => return,
            },
            Screen::Account { name, .. } => Screen::jobs(None, Some(name.clone())),
            Screen::Jobs(_) | Screen::Events { .. } => match self.chosen_job() {
                Some(id) => Screen::job(id),
                None => return,
            },
            Screen::Job { .. } | Screen::Worker { .. } | Screen::Help { .. } => return,
        };
        self.open(next, now);
    }

    /// Lists the jobs of a state further on.
    fn narrow(&mut self, by: usize, now: Instant) {
        let Screen::Jobs(jobs) = &self.shown().screen else {
            return;
        };
        let at = STATES.iter().position(|it| *it == jobs.state).unwrap_or(0);
        let account = jobs.account.clone();
        let last = self.stack.len() - 1;
        self.stack[last].screen = Screen::jobs(STATES[(at + by) % STATES.len()], account);
        self.stack[last].read_at = None;
        self.waits_since = now;
    }

    fn move_by(&mut self, key: Key, now: Instant) {
        let page = usize::from(self.body_height()).saturating_sub(1).max(1);
        if let Some(scroll) = self.screen_mut().scroll_mut() {
            *scroll = match key {
                Key::Up | Key::Char('k') => scroll.saturating_sub(1),
                Key::Down | Key::Char('j') => scroll.saturating_add(1),
                Key::PageUp | Key::Char('b') => scroll.saturating_sub(page),
                Key::PageDown | Key::Char('n' | ' ') => scroll.saturating_add(page),
                Key::Home | Key::Char('g') => 0,
                Key::End | Key::Char('G') => usize::MAX,
                _ => *scroll,
            };
            self.clamp_scroll();
            return;
        }
        let count = self.keys().len();
        let at = self.shown().screen.choice().map_or(0, super::choice::Choice::at);
        if let Screen::Jobs(jobs) = self.screen_mut() {
            // A page of jobs is what is read at once.
            let turn = match key {
                Key::PageDown | Key::Char('n' | ' ') => Some(Turn::On),
                Key::PageUp | Key::Char('b') => Some(Turn::Back),
                Key::Down | Key::Char('j') if at + 1 >= count => Some(Turn::On),
                Key::Up | Key::Char('k') if at == 0 => Some(Turn::Back),
                _ => None,
            };
            if turn.is_some_and(|turn| jobs.turn(turn)) {
                self.waits_since = now;
                return;
            }
            if jobs.turning.is_some() {
                return;
            }
        }
        let to = match key {
            Key::Up | Key::Char('k') => at.saturating_sub(1),
            Key::Down | Key::Char('j') => at.saturating_add(1),
            Key::PageUp | Key::Char('b') => at.saturating_sub(page),
            Key::PageDown | Key::Char('n' | ' ') => at.saturating_add(page),
            Key::Home | Key::Char('g') => 0,
            Key::End | Key::Char('G') => usize::MAX,
            _ => return,
        };
        self.screen_mut().choose(to);
    }

    fn chosen_job(&self) -> Option<String> {
        match &self.shown().screen {
            Screen::Job { id, .. } => Some(id.clone()),
            Screen::Jobs(jobs) => jobs.choice.key().map(str::to_owned),
            Screen::Events { events, choice, .. } => {
                let event = events
                    .iter()
                    .find(|it| Some(it.entry_id.as_str()) == choice.key());
                event.map(|it| it.id.clone()).filter(|id| !id.is_empty())
            }
            _ => None,
        }
    }

    fn chosen_account(&self) -> Option<String> {
        match &self.shown().screen {
            Screen::Account { name, .. } => Some(name.clone()),
            Screen::Accounts { choice, .. } => choice.key().map(str::to_owned),
            Screen::Overview { choice, .. } => choice
                .key()
                .and_then(|key| key.strip_prefix("account "))
                .map(str::to_owned),
            _ => None,
        }
    }

    fn ask_of_job(&mut self, key: char) {
        let Some(id) = self.chosen_job() else {
            self.remark = Some("no job is chosen here".to_owned());
            return;
        };
        match (JobId::new(&*id), key) {
            (Err(_), _) => self.remark = Some(UNNAMEABLE.to_owned()),
            (Ok(id), 'c') => self.ask(Command::Cancel(id)),
            (Ok(id), 't') => self.ask(Command::Retry(id)),
            (Ok(id), 'l') => self.ask(Command::Repoll(id)),
            (Ok(_), _) if self.is_busy() => {}
            (Ok(id), _) => self.dialogue = Some(Dialogue::Ways(id)),
        }
    }

    fn ask_of_account(&mut self, command: fn(Scope) -> Command) {
        let Some(name) = self.chosen_account() else {
            self.remark = Some("no account is chosen here; P and U are for the whole queue".to_owned());
            return;
        };
        match AccountName::new(&*name) {
            Ok(name) => self.ask(command(Scope::Account(name))),
            Err(_) => self.remark = Some(UNNAMEABLE.to_owned()),
        }
    }

    fn ask(&mut self, command: Command) {
        if !self.is_busy() {
            self.dialogue = Some(Dialogue::Confirm(command));
        }
    }

    /// One command at a time, so that each answer is seen.
    fn is_busy(&mut self) -> bool {
        let given = self
            .given
            .as_ref()
            .map(|(command, _)| super::words::name(command));
        let busy = given.is_some();
        if let Some(name) = given {
            self.remark = Some(format!("{name} is not answered yet"));
        }
        busy
    }
}
