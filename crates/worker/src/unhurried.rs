//! What nobody waits for: looks that found nothing new, of jobs that are kept. Redis is told of many together.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use gammaq_gamma::Polled;
use gammaq_job::State;
use gammaq_queue::settle::Verb;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::SendError;
use tokio::time::Instant;

use crate::app::App;
use crate::hold::Hold;
use crate::keeper::News;
use crate::outcome::Outcome;
use crate::settler::{ToSettle, settle, settle_alone};

/// The most settlements of one call: so many take Redis two milliseconds.
const UNHURRIED: usize = 150;

/// How long those are gathered that nobody waits for, if their next look isn't near.
const GATHER_UNHURRIED: Duration = Duration::from_millis(250);
/// So late are the looks of a worker that is behind.
const BEHIND: Duration = Duration::from_millis(250);

impl ToSettle {
    /// When Redis is to know of it, where nobody waits for that: long before the next look.
    fn told_by(&self) -> Instant {
        let wait = match self.settlement.verb {
            Verb::Keep(wait) => wait / 4,
            _ => Duration::ZERO,
        };
        self.ended + wait.min(GATHER_UNHURRIED)
    }
}

/// Whether this worker keeps the job until its next look, which saves a claim. Whoever is behind with its looks leaves them to
/// others, where there are any.
pub(crate) fn keeps(app: &App, hold: &Hold, outcome: &Outcome) -> bool {
    let job = &hold.job;
    let pending =
        matches!(outcome, Outcome::Looked(answer) if matches!(answer.outcome, Polled::Pending { .. }));
    pending
        && job.state == State::Generating
        && !job.probe
        && !app.stop.is_cancelled()
        && (job.late < BEHIND || app.live_workers.load(Ordering::Relaxed) < 2)
}

/// The same of what it has just submitted: whoever has no room for looks leaves them to others. Who tries out a paused account leaves its
/// looks to the schedule, which knows whether it is open; a worker that stops leaves all of them.
pub(crate) fn keeps_made(app: &App, hold: &Hold) -> bool {
    !hold.job.probe
        && !app.stop.is_cancelled()
        && !hold.lost.is_cancelled()
        && (app.permits.available_permits() > 0 || app.live_workers.load(Ordering::Relaxed) < 2)
}

/// Brings them to Redis until every sender is gone.
pub(crate) async fn run(
    app: Arc<App>,
    mut incoming: mpsc::UnboundedReceiver<ToSettle>,
    keeper: mpsc::UnboundedSender<News>,
) {
    let pulse = &app.pulses.unhurried;
    let mut gathered: Vec<ToSettle> = Vec::with_capacity(UNHURRIED);
    let mut more = true;
    while more {
        more = incoming.recv_many(&mut gathered, UNHURRIED).await > 0;
        let Some(until) = gathered.iter().map(ToSettle::told_by).min() else {
            continue;
        };
        while more && gathered.len() < UNHURRIED {
            let room = UNHURRIED - gathered.len();
            tokio::select! {
                biased;
                // It keeps nothing any more.
                () = app.stop.cancelled() => break,
                count = incoming.recv_many(&mut gathered, room) => more = count > 0,
                () = tokio::time::sleep_until(until) => break,
            }
        }
        let settled = settle(&app, std::mem::take(&mut gathered), (pulse, &keeper));
        for item in settled.await.into_iter().flatten() {
            app.spawn(settle_alone(Arc::clone(&app), item, keeper.clone()));
        }
        pulse.rest();
    }
}

/// Hands the job to the keeper, which waits for its next look; where there is none any more it is to be let go.
pub(crate) fn keep(item: ToSettle, keeper: &mpsc::UnboundedSender<News>) -> Option<ToSettle> {
    let Verb::Keep(wait) = item.settlement.verb else {
        return None;
    };
    let ToSettle {
        mut settlement,
        ended,
        hold,
        done,
    } = item;
    hold.keep();
    // The keeper has it alone: it changes what the next look is to know.
    let Err(SendError(News::Kept(hold, _))) = keeper.send(News::Kept(hold, ended + wait)) else {
        return None;
    };
    settlement.verb = Verb::Release;
    settlement.fields.clear();
    settlement.account_fields.clear();
    Some(ToSettle {
        settlement,
        ended,
        hold,
        done,
    })
}
