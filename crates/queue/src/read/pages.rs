//! Jobs, page by page, from the queue's own indexes.
//!
//! A page begins after a place and not at a number, so jobs that come or go meanwhile move nothing: what stays where it is
//! is told once. A job that moves from one index to another while somebody turns pages may be told in both, or in
//! neither.

mod cursor;
mod row;

use std::collections::BTreeSet;

pub use cursor::{BadCursor, CallbackList, Cursor, Section};
use gammaq_job::State;
pub use row::JobRow;

use super::batch::Batch;
use crate::{Error, Queue, value};

/// How many jobs are read in a round trip, at most, and at least.
const PAGE: usize = 500;
const SMALL_PAGE: usize = 100;
/// The most jobs that are looked at in vain for one list.
const MOST_LOOKED_AT: usize = 5_000;
/// The most accounts whose lines are gone through.
const MOST_ACCOUNTS: usize = 10_000;

/// Which jobs; what is `None` narrows nothing down.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// In this state.
    pub state: Option<State>,
    /// Of this account.
    pub account: Option<String>,
    /// Not older than this, Unix milliseconds: by the time at which they came into their final or parked state, and by
    /// that of their making where they are under way.
    pub since: Option<u64>,
    /// Whose caller is to be told of their end, or could not be.
    pub callback: Option<CallbackList>,
}

/// Some jobs: those under way by their next step, then those that wait by account and place, then those that ended, the
/// newest first.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct JobPage {
    /// The jobs.
    pub jobs: Vec<JobRow>,
    /// Where the next page begins; `None` at the end.
    pub after: Option<Cursor>,
    /// How many jobs were looked at.
    pub looked_at: usize,
    /// Whether it stopped before it had as many as were asked for, since it had looked at too many.
    pub stopped: bool,
    /// Keys that are of another type than they should be, and were left out.
    pub broken: BTreeSet<String>,
}

impl Queue {
    /// At most `limit` jobs after a place, or from the beginning.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn jobs(
        &self,
        filter: &Filter,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<JobPage, Error> {
        let mut page = JobPage::default();
        let mut seen = BTreeSet::new();
        let mut at = after.cloned();
        // Where the account decides, most of what is read may be others'.
        let size = if filter.account.is_some() {
            PAGE
        } else {
            (limit + 1).clamp(SMALL_PAGE, PAGE)
        };
        for section in self.sections(filter, after, &mut page.broken).await? {
            let mut place = at.take().filter(|it| it.section == section);
            loop {
                let entries = self
                    .entries(&section, place.as_ref(), size, &mut page.broken)
                    .await?;
                let end_of_section = entries.len() < size;
                let (entries, end_of_section) = match filter.since {
                    // An index of ended jobs is by time: what follows is older still.
                    Some(since) if section.is_past() => {
                        let young = entries.iter().take_while(|it| it.score >= since as f64).count();
                        (entries[..young].to_vec(), end_of_section || young < entries.len())
                    }
                    _ => (entries, end_of_section),
                };
                page.looked_at += entries.len();
                place = entries.last().cloned().or(place);
                for (row, entry) in self.rows(filter, &entries, &mut page.broken).await? {
                    // A job may stand in two indexes, or move from one to the next while they are read.
                    if !matches(&row, filter, &entry.section) || !seen.insert(row.id.clone()) {
                        continue;
                    }
                    if page.jobs.len() == limit {
                        // Set with the last job that is told; the one that came now only says that there are more.
                        return Ok(page);
                    }
                    page.jobs.push(row);
                    page.after = Some(entry);
                }
                if end_of_section {
                    break;
                }
                if page.looked_at - page.jobs.len() >= MOST_LOOKED_AT {
                    page.after = place;
                    page.stopped = true;
                    return Ok(page);
                }
            }
        }
        page.after = None;
        Ok(page)
    }

    /// Where such jobs stand, from the section of `after` on: what is under way, what waits, what ended.
    async fn sections(
        &self,
        filter: &Filter,
        after: Option<&Cursor>,
        broken: &mut BTreeSet<String>,
    ) -> Result<Vec<Section>, Error> {
        let wanted = |state: State| filter.state.is_none_or(|it| it == state);
        if let Some(list) = filter.callback {
            return Ok(vec![Section::Callbacks(list)]);
        }
        let mut sections = Vec::new();
        // A timed-out job that is still looked at stands in both.
        if filter.state.is_none_or(|state| !State::INDEXED.contains(&state)) {
            sections.push(Section::Due);
        }
        if wanted(State::Queued) {
            let names = match &filter.account {
                Some(name) => vec![name.clone()],
                None => {
                    let mut batch = Batch::new();
                    let end = (MOST_ACCOUNTS - 1).to_string();
                    batch.ask("ZRANGE", self.keys.accounts(), &["0", &end]);
                    let answer = batch.send(self, broken).await?.pop();
                    // By name: their order by time changes all the while.
                    let mut names = answer.map_or(Ok(Vec::new()), value::texts)?;
                    names.sort_unstable();
                    names
                }
            };
            sections.extend(names.into_iter().map(Section::Pending));
        }
        sections.extend(
            State::INDEXED
                .into_iter()
                .filter(|it| wanted(*it))
                .map(Section::Ended),
        );
        if let Some(after) = after {
            sections.retain(|it| *it >= after.section);
            // Its line may be empty by now, and its account not listed any more.
            if sections.first() != Some(&after.section) {
                sections.insert(0, after.section.clone());
            }
        }
        Ok(sections)
    }

    /// The next entries of a section, at most `size` of them.
    async fn entries(
        &self,
        section: &Section,
        after: Option<&Cursor>,
        size: usize,
        broken: &mut BTreeSet<String>,
    ) -> Result<Vec<Cursor>, Error> {
        let key = section.key(&self.keys);
        let newest_first = section.is_past();
        let begin = match after {
            Some(after) => self.rank_after(&key, after, newest_first, broken).await?,
            None => 0,
        };
        let mut batch = Batch::new();
        let range = [begin.to_string(), (begin + size as u64 - 1).to_string()];
        let command = if newest_first { "ZREVRANGE" } else { "ZRANGE" };
        batch.ask(command, key, &[&range[0], &range[1], "WITHSCORES"]);
        let answer = batch.send(self, broken).await?.pop();
        let entries = answer.map_or(Ok(Vec::new()), value::scored)?;
        let entry = |(member, score)| Cursor {
            section: section.clone(),
            score,
            member,
        };
        Ok(entries.into_iter().map(entry).collect())
    }

    /// The rank at which what follows `after` begins: behind it where it still stands there, else where it would stand.
    async fn rank_after(
        &self,
        key: &str,
        after: &Cursor,
        newest_first: bool,
        broken: &mut BTreeSet<String>,
    ) -> Result<u64, Error> {
        let score = after.score.to_string();
        let before = if newest_first {
            [format!("({score}"), "+inf".to_owned()]
        } else {
            ["-inf".to_owned(), format!("({score}")]
        };
        let rank = if newest_first { "ZREVRANK" } else { "ZRANK" };
        let mut batch = Batch::new();
        batch.ask("ZSCORE", key.to_owned(), &[&after.member]);
        batch.ask(rank, key.to_owned(), &[&after.member]);
        batch.ask("ZCOUNT", key.to_owned(), &[&before[0], &before[1]]);
        batch.ask("ZCOUNT", key.to_owned(), &[&score, &score]);
        let answers = batch.send(self, broken).await?;
        let [found, rank, before, ties] = answers.as_slice() else {
            return Ok(0);
        };
        if *found != redis::Value::Nil && value::score(found) == after.score {
            return Ok(value::number(rank) + 1);
        }
        // It is gone: what has its score stands in the order of the names, and the half that was told lies before it.
        let (mut low, mut high) = (value::number(before), value::number(before) + value::number(ties));
        while low < high {
            let middle = low + (high - low) / 2;
            let mut batch = Batch::new();
            let command = if newest_first { "ZREVRANGE" } else { "ZRANGE" };
            let at = middle.to_string();
            batch.ask(command, key.to_owned(), &[&at, &at]);
            let answer = batch.send(self, broken).await?.pop();
            let member = answer
                .map_or(Ok(Vec::new()), value::texts)?
                .pop()
                .unwrap_or_default();
            let told = if newest_first {
                member > after.member
            } else {
                member < after.member
            };
            if told { low = middle + 1 } else { high = middle }
        }
        Ok(low)
    }
}

fn matches(row: &JobRow, filter: &Filter, section: &Section) -> bool {
    let state = filter.state.is_none_or(|state| row.state == state.as_str());
    let account = filter.account.as_ref().is_none_or(|name| row.account == *name);
    let ended = section.is_past();
    let since = filter
        .since
        .is_none_or(|since| ended || row.created_at.is_some_and(|at| at >= since));
    state && account && since
}
