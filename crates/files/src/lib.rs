//! Copies of exported files: from a link that Gamma gave to a place of our own.
//!
//! A link is foreign text, and what stands behind it foreign bytes. So this crate answers two questions: *may this link
//! be followed*, and *is what came the whole file that was wanted*? Only what passes both ever stands under a final name.
//!
//! - [`Hosts`]: which links may be followed, and to which addresses (`hosts.rs`; [`is_public`] for callbacks, too).
//! - [`Files::fetch`]: one download; [`Fetched`] has one variant for each reaction (`fetch.rs`, `fetched.rs`; `answer.rs` for what is answered).
//! - [`Files::removal`]: copies that go with their jobs (`removal.rs`, `lock.rs`).
//! - `kind.rs`: what a file is by its first bytes. `local.rs`, `cloud.rs`: the two kinds of stores.
//!
//! Nothing here retries, and no text that it hands out holds a link. A download carries no API key: this crate has none.

mod answer;
mod cloud;
mod fetch;
mod fetched;
mod hosts;
mod kind;
mod local;
mod lock;
mod public;
mod removal;
mod store;

use std::time::Duration;

pub use fetch::Files;
pub use fetched::{Fetched, Stored, Wanted};
pub use hosts::{Host, Hosts};
pub use kind::Format;
pub use public::is_public;
pub use removal::{Removal, Removed};
pub use store::OpenError;
pub use url::Url;

/// What downloads are held to, and where they go.
#[derive(Debug, Clone)]
pub struct FileSettings {
    /// `file:///directory`, `s3://bucket/prefix`, `gs://…` or `az://…`. What clouds ask for beside it is taken from their
    /// usual environment variables.
    pub store: Url,
    /// Which links may be followed.
    pub hosts: Hosts,
    /// The largest file, in bytes.
    pub max_bytes: u64,
    /// Bytes a second, over a window, below which a download is given up for now.
    pub min_speed: u64,
    /// The window.
    pub window: Duration,
    /// Bytes that stay free on the disk of a local store.
    pub min_free: u64,
    /// How long a connection, and then the head of an answer, may take.
    pub connect_timeout: Duration,
}
