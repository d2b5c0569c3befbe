//! A stand-in for Redis: as much of it as the scripts and their wrappers use, in memory, on a clock that is told.
//!
//! It runs the real scripts in a real Lua 5.1. `tests/simulation/against_redis.rs` holds its answers and what it stores
//! to those of a real server.

mod args;
mod commands;
mod engine;
mod generic;
mod hashes;
mod lrand;
mod number;
mod reply;
mod resp;
mod sets;
mod store;
mod stream_commands;
mod stream_groups;
mod streams;
mod zset;

pub use commands::{Call, Redis, Snapshot};
pub use reply::Reply;
pub use resp::{command, encode, parse_command, parse_reply};
pub use store::Dump;
