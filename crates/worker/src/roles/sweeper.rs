//! Takes ended jobs away that need not be kept any longer: older than `results.ttl`, or more than `results.max_jobs`.

use std::sync::Arc;
use std::time::Duration;

use gammaq_job::State;
use gammaq_queue::Error;
use gammaq_queue::sweep::{Fate, SWEPT};
use tokio::time::{Instant, sleep};

use crate::app::App;

/// Between two rounds.
const EVERY: Duration = Duration::from_secs(30);
/// Jobs of one call: what bounds the time for which others wait; `make bench-sweep` measures it.
const BATCH: usize = 100;
/// The least time between two calls. A long one is followed by as long a pause, so that others have half of Redis.
const PAUSE: Duration = Duration::from_millis(1);

/// Runs until it is dropped.
pub(crate) async fn run(app: Arc<App>) {
    // Soon at first, for a setting that was just made smaller. Spread, so that many workers don't sweep together.
    let mut wait = EVERY.mul_f64(0.1 * app.chance.fraction());
    loop {
        sleep(wait).await;
        wait = EVERY.mul_f64(0.5 + app.chance.fraction());
        while let Ok(1..) = app.queue.drop_links(BATCH).await {}
        let mut taken = 0;
        for state in SWEPT {
            match sweep(&app, state).await {
                Ok(number) => taken += number,
                Err(error) => {
                    tracing::debug!(%error, "sweeping waits for Redis");
                    break;
                }
            }
        }
        if taken > 0 {
            tracing::debug!(taken, "swept");
        }
    }
}

/// Sweeps one index from its oldest entry on, until one is to be kept. Answers how many were taken.
async fn sweep(app: &App, state: State) -> Result<u64, Error> {
    let (mut all, mut from) = (0, 0);
    loop {
        let began = Instant::now();
        let page = app.queue.old_jobs(state, from, BATCH).await?;
        // What jobs have outside of Redis goes here, before their records do: whoever ends in between finds them again.
        // Files of those that are `Fate::Over` or `Fate::Gone`; what has the name of a `Fate::Other` is a newer job's.
        let taken = app.queue.take_jobs(state, &page).await?;
        all += taken;
        let held = page.iter().filter(|job| job.fate == Fate::Held).count();
        from += held;
        let has_kept = page.iter().any(|job| job.fate == Fate::Kept);
        // Where neither was, another worker sweeps, or a newer layout forbids it.
        if page.len() < BATCH || has_kept || (taken == 0 && held == 0) {
            return Ok(all);
        }
        sleep(began.elapsed().max(PAUSE)).await;
    }
}
