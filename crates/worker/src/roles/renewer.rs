//! Keeps the leases of running steps up, and tells steps whose job is another worker's by now.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::app::App;

/// Until a renewal that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

impl App {
    /// Until a lease is renewed.
    pub(crate) fn renew(&self) -> Duration {
        self.lease / 3
    }

    /// The same for one that was made for a job that is kept.
    pub(crate) fn renew_kept(&self) -> Duration {
        self.settle_policy.kept_for / 3
    }
}

/// Runs until it is dropped: leases are renewed while the worker drains, too.
pub(crate) async fn run(app: Arc<App>) {
    // Often enough for the shortest leases, which are those of jobs that are kept.
    let usual = app.renew_kept();
    let mut wait = usual;
    loop {
        tokio::time::sleep(wait).await;
        wait = usual;
        let held = app.holds.to_renew();
        if held.is_empty() {
            continue;
        }
        let asked = Instant::now();
        match app.queue.renew_leases(&app.worker, app.lease, &held).await {
            Ok(lost) => {
                app.holds.renewed(&held, asked, (app.lease, app.renew()));
                app.holds.lost(&lost, &held);
            }
            Err(error) => {
                tracing::warn!(%error, held = held.len(), "leases could not be renewed");
                wait = wait.min(RETRY);
            }
        }
    }
}
