//! Keeps the leases of running steps up, and tells steps whose job is another worker's by now.

use std::sync::Arc;

use crate::app::App;

/// Runs until it is dropped: leases are renewed while the worker drains, too.
pub(crate) async fn run(app: Arc<App>) {
    let mut every = tokio::time::interval(app.lease / 3);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        let held = app.holds.list();
        if held.is_empty() {
            continue;
        }
        match app.queue.renew_leases(&app.worker, app.lease, &held).await {
            Ok(lost) => app.holds.lost(&lost, &held),
            Err(error) => tracing::warn!(%error, held = held.len(), "leases could not be renewed"),
        }
    }
}
