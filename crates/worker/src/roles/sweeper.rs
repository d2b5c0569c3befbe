//! Takes ended jobs away that need not be kept any longer: older than `results.ttl`, or more than `results.max_jobs`; and
//! before that their copies, where there is a store and `exports.keep_files` is false.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use gammaq_crash::at;
use gammaq_files::Files;
use gammaq_job::{JobId, State};
use gammaq_queue::Error;
use gammaq_queue::sweep::{Fate, OldJob, SWEPT};
use tokio::time::{Instant, sleep};

use crate::app::App;
use crate::downloads::Downloads;

/// Between two rounds.
const EVERY: Duration = Duration::from_secs(30);
/// Jobs of one call: what bounds the time for which others wait; `make bench-sweep` measures it.
const BATCH: usize = 50;
/// So many jobs of a page whose copies all stay: the store takes no delete at present.
const REFUSED: usize = 10;
/// The least time between two calls. A long one is followed by as long a pause, so that others have half of Redis.
const PAUSE: Duration = Duration::from_millis(1);

/// Jobs that stay since their copies could not be removed.
#[derive(Debug, Default)]
struct Stuck {
    jobs: usize,
    why: String,
    rounds: u32,
}

/// Runs until it is dropped.
pub(crate) async fn run(app: Arc<App>) {
    // Soon at first, for a setting that was just made smaller. Spread, so that many workers don't sweep together.
    let mut wait = EVERY.mul_f64(0.1 * app.chance.fraction());
    let mut stuck = Stuck::default();
    loop {
        sleep(wait).await;
        wait = EVERY.mul_f64(0.5 + app.chance.fraction());
        let mut began = Instant::now();
        while let Ok(1..) = app.queue.drop_links(BATCH).await {
            sleep(began.elapsed().max(PAUSE)).await;
            began = Instant::now();
        }
        let mut taken = 0;
        for state in SWEPT {
            match sweep(&app, state, &mut stuck).await {
                Ok(number) => taken += number,
                Err(error) => {
                    tracing::debug!(%error, "sweeping waits for Redis");
                    break;
                }
            }
        }
        stuck.tell();
        if taken > 0 {
            tracing::debug!(taken, "swept");
        }
    }
}

/// Sweeps one index from its oldest entry on, until one is to be kept. Answers how many were taken.
async fn sweep(app: &App, state: State, stuck: &mut Stuck) -> Result<u64, Error> {
    let (mut all, mut from) = (0, 0);
    loop {
        let began = Instant::now();
        let mut page = at("sweep_look", app.queue.old_jobs(state, from, BATCH)).await?;
        let (mut kept, mut refused) = (0, false);
        // What jobs have outside of Redis goes before their records do: whoever ends in between finds them again.
        if let Some(files) = app.downloads.as_ref().and_then(Downloads::swept)
            && page.iter().any(|job| job.fate.takes_files())
        {
            (page, kept, refused) =
                at("sweep_files", Box::pin(remove(app, files, (state, from), stuck))).await?;
        }
        let taken = at("sweep_take", app.queue.take_jobs(state, &page)).await?;
        all += taken;
        let held = page.iter().filter(|job| job.fate == Fate::Held).count() + kept;
        from += held;
        let has_kept = page.iter().any(|job| job.fate == Fate::Kept);
        // Where neither was, another worker sweeps, or a newer layout forbids it.
        if page.len() + kept < BATCH || has_kept || (taken == 0 && held == 0) || refused {
            return Ok(all);
        }
        at("sweep_pause", sleep(began.elapsed().max(PAUSE))).await;
    }
}

/// Removes the copies of those jobs of a page that go. Answers the page as it was looked at for that, without those whose
/// copies are still there, the number of these, and whether the store refuses them all.
///
/// The look is made here once more, since what an earlier one said may be over: see [`Files::removal`].
async fn remove(
    app: &App,
    files: &Files,
    (state, from): (State, usize),
    stuck: &mut Stuck,
) -> Result<(Vec<OldJob>, usize, bool), Error> {
    let removal = at("remove_begin", files.removal()).await;
    let mut page = at("remove_look", app.queue.old_jobs(state, from, BATCH)).await?;
    // An index may hold anything that somebody wrote there by hand, and it must not name a file elsewhere.
    let going = |job: &&OldJob| job.fate.takes_files() && job.id.parse::<JobId>().is_ok();
    let ids: BTreeSet<String> = page.iter().filter(going).map(|job| job.id.clone()).collect();
    let (gone, trouble) = match removal {
        Ok(removal) => {
            let ids = ids.iter().map(String::as_str).collect();
            let removed = at("remove_copies", removal.remove(&ids)).await;
            (removed.gone, removed.trouble)
        }
        Err(why) => (BTreeSet::new(), Some(why)),
    };
    let before = page.len();
    page.retain(|job| !job.fate.takes_files() || !ids.contains(&job.id) || gone.contains(&job.id));
    let kept = before - page.len();
    if kept > 0 {
        stuck.jobs += kept;
        stuck.why = trouble.unwrap_or_default();
    }
    Ok((page, kept, gone.is_empty() && kept >= REFUSED))
}

impl Stuck {
    /// Says so once, and then ever more rarely while it lasts.
    fn tell(&mut self) {
        if self.jobs == 0 {
            if self.rounds > 0 {
                tracing::info!("copies of swept jobs can be removed again");
            }
            self.rounds = 0;
            return;
        }
        self.rounds = self.rounds.saturating_add(1);
        if self.rounds.is_power_of_two() {
            tracing::warn!(
                jobs = self.jobs,
                why = self.why,
                "their copies could not be removed: they are kept for the next sweep (exports.keep_files = true would leave copies)"
            );
        }
        self.jobs = 0;
    }
}
