//! What the lines of a journal say together, and what Redis doesn't know of it.

use std::collections::HashMap;

use gammaq_queue::restore::Standing;

use super::line::{About, Ending, Intent, Line};

/// One POST, as the journal has it.
#[derive(Debug, Clone)]
pub(crate) struct Posted {
    /// What was written before it. Its `seq`, `created_at` and `attempt` are those under which Redis was told of it.
    pub(crate) intent: Intent,
    /// How it ended; `None` where a generation is known, it is under way, or its worker died.
    pub(crate) ending: Option<Ending>,
    /// What it made, if that is known.
    pub(crate) generation_id: Option<String>,
    /// It was said already that the job's record is gone.
    pub(crate) said_missing: bool,
}

impl Posted {
    /// Whether something may have come of it: a generation, or nobody knows.
    pub(crate) fn counts(&self) -> bool {
        self.generation_id.is_some() || !self.ending.is_some_and(Ending::is_free)
    }

    /// Whether Redis knows of this very attempt.
    ///
    /// The attempts of a record are counted, so a count above this one's number is not enough by itself: after a
    /// restore the same number is given out again. The last attempt has its name on the record, and that is compared.
    pub(crate) fn is_known(&self, seen: &Standing) -> bool {
        let own = self.intent.attempt;
        self.is_of(seen)
            && own < seen.attempts
            && (own + 1 < seen.attempts || seen.intent == self.intent.intent)
    }

    /// Whether it is the last attempt that Redis knows of.
    pub(crate) fn is_last(&self, seen: &Standing) -> bool {
        self.is_known(seen) && self.intent.attempt + 1 == seen.attempts
    }

    /// Whether this record is the one that was submitted, and not another one of the same id.
    pub(crate) fn is_of(&self, seen: &Standing) -> bool {
        self.intent.seq == seen.seq && self.intent.created_at == seen.created_at
    }

    /// Whether the id may rightly belong to another job by now. A record is kept for `memory` after its end, so
    /// before that the id was not free. An entry that was taken in a second time is the same job at any time.
    fn was_free_again(&self, seen: &Standing, memory: u64) -> bool {
        seen.entry_id != self.intent.entry_id && seen.created_at >= self.intent.at.saturating_add(memory)
    }

    /// Whether what it made stands on the record.
    pub(crate) fn is_recorded(&self, seen: &Standing) -> bool {
        self.generation_id
            .as_ref()
            .is_some_and(|generation| seen.generations.contains(generation))
    }

    /// Whether it forbids to submit the job as Redis shows it.
    pub(super) fn forbids(&self, seen: &Standing, memory: u64) -> bool {
        self.counts()
            && !self.is_known(seen)
            && !self.is_recorded(seen)
            && (self.is_of(seen) || !self.was_free_again(seen, memory))
    }

    /// The generation that it made, where the record, which is not queued, should have it and has not. What an
    /// operator or the policy had sent again may have been taken off on purpose; the last attempt's may not.
    pub(crate) fn unrecorded(&self, seen: &Standing, memory: u64) -> Option<&str> {
        let lost = self.forbids(seen, memory) || (self.is_last(seen) && !self.is_recorded(seen));
        let same = self.intent.fingerprint == seen.fingerprint;
        self.generation_id.as_deref().filter(|_| lost && same)
    }
}

/// Every POST of one queue.
#[derive(Debug)]
pub(crate) struct Index {
    queue: String,
    /// How long an id is not free after a POST, milliseconds.
    memory: u64,
    posts: HashMap<String, Vec<Posted>>,
    /// Lines that were read before the intent that they are about: another file has it.
    early: HashMap<About, Vec<Line>>,
}

impl Index {
    /// Of the queue whose keys begin with `queue`, where records are kept for `memory` milliseconds after their end.
    pub(crate) fn new(queue: &str, memory: u64) -> Self {
        Self {
            queue: queue.to_owned(),
            memory,
            posts: HashMap::new(),
            early: HashMap::new(),
        }
    }

    /// Takes a line in; each may come more than once.
    pub(crate) fn add(&mut self, line: Line) {
        let about = match line {
            Line::Segment { .. } => return,
            Line::Intent(intent) => return self.add_intent(intent),
            Line::Outcome { ref about, .. }
            | Line::Generation { ref about, .. }
            | Line::Adopted { ref about, .. }
            | Line::Missing { ref about } => about.clone(),
        };
        match self.find(&about) {
            Some(post) => apply(post, line),
            None => self.early.entry(about).or_default().push(line),
        }
    }

    fn add_intent(&mut self, intent: Intent) {
        if intent.queue != self.queue || self.find(&intent.about).is_some() {
            return;
        }
        let early = self.early.remove(&intent.about).unwrap_or_default();
        let mut post = Posted {
            intent,
            ending: None,
            generation_id: None,
            said_missing: false,
        };
        early.into_iter().for_each(|line| apply(&mut post, line));
        self.posts
            .entry(post.intent.about.id.clone())
            .or_default()
            .push(post);
    }

    fn find(&mut self, about: &About) -> Option<&mut Posted> {
        let posts = self.posts.get_mut(&about.id)?;
        posts.iter_mut().find(|post| post.intent.about == *about)
    }

    /// The POSTs that forbid to submit the job as Redis shows it, oldest first; `own` is the one that asks.
    pub(crate) fn forbidding(&self, seen: &Standing, own: Option<&About>) -> Vec<Posted> {
        let posts = self.posts.get(&seen.id).map_or(&[][..], Vec::as_slice);
        let mut forbidding: Vec<Posted> = posts
            .iter()
            .filter(|post| own != Some(&post.intent.about) && post.forbids(seen, self.memory))
            .cloned()
            .collect();
        forbidding.sort_by_key(|post| (post.intent.at, post.intent.attempt));
        forbidding
    }

    /// The POSTs begun at `since` or later of which something may have come, oldest first.
    pub(crate) fn since(&self, since: u64) -> Vec<Posted> {
        let mut posts: Vec<Posted> = self
            .posts
            .values()
            .flatten()
            .filter(|post| post.intent.at >= since && post.counts())
            .cloned()
            .collect();
        posts.sort_by_key(|post| post.intent.at);
        posts
    }

    /// Forgets POSTs begun more than `keep` milliseconds before the last one: their files are gone, or will be.
    pub(super) fn forget(&mut self, keep: u64) {
        let last = self.posts.values().flatten().map(|post| post.intent.at).max();
        let first = last.unwrap_or(0).saturating_sub(keep);
        self.posts.retain(|_, posts| {
            posts.retain(|post| post.intent.at >= first);
            !posts.is_empty()
        });
    }
}

fn apply(post: &mut Posted, line: Line) {
    match line {
        Line::Outcome { outcome, .. } => post.ending = Some(outcome),
        Line::Generation { generation_id, .. } => post.generation_id = Some(generation_id),
        Line::Adopted {
            seq,
            created_at,
            attempt,
            ..
        } => {
            post.intent.seq = seq;
            post.intent.created_at = created_at;
            post.intent.attempt = attempt;
        }
        Line::Missing { .. } => post.said_missing = true,
        Line::Segment { .. } | Line::Intent(_) => {}
    }
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
