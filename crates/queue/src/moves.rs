//! How often jobs were moved from one state to another by the scripts that this process ran.
//!
//! Counted from what a script answered, which is what it did, so that over all processes a move is counted once; one
//! whose answer was lost is counted nowhere.

use std::sync::atomic::{AtomicU64, Ordering};

use gammaq_job::State;

/// States that a job can come from: those that there are, and none where it is new.
const FROM: usize = State::ALL.len() + 1;

/// One number for each pair of states.
#[derive(Debug)]
pub struct Moves([[AtomicU64; State::ALL.len()]; FROM]);

impl Default for Moves {
    fn default() -> Self {
        Self(std::array::from_fn(|_| {
            std::array::from_fn(|_| AtomicU64::new(0))
        }))
    }
}

impl Moves {
    /// Every pair that jobs were moved between, and how often; the first is `None` where the job was new.
    pub fn counted(&self) -> impl Iterator<Item = (Option<State>, State, u64)> {
        self.0.iter().enumerate().flat_map(|(from, row)| {
            row.iter().zip(State::ALL).filter_map(move |(number, to)| {
                let number = number.load(Ordering::Relaxed);
                (number > 0).then(|| (from.checked_sub(1).map(|at| State::ALL[at]), to, number))
            })
        })
    }

    pub(crate) fn count(&self, from: Option<State>, to: State) {
        let at = |state: State| State::ALL.iter().position(|it| *it == state).unwrap_or(0);
        self.0[from.map_or(0, |from| at(from) + 1)][at(to)].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts what a script told after its word, as ` from>to` for each move; answers the word.
    pub(crate) fn told<'a>(&self, answer: &'a str) -> &'a str {
        let (word, told) = answer.split_once(' ').unwrap_or((answer, ""));
        for (from, to) in told
            .split_ascii_whitespace()
            .filter_map(|move_| move_.split_once('>'))
        {
            if let Ok(to) = to.parse() {
                self.count(from.parse().ok(), to);
            }
        }
        word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_script_tells_is_counted() {
        let moves = Moves::default();
        assert_eq!(moves.told("stale"), "stale");
        assert_eq!(moves.counted().count(), 0);
        assert_eq!(moves.told("ok submitting>queued"), "ok");
        assert_eq!(moves.told(" submitting>ambiguous submitting>queued"), "");
        moves.count(None, State::Queued);
        let counted: Vec<_> = moves.counted().collect();
        let expected = [
            (None, State::Queued, 1),
            (Some(State::Submitting), State::Queued, 2),
            (Some(State::Submitting), State::Ambiguous, 1),
        ];
        assert_eq!(counted, expected);
    }
}
