//! A worker's life: start, work, stop.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use apalis::layers::WorkerBuilderExt;
use apalis::layers::tracing::TraceLayer;
use apalis_core::monitor::Monitor;
use apalis_core::task::Task;
use apalis_core::worker::builder::WorkerBuilder;
use apalis_core::worker::ext::parallelize::ParallelizeExt;
use gammaq_queue::Queue;
use gammaq_queue::claim::Step;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{Level, Span};

use crate::app::App;
use crate::backend::QueueBackend;
use crate::budgets;
use crate::hold::Hold;
use crate::outcome::Outcome;
use crate::roles::{
    self, accounts, callbacks, control, heartbeat, intake, reminder, renewer, service_manager, sweeper,
};
use crate::settings::Settings;
use crate::settler::{self, SettleLayer};
use crate::surroundings::{ServiceManager, Surroundings};
use crate::traces::Exporting;
use crate::{Error, admin, claimer, keeper, steps, unhurried};

/// What remains of the grace, at least, for settling and signing off.
const LAST_MOMENTS: Duration = Duration::from_millis(500);

/// Runs a worker until `stop` is cancelled, and then for `worker.shutdown_grace` at the most.
///
/// # Errors
/// Where it can't start, or ended by itself.
pub async fn run(settings: &Settings, stop: CancellationToken) -> Result<(), Error> {
    let around = Surroundings::real(settings)?;
    let traces = Exporting::start();
    let work = run_in(around, settings, stop.clone());
    traces.during(&stop, settings.worker.shutdown_grace, work).await
}

/// Runs a worker as [`run`] does, in surroundings of the caller's choice.
///
/// # Errors
/// Where it can't start, or ended by itself.
pub async fn run_in(around: Surroundings, settings: &Settings, stop: CancellationToken) -> Result<(), Error> {
    for warning in &settings.warnings {
        tracing::warn!(warning, "settings");
    }
    let manager = around.service_manager;
    let app = Arc::new(App::new(settings, around, stop.clone())?);
    let calling = callbacks::Calling::new(&settings.callbacks)?;
    // Before anything is asked of Redis: whoever watches the start sees that it waits.
    let _admin = admin::start(&app, &settings.admin).await;
    if !start(&app, settings, manager).await? {
        return Ok(());
    }
    tracing::info!(
        worker = app.worker,
        queue = app.queue.keys().base(),
        accounts = settings.accounts.len(),
        concurrency = app.concurrency,
        "the worker is ready"
    );
    app.vitals.began();
    let (to_settle, settlements) = mpsc::unbounded_channel();
    let (unhurried, looked) = mpsc::unbounded_channel();
    let (keeper, news) = mpsc::unbounded_channel();
    let settle = SettleLayer::new(Arc::clone(&app), to_settle, unhurried, keeper.clone());
    let (claimed, jobs) = mpsc::channel(app.concurrency);
    let parts = Parts {
        app: Arc::clone(&app),
        stop: stop.clone(),
        failed: Arc::default(),
    };
    let settling = parts.spawn(
        "settler",
        settler::run(Arc::clone(&app), settlements, keeper.clone()),
    );
    let telling = parts.spawn(
        "settler of looks",
        unhurried::run(Arc::clone(&app), looked, keeper),
    );
    let keeping = keeper::run(Arc::clone(&app), news, claimed.clone(), settle.clone());
    let keeping = parts.spawn("keeper", keeping);
    let reader = blocking(&app.queue);
    let intake = parts.spawn("intake", intake::run(Arc::clone(&app), reader));
    let claiming = parts.spawn("claimer", claimer::run(Arc::clone(&app), claimed, settle.clone()));
    let mut roles = vec![
        parts.spawn("renewer", renewer::run(Arc::clone(&app))),
        parts.spawn("heartbeat", heartbeat::run(Arc::clone(&app))),
        parts.spawn("sweeper", sweeper::run(Arc::clone(&app))),
        parts.spawn("control", control::run(Arc::clone(&app))),
        parts.spawn("budgets", roles::budgets::run(Arc::clone(&app))),
    ];
    let calling = match calling {
        Some(calling) => parts.spawn("callbacks", callbacks::run(Arc::clone(&app), calling)),
        None => app.spawn(std::future::ready(())),
    };
    if let Some(watched) = accounts::Watched::new(settings) {
        roles.push(parts.spawn("accounts", accounts::run(Arc::clone(&app), watched)));
    }
    if app.journal.is_some() {
        roles.push(parts.spawn("reminder", reminder::run(Arc::clone(&app))));
    }
    if let Some(manager) = manager {
        let redis = settings.redis.connect_timeout + settings.redis.response_timeout;
        let role = service_manager::run(Arc::clone(&app), manager, redis, settings.worker.shutdown_grace);
        roles.push(parts.spawn("service manager", role));
    }

    let stopped_at = app.spawn_for({
        let stop = stop.clone();
        async move {
            stop.cancelled().await;
            Instant::now()
        }
    });
    let worked = work(&app, settings, QueueBackend::new(jobs, settle)).await;
    let asked = stop.is_cancelled();
    stop.cancel();
    let stopped_at = stopped_at.await.unwrap_or_else(|_| Instant::now());
    let last = async {
        let _ = claiming.await;
        let _ = keeping.await;
        let _ = intake.await;
        // Every sender of settlements is gone by now, or goes with the last step.
        let _ = settling.await;
        let _ = telling.await;
        // What was begun is noted, where there is time: else the caller is told once more.
        let _ = calling.await;
        if let Err(error) = app.queue.sign_off(&app.worker).await {
            tracing::debug!(%error, "could not sign off");
        }
    };
    let until = stopped_at + settings.worker.shutdown_grace;
    if tokio::time::timeout_at(until, last).await.is_err() {
        tracing::warn!(
            held = app.holds.count(),
            "stopped with jobs in hand: their leases end by themselves"
        );
    }
    roles.iter().for_each(JoinHandle::abort);
    if let Some(error) = app.take_end() {
        return Err(error.into());
    }
    if let Some(part) = parts.failed() {
        return Err(Error::Ended(format!("its {part} ended")));
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

/// The tasks of a worker. One that ends before the worker is to stop takes the worker with it: a worker that takes
/// nothing in, or settles nothing, only looks alive.
struct Parts {
    app: Arc<App>,
    stop: CancellationToken,
    failed: Arc<Mutex<Option<&'static str>>>,
}

impl Parts {
    fn spawn(&self, name: &'static str, part: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        let (app, stop, failed) = (Arc::clone(&self.app), self.stop.clone(), Arc::clone(&self.failed));
        let end = AbortOnDropHandle::new(self.app.spawn(part));
        self.app.spawn(async move {
            let ended = end.await;
            if !stop.is_cancelled() {
                tracing::error!(
                    part = name,
                    panicked = ended.is_err(),
                    "a part of the worker ended; the worker stops"
                );
                failed
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .get_or_insert(name);
                app.vitals.ended(name);
                stop.cancel();
            }
        })
    }

    fn failed(&self) -> Option<&'static str> {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for Redis, checks the schema, makes the inbox, writes the accounts. `false` where the worker is to stop.
async fn start(app: &App, settings: &Settings, manager: Option<ServiceManager>) -> Result<bool, Error> {
    let mut wait = Duration::from_millis(100);
    loop {
        match prepare(app, settings).await {
            Ok(()) => return Ok(true),
            Err(error) if error.is_temporary() => {
                tracing::warn!(%error, "waiting for Redis");
                if let Some(manager) = manager {
                    manager.waits_for_redis().await;
                }
                tokio::select! {
                    biased;
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
    app.queue.check_durability().await?;
    app.queue.check_schema().await?;
    app.clock.heard(app.queue.time().await?);
    app.queue.create_inbox().await?;
    for (name, account) in settings.accounts.iter() {
        app.budgets.put(name.as_str(), account.budget());
    }
    match budgets::write_all(app).await {
        // What is under way can go on; nothing is submitted until they are written.
        Err(error @ gammaq_queue::Error::Full(_)) => {
            tracing::warn!(%error, "nothing is submitted: the accounts' budgets could not be written");
        }
        written => written?,
    }
    // Last: from here on another life of the queue is refused, and until here nothing was done in this one.
    app.queue.begin_life(app.chance.number()).await
}

/// The same queue over a connection of its own: a read that blocks would hold up everything else.
fn blocking(queue: &Queue) -> Queue {
    queue.on(Arc::new(queue.link().for_blocking(intake::BLOCK)))
}

/// Hands jobs to the steps until the worker is to stop, and lets those that run end.
async fn work(app: &Arc<App>, settings: &Settings, backend: QueueBackend) -> Result<(), Error> {
    let data = Arc::clone(app);
    let tasks = Arc::clone(app);
    let name = app.worker.clone();
    // apalis asks for a new backend only where it restarts a worker, which it is never told to do.
    let backend = Mutex::new(Some(backend));
    let grace = settings.worker.shutdown_grace.saturating_sub(LAST_MOMENTS);
    let stop = app.stop.clone();
    let monitor = Monitor::new()
        .register(move |_| {
            let taken = backend.lock().unwrap_or_else(PoisonError::into_inner).take();
            let backend = taken.unwrap_or_else(|| unused_backend(&data));
            // The first layer written is the outermost: each step is a task of its own, so one that was begun goes
            // on whatever becomes of whoever waits for it; in it a span, and in that the net for panics.
            WorkerBuilder::new(name.as_str())
                .backend(backend)
                .data(Arc::clone(&data))
                .parallelize({
                    let tasks = Arc::clone(&tasks);
                    move |step| tasks.spawn_for(step)
                })
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
    let (keeper, _) = mpsc::unbounded_channel();
    let settle = SettleLayer::new(Arc::clone(app), to_settle.clone(), to_settle, keeper);
    QueueBackend::new(jobs, settle)
}

/// A span a job: what every line about it carries. Looks are by far the most, and what is said within one that isn't for
/// debugging names its job itself: so theirs is there only for whoever debugs.
fn span(task: &Task<Arc<Hold>>) -> Span {
    let job = &task.args.job;
    let trace_id = job.traceparent.get(3..35).unwrap_or_default();
    macro_rules! span {
        ($level:expr, $step:literal) => {
            tracing::span!(
                $level,
                "job",
                id = job.id,
                account = job.account,
                generation_id = job.generation_id,
                step = $step,
                fence = job.fence,
                trace_id
            )
        };
    }
    match job.step {
        Step::Submit => span!(Level::INFO, "submit"),
        Step::Look => span!(Level::DEBUG, "look"),
        Step::Export => span!(Level::INFO, "export"),
    }
}
