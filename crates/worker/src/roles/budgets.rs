//! Writes the accounts' budgets again where Redis may not know them; see [`crate::budgets`].

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::app::App;
use crate::budgets;

/// Between two tries. Meanwhile nothing is submitted, so it is short.
const EVERY: Duration = Duration::from_millis(500);

/// Runs until it is dropped.
pub(crate) async fn run(app: Arc<App>) {
    loop {
        app.budgets.doubted().await;
        let mut failures = 0_u32;
        // Into a queue that lost its data nothing is written: it is not for this worker to begin another.
        while app.budgets_in_doubt() && !app.halt.is_halted() {
            let wrote = match app.queue.is_reset().await {
                Ok(true) => {
                    app.halt.halt();
                    break;
                }
                Ok(false) => budgets::write_all(&app).await,
                Err(error) => Err(error),
            };
            match wrote {
                Ok(()) if failures > 0 => {
                    tracing::info!(failures, "the accounts' budgets stand in Redis again")
                }
                Ok(()) => {}
                Err(error) => {
                    failures = failures.saturating_add(1);
                    if failures.is_power_of_two() {
                        tracing::warn!(%error, failures, "nothing is submitted: the accounts' budgets wait for Redis");
                    }
                    tokio::time::sleep(EVERY).await;
                }
            }
        }
        app.schedule.at_most(Instant::now());
    }
}
