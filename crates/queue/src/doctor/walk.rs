//! Every key of the queue and every entry of its indexes, page by page.

use std::collections::BTreeSet;
use std::time::Duration;

use gammaq_job::State;
use redis::Value;

use super::records::Judge;
use super::{Ailment, Finding, Report};
use crate::{Error, Queue, value};

/// Keys and entries that one command goes through.
const PAGE: usize = 500;
/// Jobs that one call of the script looks at: about a millisecond.
const LOOK: usize = 40;
/// The most jobs that are looked at a second time; where so many are ill, the rest can wait for the next examination.
const MOST_SUSPECTS: usize = 50_000;
/// After so long a job that was on its way has arrived, and a record that expired is gone with its result.
const AGAIN_AFTER: Duration = Duration::from_millis(700);

/// What a walk over all keys came upon.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Accounts with a line, a hash or a budget.
    pub(super) lines: BTreeSet<String>,
    pub(super) accounts: BTreeSet<String>,
    pub(super) budgets: BTreeSet<String>,
    pub(super) workers: BTreeSet<String>,
    /// Keys of a type that can't be used.
    pub(super) broken: BTreeSet<String>,
    pub(super) inbox: bool,
    /// Whether this user may not run the script that looks at jobs.
    denied: bool,
    /// Jobs to look at again, each with the line it was seen in.
    suspects: BTreeSet<(String, String)>,
}

impl Found {
    fn suspect(&mut self, pair: (String, String)) {
        if self.suspects.len() < MOST_SUSPECTS {
            self.suspects.insert(pair);
        }
    }

    pub(super) fn is_broken(&self, key: &str) -> bool {
        self.broken.contains(key)
    }
}

/// The type of a key by its name below the base; `None` where this version has no such key, `?` where what is there is
/// looked at with its job.
fn expected_type(name: &str) -> Option<&'static str> {
    match name.split_once(':').map_or(name, |(kind, _)| kind) {
        "job" | "result" => Some("?"),
        "inbox" | "events" | "control" => Some("stream"),
        "pending" | "budget" | "accounts" | "account_names" | "due" | "workers" | "ambiguous"
        | "completed" | "failed" | "timed_out" | "cancelled" | "callbacks" | "callback_failed" | "links"
        | "recalls" => Some("zset"),
        "account" | "worker" | "stats" | "paused" | "spent" => Some("hash"),
        "schema" => Some("string"),
        _ => None,
    }
}

impl Queue {
    fn judge(&self) -> Judge<'_> {
        Judge {
            keys: &self.keys,
            ttl: crate::ms(self.policy.results_ttl),
        }
    }

    /// One page of SCAN or ZSCAN: the next cursor and what stands there.
    async fn page(&self, command: &redis::Cmd) -> Result<(String, Vec<String>), Error> {
        let answer: Value = self
            .link
            .run(async |mut c| command.query_async(&mut c).await)
            .await?;
        let mut parts = value::list(answer)?.into_iter();
        let cursor = parts.next().as_ref().map_or_else(|| "0".to_owned(), value::text);
        Ok((cursor, parts.next().map_or(Ok(Vec::new()), value::texts)?))
    }

    /// Goes through all keys of the queue: types, records, results.
    pub(super) async fn examine_keys(&self, report: &mut Report) -> Result<Found, Error> {
        let mut found = Found::default();
        let mut cursor = "0".to_owned();
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(&cursor)
                .arg("MATCH")
                .arg(format!("{}*", self.keys.base()));
            scan.arg("COUNT").arg(PAGE);
            let (next, keys) = self.page(&scan).await?;
            self.sort_keys(&keys, &mut found, report).await?;
            cursor = next;
            if cursor == "0" {
                break;
            }
        }
        if found.denied {
            report.unchecked("records and indexes: this user may not run scripts; a worker's user may");
        }
        Ok(found)
    }

    async fn sort_keys(&self, keys: &[String], found: &mut Found, report: &mut Report) -> Result<(), Error> {
        let mut jobs = Vec::new();
        let mut results = Vec::new();
        let mut others = Vec::new();
        for key in keys {
            let name = key.strip_prefix(self.keys.base()).unwrap_or_default();
            match name.split_once(':') {
                Some(("job", id)) => jobs.push((id.to_owned(), String::new())),
                Some(("result", id)) => results.push(id.to_owned()),
                _ => others.push((name, key)),
            }
        }
        report.records += jobs.len() as u64;
        self.look_for_suspects(&jobs, found).await?;
        self.without_records(&results, found).await?;
        self.types(&others, found, report).await
    }

    async fn types(
        &self,
        keys: &[(&str, &String)],
        found: &mut Found,
        report: &mut Report,
    ) -> Result<(), Error> {
        if keys.is_empty() {
            return Ok(());
        }
        let mut pipe = redis::pipe();
        for (_, key) in keys {
            pipe.cmd("TYPE").arg(*key);
        }
        let types: Vec<String> = self
            .link
            .run(async |mut c| pipe.query_async(&mut c).await)
            .await?;
        for ((name, key), kind) in keys.iter().zip(types) {
            match expected_type(name) {
                // Gone between the two commands.
                _ if kind == "none" => {}
                None => report.add(Finding::new(Ailment::UnknownKey, *key, format!("it is a {kind}"))),
                Some(wanted) if wanted != kind => {
                    // SCAN may name a key twice.
                    if found.broken.insert((*key).clone()) {
                        let detail = format!("it is a {kind}, not a {wanted}");
                        report.add(Finding::new(Ailment::WrongType, *key, detail));
                    }
                }
                Some(_) => match name.split_once(':') {
                    Some(("pending", account)) => drop(found.lines.insert(account.to_owned())),
                    Some(("account", account)) => drop(found.accounts.insert(account.to_owned())),
                    Some(("budget", account)) => drop(found.budgets.insert(account.to_owned())),
                    Some(("worker", id)) => drop(found.workers.insert(id.to_owned())),
                    _ => found.inbox |= *name == "inbox",
                },
            }
        }
        Ok(())
    }

    /// Goes through all indexes, then once more looks at everything that seemed wrong.
    pub(super) async fn examine_indexes(&self, found: &Found, report: &mut Report) -> Result<(), Error> {
        if found.denied {
            return Ok(());
        }
        let mut found = Found {
            suspects: found.suspects.clone(),
            lines: found.lines.clone(),
            broken: found.broken.clone(),
            ..Found::default()
        };
        let mut indexes = vec![(self.keys.due(), None)];
        indexes.extend(State::INDEXED.map(|state| (self.keys.index(state), None)));
        indexes.extend([self.keys.callbacks(), self.keys.callback_failed()].map(|key| (key, None)));
        let lines = found.lines.clone();
        indexes.extend(lines.iter().map(|line| (self.keys.pending(line), Some(line))));
        for (key, line) in indexes {
            if found.is_broken(&key) {
                continue;
            }
            let mut cursor = "0".to_owned();
            loop {
                let mut scan = redis::cmd("ZSCAN");
                scan.arg(&key).arg(&cursor).arg("COUNT").arg(PAGE);
                let (next, flat) = match self.page(&scan).await {
                    // It became another type since; the next examination says so.
                    Err(Error::Refused(_)) => break,
                    other => other?,
                };
                let ids: Vec<String> = flat.into_iter().step_by(2).collect();
                match line {
                    Some(line) => {
                        let pairs: Vec<_> = ids.into_iter().map(|id| (id, line.clone())).collect();
                        self.look_for_suspects(&pairs, &mut found).await?;
                    }
                    None => self.without_records(&ids, &mut found).await?,
                }
                cursor = next;
                if cursor == "0" {
                    break;
                }
            }
        }
        self.confirm(found.suspects.into_iter().collect(), report).await
    }

    async fn look_for_suspects(&self, pairs: &[(String, String)], found: &mut Found) -> Result<(), Error> {
        for chunk in pairs.chunks(LOOK) {
            if found.denied {
                break;
            }
            let jobs = match self.look_at(chunk).await {
                Err(Error::Denied(_)) => {
                    found.denied = true;
                    break;
                }
                other => other?,
            };
            for seen in jobs {
                if !self.judge().findings(&seen).is_empty() {
                    found.suspect((seen.id, seen.asked));
                }
            }
        }
        Ok(())
    }

    /// Those of `ids` that have no record.
    async fn without_records(&self, ids: &[String], found: &mut Found) -> Result<(), Error> {
        if ids.is_empty() {
            return Ok(());
        }
        let mut pipe = redis::pipe();
        for id in ids {
            pipe.cmd("EXISTS").arg(self.keys.job(id));
        }
        let there: Vec<u64> = self
            .link
            .run(async |mut c| pipe.query_async(&mut c).await)
            .await?;
        let gone = ids.iter().zip(there).filter(|(_, there)| *there == 0);
        gone.for_each(|(id, _)| found.suspect((id.clone(), String::new())));
        Ok(())
    }

    /// Only what is wrong now and is still wrong a moment later is said.
    async fn confirm(&self, suspects: Vec<(String, String)>, report: &mut Report) -> Result<(), Error> {
        if suspects.is_empty() {
            return Ok(());
        }
        let mut first = BTreeSet::new();
        let mut said = BTreeSet::new();
        for again in [false, true] {
            if again {
                tokio::time::sleep(AGAIN_AFTER).await;
            }
            for chunk in suspects.chunks(LOOK) {
                for seen in self.look_at(chunk).await? {
                    for finding in self.judge().findings(&seen) {
                        // A job may be a suspect by itself and in a line: it is said once.
                        let mark = (finding.what, finding.subject.clone(), finding.key.clone());
                        if !again {
                            first.insert(mark);
                        } else if first.contains(&mark) && said.insert(mark) {
                            report.add(finding);
                        }
                    }
                }
            }
        }
        Ok(())
    }
}
