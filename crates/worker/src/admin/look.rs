//! A look at the queue for whoever asks: one at a time, once a second at the most, and nobody waits for it long.

use std::sync::Arc;
use std::time::Duration;

use gammaq_queue::gauges::Gauges;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::app::App;

/// A look is taken for the same for so long.
const FRESH: Duration = Duration::from_secs(1);
/// The longest that anyone waits for one.
const PATIENCE: Duration = Duration::from_secs(1);

/// The last look, `None` where Redis gave none; locked while one is under way.
#[derive(Debug, Default)]
pub(crate) struct Look(Mutex<Option<(Instant, Option<Arc<Gauges>>)>>);

/// The queue as it is now, or was within the last second; `None` where Redis does not say.
pub(super) async fn look(app: &Arc<App>) -> Option<Arc<Gauges>> {
    // A task of its own: a look that nobody waits for any more ends by itself, and what it learnt is kept.
    let looked = app.spawn_for({
        let app = Arc::clone(app);
        async move { look_once(&app).await }
    });
    let seen = timeout(PATIENCE, looked)
        .await
        .ok()
        .and_then(Result::ok)
        .flatten();
    if seen.is_none() {
        app.measures.read_failures.increment(1);
    }
    seen
}

async fn look_once(app: &App) -> Option<Arc<Gauges>> {
    let mut last = app.look.0.lock().await;
    if let Some((at, seen)) = &*last
        && at.elapsed() < FRESH
    {
        return seen.clone();
    }
    let seen = match app.queue.gauges(&app.accounts()).await {
        Ok(gauges) => Some(Arc::new(gauges)),
        Err(error) => {
            tracing::debug!(%error, "the queue could not be read for metrics");
            None
        }
    };
    *last = Some((Instant::now(), seen.clone()));
    seen
}
