//! The whole queue at one moment, and what must hold in every such moment.

use std::collections::{BTreeMap, BTreeSet};

use gammaq_job::{JobResult, State};
use gammaq_queue::Queue;
use redis::aio::MultiplexedConnection;

pub(crate) type Scores = BTreeMap<String, f64>;

/// A record in Redis.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Job {
    pub(crate) fields: BTreeMap<String, String>,
    pub(crate) result: Option<String>,
    /// `PTTL` of the record and of the result: -1 for ever, -2 not there.
    pub(crate) ttl: i64,
    pub(crate) result_ttl: i64,
}

impl Job {
    pub(crate) fn get(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    pub(crate) fn number(&self, name: &str) -> u64 {
        self.get(name).parse().unwrap_or(0)
    }

    pub(crate) fn state(&self) -> State {
        self.get("state").parse().unwrap()
    }
}

/// Read in one transaction.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Snapshot {
    pub(crate) now: u64,
    pub(crate) jobs: BTreeMap<String, Job>,
    pub(crate) due: Scores,
    pub(crate) ended: BTreeMap<State, Scores>,
    pub(crate) accounts: Scores,
    pub(crate) pending: BTreeMap<String, Scores>,
    pub(crate) budget: BTreeMap<String, Scores>,
    pub(crate) account: BTreeMap<String, BTreeMap<String, String>>,
    /// Slots of queued jobs whose lease has once ended. From then on a slot is charged no more, and a lease that is renewed
    /// all the same gives it back to nobody: `begin_submit` says `late` without it, as the model holds it to.
    lapsed: BTreeSet<String>,
    pub(crate) callbacks: Scores,
    pub(crate) callback_failed: Scores,
}

impl Snapshot {
    /// What the queue holds of these jobs and accounts.
    pub(crate) async fn of(
        queue: &Queue,
        raw: &MultiplexedConnection,
        ids: &BTreeSet<String>,
        names: &[&str],
    ) -> Self {
        let keys = queue.keys();
        let mut pipe = redis::pipe();
        pipe.atomic();
        for id in ids {
            pipe.cmd("HGETALL").arg(keys.job(id));
            pipe.cmd("GET").arg(keys.result(id));
            pipe.cmd("PTTL").arg(keys.job(id));
            pipe.cmd("PTTL").arg(keys.result(id));
        }
        let mut zset = |key: String| {
            pipe.cmd("ZRANGE").arg(key).arg(0).arg(-1).arg("WITHSCORES");
        };
        zset(keys.due());
        zset(keys.accounts());
        zset(keys.callbacks());
        zset(keys.callback_failed());
        State::INDEXED.iter().for_each(|state| zset(keys.index(*state)));
        for name in names {
            zset(keys.pending(name));
            zset(keys.budget(name));
        }
        for name in names {
            pipe.cmd("HGETALL").arg(keys.account(name));
        }
        let answers: Vec<redis::Value> = pipe.query_async(&mut raw.clone()).await.unwrap();
        let mut answers = answers.into_iter();
        let mut snapshot = Self::default();
        for id in ids {
            let job = Job {
                fields: next(&mut answers),
                result: next(&mut answers),
                ttl: next(&mut answers),
                result_ttl: next(&mut answers),
            };
            if !job.fields.is_empty() {
                snapshot.jobs.insert(id.clone(), job);
            }
        }
        snapshot.due = scores(&mut answers);
        snapshot.accounts = scores(&mut answers);
        snapshot.callbacks = scores(&mut answers);
        snapshot.callback_failed = scores(&mut answers);
        for state in State::INDEXED {
            snapshot.ended.insert(state, scores(&mut answers));
        }
        for name in names {
            snapshot.pending.insert((*name).to_owned(), scores(&mut answers));
            snapshot.budget.insert((*name).to_owned(), scores(&mut answers));
        }
        for name in names {
            snapshot.account.insert((*name).to_owned(), next(&mut answers));
        }
        snapshot.now = queue.time().await.unwrap();
        snapshot
    }

    /// Takes over what only the snapshot before shows.
    pub(crate) fn follow(&mut self, before: &Self) {
        let queued = before.jobs.iter().filter(|(_, job)| job.state() == State::Queued);
        let ended = queued.filter(|(id, _)| before.due.get(*id).is_some_and(|end| *end as u64 <= self.now));
        let slots = ended.map(|(_, job)| job.get("slot").to_owned());
        self.lapsed = slots.chain(before.lapsed.iter().cloned()).collect();
    }

    /// A field of an account as a number.
    pub(crate) fn of_account(&self, name: &str, field: &str) -> u64 {
        let value = self.account[name].get(field);
        value.and_then(|value| value.parse().ok()).unwrap_or(0)
    }

    /// Everything that holds at any moment.
    pub(crate) fn check(&self) -> Result<(), String> {
        for (id, job) in &self.jobs {
            self.check_places(id, job)?;
            check_end(id, job)?;
        }
        for (index, members) in &self.ended {
            for id in members.keys() {
                match self.jobs.get(id) {
                    Some(job) if job.state() != *index => {
                        return Err(format!("{id} is {} but stands in {index}", job.state()));
                    }
                    _ => {}
                }
            }
        }
        for (name, line) in &self.pending {
            if !line.is_empty() && !self.accounts.contains_key(name) {
                return Err(format!("{name} has pending jobs and is not in accounts"));
            }
            self.check_budget(name)?;
        }
        Ok(())
    }

    fn check_places(&self, id: &str, job: &Job) -> Result<(), String> {
        let mut places: Vec<String> = Vec::new();
        let lines = self.pending.iter().filter(|(_, line)| line.contains_key(id));
        places.extend(lines.map(|(name, _)| format!("pending:{name}")));
        places.extend(self.due.contains_key(id).then(|| "due".to_owned()));
        let ended = self.ended.iter().filter(|(_, members)| members.contains_key(id));
        places.extend(ended.map(|(state, _)| state.to_string()));
        let at = |wanted: &[&str]| places == wanted;
        let line = format!("pending:{}", job.get("account"));
        let right = match job.state() {
            State::Queued => at(&[&line]) || at(&["due"]),
            State::Submitting | State::Generating | State::Exporting => at(&["due"]),
            State::TimedOut => at(&["timed_out"]) || at(&["due", "timed_out"]),
            ended => at(&[ended.as_str()]),
        };
        if right {
            Ok(())
        } else {
            Err(format!(
                "{id} is {} and stands in {places:?}: {job:?}",
                job.state()
            ))
        }
    }

    /// A slot counts from its score until the window has passed.
    fn check_budget(&self, name: &str) -> Result<(), String> {
        let (limit, window) = (self.of_account(name, "limit"), self.of_account(name, "window_ms"));
        let charged: Vec<_> = self.budget[name]
            .iter()
            .filter(|(_, score)| **score as u64 + window >= self.now)
            .collect();
        if charged.len() as u64 > limit {
            return Err(format!(
                "{name}: {charged:?} are charged at {}, {limit} allowed",
                self.now
            ));
        }
        let held = self
            .jobs
            .values()
            .filter(|job| job.get("account") == name && !job.get("slot").is_empty());
        for job in held {
            // Until the POST is begun as long as the job is held; then until its window is over.
            let live = match job.state() {
                State::Queued if self.lapsed.contains(job.get("slot")) => false,
                State::Queued => self
                    .due
                    .get(job.get("id"))
                    .is_some_and(|end| *end as u64 > self.now),
                State::Submitting => job.number("intent_at") + window >= self.now,
                _ => false,
            };
            if live && !self.budget[name].contains_key(job.get("slot")) {
                return Err(format!("the slot of {job:?} is not charged"));
            }
        }
        Ok(())
    }
}

/// Live jobs are kept for ever, ended ones for a while, and their results with them.
fn check_end(id: &str, job: &Job) -> Result<(), String> {
    let resting = job.state() == State::TimedOut && job.get("late_until").is_empty();
    let over = resting || matches!(job.state(), State::Completed | State::Failed | State::Cancelled);
    let wrong = |what: &str| Err(format!("{what}: {id} {job:?}"));
    if over != (job.ttl >= 0) {
        return wrong("the record's time to live");
    }
    // Record and result expire within a moment of one another.
    if over && job.ttl < 5 && job.result.is_none() {
        return Ok(());
    }
    // The deck is told of from the beginning of its exports.
    let told = job.state().is_end() || job.state() == State::Exporting;
    if told != job.result.is_some() {
        return wrong("a result where there should be none, or none where there should be one");
    }
    let Some(text) = &job.result else { return Ok(()) };
    if over != (job.result_ttl >= 0) {
        return wrong("the result's time to live");
    }
    let result: JobResult = serde_json::from_str(text).map_err(|e| format!("{e}: {text}"))?;
    let told = (
        result.state,
        result.id.as_str(),
        result.generation_id.as_deref().unwrap_or(""),
    );
    if told != (job.state(), id, job.get("generation_id")) {
        return wrong("the result tells another story than the record");
    }
    Ok(())
}

fn next<T: redis::FromRedisValue>(answers: &mut impl Iterator<Item = redis::Value>) -> T {
    redis::from_redis_value(answers.next().unwrap()).unwrap()
}

fn scores(answers: &mut impl Iterator<Item = redis::Value>) -> Scores {
    next::<Vec<(String, f64)>>(answers).into_iter().collect()
}
