//! Thousands of runs, each of which must keep what is promised; and what makes them worth something: the same seed is
//! the same run, the stand-in answers as Redis does, and a broken protocol is found out.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "in a helper of a test, too, the message of a failure is enough"
)]

mod against_redis;
mod broken;
mod client;
mod commands;
mod same_again;
mod seeds;
