//! Decisions that a seed repeats: one stream of draws for each purpose, so that what one part of the soak draws
//! doesn't depend on how far the others have come.

use std::ops::Range;
use std::time::Duration;

/// A stream of draws (SplitMix64).
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    /// The stream for `purpose` under `seed`.
    pub(super) fn new(seed: u64, purpose: &str) -> Self {
        // FNV-1a: the purposes are few and their names differ.
        let name = purpose.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
        });
        let mut dice = Self(seed ^ name);
        dice.draw();
        dice
    }

    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A whole number below `end`; 0 where that is 0.
    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.draw() % end.max(1) as u64) as usize
    }

    /// True once in `n` times.
    pub(super) fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// One of these.
    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// A length of time in this range, in milliseconds.
    pub(super) fn ms(&mut self, range: Range<u64>) -> Duration {
        let span = range.end.saturating_sub(range.start).max(1);
        Duration::from_millis(range.start + self.draw() % span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(seed: u64, purpose: &str) -> Vec<usize> {
        let mut dice = Dice::new(seed, purpose);
        (0..20).map(|_| dice.below(1_000)).collect()
    }

    #[test]
    fn a_seed_and_a_purpose_repeat_and_others_differ() {
        assert_eq!(draws(1, "load"), draws(1, "load"));
        assert_ne!(draws(1, "load"), draws(2, "load"));
        assert_ne!(draws(1, "load"), draws(1, "redis"));
    }

    #[test]
    fn draws_stay_in_their_range() {
        let mut dice = Dice::new(3, "range");
        for _ in 0..1_000 {
            assert!((200..6_000).contains(&dice.ms(200..6_000).as_millis()));
            assert!(dice.below(7) < 7);
        }
        let hits = (0..10_000).filter(|_| dice.once_in(10)).count();
        assert!((800..1_200).contains(&hits), "{hits}");
    }
}
