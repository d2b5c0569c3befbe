//! What can keep the fake from running.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the fake could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address to listen on is taken or not ours.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The ledger file can't be opened for appending.
    #[error("cannot append to the ledger file {}: {source}", path.display())]
    LedgerFile {
        /// The file that was asked for.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Something else of the system's: the announcement could not be written, or the task ended early.
    #[error("the fake stopped: {0}")]
    Io(#[from] std::io::Error),
}
