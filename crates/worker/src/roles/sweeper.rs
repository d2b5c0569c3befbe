//! Takes what is older than results may be off the indexes.

use std::sync::Arc;
use std::time::Duration;

use crate::app::App;

/// Between two rounds.
const EVERY: Duration = Duration::from_secs(30);
/// Entries of each index that one call looks at: a few milliseconds of Redis at the most.
const BATCH: usize = 200;

/// Runs until it is dropped.
pub(crate) async fn run(app: Arc<App>) {
    loop {
        // Spread, so that many workers don't sweep together.
        tokio::time::sleep(EVERY.mul_f64(0.5 + app.chance.fraction())).await;
        while let Ok(1..) = app.queue.drop_links(BATCH).await {}
        loop {
            match app.queue.sweep_jobs(BATCH).await {
                Ok(taken) if taken > 0 => tracing::debug!(taken, "swept"),
                Ok(_) => break,
                Err(error) => {
                    tracing::debug!(%error, "sweeping waits for Redis");
                    break;
                }
            }
        }
    }
}
