//! Writes the accounts' budgets again where Redis may not know them; see [`crate::budgets`].

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::app::App;
use crate::budgets;

/// Between two tries. Meanwhile nothing is submitted, so it is short.
const EVERY: Duration = Duration::from_millis(500);
/// Between two looks at accounts whose keys are of another type. Meanwhile the others go on.
const BROKEN_EVERY: Duration = Duration::from_secs(60);

/// Runs until it is dropped.
pub(crate) async fn run(app: Arc<App>) {
    loop {
        // Nobody asks: it is time to look at those that are left alone.
        let _ = timeout(BROKEN_EVERY, app.budgets.doubted()).await;
        if !app.budgets_in_doubt() && app.budgets.broken().is_empty() {
            continue;
        }
        let mut failures = 0_u32;
        // Into a queue that lost its data nothing is written: it is not for this worker to begin another.
        while !app.halt.is_halted() {
            match write(&app).await {
                Ok(()) if app.budgets_in_doubt() => {}
                Ok(()) => {
                    if failures > 0 {
                        tracing::info!(failures, "the accounts' budgets stand in Redis again");
                    }
                    app.schedule.at_most(Instant::now());
                    break;
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    if failures.is_power_of_two() {
                        tracing::warn!(%error, failures, "nothing is submitted: the accounts' budgets wait for Redis");
                    }
                    sleep(EVERY).await;
                }
            }
        }
    }
}

async fn write(app: &App) -> Result<(), gammaq_queue::Error> {
    if app.queue.is_reset().await? {
        app.halt.halt();
        return Ok(());
    }
    budgets::write_all(app).await
}
