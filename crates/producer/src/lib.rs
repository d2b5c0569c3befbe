#![doc = include_str!("../README.md")]

mod cancel;
mod error;
mod follow;
mod job;
mod preview;
mod producer;
pub mod request;
#[cfg(feature = "otel")]
mod traces;
mod wait;

pub use cancel::Cancelled;
pub use error::{Error, Interrupted, WaitError};
pub use gammaq_job::estimate::{Estimate, NoEstimate};
pub use gammaq_job::{
    Credits, ErrorKind, Export, ExportFormat, JobError, JobId, JobResult, Kind, Record, State,
};
pub use gammaq_queue::Mode;
pub use job::NewJob;
pub use preview::Preview;
pub use producer::{Producer, ProducerSettings};
pub use request::{AgentRequest, Body, GenerationRequest, TemplateRequest};
pub use serde_json::{Value, json};
pub use wait::{Progress, Waiter};
