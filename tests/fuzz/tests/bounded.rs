//! A bounded run of each fuzz target on random bytes. A failure prints the seed and the smallest bytes that fail.

use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// As many as a slow machine makes in the time, and no more than these.
const CASES: u32 = 20_000;
const TIME: Duration = Duration::from_secs(8);

#[expect(
    clippy::print_stdout,
    reason = "how much was tried belongs to what a test says"
)]
fn run(name: &str, check: impl Fn(&[u8])) {
    let seed = gammaq_testkit::seed();
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let end = Instant::now() + TIME;
    let done = std::cell::Cell::new(0_u32);
    let outcome = runner.run(&vec(any::<u8>(), 0..600), |data| {
        // Once the time is over the rest counts as passed.
        if Instant::now() < end {
            check(&data);
            done.set(done.get() + 1);
        }
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{name}, GAMMAQ_TEST_SEED={seed}: {error}");
    }
    assert!(done.get() >= 100, "{name}: only {} cases", done.get());
    println!("{name}: {} cases", done.get());
}

#[test]
fn entries_of_the_inbox() {
    run("inbox", gammaq_fuzz::inbox::check);
}

#[test]
fn answers_of_gamma() {
    run("answers", gammaq_fuzz::answers::check);
}

#[test]
fn retry_after() {
    run("retry_after", gammaq_fuzz::retry_after::check);
}

#[test]
fn settings() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("gammaq.toml");
    run("settings", |data| gammaq_fuzz::settings::check(data, &file));
}
