#![doc = include_str!("../README.md")]

mod error;
mod follow;
mod job;
mod producer;
pub mod request;
mod wait;

pub use error::{Error, Interrupted, WaitError};
pub use gammaq_job::{
    Credits, ErrorKind, Export, ExportFormat, JobError, JobId, JobResult, Kind, Record, State,
};
pub use job::NewJob;
pub use producer::{Producer, ProducerSettings};
pub use request::{AgentRequest, Body, GenerationRequest, TemplateRequest};
pub use serde_json::{Value, json};
pub use wait::{Progress, Waiter};
