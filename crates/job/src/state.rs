//! A job's states and the one table of legal moves.

use serde::{Deserialize, Serialize};

/// Where a job stands. The words are the ones in records, results, events and indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Waits for its time, or for its account's next slot.
    Queued,
    /// A worker wrote its intent and sends the POST; an answer isn't known yet.
    Submitting,
    /// Gamma accepted; the generation is polled.
    Generating,
    /// The deck is there; files are still being made.
    Exporting,
    /// Parked: whether Gamma accepted is not known, an operator decides.
    Ambiguous,
    /// The deck is there.
    Completed,
    /// Ended without a deck.
    Failed,
    /// Still pending after the deadline; looked at now and then for a while, since it was paid for.
    TimedOut,
    /// Ended by a caller or operator.
    Cancelled,
}

impl State {
    /// All states, in the order of a job's life.
    pub const ALL: [Self; 9] = [
        Self::Queued,
        Self::Submitting,
        Self::Generating,
        Self::Exporting,
        Self::Ambiguous,
        Self::Completed,
        Self::Failed,
        Self::TimedOut,
        Self::Cancelled,
    ];

    /// The word in Redis.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Submitting => "submitting",
            Self::Generating => "generating",
            Self::Exporting => "exporting",
            Self::Ambiguous => "ambiguous",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether the job rests here: someone who waits for its end is told. Parked counts, since nothing more
    /// happens without an operator.
    pub const fn is_end(self) -> bool {
        matches!(
            self,
            Self::Ambiguous | Self::Completed | Self::Failed | Self::TimedOut | Self::Cancelled
        )
    }

    /// The states that have an index of their own in Redis.
    pub const INDEXED: [Self; 5] = [
        Self::Ambiguous,
        Self::Completed,
        Self::Failed,
        Self::TimedOut,
        Self::Cancelled,
    ];
}

/// Who moves a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mover {
    /// Intake, from an inbox entry.
    Intake,
    /// The worker that holds the lease and is about to send, or has sent, the POST.
    Submit,
    /// The worker that looked at the generation.
    Poll,
    /// The next claim, when a lease ended.
    Claim,
    /// An operator or caller.
    Operator,
}

impl Mover {
    /// The word in the diagram.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Intake => "intake",
            Self::Submit => "submit",
            Self::Poll => "poll",
            Self::Claim => "claim",
            Self::Operator => "operator",
        }
    }
}

/// One legal move; `from` is `None` where the job is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// Where the job stood.
    pub from: Option<State>,
    /// Where it stands then.
    pub to: State,
    /// Who moves it.
    pub by: Mover,
    /// When.
    pub when: &'static str,
}

const fn mv(from: State, to: State, by: Mover, when: &'static str) -> Move {
    Move {
        from: Some(from),
        to,
        by,
        when,
    }
}

/// Every legal move. The scripts in `gammaq-queue` make these and no others; its property test holds them to it.
pub const MOVES: &[Move] = &[
    Move {
        from: None,
        to: State::Queued,
        by: Mover::Intake,
        when: "valid entry",
    },
    Move {
        from: None,
        to: State::Failed,
        by: Mover::Intake,
        when: "invalid entry",
    },
    mv(State::Queued, State::Submitting, Mover::Submit, "intent written"),
    mv(
        State::Queued,
        State::Failed,
        Mover::Submit,
        "its record holds no request",
    ),
    mv(State::Submitting, State::Generating, Mover::Submit, "accepted"),
    mv(
        State::Submitting,
        State::Queued,
        Mover::Submit,
        "certainly not accepted",
    ),
    mv(
        State::Submitting,
        State::Queued,
        Mover::Claim,
        "worker died, policy resubmit",
    ),
    mv(
        State::Submitting,
        State::Failed,
        Mover::Submit,
        "refused for good",
    ),
    mv(
        State::Submitting,
        State::Ambiguous,
        Mover::Submit,
        "answer lost or unclear",
    ),
    mv(State::Submitting, State::Ambiguous, Mover::Claim, "worker died"),
    mv(
        State::Ambiguous,
        State::Generating,
        Mover::Submit,
        "answer came late",
    ),
    mv(
        State::Queued,
        State::Generating,
        Mover::Submit,
        "answer came late, after a resubmit was decided",
    ),
    mv(
        State::Queued,
        State::Generating,
        Mover::Submit,
        "a journal has the generation that Redis forgot",
    ),
    mv(
        State::Queued,
        State::Ambiguous,
        Mover::Submit,
        "a journal knows of a POST that Redis forgot",
    ),
    mv(
        State::Generating,
        State::Exporting,
        Mover::Poll,
        "deck there, files not yet",
    ),
    mv(State::Generating, State::Completed, Mover::Poll, "completed"),
    mv(State::Generating, State::Failed, Mover::Poll, "failed"),
    mv(
        State::Generating,
        State::TimedOut,
        Mover::Poll,
        "pending after the deadline",
    ),
    mv(
        State::Exporting,
        State::Completed,
        Mover::Poll,
        "every file there or its error said",
    ),
    mv(State::TimedOut, State::Completed, Mover::Poll, "completed late"),
    mv(
        State::TimedOut,
        State::Exporting,
        Mover::Poll,
        "deck there late, files not yet",
    ),
    mv(State::TimedOut, State::Generating, Mover::Operator, "repoll"),
    mv(
        State::Ambiguous,
        State::Generating,
        Mover::Operator,
        "resolve: attach a generation",
    ),
    mv(
        State::Ambiguous,
        State::Queued,
        Mover::Operator,
        "resolve: resubmit",
    ),
    mv(
        State::Ambiguous,
        State::Failed,
        Mover::Operator,
        "resolve: give up",
    ),
    mv(State::Failed, State::Queued, Mover::Operator, "retry"),
    mv(State::Cancelled, State::Queued, Mover::Operator, "retry"),
    mv(State::Queued, State::Cancelled, Mover::Operator, "cancel"),
    mv(State::Generating, State::Cancelled, Mover::Operator, "cancel"),
    mv(State::Exporting, State::Cancelled, Mover::Operator, "cancel"),
];

/// Whether a job may go from `from` to `to`.
pub fn is_legal(from: Option<State>, to: State) -> bool {
    MOVES.iter().any(|m| m.from == from && m.to == to)
}

/// The table as a Mermaid state diagram, for `crates/README.md`.
pub fn diagram() -> String {
    let mut out = String::from("stateDiagram-v2\n");
    for m in MOVES {
        let from = m.from.map_or("[*]", State::as_str);
        // Mermaid ends a label at a second colon.
        out += &format!(
            "    {from} --> {}: {} ({})\n",
            m.to,
            m.when.replace(':', " -"),
            m.by.as_str()
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_diagram_in_the_readme_is_this_table() {
        let readme = include_str!("../../README.md");
        assert!(
            readme.contains(&diagram()),
            "crates/README.md must hold this:\n{}",
            diagram()
        );
    }

    #[test]
    fn words_and_json_agree() {
        for state in State::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
            assert_eq!(state.as_str().parse::<State>(), Ok(state));
        }
    }

    #[test]
    fn nothing_leaves_a_completed_job() {
        assert!(MOVES.iter().all(|m| m.from != Some(State::Completed)));
    }
}
