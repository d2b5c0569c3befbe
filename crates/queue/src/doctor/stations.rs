//! What stands around the jobs: the schema, the inbox, workers, counters, the schedule as a whole.

use std::collections::{BTreeMap, HashMap};

use gammaq_job::State;
use gammaq_job::record::SCHEMA;
use redis::Value;

use super::walk::Found;
use super::{Ailment, Finding, LONG_DUE, Report};
use crate::inbox::GROUP;
use crate::{Error, Queue, ms, value};

/// Workers that were not heard of for so long (ms) are gone.
const ALIVE_FOR: u64 = 30_000;
/// Fields of `stats` that are no whole numbers: a sum with a fraction, and the queue's mark.
const FRACTION: &str = "credits_deducted";
const MARK: &str = "queue_id";

impl Queue {
    pub(super) async fn examine_stations(&self, found: &Found, report: &mut Report) -> Result<(), Error> {
        self.examine_schema(found, report).await?;
        let inbox = self.examine_inbox(found, report).await?;
        self.examine_stats(found, report).await?;
        let now = self.time().await?;
        let late = self.examine_schedule(now, found, report).await?;
        let something = inbox > 0 || late.is_some() || !found.lines.is_empty();
        self.examine_workers(now, something, found, report).await
    }

    async fn examine_schema(&self, found: &Found, report: &mut Report) -> Result<(), Error> {
        let key = self.keys.schema();
        // A queue that nobody made yet is not ill.
        let unused = report.records == 0 && !found.inbox;
        if found.is_broken(&key) || unused {
            return Ok(());
        }
        let mut command = redis::cmd("GET");
        command.arg(&key);
        let version: Option<String> = self
            .link
            .run(async |mut c| command.query_async(&mut c).await)
            .await?;
        let what = match version.as_deref().map(str::parse::<u32>) {
            None => Ailment::SchemaMissing,
            Some(Ok(version)) if version <= SCHEMA => return Ok(()),
            Some(_) => Ailment::SchemaNewer,
        };
        let detail = format!("it is {:?}, known is {SCHEMA}", version.unwrap_or_default());
        report.add(Finding::new(what, key, detail));
        Ok(())
    }

    /// How many entries there are.
    async fn examine_inbox(&self, found: &Found, report: &mut Report) -> Result<u64, Error> {
        let key = self.keys.inbox();
        if found.is_broken(&key) || !found.inbox {
            return Ok(0);
        }
        let mut groups = redis::cmd("XINFO");
        groups.arg("GROUPS").arg(&key);
        let known: Vec<HashMap<String, Value>> = self
            .link
            .run(async |mut c| groups.query_async(&mut c).await)
            .await?;
        let is_ours = |it: &HashMap<String, Value>| it.get("name").map(value::text).as_deref() == Some(GROUP);
        let entries = self.inbox_len().await?;
        if !known.iter().any(is_ours) {
            let detail = format!("{entries} entries wait");
            report.add(Finding::new(Ailment::GroupMissing, key, detail));
            return Ok(entries);
        }
        let mut pending = redis::cmd("XPENDING");
        pending.arg(&key).arg(GROUP).arg("IDLE").arg(LONG_DUE);
        pending.arg("-").arg("+").arg(100);
        let held: Vec<Value> = self
            .link
            .run(async |mut c| pending.query_async(&mut c).await)
            .await?;
        if !held.is_empty() {
            let or_more = if held.len() == 100 { " or more" } else { "" };
            let detail = format!("{}{or_more} entries", held.len());
            report.add(Finding::new(Ailment::InboxHeld, key, detail));
        }
        Ok(entries)
    }

    async fn examine_stats(&self, found: &Found, report: &mut Report) -> Result<(), Error> {
        let key = self.keys.stats();
        if found.is_broken(&key) {
            return Ok(());
        }
        let mut command = redis::cmd("HGETALL");
        command.arg(&key);
        let stats: BTreeMap<String, String> = self
            .link
            .run(async |mut c| command.query_async(&mut c).await)
            .await?;
        let readable = |name: &str, text: &str| match name {
            MARK => true,
            FRACTION => text.parse::<f64>().is_ok_and(f64::is_finite),
            _ => text.parse::<i64>().is_ok(),
        };
        let bad: Vec<&str> = stats
            .iter()
            .filter(|(name, text)| !readable(name, text))
            .map(|(name, _)| name.as_str())
            .collect();
        if !bad.is_empty() {
            report.add(Finding::new(Ailment::StatsUnreadable, key, bad.join(", ")));
        }
        Ok(())
    }

    /// How late the oldest step is, where it is late at all.
    async fn examine_schedule(
        &self,
        now: u64,
        found: &Found,
        report: &mut Report,
    ) -> Result<Option<u64>, Error> {
        let mut late = None;
        let due = self.keys.due();
        if let Some((id, score)) = self.oldest(&due, found).await? {
            late = now.checked_sub(score);
            if late.is_some_and(|late| late > LONG_DUE) {
                let detail = format!("{id} since {} s", (now - score) / 1000);
                report.add(Finding::new(Ailment::Overdue, due, detail));
            }
        }
        for state in State::INDEXED.into_iter().filter(|it| *it != State::Ambiguous) {
            let key = self.keys.index(state);
            if let Some((id, score)) = self.oldest(&key, found).await? {
                let over = score
                    .saturating_add(ms(self.policy.results_ttl))
                    .saturating_add(2 * LONG_DUE);
                if over < now && !self.is_held(state, &id).await? {
                    let detail = format!("{id} ended {} s ago", (now - score) / 1000);
                    report.add(Finding::new(Ailment::SweepOverdue, key, detail));
                }
            }
        }
        Ok(late)
    }

    /// Whether a job stays however old it is: it timed out and is still looked at, or its caller is still to be told.
    async fn is_held(&self, state: State, id: &str) -> Result<bool, Error> {
        let looked_at = state == State::TimedOut && self.stands_in(&self.keys.due(), id).await?;
        Ok(looked_at || self.stands_in(&self.keys.callbacks(), id).await?)
    }

    async fn stands_in(&self, index: &str, id: &str) -> Result<bool, Error> {
        let mut command = redis::cmd("ZSCORE");
        command.arg(index).arg(id);
        let score: Result<Option<f64>, Error> = self
            .link
            .run(async |mut c| command.query_async(&mut c).await)
            .await;
        match score {
            Err(Error::Refused(_)) => Ok(false),
            other => Ok(other?.is_some()),
        }
    }

    async fn oldest(&self, key: &str, found: &Found) -> Result<Option<(String, u64)>, Error> {
        if found.is_broken(key) {
            return Ok(None);
        }
        let mut command = redis::cmd("ZRANGE");
        command.arg(key).arg(0).arg(0).arg("WITHSCORES");
        let oldest: Vec<(String, f64)> = self
            .link
            .run(async |mut c| command.query_async(&mut c).await)
            .await?;
        Ok(oldest.into_iter().next().map(|(id, score)| (id, score as u64)))
    }

    async fn examine_workers(
        &self,
        now: u64,
        something: bool,
        found: &Found,
        report: &mut Report,
    ) -> Result<(), Error> {
        let key = self.keys.workers();
        if found.is_broken(&key) {
            return Ok(());
        }
        let mut command = redis::cmd("ZRANGE");
        command.arg(&key).arg(0).arg(9_999).arg("WITHSCORES");
        let listed: Vec<(String, f64)> = self
            .link
            .run(async |mut c| command.query_async(&mut c).await)
            .await?;
        let listed: BTreeMap<String, u64> = listed.into_iter().map(|(id, beat)| (id, beat as u64)).collect();
        let alive = listed.values().filter(|beat| **beat + ALIVE_FOR >= now).count();
        if something && alive == 0 {
            report.add(Finding::new(
                Ailment::NoWorker,
                &key,
                "no heartbeat in the last 30 s",
            ));
        }
        if let Some((id, beat)) = listed.iter().find(|(_, beat)| **beat > now + 2_000) {
            let detail = format!("{id} beats {} ms from now", beat - now);
            report.add(Finding::new(Ailment::ClockBack, &key, detail));
        }
        for id in found.workers.iter().filter(|id| !listed.contains_key(*id)) {
            // One that just signs off has its record removed in the same moment.
            let mut there = redis::cmd("PTTL");
            there.arg(self.keys.worker(id));
            let ttl: i64 = self
                .link
                .run(async |mut c| there.query_async(&mut c).await)
                .await?;
            if ttl != -2 && !self.is_listed(id).await? {
                report.add(Finding::new(
                    Ailment::WorkerUnlisted,
                    self.keys.worker(id),
                    "it is not listed",
                ));
            }
        }
        Ok(())
    }

    async fn is_listed(&self, worker: &str) -> Result<bool, Error> {
        let mut command = redis::cmd("ZSCORE");
        command.arg(self.keys.workers()).arg(worker);
        let beat: Option<f64> = self
            .link
            .run(async |mut c| command.query_async(&mut c).await)
            .await?;
        Ok(beat.is_some())
    }
}
