//! Telling callers of the end of their jobs, as [Standard Webhooks](https://www.standardwebhooks.com) has it.
//!
//! The queue says who is to be told, and when ([`gammaq_queue::callbacks`]); the role beside (`roles/callbacks.rs`) takes it
//! from there and brings back what became of it. Here is one attempt: [`caller`] makes it, [`addresses`] says where it
//! may go, [`message`] what it says,
//! [`receivers`] how many are under way at each, and [`signature`] who says it.

mod addresses;
mod caller;
mod message;
mod receivers;
mod signature;

pub(crate) use caller::Caller;
pub(crate) use receivers::{Receivers, Visit};
pub use signature::SigningKeys;
