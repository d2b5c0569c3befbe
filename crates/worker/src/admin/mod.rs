//! What is served on `admin.listen`: health for whatever keeps the process, metrics for Prometheus, the dashboard for
//! people.
//!
//! It has no part in the work: a port that is taken is a warning, no request is waited for when the worker stops, and
//! what is asked of Redis for a request is asked once a second at the most, with a time limit.

mod connections;
mod dashboard;
mod health;
mod look;
mod measures;
mod names;
mod server;

pub(crate) use health::Vitals;
pub(crate) use look::Look;
pub(crate) use measures::{Exchange, Measures};
pub(crate) use server::start;
