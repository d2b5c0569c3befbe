//! The words and rules of a job, without any I/O.
//!
//! - [`entry`]: an inbox entry, as raw bytes, becomes a [`NewJob`] or a failed one that says why;
//! - [`request`]: the JSON body for Gamma: its stable limits, the formats it asks for, its fingerprint;
//! - [`state`]: the states and the one table of legal moves, each with who moves it;
//! - [`record`] and [`result`]: a job as Redis holds it, and as its caller reads it;
//! - [`backoff`]: how long to wait after the n-th trouble in a row.

pub mod backoff;
pub mod entry;
pub mod error;
pub mod json;
pub mod kind;
pub mod name;
pub mod record;
pub mod request;
pub mod result;
pub mod state;

pub use backoff::Backoff;
pub use entry::{Entry, Judged, NewJob};
pub use error::{ErrorKind, JobError};
pub use kind::{ExportFormat, Kind};
pub use name::{AccountName, JobId, NameError, QueueName};
pub use record::Record;
pub use request::Request;
pub use result::{Credits, Export, JobResult};
pub use state::{Move, Mover, State};
