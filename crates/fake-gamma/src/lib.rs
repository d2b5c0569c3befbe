//! A fake of Gamma's Generate API that is faithful where a client could go wrong, and goes wrong itself on demand.
//!
//! It answers the public endpoints (Classic, from-template, agent, exports, themes, folders) with Gamma's validation,
//! headers, limits and credits, and hands out real PDF, PPTX and PNG files. What goes wrong is said in three ways: by
//! probability or by number with [`faults::Rule`], or by a marker in the text of the request. What was seen stands in
//! the [`ledger::Ledger`], which tests read at `/_fake/ledger`.
//!
//! [`run`] is the process of `gammaq fake-gamma`; [`Fake`] is the same inside another one.

mod answer;
mod clock;
mod deliver;
mod digest;
mod error;
pub mod faults;
mod files;
pub mod ledger;
mod ledger_file;
mod options;
mod random;
mod routes;
mod server;
mod validation;
mod wire;
mod world;

pub use error::Error;
pub use options::{LinkNames, Options, OutOfCredits, RateHeaders, RetryAfterForm};
pub use server::{Fake, run};
