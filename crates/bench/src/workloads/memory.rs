//! What 20,000 generations in flight take, in the worker and in Redis, and what they leave behind.

use std::time::Duration;

use super::lifecycle;
use crate::figures::Case;
use crate::{Options, told};

const NAME: &str = "memory";

pub(super) async fn run(options: &Options) -> Result<Vec<Case>, String> {
    let jobs = options.scaled(20_000);
    let steady = lifecycle::steady(options, jobs, Duration::from_secs(5), NAME).await?;
    let mut case = Case::new(NAME, steady.name.clone());
    for figure in ["worker_now", "worker_peak", "bytes_flying", "bytes_finished"] {
        case.add(figure, steady.get(figure).unwrap_or(0.0));
    }
    Ok(vec![told(case)])
}
