//! What 20,000 generations in flight take, in the worker and in Redis, and what they leave behind.

use std::time::Duration;

use super::lifecycle::{Gamma, steady};
use crate::figures::Case;
use crate::{Options, told};

const NAME: &str = "memory";

/// With the server's own settings, and with records packed as `deploy/redis/redis.conf` has it.
pub(super) async fn run(options: &Options) -> Result<Vec<Case>, String> {
    let jobs = options.scaled(20_000);
    let mut cases = Vec::new();
    for (name, largest) in [("redis.conf", "4096"), ("the server's own settings", "64")] {
        let redis = options.aof.redis().config("hash-max-ziplist-value", largest);
        let interval = Duration::from_secs(5);
        let steady = steady(options, redis, jobs, interval, NAME, Gamma::Http).await?;
        let mut case = Case::new(NAME, format!("{}, {name}", steady.name));
        let figures = [
            "worker_now",
            "worker_peak",
            "bytes_flying",
            "bytes_finished",
            "record_finished",
        ];
        for figure in figures {
            case.add(figure, steady.get(figure).unwrap_or(0.0));
        }
        cases.push(told(case));
    }
    Ok(cases)
}
