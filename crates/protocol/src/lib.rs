//! The protocol around the paid call as a model, searched exhaustively: tests only, nothing depends on it.
//!
//! A search tries every order of what can happen to a few jobs and workers: claims, intents, POSTs and their answers,
//! records, ends of leases, crashes, commands that run late or never, and operators. [`world`] is what is followed,
//! `scripts.rs` what each script does with it, `operator.rs` what people do, `action.rs` what can happen next, and
//! [`properties`] what must hold. The states are those of `gammaq-job`.
//!
//! What is left out, because no property depends on it: numbers of milliseconds (a time that is to come may come at
//! any moment, but a lease ends after the gate of its POST, and a slot leaves the window after its score), pauses of
//! accounts, priorities, several accounts, exports, and a Redis that forgets (the journal and `durability` are for that,
//! and tested on real servers). A process that is stopped and woken is one whose next step comes
//! late, and any step may.

mod action;
mod canonical;
pub mod model;
mod operator;
pub mod properties;
pub mod reach;
mod scripts;
pub mod search;
pub mod world;

pub use action::{Action, Reply, Step};
pub use model::{Config, Mutation};
pub use operator::Operation;
