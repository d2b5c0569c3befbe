//! What a journal knows and Redis doesn't, for an operator to look at.

use std::path::Path;

use gammaq_job::State;
use gammaq_queue::Queue;
use gammaq_queue::restore::Standing;

use super::directory::Directory;
use super::index::{Index, Posted};
use super::millis;
use crate::Error;

/// A POST that was sent, or may have been, and that Redis shows nothing of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspect {
    /// The job.
    pub id: String,
    /// Whose key it was sent with.
    pub account: String,
    /// What Gamma made, if that is known.
    pub generation_id: Option<String>,
    /// When it was sent, Unix milliseconds.
    pub at: u64,
    /// Who sent it.
    pub worker: String,
    /// What Redis shows instead.
    pub shows: Shown,
}

/// What Redis shows of a job that a journal knows more about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// There is no such job, and it can't have ended and expired since.
    Nothing,
    /// The job, but not this POST. Queued, it is not submitted by this host: it gets its generation, or is parked.
    AnotherStory(State),
    /// The job and this POST, but not the generation that it made.
    NoGeneration(State),
    /// A record that can't be read.
    Broken,
}

/// How many jobs are asked for in one round trip.
const PAGE: usize = 500;

/// Compares the journal in `directory`, of every worker that writes there, with what Redis holds now. Changes nothing.
///
/// # Errors
/// [`Error::File`] where the directory or a file in it can't be read, [`Error::Queue`] where Redis can't.
pub async fn suspects(directory: &Path, queue: &Queue) -> Result<Vec<Suspect>, Error> {
    let ttl = millis(queue.policy().results_ttl);
    let mut index = Index::new(queue.keys().base(), ttl);
    Directory::new(directory)
        .read_new(None, |line| index.add(line))
        .map_err(|error| Error::File {
            path: directory.to_owned(),
            error,
        })?;
    let posts = index.since(0);
    let now = queue.time().await?;
    // What was swept for want of room is gone rightly.
    let swept_until = queue.swept_until().await?;
    let mut found = Vec::new();
    for page in posts.chunks(PAGE) {
        let ids: Vec<String> = page.iter().map(|post| post.intent.about.id.clone()).collect();
        let standings = queue.standings(&ids).await?;
        for (post, seen) in page.iter().zip(standings) {
            if seen.is_none() && post.intent.at <= swept_until {
                continue;
            }
            if let Some(shows) = compare(post, seen.as_ref(), now, ttl) {
                found.push(suspect(post, shows));
            }
        }
    }
    Ok(found)
}

fn suspect(post: &Posted, shows: Shown) -> Suspect {
    Suspect {
        id: post.intent.about.id.clone(),
        account: post.intent.account.clone(),
        generation_id: post.generation_id.clone(),
        at: post.intent.at,
        worker: post.intent.about.worker.clone(),
        shows,
    }
}

/// `None` where Redis knows of the POST, or need not any more.
fn compare(post: &Posted, seen: Option<&Standing>, now: u64, ttl: u64) -> Option<Shown> {
    let expired = post.intent.at.saturating_add(ttl) < now;
    let Some(seen) = seen else {
        return (!expired).then_some(Shown::Nothing);
    };
    let Some(state) = seen.state else {
        return Some(Shown::Broken);
    };
    if post.forbids(seen, ttl) {
        return Some(Shown::AnotherStory(state));
    }
    // While it is under way, its answer may be a moment old.
    let settled = now > post.intent.until;
    (settled && state != State::Queued && post.unrecorded(seen, ttl).is_some())
        .then_some(Shown::NoGeneration(state))
}
