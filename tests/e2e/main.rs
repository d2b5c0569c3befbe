//! End to end: the real binary, a real Redis, the fake Gamma in a process of its own. Every fault is really made.

mod budget;
mod deploy;
mod failures;
mod journey;
mod outages;
mod workers;
