//! The queue against real Redis servers: every script's outcomes, its limits, and what holds over all of them.

#![expect(
    clippy::unwrap_used,
    reason = "in a helper of a test, too, the message of a failure is enough"
)]

mod accept;
mod bench;
mod budget;
mod claim;
mod foreign;
mod full;
mod inbox;
mod late;
mod model;
mod pause;
mod probe;
mod property;
mod records;
mod recover;
mod run;
mod scale;
mod scale_accounts;
mod settle;
mod snapshot;
mod submit;
mod sweep;
