//! What happens next to a job.

use gammaq_job::State;

use super::Story;

/// What happens next; times are Unix milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Next {
    /// It is submitted when its turn comes; the account may submit again at this time.
    Submit {
        /// For the first in line: jobs before it take their slots first.
        not_before: u64,
    },
    /// It is put into its account's line then: it was delayed, or comes back after trouble.
    Line {
        /// When.
        at: u64,
    },
    /// A worker holds it; it comes back by itself if that is not heard of until then.
    Held {
        /// Who.
        worker: String,
        /// The end of the lease.
        until: u64,
    },
    /// Its POST is answered, or it is parked when the lease ends.
    Answer {
        /// Who sent it.
        worker: String,
        /// The end of the lease.
        until: u64,
    },
    /// Its generation is looked at.
    Look {
        /// When.
        at: u64,
        /// After this it times out, where it is still pending then.
        deadline: Option<u64>,
    },
    /// It is looked at though it timed out, since it was paid for.
    LateLook {
        /// When.
        at: u64,
        /// The last look.
        until: Option<u64>,
    },
    /// Nothing, until somebody decides.
    Decision,
    /// Nothing; record and result are forgotten then.
    Forgotten {
        /// When; `None` where they are kept without an end.
        at: Option<u64>,
    },
    /// Nothing, though it should: it stands in no index.
    Lost,
}

impl Next {
    /// `None` where the state can't be read.
    pub(super) fn of(story: &Story) -> Option<Self> {
        let record = &story.record;
        let holder = || record.get("worker").map(str::to_owned);
        let lost = |next: Option<Self>| next.unwrap_or(Self::Lost);
        Some(match record.state()? {
            State::Queued => match (story.due_at, holder(), &story.account) {
                (Some(until), Some(worker), _) => Self::Held { worker, until },
                (Some(at), None, _) => Self::Line { at },
                (None, _, Some(account)) => Self::Submit {
                    not_before: account.next_at,
                },
                (None, _, None) => Self::Lost,
            },
            State::Submitting => lost(story.due_at.map(|until| Self::Answer {
                worker: holder().unwrap_or_default(),
                until,
            })),
            State::Generating | State::Exporting => lost(story.due_at.map(|at| match holder() {
                Some(worker) => Self::Held { worker, until: at },
                None => Self::Look {
                    at,
                    deadline: record.number("deadline"),
                },
            })),
            State::TimedOut => match story.due_at {
                Some(at) => Self::LateLook {
                    at,
                    until: record.number("late_until"),
                },
                None => Self::Forgotten { at: story.expires_at },
            },
            State::Ambiguous => Self::Decision,
            State::Completed | State::Failed | State::Cancelled => Self::Forgotten { at: story.expires_at },
        })
    }
}

#[cfg(test)]
mod tests {
    use gammaq_job::Record;

    use super::*;
    use crate::read::accounts::AccountView;

    fn next(fields: &[(&str, &str)], due_at: Option<u64>, listed: bool) -> Option<Next> {
        let fields = fields
            .iter()
            .map(|(name, it)| ((*name).to_owned(), (*it).to_owned()));
        Next::of(&Story {
            record: Record::new(fields),
            due_at,
            account: listed.then(|| AccountView {
                next_at: 7,
                ..AccountView::default()
            }),
            ..Story::default()
        })
    }

    #[test]
    fn each_state_has_a_next_step_or_none() {
        let held = ("worker", "w");
        let worker = || "w".to_owned();
        let cases = [
            (
                &[("state", "queued")][..],
                None,
                true,
                Next::Submit { not_before: 7 },
            ),
            (&[("state", "queued")], Some(5), false, Next::Line { at: 5 }),
            (&[("state", "queued")], None, false, Next::Lost),
            (
                &[("state", "queued"), held],
                Some(5),
                false,
                Next::Held {
                    worker: worker(),
                    until: 5,
                },
            ),
            (
                &[("state", "submitting"), held],
                Some(5),
                false,
                Next::Answer {
                    worker: worker(),
                    until: 5,
                },
            ),
            (
                &[("state", "generating"), ("deadline", "9")],
                Some(5),
                false,
                Next::Look {
                    at: 5,
                    deadline: Some(9),
                },
            ),
            (&[("state", "exporting")], None, false, Next::Lost),
            (
                &[("state", "timed_out"), ("late_until", "9")],
                Some(5),
                false,
                Next::LateLook {
                    at: 5,
                    until: Some(9),
                },
            ),
            (
                &[("state", "timed_out")],
                None,
                false,
                Next::Forgotten { at: None },
            ),
            (&[("state", "ambiguous")], None, false, Next::Decision),
            (
                &[("state", "completed")],
                None,
                false,
                Next::Forgotten { at: None },
            ),
        ];
        for (fields, due_at, listed, expected) in cases {
            assert_eq!(next(fields, due_at, listed), Some(expected), "{fields:?}");
        }
        assert_eq!(next(&[("state", "odd")], None, false), None);
    }
}
