//! Why a worker can't start or go on.

use std::path::PathBuf;

/// By what there is to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Redis: see its own error.
    #[error(transparent)]
    Queue(#[from] gammaq_queue::Error),
    /// The client for Gamma could not be built.
    #[error(transparent)]
    Client(#[from] gammaq_gamma::BuildError),
    /// A base URL or a key can't be used.
    #[error(transparent)]
    Target(#[from] gammaq_gamma::TargetError),
    /// Files can't be stored.
    #[error(transparent)]
    Files(#[from] gammaq_files::OpenError),
    /// A file can't be read.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The log can't be set up.
    #[error("log.filter: {0}")]
    Log(String),
    /// apalis's worker ended although nobody asked it to.
    #[error("the worker ended by itself: {0}")]
    Ended(String),
}
