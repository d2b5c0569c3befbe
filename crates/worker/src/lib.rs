//! The worker process of gammaq.
//!
//! - [`settings`]: what an operator may set, read from a file, the environment and flags, and checked as a whole;
//! - [`run()`]: a worker's life. Its claimer takes jobs from the queue and hands them, through a backend for apalis,
//!   to the steps (`steps/`, one file a step); each ends in an outcome, `disposition.rs` says what the queue does
//!   next, and the settler writes it. Beside that run the roles (`roles/`, one file a role);
//! - `callbacks/`: one attempt to tell a caller of the end of a job;
//! - `admin/`: health and metrics, served over HTTP;
//! - [`surroundings`]: what a worker gets from outside, real or simulated;
//! - [`traces`]: the spans of jobs for OpenTelemetry, with the feature `otel`;
//! - [`telemetry`] and [`signals`]: what a process needs around it.

mod admin;
mod app;
mod backend;
mod budgets;
mod callbacks;
mod claimer;
mod clock;
mod disposition;
mod downloads;
mod error;
mod exporting;
mod findings;
mod halt;
mod hold;
pub mod journal;
mod keeper;
mod keyring;
mod outcome;
mod pulse;
mod roles;
mod run;
mod schedule;
pub mod settings;
mod settler;
pub mod signals;
mod steps;
pub mod surroundings;
pub mod telemetry;
mod told_limits;
pub mod traces;
mod unhurried;

pub use app::queue;
pub use error::Error;
pub use run::{run, run_in};
pub use tokio_util::sync::CancellationToken;
