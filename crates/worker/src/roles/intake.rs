//! Reads the inbox, judges its entries and makes them jobs.

use std::sync::Arc;
use std::time::Duration;

use gammaq_job::entry::{Entry, judge};
use gammaq_queue::accept::{AcceptItem, Accepted};
use gammaq_queue::inbox::InboxEntry;
use gammaq_queue::{Error, Queue};
use tokio::time::Instant;

use crate::app::App;

/// How long a read waits for the first entry; a worker that is to stop waits for it, too.
pub(crate) const BLOCK: Duration = Duration::from_millis(500);
/// Entries of one read: doubles while they are small and plenty.
const FIRST_COUNT: usize = 16;
const MAX_COUNT: usize = 256;
/// About the most bytes of one call of the script.
const CALL_BYTES: usize = 4 * 1024 * 1024;
/// Consumers that hold nothing and were not heard of for so long are forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(3600);

/// Runs until `app.stop`. `reader` is the queue over a connection of its own, since its reads block.
///
/// A read is never dropped half-way: Redis would have given its entries to this worker, and no other would see
/// them before a lease has passed.
pub(crate) async fn run(app: Arc<App>, reader: Queue) {
    let mut count = FIRST_COUNT;
    let mut next_take_over = Instant::now();
    let mut failures = 0_u32;
    let mut again = Again::default();
    while !app.stop.is_cancelled() {
        let take_over = Instant::now() >= next_take_over;
        let read = async {
            if take_over {
                take_over_entries(&app).await?;
            }
            match again.after() {
                Some(after) => app.queue.read_again(&app.worker, &after, FIRST_COUNT).await,
                None => reader.read_inbox(&app.worker, count, BLOCK).await,
            }
        };
        let read = read.await;
        if take_over && read.is_ok() {
            next_take_over = Instant::now() + app.lease / 2;
        }
        match read {
            Ok(entries) => {
                failures = 0;
                count = next_count(count, &entries);
                again.went_on(entries.last().map(|entry| entry.id.clone()));
                accept(&app, entries).await;
            }
            Err(error) => {
                again.begin();
                count = FIRST_COUNT;
                failures = failures.saturating_add(1);
                if failures.is_power_of_two() {
                    tracing::warn!(%error, failures, "intake waits for Redis");
                }
                if let Error::NoGroup = error {
                    // The inbox was deleted with its group: what was in it then is gone, what comes is read.
                    if let Err(error) = app.queue.create_inbox().await {
                        tracing::warn!(%error, "the inbox could not be made");
                    }
                }
                tokio::select! {
                    () = app.stop.cancelled() => {}
                    () = tokio::time::sleep(Duration::from_millis(50) * failures.min(10)) => {}
                }
            }
        }
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

/// Accepts entries, in calls of bounded size.
async fn accept(app: &App, entries: Vec<InboxEntry>) {
    let mut items = Vec::new();
    let mut bytes = 0;
    for entry in entries {
        bytes += size(&entry);
        let judged = judge(&Entry {
            entry_id: &entry.id,
            fields: &entry.fields,
        });
        let account_known = app.knows(judged.job().account.as_str());
        items.push(AcceptItem {
            entry_id: entry.id,
            judged,
            account_known,
        });
        if bytes > CALL_BYTES {
            accept_items(app, std::mem::take(&mut items)).await;
            bytes = 0;
        }
    }
    accept_items(app, items).await;
}

/// Tries at least once, and again until Redis has them or the worker is to stop.
async fn accept_items(app: &App, items: Vec<AcceptItem>) {
    if items.is_empty() {
        return;
    }
    let mut wait = Duration::from_millis(50);
    loop {
        match app.queue.accept_jobs(&app.worker, &items).await {
            Ok(outcomes) => {
                report(&items, &outcomes);
                app.schedule.at_most(Instant::now());
                return;
            }
            Err(error) if !error.is_temporary() => return accept_singly(app, items, &error).await,
            Err(error) => {
                tracing::warn!(%error, entries = items.len(), "accepting entries waits for Redis");
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
async fn accept_singly(app: &App, mut items: Vec<AcceptItem>, error: &Error) {
    if items.len() == 1 {
        let (entry, job) = (&items[0].entry_id, &items[0].judged.job().id);
        tracing::error!(%error, entry, id = %job, "an entry can't be made a job; it stays in the inbox");
        return;
    }
    while let Some(item) = items.pop() {
        Box::pin(accept_items(app, vec![item])).await;
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
