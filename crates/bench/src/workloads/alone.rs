//! The worker without HTTP: `lifecycle`'s generations in flight with the fake in the worker's own process. What a poll costs gammaq
//! itself, and what two cores carry that they don't with HTTP.

use std::time::Duration;

use super::lifecycle::{Gamma, steady};
use crate::figures::Case;
use crate::{Options, told};

const NAME: &str = "alone";

pub(super) async fn run(options: &Options) -> Result<Vec<Case>, String> {
    let mut cases = Vec::new();
    for (jobs, seconds) in [(2_000, 1), (20_000, 5), (100_000, 5)] {
        let (jobs, interval) = (options.scaled(jobs), Duration::from_secs(seconds));
        if jobs <= options.most {
            let redis = options.aof.redis();
            let case = steady(options, redis, jobs, interval, NAME, Gamma::Within).await?;
            cases.push(told(case));
        }
    }
    Ok(cases)
}
