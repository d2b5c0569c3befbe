//! Randomised tests that can be repeated.

use crate::port::random;

const SEED_VARIABLE: &str = "GAMMAQ_TEST_SEED";

/// A seed for a randomised test: that in the environment variable `GAMMAQ_TEST_SEED`, else a new one. It is
/// printed, so that a test that fails says how to run it again.
///
/// # Panics
///
/// When the variable holds no number.
#[expect(
    clippy::print_stderr,
    reason = "the harness shows it with the test that failed"
)]
pub fn seed() -> u64 {
    let seed = match std::env::var(SEED_VARIABLE) {
        Ok(given) => given
            .parse()
            .unwrap_or_else(|_| panic!("{SEED_VARIABLE}={given}: a whole number is wanted")),
        Err(_) => random(),
    };
    eprintln!("again with the same seed: {SEED_VARIABLE}={seed}");
    seed
}
