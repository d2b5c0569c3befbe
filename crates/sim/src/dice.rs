//! Chance, all of it from one seed.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// A source of chance; the same seed and the same name give the same numbers.
#[derive(Debug)]
pub(crate) struct Dice(StdRng);

impl Dice {
    pub(crate) fn new(seed: u64, name: &str) -> Self {
        let mut mixed = crate::trace::Fingerprint::default();
        mixed.add(&seed.to_le_bytes());
        mixed.add(name.as_bytes());
        Self(StdRng::seed_from_u64(mixed.value()))
    }

    /// Whether something happens that happens in `probability` of all cases.
    pub(crate) fn happens(&mut self, probability: f64) -> bool {
        // Drawn even where it is certain, so that the numbers after it stay where they are.
        self.0.random::<f64>() < probability
    }

    /// From `least` to `most`, both included.
    pub(crate) fn number(&mut self, least: u64, most: u64) -> u64 {
        self.0.random_range(least..=most.max(least))
    }

    /// Whole milliseconds from `least` to `most`.
    pub(crate) fn ms(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(self.number(least, most))
    }

    pub(crate) fn any(&mut self) -> u64 {
        self.0.random()
    }

    pub(crate) fn one_of<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let at = usize::try_from(self.number(0, of.len() as u64 - 1)).unwrap_or(0);
        &of[at]
    }
}
