//! The protocol holds in every order of events, and each of its parts is needed: without it the search finds why.

#![expect(
    clippy::print_stdout,
    reason = "how much was searched, and what was found, is for people to read"
)]

use gammaq_protocol::properties::Broken;
use gammaq_protocol::search::{Found, search, shortest, told};
use gammaq_protocol::{Config, Mutation, reach};

/// One job, two workers, three crashes; an answer of Redis may be lost and an operator may act at any moment.
const ONE_JOB: Config = Config {
    jobs: 1,
    workers: 2,
    crashes: 3,
    losses: 1,
    operations: 1,
    limit: 1,
    resubmits: 0,
    mutation: Mutation::None,
    only: None,
    canonical: true,
};

/// Two jobs, two workers, two crashes. Scripts touch one job each and meet in the budget alone, so what an operator can
/// do is left to the search of one job, and a lost answer is tried without crashes.
const TWO_JOBS: Config = Config {
    jobs: 2,
    crashes: 2,
    losses: 0,
    operations: 0,
    ..ONE_JOB
};

/// For a mutation: as little as it takes, and named as it happens.
const MUTATED: Config = Config {
    crashes: 1,
    operations: 0,
    canonical: false,
    ..ONE_JOB
};

/// The same where it takes an operator's resubmit.
const RESUBMITTED: Config = Config {
    crashes: 0,
    operations: 1,
    ..MUTATED
};

/// What does not happen without an operator.
const WISH: &str = "an answer comes to a parked job that is wanted no more";
/// What does not happen without an operator and without a lost answer.
const LEFT_TO_ONE_JOB: [&str; 4] = [
    WISH,
    "an answer comes after a resubmit was decided",
    "a job has two generations, both on its record",
    "a claim is lost, and its job in nobody's hands",
];

fn holds(name: &str, config: &Config, need_not_happen: &[&str]) -> Found {
    let found = search(config, None);
    println!(
        "{name}: {} states, {} steps at the most, in {:?}",
        found.states, found.depth, found.took
    );
    if let Some((property, trace)) = found.broken.first() {
        panic!("{property}: broken in {} steps\n{}", trace.len() - 1, told(trace));
    }
    let unseen: Vec<_> = found
        .unseen
        .iter()
        .filter(|it| !need_not_happen.contains(it))
        .collect();
    assert!(unseen.is_empty(), "never happened: {unseen:?}");
    found
}

#[test]
fn one_job_two_workers_three_crashes() {
    let found = holds("one job", &ONE_JOB, &[]);
    assert!(found.states > 100_000, "{found:?}");
}

#[test]
fn one_job_where_the_policy_submits_again() {
    let config = Config {
        resubmits: 1,
        operations: 0,
        ..ONE_JOB
    };
    holds("one job, policy resubmit", &config, &[WISH]);
}

#[test]
fn two_jobs_two_workers_two_crashes() {
    let found = holds("two jobs", &TWO_JOBS, &LEFT_TO_ONE_JOB);
    assert!(found.states > 100_000, "{found:?}");
}

#[test]
fn two_jobs_with_a_slot_each() {
    let config = Config { limit: 2, ..TWO_JOBS };
    let unseen = [&LEFT_TO_ONE_JOB[..], &["a job waits for a slot"]].concat();
    holds("two jobs, two slots", &config, &unseen);
}

#[test]
fn two_jobs_and_a_lost_answer() {
    let config = Config {
        crashes: 0,
        losses: 1,
        ..TWO_JOBS
    };
    holds("two jobs, a lost answer", &config, &LEFT_TO_ONE_JOB);
}

/// Without another fault and without an operator there is always a way to an end, so no job is stuck anywhere.
#[test]
fn from_every_state_every_job_can_come_to_an_end() {
    let config = Config {
        crashes: 2,
        ..ONE_JOB
    };
    let (states, stuck) = reach::stuck(&config);
    println!(
        "an end can be reached from all but {} of {states} states",
        stuck.len()
    );
    assert!(stuck.is_empty() && states > 10_000, "{:#?}", stuck.first());
}

/// The search finds how `broken` comes about without a part of the protocol; prints the shortest way there.
fn finds(mutation: Mutation, broken: Broken, config: &Config) {
    let config = Config {
        mutation,
        only: Some(broken),
        ..config.clone()
    };
    let Some((found, trace)) = shortest(&config) else {
        panic!("{mutation:?}: nothing was found");
    };
    println!(
        "{mutation:?}: it does not hold that {found}. {} steps:\n{}",
        trace.len() - 1,
        told(&trace)
    );
    let whole = Config {
        mutation: Mutation::None,
        ..config
    };
    let found = search(&whole, Some(trace.len()));
    assert!(found.broken.is_empty(), "found in the whole protocol too");
}

#[test]
fn without_the_fence_gamma_is_paid_twice() {
    finds(Mutation::NoFence, Broken::PaidTwice, &MUTATED);
}

#[test]
fn without_the_intent_gamma_is_paid_twice() {
    finds(Mutation::NoIntent, Broken::PaidTwice, &MUTATED);
}

#[test]
fn back_in_the_queue_at_the_end_of_a_lease_gamma_is_paid_twice() {
    finds(Mutation::RequeueAtLeaseEnd, Broken::PaidTwice, &MUTATED);
}

#[test]
fn without_the_gate_a_post_leaves_when_its_slot_is_gone() {
    finds(Mutation::NoGate, Broken::Budget, &RESUBMITTED);
}

#[test]
fn slots_scored_at_the_claim_let_too_many_through() {
    finds(Mutation::SlotAtClaim, Broken::Budget, &RESUBMITTED);
}

#[test]
fn recorded_under_the_current_fence_alone_generations_are_lost() {
    finds(Mutation::RecordByFence, Broken::LostGeneration, &MUTATED);
}
