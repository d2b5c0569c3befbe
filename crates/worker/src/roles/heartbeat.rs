//! Says that this worker is alive, and learns how many others are.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use gammaq_queue::registry::Heartbeat;

use crate::app::App;

const EVERY: Duration = Duration::from_secs(5);
/// Without a beat for so long a worker counts as gone from the list. Its jobs don't wait for that.
const ALIVE_FOR: Duration = Duration::from_secs(30);

/// Runs until it is dropped.
pub(crate) async fn run(app: Arc<App>) {
    let mut every = tokio::time::interval(EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        app.pulses.heartbeat.beat();
        let mut fields = app.about.clone();
        fields.push(("running", app.holds.count().to_string()));
        if let Some(reason) = app.halt.remind() {
            fields.push(("halted", reason.to_owned()));
        }
        let beat = Heartbeat {
            worker: &app.worker,
            fields: &fields,
            alive_for: ALIVE_FOR,
        };
        match app.queue.beat(&beat).await {
            Ok(workers) => app.live_workers.store(workers, Ordering::Relaxed),
            Err(error) => tracing::debug!(%error, "the heartbeat waits for Redis"),
        }
    }
}
