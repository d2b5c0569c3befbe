//! Carries out the commands of the control stream, whoever appended them.
//!
//! Every worker does, in the order of the stream: a command leaves it in the step that carries it out, so the first that comes to
//! it does it, and the others find it gone.

use std::sync::Arc;
use std::time::Duration;

use gammaq_job::command::{Command, asker};
use gammaq_job::{BadCommand, Kind};
use gammaq_queue::Error;
use gammaq_queue::inbox::InboxEntry;
use gammaq_queue::operate::{Answer, Asker, Outcome, Timeouts};
use tokio::time::{Instant, sleep};

use crate::app::App;

/// Between two looks into the stream: people wait for it.
const EVERY: Duration = Duration::from_secs(1);
/// Commands of one read.
const COUNT: usize = 16;

/// Runs until `app.stop`.
pub(crate) async fn run(app: Arc<App>) {
    let mut failures = 0_u32;
    while !app.stop.is_cancelled() {
        // In another life of the queue nothing is begun here, nor decided.
        if app.halt.is_halted() {
            return app.stop.cancelled().await;
        }
        match carry_out_all(&app).await {
            Ok(()) => failures = 0,
            Err(error @ Error::NewerSchema { .. }) => app.end(error),
            Err(error) => {
                failures = failures.saturating_add(1);
                if failures.is_power_of_two() {
                    tracing::debug!(%error, failures, "the control stream waits for Redis");
                }
            }
        }
        tokio::select! {
            biased;
            () = app.stop.cancelled() => return,
            () = sleep(EVERY) => {}
        }
    }
}

/// One that fails is tried again before those after it.
async fn carry_out_all(app: &App) -> Result<(), Error> {
    loop {
        let entries = app.queue.commands(COUNT).await?;
        for entry in &entries {
            carry_out(app, entry).await?;
        }
        if entries.len() < COUNT || app.stop.is_cancelled() {
            return Ok(());
        }
    }
}

async fn carry_out(app: &App, entry: &InboxEntry) -> Result<(), Error> {
    let by = asker(&entry.fields).unwrap_or_else(|| format!("control:{}", entry.id));
    let asker = Asker {
        by: &by,
        worker: &app.worker,
        entry: &entry.id,
    };
    let read = Command::read(&entry.fields);
    let answer = match &read {
        Ok(command) => app.queue.operate(&asker, command, &timeouts(app)).await,
        Err(bad) => app.queue.refuse_command(&asker, bad).await,
    };
    let answer = match answer {
        // Something of another type than it should be: that doesn't pass, and others wait behind it.
        Err(Error::Refused(why)) => {
            let bad = BadCommand {
                id: read.as_ref().ok().and_then(Command::id).cloned(),
                why: format!("it can't be carried out: {}", gammaq_job::json::cut(&why, 200)),
            };
            app.queue.refuse_command(&asker, &bad).await?
        }
        answer => answer?,
    };
    report(&asker, read.as_ref().ok(), &answer);
    if matches!(answer.outcome, Outcome::Done | Outcome::Noted) {
        // What it put in line, or let go on, goes at once.
        app.schedule.at_most(Instant::now());
    }
    Ok(())
}

/// From now to a new deadline.
fn timeouts(app: &App) -> Timeouts {
    Timeouts {
        classic: app.timeout(Kind::Generation),
        agent: app.timeout(Kind::Agent),
    }
}

fn report(asker: &Asker<'_>, command: Option<&Command>, answer: &Answer) {
    let Asker { by, entry, .. } = asker;
    let op = command.map_or("unknown", Command::op);
    let id = command
        .and_then(Command::id)
        .map(gammaq_job::JobId::as_str)
        .unwrap_or_default();
    let text = &answer.text;
    match answer.outcome {
        Outcome::Gone => tracing::debug!(entry, "carried out by another worker"),
        outcome if outcome.is_good() => {
            tracing::info!(op, id, by, entry, text, "a command was carried out");
        }
        _ => tracing::warn!(op, id, by, entry, text, "a command changed nothing"),
    }
}
