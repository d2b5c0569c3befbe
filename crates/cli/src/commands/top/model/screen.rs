//! The screens, each with what it shows and what is chosen on it.

use std::collections::VecDeque;

use gammaq_job::State;
use gammaq_queue::events::Event;
use gammaq_queue::read::accounts::{AccountView, AccountViews};
use gammaq_queue::read::overview::{Overview, Rates};
use gammaq_queue::read::pages::{Cursor, JobPage};
use gammaq_queue::read::story::Story;
use gammaq_queue::read::workers::WorkerView;
use gammaq_queue::spending::Day;

use super::choice::Choice;
use super::press::HELP;
use crate::commands::status;
use crate::commands::top::reads::{Found, Want};
use crate::commands::top::words;

/// Which states a list of jobs may be narrowed down to, in the order in which a key goes through them.
pub(in crate::commands::top) const STATES: [Option<State>; 10] = [
    None,
    Some(State::Queued),
    Some(State::Submitting),
    Some(State::Generating),
    Some(State::Exporting),
    Some(State::Ambiguous),
    Some(State::Completed),
    Some(State::Failed),
    Some(State::TimedOut),
    Some(State::Cancelled),
];
/// The most events that are kept to go back to.
const EVENTS_KEPT: usize = 1_000;

/// A page of jobs.
#[derive(Debug, Default)]
pub(in crate::commands::top) struct Jobs {
    pub(in crate::commands::top) state: Option<State>,
    pub(in crate::commands::top) account: Option<String>,
    /// Where this page and those before it begin; the first begins at the beginning.
    pub(in crate::commands::top) before: Vec<Cursor>,
    pub(in crate::commands::top) page: Option<JobPage>,
    /// Another page was asked for than the one that is seen, and is to be chosen from at its end.
    pub(in crate::commands::top) turning: Option<Turn>,
    pub(in crate::commands::top) choice: Choice,
}

/// Which way a page is turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::commands::top) enum Turn {
    On,
    Back,
}

impl Jobs {
    fn of(state: Option<State>, account: Option<String>) -> Self {
        Self {
            state,
            account,
            ..Self::default()
        }
    }

    /// Whether there is such a page; it is read next.
    pub(super) fn turn(&mut self, turn: Turn) -> bool {
        // What is seen has to be the page from which to turn.
        let (None, Some(page)) = (self.turning, &self.page) else {
            return false;
        };
        let there = match turn {
            Turn::On => page.after.clone().map(|after| self.before.push(after)).is_some(),
            Turn::Back => self.before.pop().is_some(),
        };
        if there {
            self.turning = Some(turn);
        }
        there
    }
}

/// Something that somebody looks at.
#[derive(Debug)]
pub(in crate::commands::top) enum Screen {
    Overview {
        seen: Option<(Box<Overview>, Option<Rates>)>,
        choice: Choice,
    },
    Jobs(Jobs),
    Job {
        id: String,
        /// The inner one is `None` where there is no such job.
        story: Option<Option<Box<Story>>>,
        scroll: usize,
    },
    Accounts {
        seen: Option<(AccountViews, Vec<Day>)>,
        choice: Choice,
    },
    Account {
        name: String,
        /// The inner one is `None` where nothing is known of it.
        seen: Option<(Option<Box<AccountView>>, Vec<Day>)>,
        scroll: usize,
    },
    Events {
        events: VecDeque<Event>,
        /// Whether what comes is chosen as it comes.
        follow: bool,
        choice: Choice,
    },
    Worker {
        id: String,
        /// The inner one is `None` where it is not heard of any more.
        seen: Option<Option<WorkerView>>,
        scroll: usize,
    },
    Help {
        /// What is read beneath it.
        want: Want,
        scroll: usize,
    },
}

impl Screen {
    pub(super) fn overview() -> Self {
        Self::Overview {
            seen: None,
            choice: Choice::default(),
        }
    }

    pub(super) fn jobs(state: Option<State>, account: Option<String>) -> Self {
        Self::Jobs(Jobs::of(state, account))
    }

    pub(super) const fn job(id: String) -> Self {
        Self::Job {
            id,
            story: None,
            scroll: 0,
        }
    }

    pub(super) const fn account(name: String) -> Self {
        Self::Account {
            name,
            seen: None,
            scroll: 0,
        }
    }

    /// The screens that digits lead to, from 0 on.
    pub(super) fn root(number: usize) -> Self {
        match number {
            1 => Self::jobs(None, None),
            2 => Self::Accounts {
                seen: None,
                choice: Choice::default(),
            },
            3 => Self::Events {
                events: VecDeque::new(),
                follow: true,
                choice: Choice::default(),
            },
            _ => Self::overview(),
        }
    }

    /// Which of those it is, or the one it belongs to.
    pub(in crate::commands::top) const fn root_number(&self) -> usize {
        match self {
            Self::Jobs(_) | Self::Job { .. } => 1,
            Self::Accounts { .. } | Self::Account { .. } => 2,
            Self::Events { .. } => 3,
            Self::Overview { .. } | Self::Worker { .. } | Self::Help { .. } => 0,
        }
    }

    pub(super) fn want(&self, rows: usize) -> Want {
        match self {
            Self::Overview { .. } | Self::Worker { .. } => Want::Overview,
            Self::Jobs(jobs) => Want::Jobs {
                state: jobs.state,
                account: jobs.account.clone(),
                after: jobs.before.last().cloned(),
                limit: rows,
            },
            Self::Job { id, .. } => Want::Job(id.clone()),
            Self::Accounts { .. } => Want::Accounts,
            Self::Account { name, .. } => Want::Account(name.clone()),
            Self::Events { .. } => Want::Events,
            Self::Help { want, .. } => want.clone(),
        }
    }

    /// The names of its lines that can be chosen, in their order.
    pub(super) fn keys(&self) -> Vec<String> {
        match self {
            Self::Overview {
                seen: Some((overview, _)),
                ..
            } => {
                let counts = status::counts(overview)
                    .into_iter()
                    .map(|it| format!("count {}", it.name));
                let accounts = overview.accounts.iter().map(|it| format!("account {}", it.name));
                let workers = overview.workers.iter().map(|it| format!("worker {}", it.id));
                counts.chain(accounts).chain(workers).collect()
            }
            Self::Jobs(Jobs { page: Some(page), .. }) => page.jobs.iter().map(|it| it.id.clone()).collect(),
            Self::Accounts {
                seen: Some((views, _)),
                ..
            } => views.accounts.iter().map(|it| it.name.clone()).collect(),
            Self::Events { events, .. } => events.iter().map(|it| it.entry_id.clone()).collect(),
            _ => Vec::new(),
        }
    }

    /// The lines of a screen that is read and not chosen from; `at` is when it was read, Unix milliseconds.
    pub(in crate::commands::top) fn lines(&self, at: u64) -> Option<Vec<String>> {
        Some(match self {
            Self::Job { id, story, .. } => match story {
                None => Vec::new(),
                Some(None) => vec![format!("there is no job {id}")],
                Some(Some(story)) => words::job(id, story),
            },
            Self::Account { name, seen, .. } => match seen {
                None => Vec::new(),
                Some((None, _)) => vec![format!("nothing is known of an account {name}")],
                Some((Some(view), days)) => words::account(view, at, days),
            },
            Self::Worker { id, seen, .. } => match seen {
                None => Vec::new(),
                Some(None) => vec![format!("{id} is not heard of any more")],
                Some(Some(worker)) => words::worker(worker, at),
            },
            Self::Help { .. } => HELP.lines().map(str::to_owned).collect(),
            Self::Overview { .. } | Self::Jobs(_) | Self::Accounts { .. } | Self::Events { .. } => {
                return None;
            }
        })
    }

    pub(in crate::commands::top) const fn scroll(&self) -> usize {
        match self {
            Self::Job { scroll, .. }
            | Self::Account { scroll, .. }
            | Self::Worker { scroll, .. }
            | Self::Help { scroll, .. } => *scroll,
            _ => 0,
        }
    }

    pub(super) const fn scroll_mut(&mut self) -> Option<&mut usize> {
        match self {
            Self::Job { scroll, .. }
            | Self::Account { scroll, .. }
            | Self::Worker { scroll, .. }
            | Self::Help { scroll, .. } => Some(scroll),
            _ => None,
        }
    }

    pub(in crate::commands::top) const fn choice(&self) -> Option<&Choice> {
        match self {
            Self::Overview { choice, .. } | Self::Accounts { choice, .. } | Self::Events { choice, .. } => {
                Some(choice)
            }
            Self::Jobs(jobs) => Some(&jobs.choice),
            _ => None,
        }
    }

    /// Chooses the line of this number.
    pub(super) fn choose(&mut self, at: usize) {
        let keys = self.keys();
        match self {
            Self::Overview { choice, .. } | Self::Accounts { choice, .. } => choice.go(at, &keys),
            Self::Jobs(jobs) => jobs.choice.go(at, &keys),
            Self::Events { choice, follow, .. } => {
                choice.go(at, &keys);
                // At the newest, what comes is wanted.
                *follow = choice.at() + 1 >= keys.len();
            }
            _ => {}
        }
    }

    /// Takes in what was read for it.
    pub(super) fn take(&mut self, found: Found) {
        match (&mut *self, found) {
            (Self::Overview { seen, .. }, Found::Overview(overview, rates)) => {
                *seen = Some((overview, rates))
            }
            (Self::Worker { id, seen, .. }, Found::Overview(overview, _)) => {
                *seen = Some(overview.workers.into_iter().find(|it| it.id == *id));
            }
            (Self::Jobs(jobs), Found::Jobs(page)) => jobs.page = Some(page),
            (Self::Job { story, .. }, Found::Job(found)) => *story = Some(found),
            (Self::Accounts { seen, .. }, Found::Accounts(views, days)) => *seen = Some((views, days)),
            (Self::Account { seen, .. }, Found::Account(view, days)) => *seen = Some((view, days)),
            (Self::Events { events, .. }, Found::Events { events: more, anew }) => {
                if anew {
                    events.clear();
                }
                events.extend(more);
                events.drain(..events.len().saturating_sub(EVENTS_KEPT));
            }
            // Asked for by another screen.
            _ => return,
        }
        let keys = self.keys();
        match self {
            Self::Overview { choice, .. } | Self::Accounts { choice, .. } => choice.settle(&keys),
            Self::Jobs(jobs) => match jobs.turning.take() {
                Some(Turn::On) => jobs.choice.go(0, &keys),
                Some(Turn::Back) => jobs.choice.go(usize::MAX, &keys),
                None => jobs.choice.settle(&keys),
            },
            Self::Events {
                choice, follow: true, ..
            } => choice.go(usize::MAX, &keys),
            Self::Events { choice, .. } => choice.settle(&keys),
            _ => {}
        }
    }
}
