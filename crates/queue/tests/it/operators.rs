//! Operators in the random operations: what each of their commands must do to the model.

use gammaq_job::{AccountName, Command, GenerationId, JobId, Resolution, Scope, State};
use gammaq_queue::operate::{Answer, Asker, Outcome, Timeouts};

use crate::bench::LONG;
use crate::model::{Known, Model};
use crate::run::{ACCOUNTS, Checked, Run};

/// How many commands there are.
pub(crate) const COMMANDS: usize = 16;

fn command(id: u8, number: usize) -> Command {
    let job = JobId::new(format!("j{id}")).unwrap();
    let account = || Scope::Account(AccountName::new(ACCOUNTS[usize::from(id) % 2]).unwrap());
    match number {
        0..=3 => Command::Cancel(job),
        4..=6 => Command::Retry(job),
        7 => {
            let found = GenerationId::new(format!("found-{id}")).unwrap();
            Command::Resolve(job, Resolution::Generation(found))
        }
        8 | 9 => Command::Resolve(job, Resolution::Resubmit),
        10 => Command::Resolve(job, Resolution::Fail),
        11 => Command::Repoll(job),
        12 => Command::Pause(account()),
        13 => Command::Resume(account()),
        14 => Command::Pause(Scope::Queue),
        _ => Command::Resume(Scope::Queue),
    }
}

impl Run<'_> {
    pub(crate) async fn operate(&mut self, id: u8, number: usize) -> Checked {
        let command = command(id, number);
        let timeouts = Timeouts {
            classic: LONG,
            agent: LONG,
        };
        let asker = Asker::direct("ops");
        let answer = self.queue.operate(&asker, &command, &timeouts).await.unwrap();
        // A pause of a queue or an account that nobody ends would leave nothing to be tried.
        if matches!(command, Command::Pause(_)) {
            self.check().await?;
            self.pauses += 1;
        }
        self.model.operate(&command, &answer)
    }

    /// Every third operation after a pause ends it.
    pub(crate) async fn end_pauses(&mut self) -> Checked {
        if self.pauses > 0 {
            self.pauses += 1;
        }
        if self.pauses < 5 {
            return Ok(());
        }
        self.pauses = 0;
        for number in [13, 15] {
            for id in 0..2 {
                self.operate(id, number).await?;
            }
        }
        Ok(())
    }
}

impl Model {
    pub(crate) fn operate(&mut self, command: &Command, answer: &Answer) -> Checked {
        let wrong = || Err(format!("{command:?}: {answer:?}"));
        let Some(id) = command.id() else {
            match command {
                Command::Pause(Scope::Queue) => self.paused = true,
                Command::Resume(Scope::Queue) => self.paused = false,
                _ => {}
            }
            return if answer.outcome.is_good() { Ok(()) } else { wrong() };
        };
        let Some(known) = self.jobs.get_mut(id.as_str()) else {
            return if answer.outcome == Outcome::Missing {
                Ok(())
            } else {
                wrong()
            };
        };
        // What is over may be gone by now.
        if known.over() && answer.outcome == Outcome::Missing {
            return Ok(());
        }
        let before = known.clone();
        let changed = known.operate(command);
        let expected = match (&before, command) {
            (Known { unwanted: false, .. }, Command::Cancel(_)) if known.unwanted => Outcome::Noted,
            _ if changed => Outcome::Done,
            _ => {
                let kept = [Outcome::Refused, Outcome::Already].contains(&answer.outcome);
                return if kept { Ok(()) } else { wrong() };
            }
        };
        if answer.outcome == expected {
            Ok(())
        } else {
            Err(format!(
                "{command:?} of {before:?}: {answer:?}, expected {expected:?}"
            ))
        }
    }
}

impl Known {
    /// Answers whether it moved.
    fn operate(&mut self, command: &Command) -> bool {
        let to = match (command, self.state) {
            (Command::Cancel(_), State::Queued | State::Generating | State::Exporting) => State::Cancelled,
            (Command::Cancel(_), State::Submitting) => {
                self.unwanted = true;
                return false;
            }
            (Command::Retry(_), State::Failed | State::Cancelled) if !self.wish.ends_with("nonsense") => {
                if !self.generation.is_empty() {
                    self.extra.push(std::mem::take(&mut self.generation));
                }
                State::Queued
            }
            (Command::Resolve(_, resolution), State::Ambiguous) => match resolution {
                Resolution::Generation(found) => {
                    self.extra.retain(|it| it != found.as_str());
                    self.generation = found.to_string();
                    State::Generating
                }
                Resolution::Resubmit => State::Queued,
                Resolution::Fail => State::Failed,
            },
            (Command::Repoll(_), State::TimedOut) => State::Generating,
            _ => return false,
        };
        (self.rested, self.unwanted) = (false, false);
        self.fence += 1;
        self.move_to(to);
        true
    }
}
