//! Reads the inbox, judges its entries and makes them jobs.

use std::sync::Arc;
use std::time::Duration;

use gammaq_job::entry::{Entry, judge};
use gammaq_queue::accept::{AcceptItem, Accepted};
use gammaq_queue::inbox::InboxEntry;
use gammaq_queue::{Error, Queue};
use tokio::time::Instant;

use crate::app::App;

/// How long a read waits for the first entry.
pub(crate) const BLOCK: Duration = Duration::from_secs(1);
/// Entries of one read: doubles while they are small.
const FIRST_COUNT: usize = 16;
const MAX_COUNT: usize = 1_000;
/// About the most bytes of one read.
const READ_BYTES: usize = 4 * 1024 * 1024;
/// Consumers that hold nothing and were not heard of for so long are forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(3600);

/// Runs until `app.stop`. `reader` is the queue over a connection of its own, since its reads block.
pub(crate) async fn run(app: Arc<App>, reader: Queue) {
    let mut count = FIRST_COUNT;
    let mut next_take_over = Instant::now();
    let mut failures = 0_u32;
    while !app.stop.is_cancelled() {
        let take_over = Instant::now() >= next_take_over;
        let read = async {
            if take_over {
                take_over_entries(&app).await?;
            }
            reader.read_inbox(&app.worker, count, BLOCK).await
        };
        let read = tokio::select! {
            () = app.stop.cancelled() => return,
            read = read => read,
        };
        if take_over && read.is_ok() {
            next_take_over = Instant::now() + app.lease / 2;
        }
        match read {
            Ok(entries) => {
                failures = 0;
                let bytes: usize = entries.iter().map(size).sum();
                count = if bytes > READ_BYTES {
                    FIRST_COUNT
                } else {
                    (count * 2).min(MAX_COUNT)
                };
                accept(&app, entries).await;
            }
            Err(Error::NoGroup) => {
                // The inbox was deleted with its group: what was in it then is gone, what comes is read.
                tracing::warn!("the inbox's consumer group was gone; made again");
                if let Err(error) = app.queue.create_inbox().await {
                    tracing::warn!(%error, "the inbox could not be made");
                }
            }
            Err(error) => {
                failures = failures.saturating_add(1);
                if failures.is_power_of_two() {
                    tracing::warn!(%error, failures, "intake waits for Redis");
                }
                tokio::time::sleep(Duration::from_millis(50) * failures.min(10)).await;
            }
        }
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
        let (next, entries) = app
            .queue
            .take_over_entries(&app.worker, app.lease, &cursor, FIRST_COUNT)
            .await?;
        if !entries.is_empty() {
            tracing::info!(
                entries = entries.len(),
                "took over entries of the inbox that another worker left"
            );
            accept(app, entries).await;
        }
        if next == "0-0" || next.is_empty() || app.stop.is_cancelled() {
            break;
        }
        cursor = next;
    }
    app.queue.forget_consumers(FORGET_AFTER).await
}

/// Accepts entries, again and again until Redis has them or the worker stops: then they are another's after a lease.
async fn accept(app: &App, entries: Vec<InboxEntry>) {
    if entries.is_empty() {
        return;
    }
    let items: Vec<AcceptItem> = entries
        .into_iter()
        .map(|entry| {
            let judged = judge(&Entry {
                entry_id: &entry.id,
                fields: &entry.fields,
            });
            let account_known = app.knows(judged.job().account.as_str());
            AcceptItem {
                entry_id: entry.id,
                judged,
                account_known,
            }
        })
        .collect();
    let mut wait = Duration::from_millis(50);
    while !app.stop.is_cancelled() {
        match app.queue.accept_jobs(&app.worker, &items).await {
            Ok(outcomes) => {
                report(&items, &outcomes);
                app.schedule.at_most(Instant::now());
                return;
            }
            Err(error) => {
                tracing::warn!(%error, entries = items.len(), "accepting entries waits for Redis");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(Duration::from_secs(1));
            }
        }
    }
}

fn report(items: &[AcceptItem], outcomes: &[Accepted]) {
    for (item, outcome) in items.iter().zip(outcomes) {
        let job = item.judged.job();
        match outcome {
            Accepted::Queued => tracing::info!(id = %job.id, account = %job.account, "queued"),
            Accepted::Failed => {
                tracing::warn!(id = %job.id, account = %job.account, "failed at once: see its error")
            }
            Accepted::Known => tracing::debug!(id = %job.id, "known already"),
            Accepted::Conflict => {
                tracing::warn!(id = %job.id, "another request under a known id: nothing changed")
            }
            Accepted::Gone => tracing::debug!(entry = item.entry_id, "taken in by another worker"),
        }
    }
}
