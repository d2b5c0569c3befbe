//! A worker's life: start, work, stop.

use std::sync::Arc;
use std::time::Duration;

use apalis::layers::WorkerBuilderExt;
use apalis::layers::tracing::TraceLayer;
use apalis_core::monitor::Monitor;
use apalis_core::task::Task;
use apalis_core::worker::builder::WorkerBuilder;
use apalis_core::worker::ext::parallelize::ParallelizeExt;
use gammaq_queue::Queue;
use gammaq_queue::claim::Step;
use gammaq_queue::registry::Budget;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::Span;

use crate::app::App;
use crate::backend::QueueBackend;
use crate::hold::Hold;
use crate::outcome::Outcome;
use crate::roles::{heartbeat, intake, renewer, sweeper};
use crate::settings::Settings;
use crate::settler::{self, SettleLayer};
use crate::{Error, claimer, steps};

/// What remains of the grace for signing off.
const LAST_MOMENTS: Duration = Duration::from_millis(500);

/// Runs a worker until `stop` is cancelled, and then for `worker.shutdown_grace` at the most.
///
/// # Errors
/// Where it can't start, or ended by itself.
pub async fn run(settings: &Settings, stop: CancellationToken) -> Result<(), Error> {
    for warning in &settings.warnings {
        tracing::warn!(warning, "settings");
    }
    let app = Arc::new(App::new(settings, stop.clone())?);
    if !start(&app, settings).await? {
        return Ok(());
    }
    tracing::info!(
        worker = app.worker,
        queue = app.queue.keys().base(),
        accounts = settings.accounts.len(),
        concurrency = app.concurrency,
        "the worker is ready"
    );
    let (to_settle, settlements) = mpsc::unbounded_channel();
    let settle = SettleLayer::new(Arc::clone(&app), to_settle);
    let (claimed, jobs) = mpsc::channel(app.concurrency);
    let settling = tokio::spawn(settler::run(Arc::clone(&app), settlements));
    let mut roles = tokio::task::JoinSet::new();
    roles.spawn(renewer::run(Arc::clone(&app)));
    roles.spawn(heartbeat::run(Arc::clone(&app)));
    roles.spawn(sweeper::run(Arc::clone(&app)));
    let reader = blocking(&app.queue)?;
    let intake = tokio::spawn(intake::run(Arc::clone(&app), reader));
    let claiming = tokio::spawn(claimer::run(Arc::clone(&app), claimed, settle.clone()));

    let worked = work(&app, settings, QueueBackend::new(jobs, settle)).await;
    let asked = stop.is_cancelled();
    stop.cancel();
    let last = async {
        let _ = claiming.await;
        let _ = intake.await;
        // Every sender of settlements is gone by now or goes with the last step.
        let _ = settling.await;
        if let Err(error) = app.queue.sign_off(&app.worker).await {
            tracing::debug!(%error, "could not sign off");
        }
    };
    if tokio::time::timeout(LAST_MOMENTS, last).await.is_err() {
        tracing::warn!(
            held = app.holds.count(),
            "stopped with jobs in hand: their leases end by themselves"
        );
    }
    match worked {
        Ok(()) if asked => {
            tracing::info!("stopped");
            Ok(())
        }
        Ok(()) => Err(Error::Ended("no reason was given".to_owned())),
        Err(error) => Err(error),
    }
}

/// Waits for Redis, checks the schema, makes the inbox, writes the accounts. `false` where the worker is to stop.
async fn start(app: &App, settings: &Settings) -> Result<bool, Error> {
    let mut wait = Duration::from_millis(100);
    loop {
        match prepare(app, settings).await {
            Ok(()) => return Ok(true),
            Err(error) if error.is_temporary() => {
                tracing::warn!(%error, "waiting for Redis");
                tokio::select! {
                    () = app.stop.cancelled() => return Ok(false),
                    () = tokio::time::sleep(wait) => {}
                }
                wait = (wait * 2).min(Duration::from_secs(1));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

async fn prepare(app: &App, settings: &Settings) -> Result<(), gammaq_queue::Error> {
    app.queue.check_schema().await?;
    app.queue.create_inbox().await?;
    for (name, account) in settings.accounts.iter() {
        let budget = Budget {
            limit: account.limit.get(),
            window: account.window,
        };
        if let Some(old) = app.queue.register_account(name.as_str(), budget).await? {
            tracing::warn!(
                account = %name, limit = budget.limit, window = ?budget.window, old_limit = old.limit,
                old_window = ?old.window, "this worker's budget of the account replaces another one in Redis"
            );
        }
    }
    Ok(())
}

/// The same queue over a connection of its own: a read that blocks would hold up everything else.
fn blocking(queue: &Queue) -> Result<Queue, Error> {
    Ok(queue.on(Arc::new(queue.link().for_blocking(intake::BLOCK)?)))
}

/// Hands jobs to the steps until the worker is to stop, and lets those that run end.
async fn work(app: &Arc<App>, settings: &Settings, backend: QueueBackend) -> Result<(), Error> {
    let data = Arc::clone(app);
    let name = app.worker.clone();
    // apalis asks for a new backend only where it restarts a worker, which it is never told to do.
    let backend = std::sync::Mutex::new(Some(backend));
    let grace = settings.worker.shutdown_grace.saturating_sub(LAST_MOMENTS);
    let stop = app.stop.clone();
    let monitor = Monitor::new()
        .register(move |_| {
            let taken = backend
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .take();
            let backend = taken.unwrap_or_else(|| unused_backend(&data));
            // The first layer written is the outermost: each step is a task of its own, so one that was begun goes
            // on whatever becomes of whoever waits for it; in it a span, and in that the net for panics.
            WorkerBuilder::new(name.as_str())
                .backend(backend)
                .data(Arc::clone(&data))
                .parallelize(tokio::spawn)
                .layer(
                    TraceLayer::new()
                        .make_span_with(span)
                        .on_request(|_: &Task<Arc<Hold>>, _: &Span| {})
                        .on_response(|_: &Outcome, _: Duration, _: &Span| {}),
                )
                .catch_panic()
                .build(steps::run)
        })
        // Counted from the moment at which it is first polled: when the worker is to stop.
        .with_terminator(async move { tokio::time::sleep(grace).await });
    let ran = monitor
        .run_with_signal(async move {
            stop.cancelled().await;
            Ok(())
        })
        .await;
    ran.map_err(|error| Error::Ended(error.to_string()))
}

fn unused_backend(app: &Arc<App>) -> QueueBackend {
    let (_, jobs) = mpsc::channel(1);
    let (to_settle, _) = mpsc::unbounded_channel();
    QueueBackend::new(jobs, SettleLayer::new(Arc::clone(app), to_settle))
}

/// A span a job: what every line about it carries.
fn span(task: &Task<Arc<Hold>>) -> Span {
    let job = &task.args.job;
    let step = if job.step == Step::Submit {
        "submit"
    } else {
        "look"
    };
    let trace_id = job.traceparent.get(3..35).unwrap_or_default();
    tracing::info_span!(
        "job",
        id = job.id,
        account = job.account,
        generation_id = job.generation_id,
        step,
        fence = job.fence,
        trace_id
    )
}
