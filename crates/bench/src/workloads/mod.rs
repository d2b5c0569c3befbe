//! The workloads, a file each. Each answers the figures of one round.

pub(crate) mod alone;
pub(crate) mod cycles;
pub(crate) mod durability;
pub(crate) mod http;
pub(crate) mod idle;
pub(crate) mod intake;
pub(crate) mod lifecycle;
pub(crate) mod memory;
pub(crate) mod record;
pub(crate) mod start;
pub(crate) mod tls;

use crate::Options;
use crate::figures::Case;

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Workload {
    /// Generations from submit to end: 2,000, 20,000 and 100,000 of them.
    Lifecycle,
    /// The same with TLS and HTTP/2, as Gamma is reached.
    Tls,
    /// The same requests with nothing around them.
    Http,
    /// A worker whose Gamma needs no HTTP.
    Alone,
    /// The way in: entries become jobs, and callers enqueue.
    Intake,
    /// The queue alone: claim and settle.
    Cycles,
    /// Bytes a job, and what a worker takes.
    Memory,
    /// What a record takes, in each way that it could be kept.
    Record,
    /// A worker with nothing to do.
    Idle,
    /// Start, end, and size.
    Start,
    /// What it costs to have everything on disk, or with a replica.
    Durability,
}

impl Workload {
    pub(crate) const ALL: [Self; 11] = [
        Self::Lifecycle,
        Self::Tls,
        Self::Http,
        Self::Alone,
        Self::Intake,
        Self::Cycles,
        Self::Memory,
        Self::Record,
        Self::Idle,
        Self::Start,
        Self::Durability,
    ];

    pub(crate) async fn run(self, options: Options) -> Result<Vec<Case>, String> {
        match self {
            Self::Lifecycle => lifecycle::run(&options).await,
            Self::Tls => tls::run(&options).await,
            Self::Http => http::run(&options).await,
            Self::Alone => alone::run(&options).await,
            Self::Intake => intake::run(&options).await,
            Self::Cycles => cycles::run(&options).await,
            Self::Memory => memory::run(&options).await,
            Self::Record => record::run(&options).await,
            Self::Idle => idle::run(&options).await,
            Self::Start => start::run(&options).await,
            Self::Durability => durability::run(&options).await,
        }
    }
}

/// `1,000,000`, as people write it.
pub(crate) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
