//! The HTTP client for [Gamma's Generate API](https://developers.gamma.app), errors sorted by reaction.
//!
//! A generation costs credits from the moment Gamma accepts it, and Gamma has neither an idempotency key nor
//! a list of generations. So the one question this crate exists to answer well is: *was that POST accepted,
//! not accepted, or can nobody know?* Its parts, in reading order:
//!
//! - [`Target`] and [`Engine`]: where to, with whose key, to which of Gamma's endpoints.
//! - [`Client::submit`]: one POST, sent at most once. [`Submitted`] has one variant for each reaction, and
//!   [`Submitted::NotSent`] is only ever said with a proof (see `gate.rs`).
//! - [`Client::poll`]: one look at a generation, as [`Polled`]; tolerant of both spellings of Gamma's
//!   answers.
//! - [`Client::export`], [`Client::poll_export`]: files of a deck that exists, as [`Exported`].
//! - [`Client::list`]: themes and folders of the workspace, page by page.
//! - [`Client::check_key`]: the cheapest question that shows whether a key works.
//! - [`offline`]: the same judgements on an answer that is there already.
//! - [`Answer`]: what every call gives back: the outcome, the rate limits the answer named, its request id.
//!
//! Nothing here retries, sleeps between attempts, or knows of a queue. No `Debug` output and no message holds
//! an API key or an export link (see `redact.rs`).

mod answer;
mod client;
mod completed;
mod exchange;
mod exports;
mod gate;
mod key_check;
mod limits;
mod listing;
pub mod offline;
mod poll;
mod progress;
mod redact;
mod settings;
mod submit;
mod target;
mod wire;

pub use answer::{AccountProblem, AccountTrouble, Answer, RateLimited};
pub use client::Client;
pub use completed::{Completed, Credits, ExportLink, file_link};
pub use exports::{ExportFailed, Exported, FailReason};
pub use key_check::KeyCheck;
pub use limits::{Quota, RateLimits};
pub use listing::{Item, Listed, Listing, PAGE_MAX, PageQuery};
pub use poll::{Failed, Polled};
pub use progress::percent;
pub use reqwest::Url;
pub use settings::{BuildError, ClientSettings};
pub use submit::Submitted;
pub use target::{Engine, Target, TargetError};
