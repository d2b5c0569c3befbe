//! The end of every step: the outermost layer around a handler turns its outcome into a settlement, and one task
//! brings the settlements of many jobs to Redis together, again and again until Redis has them.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use apalis_core::error::BoxDynError;
use apalis_core::task::Task;
use gammaq_crash::at;
use gammaq_queue::settle::{Settled, Settlement, Verb};
use tokio::sync::mpsc::error::SendError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tower::{Layer, Service};

use crate::app::App;
use crate::disposition::dispose;
use crate::hold::{Hold, Made};
use crate::keeper::News;
use crate::outcome::Outcome;
use crate::pulse::Pulse;
use crate::traces;
use crate::unhurried::{keep, keeps};

/// The most settlements of one call.
const BATCH: usize = 256;
/// How long settlements are gathered, where they come faster than one by one …
const GATHER: Duration = Duration::from_millis(2);
/// … and the most of the time since its answer that is taken off a look's wait: what takes longer is an outage, after which
/// nothing is to come at once.
const TAKEN_OFF: Duration = Duration::from_millis(100);

/// One settlement on its way; the hold keeps its lease alive until it is done.
#[derive(Debug)]
pub(crate) struct ToSettle {
    pub(crate) settlement: Settlement,
    pub(crate) ended: Instant,
    pub(crate) hold: Arc<Hold>,
    pub(crate) done: Option<oneshot::Sender<()>>,
}

impl ToSettle {
    /// What Redis is told: the next look is counted from the answer to this one, not from when Redis hears of it. A worker
    /// that stops keeps nothing.
    fn told(&self, stops: bool) -> Settlement {
        let mut told = self.settlement.clone();
        if stops && let Verb::Keep(wait) = told.verb {
            told.verb = Verb::Again(wait);
        }
        match &mut told.verb {
            // Redis's clock and what is left are cut to whole milliseconds, and never is a look to come early.
            Verb::Again(wait) if !wait.is_zero() => {
                *wait = wait.saturating_sub(self.ended.elapsed().min(TAKEN_OFF)) + Duration::from_millis(2);
            }
            Verb::Keep(wait) => {
                *wait = wait.saturating_sub(self.ended.elapsed()) + Duration::from_millis(2);
            }
            _ => {}
        }
        told
    }
}

/// Wraps every handler.
#[derive(Debug, Clone)]
pub(crate) struct SettleLayer {
    app: Arc<App>,
    settler: mpsc::UnboundedSender<ToSettle>,
    unhurried: mpsc::UnboundedSender<ToSettle>,
    keeper: mpsc::UnboundedSender<News>,
}

impl SettleLayer {
    /// A layer that settles through `settler`, and what nobody waits for through `unhurried`; what was submitted stays with `keeper`.
    pub(crate) fn new(
        app: Arc<App>,
        settler: mpsc::UnboundedSender<ToSettle>,
        unhurried: mpsc::UnboundedSender<ToSettle>,
        keeper: mpsc::UnboundedSender<News>,
    ) -> Self {
        Self {
            app,
            settler,
            unhurried,
            keeper,
        }
    }

    /// Redis has its generation, and holds it for this worker until after its first look.
    fn keep_made(&self, hold: Arc<Hold>, made: Box<Made>, first_look: Instant) {
        if !hold.keep_made(made) {
            return;
        }
        hold.free_permit();
        if let Err(SendError(News::Kept(hold, _))) = self.keeper.send(News::Kept(hold, first_look)) {
            self.let_go(hold);
        }
    }

    /// Hands a job back untouched, without waiting for it.
    pub(crate) fn hand_back(&self, hold: Arc<Hold>) {
        self.send(hold, &Outcome::Released, None);
    }

    /// The same for a job that was kept, of which there may be very many: nothing else waits behind it.
    pub(crate) fn let_go(&self, hold: Arc<Hold>) {
        let released = &Outcome::Released;
        if let Some(mut settlement) = dispose(&hold.job, released, &self.app.rules, 0.0) {
            settlement.fence = hold.fence();
            self.app.log(&hold.job, released, &settlement);
            let _ = self.unhurried.send(ToSettle {
                settlement,
                ended: Instant::now(),
                hold,
                done: None,
            });
        }
    }

    fn send(&self, hold: Arc<Hold>, outcome: &Outcome, done: Option<oneshot::Sender<()>>) {
        if let Some(mut settlement) = dispose(&hold.job, outcome, &self.app.rules, self.app.chance.fraction())
        {
            self.app.told_limits.thin(&hold.job.account, &mut settlement);
            self.app.log(&hold.job, outcome, &settlement);
            if let Verb::Again(wait) = settlement.verb
                && keeps(&self.app, &hold, outcome)
            {
                settlement.verb = Verb::Keep(wait);
                if hold.untroubled {
                    settlement.fields.retain(|(name, value)| {
                        !matches!(
                            (*name, value.as_str()),
                            ("poll_failures", "0") | ("last_error", "")
                        )
                    });
                }
                hold.tell_later();
                let _ = self.unhurried.send(ToSettle {
                    settlement,
                    ended: Instant::now(),
                    hold,
                    done: None,
                });
                return;
            }
            // Fails only when the settler is gone, at the very end; the lease then ends by itself.
            let _ = self.settler.send(ToSettle {
                settlement,
                ended: Instant::now(),
                hold,
                done,
            });
        }
    }
}

impl<S> Layer<S> for SettleLayer {
    type Service = SettleService<S>;
    fn layer(&self, inner: S) -> SettleService<S> {
        SettleService {
            inner,
            layer: self.clone(),
        }
    }
}

/// A handler whose outcome is settled before it counts as ended.
#[derive(Debug, Clone)]
pub(crate) struct SettleService<S> {
    inner: S,
    layer: SettleLayer,
}

impl<S> Service<Task<Arc<Hold>>> for SettleService<S>
where
    S: Service<Task<Arc<Hold>>, Response = Outcome>,
    S::Error: Into<BoxDynError>,
    S::Future: Send + 'static,
{
    type Response = ();
    type Error = BoxDynError;
    type Future = Pin<Box<dyn Future<Output = Result<(), BoxDynError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxDynError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, task: Task<Arc<Hold>>) -> Self::Future {
        let hold = Arc::clone(&task.args);
        let layer = self.layer.clone();
        let step = self.inner.call(task);
        Box::pin(async move {
            let outcome = match at("settle_step", step).await {
                Ok(outcome) => outcome,
                Err(error) => {
                    let error: BoxDynError = error.into();
                    tracing::error!(id = hold.job.id, %error, "a step failed in a way that no step should");
                    Outcome::Panicked { begun: hold.begun() }
                }
            };
            if let Outcome::Made(made, first_look) = outcome {
                layer.keep_made(hold, made, first_look);
                return Ok(());
            }
            let (done, settled) = oneshot::channel();
            layer.send(hold, &outcome, Some(done));
            // An error means that there was nothing to settle.
            let _ = at("settled", settled).await;
            Ok(())
        })
    }
}

/// Brings settlements to Redis until every sender is gone.
pub(crate) async fn run(
    app: Arc<App>,
    mut incoming: mpsc::UnboundedReceiver<ToSettle>,
    keeper: mpsc::UnboundedSender<News>,
) {
    let mut batch = Vec::with_capacity(BATCH);
    let pulse = &app.pulses.settler;
    let mut crowded = false;
    while at(
        "settle_receive",
        receive(&app, &mut incoming, &mut batch, crowded),
    )
    .await
        > 0
    {
        crowded = batch.len() > 1;
        let settled = settle(&app, std::mem::take(&mut batch), (pulse, &keeper));
        if let Some(refused) = at("settle_batch", settled).await {
            // One of them can't be written: each goes on by itself, so that it holds up no other.
            for item in refused {
                app.spawn(settle_alone(Arc::clone(&app), item, keeper.clone()));
            }
        }
        pulse.rest();
    }
}

/// Waits for settlements and takes what is there; in a crowd what comes within a moment goes along. Answers how many; 0
/// where no more can come.
async fn receive(
    app: &App,
    incoming: &mut mpsc::UnboundedReceiver<ToSettle>,
    batch: &mut Vec<ToSettle>,
    crowded: bool,
) -> usize {
    incoming.recv_many(batch, BATCH).await;
    if crowded && !batch.is_empty() && batch.len() < BATCH && !app.stop.is_cancelled() {
        tokio::time::sleep(GATHER).await;
        while batch.len() < BATCH
            && let Ok(item) = incoming.try_recv()
        {
            batch.push(item);
        }
    }
    batch.len()
}

/// Tries until Redis has them; answers those that it refuses.
pub(crate) async fn settle(
    app: &App,
    mut batch: Vec<ToSettle>,
    (pulse, keeper): (&Pulse, &mpsc::UnboundedSender<News>),
) -> Option<Vec<ToSettle>> {
    let mut wait = Duration::from_millis(20);
    let mut tried_before = false;
    loop {
        pulse.beat();
        let items: Vec<Settlement> = batch
            .iter()
            .map(|item| item.told(app.stop.is_cancelled()))
            .collect();
        let asked = Instant::now();
        let settled = app.queue.settle_jobs(&app.worker, &app.settle_policy, &items);
        match at("settle_jobs", settled).await {
            Ok(outcomes) => {
                app.measures.settle.record(asked.elapsed());
                let mut let_go = Vec::new();
                for (item, outcome) in batch.drain(..).zip(outcomes) {
                    if matches!(outcome, Settled::Done | Settled::Kept) {
                        traces::settled(app, &item.hold.job, &item.settlement, asked.elapsed());
                    }
                    let_go.extend(finish(app, item, outcome, (tried_before, keeper)));
                }
                if let_go.is_empty() {
                    return None;
                }
                batch = let_go;
            }
            Err(error) if error.is_temporary() => {
                tracing::warn!(%error, jobs = batch.len(), "settling waits for Redis");
                tried_before = true;
                at("settle_wait", tokio::time::sleep(wait)).await;
                wait = (wait * 2).min(Duration::from_secs(1));
            }
            Err(error) => {
                tracing::warn!(%error, jobs = batch.len(), "Redis refuses a settlement");
                return Some(batch);
            }
        }
    }
}

/// Tries for as long as a lease lasts: what is refused now may be mended by hand.
pub(crate) async fn settle_alone(app: Arc<App>, mut item: ToSettle, keeper: mpsc::UnboundedSender<News>) {
    let first = Instant::now();
    // Nobody can say when that will be, and what is recalled until then.
    if let Verb::Keep(wait) = item.settlement.verb {
        item.settlement.verb = Verb::Again(wait);
    }
    let mut left = vec![item];
    // Not the settler's, which goes on meanwhile.
    let pulse = Pulse::default();
    while let Some(refused) = at("settle_again", settle(&app, left, (&pulse, &keeper))).await {
        if first.elapsed() > app.lease {
            let ids: Vec<&str> = refused.iter().map(|item| item.hold.job.id.as_str()).collect();
            tracing::error!(?ids, "could not be settled; the lease will end by itself");
            return;
        }
        left = refused;
        at("settle_again_wait", tokio::time::sleep(Duration::from_secs(1))).await;
    }
}

/// Counts what `settle_jobs` adds to `stats.credits_deducted`: the credits of decks that are there, and of jobs that it ended.
fn deducted(app: &App, item: &ToSettle) {
    if !matches!(item.settlement.verb, Verb::Complete | Verb::Export | Verb::Fail) {
        return;
    }
    let said = item
        .settlement
        .fields
        .iter()
        .rfind(|(name, _)| *name == "credits_deducted");
    if let Some(credits) = said.and_then(|(_, credits)| credits.parse().ok()) {
        app.measures.deducted(&item.hold.job.account, credits);
    }
}

/// Answers what is still to be settled: a job that was kept by a worker that stops.
fn finish(
    app: &App,
    item: ToSettle,
    outcome: Settled,
    (tried_before, keeper): (bool, &mpsc::UnboundedSender<News>),
) -> Option<ToSettle> {
    if item.settlement.pause.is_some() && outcome == Settled::Done {
        // The keeper hears of it from Redis too, a moment later.
        let _ = keeper.send(News::Recalled(item.hold.job.account.clone()));
    }
    match outcome {
        Settled::Kept => return keep(item, keeper),
        Settled::Done => deducted(app, &item),
        // It was recalled, and is let go.
        Settled::Stale if item.settlement.verb == Verb::Release => {
            tracing::debug!(id = item.hold.job.id, "handed back, and no longer ours")
        }
        // The first try may have been done although its answer was lost.
        Settled::Stale if tried_before => {
            tracing::debug!(id = item.hold.job.id, "settled before, or no longer ours")
        }
        Settled::Stale => tracing::warn!(
            id = item.hold.job.id,
            fence = item.hold.fence(),
            "no longer ours: nothing was written"
        ),
        Settled::Missing => tracing::error!(id = item.hold.job.id, "the job's record is gone from Redis"),
    }
    let wait = match item.settlement.verb {
        Verb::Again(wait) | Verb::Keep(wait) | Verb::Requeue(wait) | Verb::Resubmit(wait) => wait,
        Verb::TimeOut => app.settle_policy.late_interval,
        _ => Duration::ZERO,
    };
    // The permit comes back before the claimer is woken.
    drop(item.hold);
    // Nothing of this one is due before, nor much after.
    app.schedule.at_most(item.ended + wait);
    if let Some(done) = item.done {
        let _ = done.send(());
    }
    None
}
