//! Random operations by several workers against the model, with everything checked after each of them.
//!
//! A failure names its seed: `GAMMAQ_SEED=… cargo nextest run -p gammaq-queue property` runs the same operations.
//! `GAMMAQ_CASES` says how many.

use gammaq_testkit::Redis;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use crate::bench::bare;
use crate::callback_operations::TOLD;
use crate::operators::COMMANDS;
use crate::run::run;

const CASES: u32 = 60;
/// On average.
const OPERATIONS: usize = 80;

/// What somebody does.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    Add {
        id: u8,
        account: usize,
        kind: u8,
    },
    Claim {
        worker: usize,
        want: usize,
        looks: usize,
        quick: bool,
        again: u32,
    },
    Begin {
        hold: usize,
        quick: bool,
    },
    Record {
        post: usize,
        second: bool,
        /// Whether its worker wants to hold the job.
        keeps: bool,
    },
    Settle {
        hold: usize,
        verb: usize,
        slow: bool,
        pause: u8,
        good: bool,
    },
    Renew {
        worker: usize,
        quick: bool,
    },
    Wait,
    Sweep,
    ClaimCallbacks {
        worker: usize,
        quick: bool,
    },
    Tell {
        hold: usize,
        outcome: usize,
    },
    /// By an operator.
    Operate {
        id: u8,
        command: usize,
    },
}

/// `operators`: whether there are any.
fn operation(operators: bool) -> impl Strategy<Value = Op> {
    let any_hold = 0..6_usize;
    prop_oneof![
        4 => (0..9_u8, 0..2_usize, 0..10_u8).prop_map(|(id, account, kind)| Op::Add { id, account, kind }),
        6 => (0..3_usize, 1..5_usize, 0..4_usize, any::<bool>(), 0..3_u32).prop_map(
            |(worker, want, looks, quick, again)| Op::Claim { worker, want, looks, quick, again }
        ),
        6 => (any_hold.clone(), any::<bool>()).prop_map(|(hold, quick)| Op::Begin { hold, quick }),
        5 => (0..4_usize, prop::bool::weighted(0.2), any::<bool>())
            .prop_map(|(post, second, keeps)| Op::Record { post, second, keeps }),
        8 => (any_hold, 0..11_usize, any::<bool>(), 0..16_u8, any::<bool>()).prop_map(
            |(hold, verb, slow, pause, good)| Op::Settle { hold, verb, slow, pause, good }
        ),
        1 => (0..3_usize, any::<bool>()).prop_map(|(worker, quick)| Op::Renew { worker, quick }),
        2 => Just(Op::Wait),
        1 => Just(Op::Sweep),
        4 => prop_oneof![
            (0..3_usize, any::<bool>()).prop_map(|(worker, quick)| Op::ClaimCallbacks { worker, quick }),
            (0..4_usize, 0..TOLD).prop_map(|(hold, outcome)| Op::Tell { hold, outcome }),
        ],
        if operators { 5 } else { 0 } => (0..9_u8, 0..COMMANDS).prop_map(|(id, command)| Op::Operate { id, command }),
    ]
}

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn any_operations_leave_every_job_where_it_belongs() {
    any_operations(false);
}

/// An upgrade that goes on: two workers of this version and one of the release before, each with its own scripts. Without
/// operators, of whose commands the release before knows nothing.
#[test]
fn any_operations_of_two_versions_leave_every_job_where_it_belongs() {
    any_operations(true);
}

fn any_operations(mixed: bool) {
    let seed = from_environment("GAMMAQ_SEED").unwrap_or_else(rand::random);
    let cases = from_environment("GAMMAQ_CASES").map_or(CASES, |cases| u32::try_from(cases).unwrap());
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config {
        cases,
        max_shrink_iters: 150,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (redis, raw) = runtime.block_on(async {
        let redis = Redis::start().await;
        let raw = bare(&redis).await;
        (redis, raw)
    });
    let count = std::cell::Cell::new(0);
    let operations = (
        prop::bool::weighted(0.3),
        prop::collection::vec(operation(!mixed), 1..=2 * OPERATIONS),
    );
    let outcome = runner.run(&operations, |(expires, ops)| {
        count.set(count.get() + 1);
        runtime
            .block_on(run(&redis, &raw, count.get(), expires, mixed, &ops))
            .map_err(TestCaseError::fail)
    });
    if let Err(error) = outcome {
        panic!("GAMMAQ_SEED={seed}: {error}");
    }
}
