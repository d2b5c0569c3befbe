//! The words and rules of a job, without any I/O.
//!
//! - [`entry`]: an inbox entry, as raw bytes, becomes a [`NewJob`] or a failed one that says why;
//! - [`request`]: the JSON body for Gamma: its stable limits, the formats it asks for, its fingerprint;
//! - [`estimate`]: what a request may cost, before it is sent;
//! - [`command`]: what operators ask for, and how it stands in the control stream;
//! - [`files`]: how far the files of a job are;
//! - [`state`]: the states and the one table of legal moves, each with who moves it;
//! - [`trace`]: whether what a caller says of its trace can be read;
//! - [`record`] and [`result`]: a job as Redis holds it, and as its caller reads it;
//! - [`backoff`]: how long to wait after the n-th trouble in a row; [`moment`]: times in the words of people.

pub mod backoff;
pub mod command;
pub mod entry;
pub mod error;
pub mod estimate;
pub mod files;
pub mod generation;
pub mod json;
pub mod kind;
pub mod moment;
pub mod name;
pub mod record;
pub mod request;
pub mod result;
pub mod state;
pub mod trace;

pub use backoff::Backoff;
pub use command::{BadCommand, Command, Resolution, Scope};
pub use entry::{Entry, Judged, NewJob};
pub use error::{ErrorKind, JobError};
pub use files::{File, Files};
pub use generation::{GenerationId, GenerationIdError};
pub use kind::{ExportFormat, Kind};
pub use name::{AccountName, JobId, NameError, QueueName};
pub use record::Record;
pub use request::Request;
pub use result::{Credits, Export, JobResult};
pub use state::{Move, Mover, State};
