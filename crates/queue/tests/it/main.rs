//! The queue against real Redis servers: every script's outcomes, its limits, and what holds over all of them.

#![expect(
    clippy::unwrap_used,
    reason = "in a helper of a test, too, the message of a failure is enough"
)]

mod accept;
mod bench;
mod budget;
mod callback_operations;
mod callback_troubles;
mod callbacks;
mod claim;
mod costs;
mod doctor;
mod dump;
mod durable;
mod exports;
mod floor;
mod foreign;
mod full;
mod gauges;
mod history;
mod inbox;
mod kept;
mod key_news;
mod late;
mod lines;
mod looking;
mod model;
mod moving;
mod newer;
mod older;
mod operate;
mod operators;
mod pause;
mod probe;
mod progress;
mod property;
mod records;
mod recover;
mod registering;
mod reset;
mod restore;
mod run;
mod scale;
mod scale_accounts;
mod settle;
mod snapshot;
mod spending;
mod submit;
mod submitted;
mod sweep;
mod together;
