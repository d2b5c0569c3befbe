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

    /// For how long the look of a job that was kept may take on the lease that it begins with.
    pub(crate) fn look_for(&self) -> Duration {
        self.settle_policy.kept_for - self.rules.interval
    }

    /// Until when the answer of a look is of use that was asked for at `asked`, with its claim, and when its lease is renewed.
    ///
    /// A whole request fits in: where looks are further apart than a lease leaves room for, whoever outlives this worker may
    /// look a little early.
    pub(crate) fn claimed_lease(&self, asked: Instant) -> (Instant, Instant) {
        let answer_in = self.lease.saturating_sub(self.rules.interval);
        let answer_by = asked + answer_in.max(self.request_timeout);
        (answer_by, Instant::now() + self.renew())
    }

    /// How long after the time of such a look its lease is renewed: soon, since Redis's clock may be set forward meanwhile, and a short lease
    /// ends by that where a long one does not.
    pub(crate) fn renew_kept(&self) -> Duration {
        self.look_for() / 8
    }
}

/// Runs until it is dropped: leases are renewed while the worker drains, too.
pub(crate) async fn run(app: Arc<App>) {
    // Often enough for the shortest leases, which are those of jobs that are kept.
    let usual = app.renew_kept();
    // Where looks are far apart it is the lease of those that has to be long enough.
    let lease = app.lease.max(app.settle_policy.kept_for);
    let look_for = lease - app.rules.interval;
    let again = app.renew().min(look_for / 2);
    let mut wait = usual;
    loop {
        // A worker that holds nothing isn't woken for it.
        app.holds.any().await;
        tokio::time::sleep(wait).await;
        wait = usual;
        let held = app.holds.to_renew();
        if held.is_empty() {
            continue;
        }
        let asked = Instant::now();
        match app.queue.renew_leases(&app.worker, lease, &held).await {
            Ok(lost) => {
                app.holds.renewed(&held, asked, (asked + look_for, again));
                app.holds.lost(&lost, &held);
            }
            Err(error) => {
                tracing::warn!(%error, held = held.len(), "leases could not be renewed");
                wait = wait.min(RETRY);
            }
        }
    }
}
