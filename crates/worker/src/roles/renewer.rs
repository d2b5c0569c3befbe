//! Keeps the leases of running steps up, and tells steps whose job is another worker's by now.

use std::sync::Arc;
use std::time::Duration;

use crate::app::App;

/// Until a renewal that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Runs until it is dropped: leases are renewed while the worker drains, too.
pub(crate) async fn run(app: Arc<App>) {
    let mut wait = app.lease / 3;
    loop {
        tokio::time::sleep(wait).await;
        wait = app.lease / 3;
        let held = app.holds.list();
        if held.is_empty() {
            continue;
        }
        match app.queue.renew_leases(&app.worker, app.lease, &held).await {
            Ok(lost) => app.holds.lost(&lost, &held),
            Err(error) => {
                tracing::warn!(%error, held = held.len(), "leases could not be renewed");
                wait = wait.min(RETRY);
            }
        }
    }
}
