//! Claims jobs: takes permits first, then as many jobs from Redis, and sleeps until there is something to do.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use gammaq_crash::at;
use gammaq_queue::Error;
use gammaq_queue::claim::{Claim, ClaimRequest, Step};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;

use crate::app::App;
use crate::hold::Hold;
use crate::settler::SettleLayer;

/// The longest sleep: other workers hand jobs back, and pauses are lifted, without telling this one.
const IDLE: Duration = Duration::from_secs(1);
/// The shortest time between two claims: what becomes due within it is claimed together.
const GAP: Duration = Duration::from_millis(2);
/// The same after a claim that brought many jobs: what a call costs is shared by more, and nobody waits long for it.
const CROWDED_GAP: Duration = Duration::from_millis(8);
/// How many jobs are many.
const CROWD: usize = 4;
/// Looks handed out by the first claim, when nobody knows yet how much waits.
const FIRST_LOOKS: usize = 16;
/// The most accounts of other workers that a claim names.
const MAX_FOREIGN: usize = 1_000;

/// Works off a backlog of looks at no more than twice the usual rate, all workers together.
#[derive(Debug)]
struct Pace {
    looks: usize,
    since: Instant,
}

impl Pace {
    /// How many looks the next claim may hand out, given what the last one saw.
    fn after(&mut self, claim: &Claim, interval: Duration, workers: u64) -> Option<Duration> {
        let behind = claim.oldest_late > interval * 2;
        let elapsed = self.since.elapsed();
        self.since = Instant::now();
        if !behind {
            self.looks = usize::MAX;
            return None;
        }
        // The usual rate is every scheduled job once an interval.
        let per_second =
            2.0 * claim.due_count as f64 / interval.as_secs_f64().max(0.001) / workers.max(1) as f64;
        let wait = Duration::from_secs_f64((1.0 / per_second.max(1.0)).clamp(0.01, 0.25));
        self.looks =
            ((per_second * elapsed.max(wait).min(Duration::from_secs(1)).as_secs_f64()) as usize).max(1);
        Some(wait)
    }
}

/// Runs until `app.stop`. Ends with every claimed job handed on.
pub(crate) async fn run(app: Arc<App>, claimed: mpsc::Sender<Arc<Hold>>, settle: SettleLayer) {
    let permits = Arc::clone(&app.permits);
    let mut pace = Pace {
        looks: FIRST_LOOKS,
        since: Instant::now(),
    };
    let mut failures = 0_u32;
    let mut lost: Option<LostClaim> = None;
    let mut connects = app.queue.link().connects();
    let mut not_before = Instant::now();
    loop {
        app.pulses.claimer.beat();
        let permit = tokio::select! {
            biased;
            () = app.stop.cancelled() => {
                if let Some(claim) = &lost {
                    recover(&app, claim).await;
                }
                app.pulses.claimer.rest();
                return;
            }
            permit = next_permit(&app, &permits, not_before) => permit,
        };
        let Some(permit) = permit else { return };
        let mut taken = vec![permit];
        while taken.len() < app.concurrency.min(1_000) {
            let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else {
                break;
            };
            taken.push(permit);
        }
        // Before the question: what is planned while the answer is under way must not be forgotten.
        app.schedule.put_off_to(Instant::now() + IDLE);
        let reconnected = app.queue.link().connects() != connects;
        connects = app.queue.link().connects();
        if reconnected && lost.is_none() {
            // Perhaps to another server, which may know of claims and not of what gave them back.
            let now = app.clock.estimate();
            lost = Some(LostClaim {
                since: now.saturating_sub(u64::try_from(app.lease.as_millis()).unwrap_or(0)),
                until: now,
            });
        }
        if let Some(claim) = &lost
            && recover(&app, claim).await
        {
            lost = None;
        }
        let connects_before = app.queue.link().connects();
        let (asked, asked_at) = (Instant::now(), app.clock.estimate());
        let not_after = asked_at + app.patience_ms();
        let answer = claim(&app, taken.len(), pace.looks, not_after).await;
        app.note_claim(answer.is_err());
        match answer {
            Ok(claim) => {
                if failures > 0 {
                    tracing::info!(failures, "claiming again");
                }
                failures = 0;
                if claim.jobs.len() >= CROWD {
                    not_before = Instant::now() + CROWDED_GAP;
                }
                let slower = pace.after(
                    &claim,
                    app.rules.interval,
                    app.live_workers.load(Ordering::Relaxed),
                );
                plan(&app, &claim, slower);
                // Over a connection that was made for it, or is doubted by now.
                let doubtful = app.queue.link().connects() != connects_before || app.budgets_in_doubt();
                hand_on(&app, (claim, asked), taken, &claimed, &settle, doubtful).await;
            }
            Err(error @ Error::NewerSchema { .. }) => app.end(error),
            Err(error) => {
                failures = failures.saturating_add(1);
                pace.looks = FIRST_LOOKS;
                // What was not proven not to have run may have claimed something, an answer that can't be read too.
                if !matches!(error, Error::Unreachable(_)) {
                    let since = lost.map_or(asked_at, |lost| lost.since);
                    lost = Some(LostClaim {
                        since,
                        until: not_after,
                    });
                }
                if failures.is_power_of_two() {
                    tracing::warn!(%error, failures, "claiming waits for Redis");
                }
                let wait = Duration::from_millis(50) * failures.min(10);
                app.schedule.put_off_to(Instant::now() + wait);
            }
        }
    }
}

async fn next_permit(
    app: &App,
    permits: &Arc<Semaphore>,
    not_before: Instant,
) -> Option<OwnedSemaphorePermit> {
    app.schedule.wait().await;
    tokio::time::sleep_until(not_before).await;
    // All of them may be in use for as long as steps take.
    app.pulses.claimer.rest();
    let permit = Arc::clone(permits).acquire_owned().await.ok();
    app.pulses.claimer.beat();
    permit
}

async fn claim(app: &App, want: usize, looks: usize, not_after: u64) -> Result<Claim, Error> {
    // A halted worker submits nothing whatever they are.
    if app.budgets_in_doubt() && !app.halt.is_halted() {
        app.budgets.doubt();
    }
    let foreign = app.foreign();
    let request = ClaimRequest {
        worker: &app.worker,
        want,
        lease: app.lease,
        on_ambiguous: app.rules.on_ambiguous,
        spread: app.settle_policy.spread,
        looks,
        submits: if app.starts_nothing() { 0 } else { want },
        not_after,
        foreign: &foreign,
    };
    let asked = Instant::now();
    let claim = at("claim", app.queue.claim_jobs(&request)).await?;
    app.measures.claim.record(asked.elapsed());
    app.vitals.asked();
    for job in claim.jobs.iter().filter(|job| job.step == Step::Look) {
        app.measures.poll_lateness.record(job.late);
    }
    app.clock.heard(claim.now);
    if claim.reset {
        app.halt.halt();
    }
    if claim.newer > 0 {
        tracing::warn!(
            jobs = claim.newer,
            "left to newer workers: their records are of a version that this worker does not know"
        );
    }
    Ok(claim)
}

/// Claims whose answers were lost, or whose end was: made at `since` or later, and none of them later than `until` (Redis's time).
#[derive(Debug, Clone, Copy)]
struct LostClaim {
    since: u64,
    until: u64,
}

impl LostClaim {
    /// When the leases of such claims end, as far as a question that is asked at `asked_at` may speak of them; `None`
    /// where it would be too early.
    ///
    /// The question may reach Redis long after its answer was given up, when this worker has claimed again and works on
    /// what it got. So it names nothing that was claimed once it was asked: what such claims take then is found by the
    /// next one.
    fn ends(&self, asked_at: u64, lease: Duration) -> Option<RangeInclusive<u64>> {
        let lease = u64::try_from(lease.as_millis()).unwrap_or(0);
        let until = self.until.min(asked_at.saturating_sub(1));
        (self.since <= until).then(|| self.since + lease..=until + lease)
    }
}

/// Gives back what such claims took; `true` when nothing more can come of them. This task alone claims, so what is
/// this worker's and not in its hands is nobody's.
async fn recover(app: &App, lost: &LostClaim) -> bool {
    let asked_at = app.clock.estimate();
    let over = asked_at > lost.until;
    let Some(ends) = lost.ends(asked_at, app.lease) else {
        return false;
    };
    match app
        .queue
        .recover_claims(&app.worker, ends, &app.holds.list())
        .await
    {
        Ok((0, more)) => over && !more,
        Ok((jobs, _)) => {
            tracing::warn!(jobs, "given back: claimed by this worker, and in nobody's hands");
            false
        }
        Err(error) => {
            tracing::debug!(%error, "giving back waits for Redis");
            false
        }
    }
}

fn plan(app: &App, claim: &Claim, slower: Option<Duration>) {
    let Some(next_at) = claim.next_at else { return };
    let shortest = slower.unwrap_or(GAP);
    app.schedule
        .at_most(app.clock.instant(next_at).max(Instant::now() + shortest));
}

async fn hand_on(
    app: &App,
    (claim, asked): (Claim, Instant),
    permits: Vec<OwnedSemaphorePermit>,
    claimed: &mpsc::Sender<Arc<Hold>>,
    settle: &SettleLayer,
    doubtful: bool,
) {
    for (job, permit) in claim.jobs.into_iter().zip(permits) {
        let foreign = !app.knows(&job.account);
        let doubtful = doubtful && job.step == Step::Submit;
        let account = job.account.clone();
        let (id, fence) = (job.id.clone(), job.fence);
        let Some(hold) = app.holds.take(job, permit, app.claimed_lease(asked)) else {
            // What is in hand has the same fence, and ends this hold too; else the lease ends by itself.
            tracing::warn!(
                id,
                fence,
                "claimed, but still in hand: Redis forgot the claim before it"
            );
            continue;
        };
        if app.stop.is_cancelled() || doubtful {
            settle.hand_back(hold);
        } else if foreign {
            if app.add_foreign(&account, MAX_FOREIGN) {
                tracing::warn!(
                    account,
                    "no key for this account here: its jobs are left to other workers"
                );
            }
            settle.hand_back(hold);
        } else if let Err(refused) = at("hand_on", claimed.send(hold)).await {
            // The worker stops.
            settle.hand_back(refused.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_about_lost_claims_names_nothing_that_is_claimed_after_it() {
        let lost = LostClaim {
            since: 1_000,
            until: 3_000,
        };
        let lease = Duration::from_secs(60);
        for (asked_at, ends) in [
            (900, None),
            (1_000, None),
            (1_001, Some(61_000..=61_000)),
            (2_000, Some(61_000..=61_999)),
            (3_001, Some(61_000..=63_000)),
            (99_000, Some(61_000..=63_000)),
        ] {
            assert_eq!(lost.ends(asked_at, lease), ends, "asked at {asked_at}");
        }
    }
}
