//! Reads the inbox, judges its entries and makes them jobs.

use std::sync::Arc;
use std::time::Duration;

use gammaq_job::entry::{Entry, judge};
use gammaq_queue::accept::{AcceptItem, Accepted};
use gammaq_queue::inbox::InboxEntry;
use gammaq_queue::{Error, Queue};
use tokio::time::Instant;

use crate::app::App;
use crate::traces::Accepting;

/// How long a read waits for the first entry; a worker that is to stop waits for it, too. The server is not asked to end it
/// (`CLIENT UNBLOCK`): Redis 7.0 crashes where that comes while writes are paused, as in a `FAILOVER`.
pub(crate) const BLOCK: Duration = Duration::from_millis(800);
/// Entries of one read: doubles while they are small and plenty.
const FIRST_COUNT: usize = 16;
/// Redis does nothing else for as long as a call takes: these are a few milliseconds.
const MAX_COUNT: usize = 128;
/// About the most bytes of one call of the script.
const CALL_BYTES: usize = 4 * 1024 * 1024;
/// Consumers that hold nothing and were not heard of for so long are forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(3600);

/// Runs until `app.stop`. `reader` is the queue over a connection of its own, since its reads block.
///
/// A read is never dropped half-way: Redis would have given its entries to this worker, and no other would see
/// them before a lease has passed.
///
/// While Redis makes jobs of the entries of one read, the next ones are read and judged.
pub(crate) async fn run(app: Arc<App>, reader: Queue) {
    let mut count = FIRST_COUNT;
    let mut next_take_over = Instant::now();
    let mut failures = 0_u32;
    let mut again = Again::default();
    let mut judged = Vec::new();
    while !app.stop.is_cancelled() {
        app.pulses.intake.beat();
        if app.halt.is_halted() {
            app.pulses.intake.rest();
            // Entries given to this worker would wait out a lease before another gets them.
            return app.stop.cancelled().await;
        }
        let take_over = Instant::now() >= next_take_over;
        let read = async {
            if take_over {
                take_over_entries(&app).await?;
            }
            let entries = match again.after() {
                Some(after) => app.queue.read_again(&app.worker, &after, FIRST_COUNT).await,
                None => reader.read_inbox(&app.worker, count, BLOCK).await,
            }?;
            let (next, last) = (
                next_count(count, &entries),
                entries.last().map(|it| it.id.clone()),
            );
            Ok((next, last, judge_all(&app, entries)))
        };
        let accepting = accept_all(&app, std::mem::take(&mut judged));
        let (read, ()) = tokio::join!(biased; read, accepting);
        if take_over && read.is_ok() {
            next_take_over = Instant::now() + app.lease / 2;
        }
        match read {
            Ok((next, last, batches)) => {
                failures = 0;
                app.vitals.asked();
                count = next;
                again.went_on(last);
                judged = batches;
            }
            Err(error) => {
                again.begin();
                count = FIRST_COUNT;
                failures = failures.saturating_add(1);
                if failures.is_power_of_two() {
                    tracing::warn!(%error, failures, "intake waits for Redis");
                }
                if let Error::NoGroup = error {
                    make_inbox(&app).await;
                }
                tokio::select! {
                    biased;
                    () = app.stop.cancelled() => {}
                    () = tokio::time::sleep(Duration::from_millis(50) * failures.min(10)) => {}
                }
            }
        }
    }
    accept_all(&app, judged).await;
    app.pulses.intake.rest();
}

/// The inbox was deleted with its group: what was in it then is gone, what comes is read. Where the whole queue is
/// gone, it is not for this worker to begin another.
async fn make_inbox(app: &App) {
    match app.queue.is_reset().await {
        Ok(true) => app.halt.halt(),
        Ok(false) => {
            if let Err(error) = app.queue.create_inbox().await {
                tracing::warn!(%error, "the inbox could not be made");
            }
        }
        Err(error) => tracing::warn!(%error, "whether the inbox is to be made can't be asked"),
    }
}

/// After a read whose answer was lost: what it was given is walked through once, and once more a while later, since a
/// command may reach Redis after the connection that it was sent on was given up.
#[derive(Debug, Default)]
struct Again {
    after: Option<String>,
    once_more: Option<Instant>,
}

/// Longer than a packet is sent again on a connection that was given up.
const ONCE_MORE: Duration = Duration::from_secs(15);

impl Again {
    fn begin(&mut self) {
        self.after = Some("0".to_owned());
        self.once_more = Some(Instant::now() + ONCE_MORE);
    }

    /// After which entry to read again; `None` where what is new comes next.
    fn after(&mut self) -> Option<String> {
        if self.once_more.is_some_and(|time| Instant::now() >= time) {
            self.once_more = None;
            self.after = Some("0".to_owned());
        }
        self.after.clone()
    }

    /// The last entry of a page; an entry that can't be accepted is passed over, so that the walk ends.
    fn went_on(&mut self, last: Option<String>) {
        if self.after.is_some() {
            self.after = last;
        }
    }
}

fn next_count(count: usize, entries: &[InboxEntry]) -> usize {
    let bytes: usize = entries.iter().map(size).sum();
    if bytes > CALL_BYTES || entries.is_empty() {
        FIRST_COUNT
    } else if entries.len() == count {
        (count * 2).min(MAX_COUNT)
    } else {
        count
    }
}

fn size(entry: &InboxEntry) -> usize {
    entry
        .fields
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum()
}

/// What a worker read and didn't accept is another's after a lease.
async fn take_over_entries(app: &App) -> Result<(), Error> {
    let mut cursor = "0-0".to_owned();
    loop {
        app.pulses.intake.beat();
        let (next, entries) = app
            .queue
            .take_over_entries(&app.worker, app.lease, &cursor, FIRST_COUNT)
            .await?;
        if !entries.is_empty() {
            tracing::info!(
                entries = entries.len(),
                "took over entries of the inbox that another worker left"
            );
            accept_all(app, judge_all(app, entries)).await;
        }
        if next == "0-0" || next.is_empty() || app.stop.is_cancelled() {
            break;
        }
        cursor = next;
    }
    app.queue.forget_consumers(FORGET_AFTER).await
}

/// Entries on their way to jobs, each with its span.
#[derive(Default)]
struct Batch {
    items: Vec<AcceptItem>,
    spans: Vec<Accepting>,
}

/// Judges entries, and puts them together into calls of bounded size.
fn judge_all(app: &App, entries: Vec<InboxEntry>) -> Vec<Batch> {
    let (mut batches, mut batch) = (Vec::new(), Batch::default());
    let mut bytes = 0;
    for entry in entries {
        bytes += size(&entry);
        let mut judged = judge(&Entry {
            entry_id: &entry.id,
            fields: &entry.slices(),
        });
        if judged.job().callback.is_some() && !app.calls_back {
            let warning = "callback: the worker that took this job in has no callbacks.secret_file; another one has to call";
            judged.job_mut().warnings.push(warning.to_owned());
        }
        batch.spans.push(Accepting::begin(app, &mut judged));
        let account_known = app.knows(judged.job().account.as_str());
        batch.items.push(AcceptItem {
            entry_id: entry.id,
            judged,
            account_known,
        });
        if bytes > CALL_BYTES {
            batches.push(std::mem::take(&mut batch));
            bytes = 0;
        }
    }
    batches.push(batch);
    batches
}

async fn accept_all(app: &App, batches: Vec<Batch>) {
    for batch in batches {
        accept_items(app, batch).await;
    }
}

/// Tries at least once, and again until Redis has them or the worker is to stop.
async fn accept_items(app: &App, batch: Batch) {
    if batch.items.is_empty() {
        return;
    }
    let mut wait = Duration::from_millis(50);
    loop {
        app.pulses.intake.beat();
        match app.queue.accept_jobs(&app.worker, &batch.items).await {
            Ok(outcomes) if outcomes.contains(&Accepted::Reset) => return app.halt.halt(),
            Ok(outcomes) => {
                report(app, batch, &outcomes);
                app.schedule.at_most(Instant::now());
                return;
            }
            Err(error @ Error::NewerSchema { .. }) => return app.end(error),
            Err(error) if !error.is_temporary() => return accept_singly(app, batch, &error).await,
            Err(error) => {
                tracing::warn!(%error, entries = batch.items.len(), "accepting entries waits for Redis");
                if app.stop.is_cancelled() {
                    return;
                }
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(Duration::from_secs(1));
            }
        }
    }
}

/// One of them can't be written: the others go through. It stays in the inbox, and is tried again after a lease.
async fn accept_singly(app: &App, mut batch: Batch, error: &Error) {
    if let [item] = batch.items.as_slice() {
        let (entry, job) = (&item.entry_id, &item.judged.job().id);
        tracing::error!(%error, entry, id = %job, "an entry can't be made a job; it stays in the inbox");
        return;
    }
    while let (Some(item), Some(span)) = (batch.items.pop(), batch.spans.pop()) {
        let single = Batch {
            items: vec![item],
            spans: vec![span],
        };
        Box::pin(accept_items(app, single)).await;
    }
}

fn report(app: &App, batch: Batch, outcomes: &[Accepted]) {
    for ((item, span), outcome) in batch.items.iter().zip(batch.spans).zip(outcomes) {
        let job = item.judged.job();
        span.end(job, *outcome);
        match outcome {
            Accepted::Queued => {
                app.measures.accepted.increment(1);
                tracing::info!(id = %job.id, account = %job.account, "queued");
            }
            Accepted::Failed => {
                app.measures.accepted.increment(1);
                app.measures.rejected.increment(1);
                tracing::warn!(id = %job.id, account = %job.account, "failed at once: see its error");
            }
            Accepted::Known => tracing::debug!(id = %job.id, "known already"),
            Accepted::Conflict => {
                tracing::warn!(id = %job.id, "another request under a known id: nothing changed")
            }
            Accepted::Gone => tracing::debug!(entry = item.entry_id, "taken in by another worker"),
            Accepted::Reset => {}
        }
    }
}
