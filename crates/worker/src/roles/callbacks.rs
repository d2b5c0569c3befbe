//! Tells callers of the end of their jobs: takes what is due, makes an attempt, brings back what became of it.
//!
//! Every worker that has a secret does. Beside the jobs: an attempt takes no job's place, and a receiver that is slow or
//! away holds up no job.

use std::sync::Arc;
use std::time::Duration;

use gammaq_queue::Error;
use gammaq_queue::callbacks::{Callback, CallbackClaim, CallbackRequest, CallbackSettled, Told};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};

use crate::app::App;
use crate::callbacks::{Caller, Receivers, Visit};
use crate::settings::CallbackSettings;

/// Attempts at once.
const AT_ONCE: usize = 64;
/// Between two looks at the schedule, since any worker may put something there.
const EVERY: Duration = Duration::from_millis(500);
/// The shortest wait between two looks, whatever stands there.
const SHORTEST: Duration = Duration::from_millis(10);
/// What an attempt takes beside its timeout, and what its settlement may: for so much longer it is held.
const SPARE: Duration = Duration::from_secs(3);

/// What the role needs to know.
#[derive(Debug)]
pub(crate) struct Calling {
    /// Makes the attempts.
    caller: Caller,
    /// How long one takes at the most.
    timeout: Duration,
    /// For how long after the end attempts are made.
    retry_for: Duration,
    /// How many are made at once at one receiver.
    per_host: usize,
    /// Where they are under way.
    receivers: Arc<Receivers>,
}

impl Calling {
    /// `None` where there is no secret to sign with.
    ///
    /// # Errors
    /// Where the client can't be built.
    pub(crate) fn new(settings: &CallbackSettings) -> Result<Option<Self>, crate::Error> {
        Ok(Caller::new(settings)?.map(|caller| Self {
            caller,
            timeout: settings.timeout,
            retry_for: settings.retry_for,
            per_host: settings.per_host.get(),
            receivers: Arc::new(Receivers::new(settings.timeout)),
        }))
    }

    /// How long a callback is held: longer than its attempt lasts, so that nobody else makes another one meanwhile.
    fn lease(&self) -> Duration {
        self.timeout + SPARE
    }
}

/// Runs until `app.stop`, and then until the attempts under way have ended.
pub(crate) async fn run(app: Arc<App>, calling: Calling) {
    let calling = Arc::new(calling);
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut failures = 0_u32;
    while !app.stop.is_cancelled() {
        let mut again = Instant::now() + EVERY;
        match turn(&app, &calling, &permits).await {
            Ok(claim) => {
                failures = 0;
                if let Some(next) = claim.next_at {
                    again = again.min(Instant::now() + Duration::from_millis(next.saturating_sub(claim.now)));
                }
            }
            Err(error @ Error::NewerSchema { .. }) => app.end(error),
            Err(error) => {
                failures = failures.saturating_add(1);
                if failures.is_power_of_two() {
                    tracing::warn!(%error, failures, "callbacks wait for Redis");
                }
            }
        }
        tokio::select! {
            biased;
            () = app.stop.cancelled() => {}
            () = tokio::time::sleep_until(again.max(Instant::now() + SHORTEST)) => {}
        }
    }
    let all = u32::try_from(AT_ONCE).unwrap_or(u32::MAX);
    let _ = permits.acquire_many(all).await;
}

/// Takes as many as there is room for.
async fn turn(
    app: &Arc<App>,
    calling: &Arc<Calling>,
    permits: &Arc<Semaphore>,
) -> Result<CallbackClaim, Error> {
    // In another life of the queue nothing is begun here.
    let want = if app.halt.is_halted() {
        0
    } else {
        permits.available_permits()
    };
    if want == 0 {
        return Ok(CallbackClaim {
            now: 0,
            next_at: None,
            put_off: 0,
            callbacks: Vec::new(),
        });
    }
    let mut claim = app
        .queue
        .claim_callbacks(&CallbackRequest {
            worker: &app.worker,
            want,
            lease: calling.lease(),
            retry_for: calling.retry_for,
            not_after: app.clock.estimate() + app.patience_ms(),
            per_host: calling.per_host,
            busy: &calling.receivers.busy(),
        })
        .await?;
    app.measures.put_off.increment(claim.put_off);
    let held_until = Instant::now() + calling.lease();
    for callback in claim.callbacks.drain(..) {
        // Only this task takes permits.
        let Ok(permit) = Arc::clone(permits).try_acquire_owned() else {
            break;
        };
        let visit = calling.receivers.enter(&callback.host);
        let work = call(
            Arc::clone(app),
            Arc::clone(calling),
            callback,
            claim.now,
            held_until,
            (permit, visit),
        );
        app.spawn(work);
    }
    Ok(claim)
}

/// One attempt and its settlement.
async fn call(
    app: Arc<App>,
    calling: Arc<Calling>,
    callback: Callback,
    claimed_at: u64,
    held_until: Instant,
    _room: (OwnedSemaphorePermit, Visit),
) {
    let begun = Instant::now();
    let attempt = calling
        .caller
        .attempt(&callback, claimed_at, app.chance.fraction())
        .await;
    app.measures.called(attempt.status, begun.elapsed());
    let settled = settle(&app, &calling, &callback, &attempt.told, held_until).await;
    let (id, message_id) = (&callback.id, &callback.message_id);
    let (attempts, status) = (callback.attempts + 1, attempt.status.unwrap_or(0));
    let why = match &attempt.told {
        Told::Delivered => "",
        Told::Again(_, why) | Told::Failed(why) => why.as_str(),
    };
    match settled {
        Some(CallbackSettled::Delivered) => {
            app.measures.told.increment(1);
            tracing::info!(id, message_id, attempts, status, "callback delivered");
        }
        Some(CallbackSettled::Again) => {
            tracing::info!(
                id,
                message_id,
                attempts,
                status,
                why,
                "callback not delivered; tried again"
            );
        }
        Some(CallbackSettled::Failed) => {
            app.measures.given_up.increment(1);
            tracing::warn!(id, message_id, attempts, status, why, "callback given up");
        }
        Some(CallbackSettled::Stale | CallbackSettled::Missing) => {
            tracing::debug!(id, message_id, "the callback was somebody else's by then");
        }
        None => tracing::warn!(
            id,
            message_id,
            "what became of a callback could not be noted: it is made once more"
        ),
    }
}

/// Brings the outcome to Redis, as long as the callback is held. `None` where that failed.
async fn settle(
    app: &App,
    calling: &Calling,
    callback: &Callback,
    told: &Told,
    held_until: Instant,
) -> Option<CallbackSettled> {
    let mut wait = Duration::from_millis(50);
    loop {
        let settled = app
            .queue
            .settle_callback(&app.worker, callback, calling.retry_for, told)
            .await;
        match settled {
            Ok(settled) => return Some(settled),
            Err(error) if Instant::now() + wait < held_until => {
                tracing::debug!(%error, id = callback.id, "a callback's outcome waits for Redis");
                sleep(wait).await;
                wait = (wait * 2).min(Duration::from_secs(1));
            }
            Err(_) => return None,
        }
    }
}
