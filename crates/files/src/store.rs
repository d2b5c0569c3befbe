//! Where copies are kept: a directory, or a bucket of a cloud.

use url::Url;

use crate::cloud::Cloud;
use crate::local::Local;

/// Why a store can't be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory can't be made or written to.
    #[error("exports.store: {path}: {error}")]
    Directory {
        /// Which.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// The address, or what the environment says of the cloud, can't be used.
    #[error("exports.store: {0}")]
    Cloud(String),
    /// The HTTP stack could not start.
    #[error("the client for downloads could not be built: {0}")]
    Http(String),
}

/// Where copies are kept.
#[derive(Debug, Clone)]
pub(crate) enum Store {
    Local(Local),
    Cloud(Cloud),
}

impl Store {
    /// Opens the store. A local directory is made where it is missing, and tried out; a cloud is asked nothing yet.
    ///
    /// # Errors
    /// [`OpenError`].
    pub(crate) fn open(url: &Url, min_free: u64) -> Result<Self, OpenError> {
        if url.scheme() == "file" {
            return Local::open(url, min_free).map(Self::Local);
        }
        Cloud::open(url).map(Self::Cloud)
    }
}
