//! Reminds Redis of what the journal knows: POSTs and generations that a Redis which went back in time forgot.
//!
//! It comes before the claims where it can, so that jobs needn't be claimed to be put right. What holds is the look
//! into the journal before each POST.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gammaq_job::State;
use gammaq_queue::Error;
use gammaq_queue::restore::Standing;
use tokio::time::{Instant, sleep};

use crate::app::App;
use crate::journal::{Journal, Line, Posted};
use crate::steps::journaled::{put_back, restore};

/// How soon a new connection, which may be one to another Redis, is noticed.
const NOTICE: Duration = Duration::from_millis(250);
/// Between two looks at what was submitted lately.
const EVERY: Duration = Duration::from_secs(30);
/// How far those go back, beside the time that a POST may take.
const LATELY: Duration = Duration::from_secs(15 * 60);
/// Jobs asked for in one round trip.
const PAGE: usize = 500;
/// Jobs named in one line of the log.
const NAMED: usize = 20;

/// Runs until it is dropped.
pub(crate) async fn run(app: Arc<App>) {
    let Some(journal) = &app.journal else { return };
    let mut compared_on = None;
    let mut next = Instant::now();
    loop {
        let connects = app.queue.link().connects();
        let all = compared_on != Some(connects);
        if all || Instant::now() >= next {
            match compare(&app, journal, all).await {
                Ok(true) => {
                    // The connection that it began on: one that was made meanwhile may lead elsewhere.
                    compared_on = Some(connects);
                    next = Instant::now() + EVERY;
                }
                Ok(false) => {}
                Err(error) => tracing::debug!(%error, "comparing the journal waits for Redis"),
            }
        }
        sleep(NOTICE).await;
    }
}

/// `all`: everything in the journal, else what was submitted lately. `false` where not all of it could be done.
async fn compare(app: &App, journal: &Journal, all: bool) -> Result<bool, Error> {
    let now = app.queue.time().await?;
    let since = if all {
        0
    } else {
        now.saturating_sub(millis(LATELY + app.lease * 2))
    };
    let Ok(posts) = journal.since(since).await else {
        return Ok(false);
    };
    let in_hand: BTreeMap<String, u64> = app.holds.list().into_iter().collect();
    let mut by_job: BTreeMap<String, Vec<Posted>> = BTreeMap::new();
    for post in posts {
        let intent = &post.intent;
        // A POST that is in this worker's hands it records itself; a later hold of the job, such as a look, does not.
        let own = intent.about.worker == app.worker && in_hand.get(&intent.about.id) == Some(&intent.fence);
        // So do others while theirs may be under way; after a new connection they may have died meanwhile.
        let theirs = !all && intent.until >= now;
        if !own && !theirs {
            by_job.entry(intent.about.id.clone()).or_default().push(post);
        }
    }
    let mut jobs: Vec<(String, Vec<Posted>)> = by_job.into_iter().collect();
    let (mut done, mut missing) = (true, Vec::new());
    for page in jobs.chunks_mut(PAGE) {
        let ids: Vec<String> = page.iter().map(|(id, _)| id.clone()).collect();
        for ((_, posts), seen) in page.iter_mut().zip(app.queue.standings(&ids).await?) {
            match seen {
                Some(seen) => done &= remind(app, journal, &seen, posts).await,
                None => missing.append(posts),
            }
        }
    }
    let swept_until = app.queue.swept_until().await?;
    missing.retain(|post| post.intent.at > swept_until);
    say_missing(app, journal, now, missing).await;
    Ok(done)
}

async fn remind(app: &App, journal: &Journal, seen: &Standing, posts: &[Posted]) -> bool {
    if seen.state == Some(State::Queued) {
        let Ok(forbidding) = journal.forbidding(seen).await else {
            return false;
        };
        // One that changed meanwhile was claimed, and is compared there.
        if !forbidding.is_empty() {
            restore(app, journal, seen, &forbidding, false).await;
        }
        return true;
    }
    let mut done = true;
    for post in posts {
        if post
            .unrecorded(seen, millis(app.queue.policy().results_ttl))
            .is_some()
        {
            done &= put_back(app, seen, post).await;
        }
    }
    done
}

/// Jobs whose records are gone, although they can't have ended and expired since they were submitted. Said once.
async fn say_missing(app: &App, journal: &Journal, now: u64, posts: Vec<Posted>) {
    let ttl = millis(app.queue.policy().results_ttl);
    let gone: Vec<Posted> = posts
        .into_iter()
        .filter(|post| !post.said_missing && now < post.intent.at.saturating_add(ttl))
        // What may be under way is not missed yet.
        .filter(|post| post.generation_id.is_some() || post.intent.until < now)
        .collect();
    if gone.is_empty() {
        return;
    }
    let ids: Vec<&str> = gone
        .iter()
        .take(NAMED)
        .map(|post| post.intent.about.id.as_str())
        .collect();
    tracing::error!(
        jobs = gone.len(),
        ?ids,
        "submitted by this host, and gone from Redis: see `gammaq doctor`"
    );
    for post in &gone {
        // Said in `events`, and on no record, as there is none.
        let said = post.generation_id.is_none() || put_back(app, &nothing(post), post).await;
        if said {
            journal.note(Line::Missing {
                about: post.intent.about.clone(),
            });
        }
    }
}

/// A record that isn't there.
fn nothing(post: &Posted) -> Standing {
    Standing {
        id: post.intent.about.id.clone(),
        state: None,
        seq: 0,
        created_at: 0,
        attempts: 0,
        intent: String::new(),
        entry_id: String::new(),
        fingerprint: String::new(),
        account: post.intent.account.clone(),
        kind: gammaq_job::Kind::default(),
        timeout: None,
        generations: std::collections::BTreeSet::new(),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
