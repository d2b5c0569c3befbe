//! One run of operations: each is carried out, then the queue is compared with the model.

mod settling;

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::time::Duration;

use gammaq_job::State;
use gammaq_job::state::is_legal;
use gammaq_queue::accept::Accepted;
use gammaq_queue::claim::{ClaimRequest, Claimed, OnAmbiguous};
use gammaq_queue::registry::Budget;
use gammaq_queue::settle::SettlePolicy;
use gammaq_queue::submit::Begun;
use gammaq_queue::{Policy, Queue};
use gammaq_testkit::{Redis, eventually};
use redis::aio::MultiplexedConnection;

use crate::bench::{REQUEST, SETTLE, SOON, asking, generation, item, millis, queue_at};
use crate::callback_operations::Calls;
use crate::model::{Known, Model};
use crate::older::Older;
use crate::property::Op;
use crate::snapshot::Snapshot;

const WORKERS: [&str; 3] = ["A", "B", "C"];
pub(crate) const ACCOUNTS: [&str; 2] = ["x", "y"];
pub(crate) const LIMITS: [u32; 2] = [3, 1];
pub(crate) const WINDOW: u64 = 150;
const POLICY: SettlePolicy = SettlePolicy {
    pause_first: millis(20),
    pause_most: millis(60),
    late_interval: millis(10),
    ..SETTLE
};

/// What was found wrong.
pub(crate) type Checked = Result<(), String>;

pub(crate) const fn lease(quick: bool) -> Duration {
    if quick { millis(30) } else { SOON }
}

/// One queue, its model, and what the workers hold and have under way.
pub(crate) struct Run<'a> {
    pub(crate) queue: Queue,
    /// Where the last of the workers, and whoever sweeps, are of the release before.
    older: Option<Older>,
    pub(crate) raw: &'a MultiplexedConnection,
    pub(crate) model: Model,
    pub(crate) last: Snapshot,
    holds: Vec<(&'static str, Claimed)>,
    posts: Vec<(&'static str, Claimed)>,
    /// When POSTs arrived, by account and slot.
    pub(crate) arrivals: BTreeMap<(String, String), u64>,
    pub(crate) expires: bool,
    /// Operations since an operator paused something, from 1 on.
    pub(crate) pauses: u32,
    pub(crate) calls: Calls,
}

impl Run<'_> {
    /// The release before, where `worker` is of it.
    fn older(&self, worker: &str) -> Option<&Older> {
        self.older.as_ref().filter(|_| worker == WORKERS[2])
    }

    async fn step(&mut self, op: &Op) -> Checked {
        match *op {
            Op::Add { id, account, kind } => self.add(id, ACCOUNTS[account], kind).await?,
            Op::Claim {
                worker,
                want,
                looks,
                quick,
                again,
            } => {
                let on_ambiguous = if again == 0 {
                    OnAmbiguous::Park
                } else {
                    OnAmbiguous::Resubmit(again)
                };
                let worker = WORKERS[worker];
                let request = ClaimRequest {
                    want,
                    looks,
                    lease: lease(quick),
                    on_ambiguous,
                    ..asking(worker)
                };
                let claim = match self.older(worker) {
                    Some(older) => older.claim_jobs(&request).await,
                    None => self.queue.claim_jobs(&request).await.unwrap(),
                };
                let reads_on = self.older(worker).is_some();
                self.model
                    .claim(&request, &claim, &self.last, &ACCOUNTS, reads_on)?;
                self.holds.extend(claim.jobs.into_iter().map(|job| (worker, job)));
                let spare = self.holds.len().saturating_sub(12);
                self.holds.drain(..spare);
            }
            Op::Begin { hold, quick } => self.begin(hold, quick).await?,
            Op::Record { post, second, keeps } => {
                let Some((worker, job)) = self.posts.iter().rev().nth(post).cloned() else {
                    return Ok(());
                };
                let name = format!(
                    "{}{}",
                    job.slot.replace('#', "-"),
                    if second { "-second" } else { "" }
                );
                let mut made = generation(&job, &name);
                let recorded = match self.older(worker) {
                    Some(older) => older.record_generation(worker, &made).await,
                    None => {
                        made.kept = Some(if keeps { POLICY.kept_for } else { Duration::ZERO });
                        self.queue.record_generation(worker, &made).await.unwrap()
                    }
                };
                let keeps = self.older(worker).is_none().then_some(keeps);
                self.model.record((worker, &job), &name, keeps, recorded)?;
                if matches!(recorded, gammaq_queue::submit::Recorded::Held { .. }) {
                    let held = |it: &&mut (&str, Claimed)| it.1.id == job.id && it.1.fence == job.fence;
                    if let Some((_, hold)) = self.holds.iter_mut().find(held) {
                        hold.fence += 1;
                    }
                }
            }
            Op::Settle {
                hold,
                verb,
                slow,
                pause,
                good,
            } => self.settle(hold, verb, slow, pause, good).await?,
            Op::Renew { worker, quick } => {
                let worker = WORKERS[worker];
                let own = self.holds.iter().filter(|(holder, _)| *holder == worker);
                let held: Vec<_> = own.map(|(_, job)| (job.id.clone(), job.fence)).collect();
                let lost = match self.older(worker) {
                    Some(older) => older.renew_leases(worker, lease(quick), &held).await,
                    None => self
                        .queue
                        .renew_leases(worker, lease(quick), &held)
                        .await
                        .unwrap(),
                };
                if lost != self.model.lost(worker, &held) {
                    return Err(format!("lost {lost:?} of {held:?}"));
                }
            }
            Op::Wait => {
                let times = self
                    .last
                    .due
                    .values()
                    .chain(self.last.accounts.values())
                    .map(|at| *at as u64);
                let next = times
                    .filter(|at| (self.last.now..self.last.now + 200).contains(at))
                    .min();
                if let Some(next) = next {
                    eventually(SOON, "it is due", || async {
                        self.queue.time().await.unwrap() > next
                    })
                    .await;
                }
            }
            Op::ClaimCallbacks { worker, quick } => self.claim_callbacks(WORKERS[worker], quick).await,
            Op::Tell { hold, outcome } => self.tell(hold, outcome).await?,
            Op::Operate { id, command } => self.operate(id, command).await?,
            Op::Sweep => {
                let taken = match &self.older {
                    Some(older) => older.sweep_jobs().await,
                    None => self.queue.sweep_jobs(100).await.unwrap(),
                };
                if taken > 0 && !self.expires {
                    return Err(format!("{taken} were swept"));
                }
            }
        }
        self.check().await?;
        self.end_pauses().await?;
        self.check().await
    }

    async fn add(&mut self, id: u8, account: &str, kind: u8) -> Checked {
        let id = format!("j{id}");
        let run_at = (self.queue.time().await.unwrap() + 20).to_string();
        let request = match kind {
            0 => "nonsense",
            1 => r#"{"inputText":"Something else"}"#,
            _ => REQUEST,
        };
        let mut fields: Vec<(&str, &[u8])> = vec![("request", request.as_bytes()), ("id", id.as_bytes())];
        fields.push(("account", account.as_bytes()));
        if kind == 2 {
            fields.push(("run_at", run_at.as_bytes()));
        }
        fields.extend((kind == 3).then_some(("priority", &b"1"[..])));
        fields.extend((kind % 4 < 2).then_some(("callback", &b"https://example.com/"[..])));
        self.queue.append(&fields).await.unwrap();
        let entries = self.queue.read_inbox("intake", 9, millis(1)).await.unwrap();
        let items: Vec<_> = entries.iter().map(|entry| item(entry, true)).collect();
        let accepted = self.queue.accept_jobs("intake", &items).await.unwrap().remove(0);
        let wish = format!("{account} {request}").replace("x nonsense", "y nonsense");
        let new = if kind == 0 {
            Accepted::Failed
        } else {
            Accepted::Queued
        };
        let expected = match self.model.jobs.get(&id) {
            Some(known) if known.over() && self.expires && accepted == new => new,
            Some(known) if known.wish == wish => Accepted::Known,
            Some(_) => Accepted::Conflict,
            None => new,
        };
        if accepted != expected {
            return Err(format!("{id}: {accepted:?}, expected {expected:?}"));
        }
        if accepted == new {
            let known = Known {
                wish,
                account: account.to_owned(),
                state: if kind == 0 { State::Failed } else { State::Queued },
                fence: 0,
                holder: String::new(),
                generation: String::new(),
                extra: Vec::new(),
                resubmits: 0,
                looks: 0,
                rested: false,
                kept: 0,
                unwanted: false,
            };
            self.model.jobs.insert(id.clone(), known);
            // What workers remember of an earlier job of this id is out of the model's sight.
            self.holds.retain(|(_, job)| job.id != id);
            self.posts.retain(|(_, job)| job.id != id);
            self.last.jobs.remove(&id);
        }
        Ok(())
    }

    async fn begin(&mut self, hold: usize, quick: bool) -> Checked {
        let Some((worker, job)) = self.holds.iter().rev().nth(hold).cloned() else {
            return Ok(());
        };
        let not_after = u64::MAX >> 12;
        let (id, fence, lease) = (&job.id, job.fence, lease(quick));
        let begun = match self.older(worker) {
            Some(older) => {
                older
                    .begin_submit(worker, id, fence, not_after, lease, "http://gamma")
                    .await
            }
            None => {
                let begun = self
                    .queue
                    .begin_submit(worker, id, fence, not_after, lease, "http://gamma");
                begun.await.unwrap()
            }
        };
        let now = self.queue.time().await.unwrap();
        self.model.begin(worker, &job, begun, &self.last, now)?;
        if begun == Begun::Yes {
            self.arrivals.insert((job.account.clone(), job.slot.clone()), now);
            self.posts.push((worker, job));
        }
        Ok(())
    }

    pub(crate) async fn check(&mut self) -> Checked {
        let ids = (0..9).map(|id| format!("j{id}")).collect();
        let mut now = Snapshot::of(&self.queue, self.raw, &ids, &ACCOUNTS).await;
        now.follow(&self.last);
        self.model.compare(&now, self.expires)?;
        now.check()?;
        // The release before tells nobody of anything.
        if self.older.is_none() {
            now.check_callbacks()?;
        }
        for (id, job) in &now.jobs {
            let Some(old) = self.last.jobs.get(id) else {
                continue;
            };
            let (from, to) = (old.state(), job.state());
            // A wish to cancel is carried out in the step that brings the end of the submit: two moves in one.
            let wished = to == State::Cancelled && !old.get("cancel_requested").is_empty();
            let is_legal = is_legal(Some(from), to) || (wished && is_legal(Some(from), State::Generating));
            if from != to && !is_legal {
                return Err(format!("{id} went from {from} to {to}"));
            }
            let former = old.get("generation_id");
            let mut extra = job.get("extra_generation_id").split(',');
            let kept =
                former.is_empty() || former == job.get("generation_id") || extra.any(|it| it == former);
            if job.number("fence") < old.number("fence") || !kept {
                return Err(format!("{id}: {old:?} became {job:?}"));
            }
        }
        self.last = now;
        Ok(())
    }
}

/// Runs `ops` on a queue of its own; where it `expires`, results are kept for a moment only, and where it is `mixed`,
/// one of the workers is of the release before.
pub(crate) async fn run(
    redis: &Redis,
    raw: &MultiplexedConnection,
    case: u64,
    expires: bool,
    mixed: bool,
    ops: &[Op],
) -> Checked {
    let policy = Policy {
        results_ttl: if expires { millis(60) } else { SOON },
        // And few are kept, so that sweeping takes some before their time.
        max_jobs: if expires { NonZeroU64::new(1) } else { None },
        ..Policy::default()
    };
    let queue = queue_at(redis, &format!("case-{case}"), policy);
    queue.check_schema().await.unwrap();
    queue.create_inbox().await.unwrap();
    queue.begin_life(rand::random()).await.unwrap();
    for (name, limit) in ACCOUNTS.iter().zip(LIMITS) {
        let budget = Budget {
            limit,
            window: millis(WINDOW),
            credits_floor: None,
        };
        queue.register_account(name, budget).await.unwrap();
    }
    let mut run = Run {
        older: mixed.then(|| Older::new(&queue, raw, policy)),
        queue,
        raw,
        model: Model::default(),
        last: Snapshot::default(),
        holds: Vec::new(),
        posts: Vec::new(),
        arrivals: BTreeMap::new(),
        expires,
        pauses: 0,
        calls: Calls::default(),
    };
    run.check().await?;
    for (n, op) in ops.iter().enumerate() {
        run.step(op)
            .await
            .map_err(|what| format!("operation {n}, {op:?}: {what}"))?;
    }
    run.check_history().await?;
    if mixed { Ok(()) } else { run.tell_all().await }
}
