//! Random operations by several workers against the model, with everything checked after each of them.
//!
//! A failure names its seed: `GAMMAQ_SEED=… cargo nextest run -p gammaq-queue property` runs the same operations.
//! `GAMMAQ_CASES` says how many.

use std::collections::BTreeMap;
use std::time::Duration;

use gammaq_job::state::is_legal;
use gammaq_queue::accept::Accepted;
use gammaq_queue::claim::{ClaimRequest, Claimed, OnAmbiguous};
use gammaq_queue::registry::Budget;
use gammaq_queue::settle::{Probe, SettlePolicy, Settled, Verb};
use gammaq_queue::submit::Begun;
use gammaq_queue::{Policy, Queue};
use gammaq_testkit::{Redis, eventually};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use redis::aio::MultiplexedConnection;

use crate::bench::{REQUEST, SETTLE, SOON, asking, generation, item, limited, millis, queue_at, settlement};
use crate::budget::most_in_a_window;
use crate::model::{Known, Model};
use crate::snapshot::Snapshot;

const WORKERS: [&str; 3] = ["A", "B", "C"];
const ACCOUNTS: [&str; 2] = ["x", "y"];
const WINDOW: u64 = 150;
const LIMITS: [u32; 2] = [3, 1];
const CASES: u32 = 60;
/// On average.
const OPERATIONS: usize = 80;
const POLICY: SettlePolicy = SettlePolicy {
    pause_first: millis(20),
    pause_most: millis(60),
    late_interval: millis(10),
    ..SETTLE
};

#[derive(Debug, Clone)]
enum Op {
    Add {
        id: u8,
        account: usize,
        kind: u8,
    },
    Claim {
        worker: usize,
        want: usize,
        looks: usize,
        quick: bool,
        again: u32,
    },
    Begin {
        hold: usize,
        quick: bool,
    },
    Record {
        post: usize,
        second: bool,
    },
    Settle {
        hold: usize,
        verb: usize,
        slow: bool,
        pause: u8,
        good: bool,
    },
    Renew {
        worker: usize,
        quick: bool,
    },
    Wait,
    Sweep,
}

fn operation() -> impl Strategy<Value = Op> {
    let any_hold = 0..6_usize;
    prop_oneof![
        4 => (0..9_u8, 0..2_usize, 0..10_u8).prop_map(|(id, account, kind)| Op::Add { id, account, kind }),
        6 => (0..3_usize, 1..5_usize, 0..4_usize, any::<bool>(), 0..3_u32).prop_map(
            |(worker, want, looks, quick, again)| Op::Claim { worker, want, looks, quick, again }
        ),
        6 => (any_hold.clone(), any::<bool>()).prop_map(|(hold, quick)| Op::Begin { hold, quick }),
        5 => (0..4_usize, prop::bool::weighted(0.2)).prop_map(|(post, second)| Op::Record { post, second }),
        8 => (any_hold, 0..9_usize, any::<bool>(), 0..16_u8, any::<bool>()).prop_map(
            |(hold, verb, slow, pause, good)| Op::Settle { hold, verb, slow, pause, good }
        ),
        1 => (0..3_usize, any::<bool>()).prop_map(|(worker, quick)| Op::Renew { worker, quick }),
        2 => Just(Op::Wait),
        1 => Just(Op::Sweep),
    ]
}

const fn lease(quick: bool) -> Duration {
    if quick { millis(30) } else { SOON }
}

/// One queue, its model, and what the workers hold and have under way.
struct Run<'a> {
    queue: Queue,
    raw: &'a MultiplexedConnection,
    model: Model,
    last: Snapshot,
    holds: Vec<(&'static str, Claimed)>,
    posts: Vec<(&'static str, Claimed)>,
    /// When POSTs arrived, by account and slot.
    arrivals: BTreeMap<(String, String), u64>,
    expires: bool,
}

type Checked = Result<(), String>;

impl Run<'_> {
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
                let claim = self.queue.claim_jobs(&request).await.unwrap();
                self.model.claim(&request, &claim, &self.last, &ACCOUNTS)?;
                self.holds.extend(claim.jobs.into_iter().map(|job| (worker, job)));
                let spare = self.holds.len().saturating_sub(12);
                self.holds.drain(..spare);
            }
            Op::Begin { hold, quick } => self.begin(hold, quick).await?,
            Op::Record { post, second } => {
                let Some((worker, job)) = self.posts.iter().rev().nth(post).cloned() else {
                    return Ok(());
                };
                let name = format!(
                    "{}{}",
                    job.slot.replace('#', "-"),
                    if second { "-second" } else { "" }
                );
                let recorded = self
                    .queue
                    .record_generation(worker, &generation(&job, &name))
                    .await
                    .unwrap();
                self.model.record(&job, &name, recorded)?;
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
                let lost = self
                    .queue
                    .renew_leases(worker, lease(quick), &held)
                    .await
                    .unwrap();
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
            Op::Sweep => {
                let taken = self.queue.sweep_jobs(100).await.unwrap();
                if taken > 0 && !self.expires {
                    return Err(format!("{taken} were swept"));
                }
            }
        }
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
                state: if kind == 0 {
                    gammaq_job::State::Failed
                } else {
                    gammaq_job::State::Queued
                },
                fence: 0,
                holder: String::new(),
                generation: String::new(),
                extra: Vec::new(),
                resubmits: 0,
                rested: false,
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
        let begun = self
            .queue
            .begin_submit(
                worker,
                &job.id,
                job.fence,
                not_after,
                lease(quick),
                "http://gamma",
            )
            .await
            .unwrap();
        let now = self.queue.time().await.unwrap();
        self.model.begin(worker, &job, begun, &self.last, now)?;
        if begun == Begun::Yes {
            self.arrivals.insert((job.account.clone(), job.slot.clone()), now);
            self.posts.push((worker, job));
        }
        Ok(())
    }

    async fn settle(&mut self, hold: usize, verb: usize, slow: bool, pause: u8, good: bool) -> Checked {
        let Some((worker, job)) = self.holds.iter().rev().nth(hold).cloned() else {
            return Ok(());
        };
        let delay = if slow { millis(20) } else { Duration::ZERO };
        let verb = [
            Verb::Again(delay),
            Verb::Requeue(delay),
            Verb::Park,
            Verb::Resubmit(delay),
            Verb::Fail,
            Verb::Complete,
            Verb::TimeOut,
            Verb::Rest,
            Verb::Release,
        ][verb];
        let mut told = match pause {
            0 => limited(&job, verb, None),
            1 => limited(&job, verb, Some(millis(30))),
            _ => settlement(&job, verb),
        };
        if job.probe {
            told.probe = if good { Probe::Good } else { Probe::Open };
        }
        let begun = self
            .model
            .jobs
            .get(&job.id)
            .is_some_and(|known| known.state == gammaq_job::State::Submitting);
        let settled: Settled = self
            .queue
            .settle_jobs(worker, &POLICY, &[told])
            .await
            .unwrap()
            .remove(0);
        let counted = self.model.settle(worker, &job, verb, settled)?;
        if counted && begun && matches!(verb, Verb::Requeue(_) | Verb::Fail) {
            // Refused, or not even sent: no generation comes of it.
            self.posts.retain(|(_, post)| post.slot != job.slot);
            if matches!(verb, Verb::Requeue(_)) {
                self.arrivals.remove(&(job.account.clone(), job.slot.clone()));
            }
        }
        Ok(())
    }

    async fn check(&mut self) -> Checked {
        let ids = (0..9).map(|id| format!("j{id}")).collect();
        let now = Snapshot::of(&self.queue, self.raw, &ids, &ACCOUNTS).await;
        self.model.compare(&now, self.expires)?;
        now.check()?;
        for (id, job) in &now.jobs {
            let Some(old) = self.last.jobs.get(id) else {
                continue;
            };
            if old.state() != job.state() && !is_legal(Some(old.state()), job.state()) {
                return Err(format!("{id} went from {} to {}", old.state(), job.state()));
            }
            let kept =
                old.get("generation_id").is_empty() || old.get("generation_id") == job.get("generation_id");
            if job.number("fence") < old.number("fence") || !kept {
                return Err(format!("{id}: {old:?} became {job:?}"));
            }
        }
        self.last = now;
        Ok(())
    }

    /// What can be said only of the whole.
    async fn check_history(&self) -> Checked {
        for (name, limit) in ACCOUNTS.iter().zip(LIMITS) {
            let own = self.arrivals.iter().filter(|((account, _), _)| account == name);
            let times: Vec<u64> = own.map(|(_, time)| *time).collect();
            if most_in_a_window(&times, WINDOW) > limit as usize {
                return Err(format!("{name}: more than {limit} in {WINDOW} ms: {times:?}"));
            }
        }
        for event in self.queue.newest_events(10_000).await.unwrap() {
            let (from, to) = (event.from.parse().ok(), event.state.parse());
            match to {
                Ok(to) if event.from != event.state && !is_legal(from, to) => {
                    return Err(format!("{event:?}"));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

async fn run(redis: &Redis, raw: &MultiplexedConnection, case: u64, expires: bool, ops: &[Op]) -> Checked {
    let results_ttl = if expires { millis(60) } else { SOON };
    let queue = queue_at(
        redis,
        &format!("case-{case}"),
        Policy {
            results_ttl,
            ..Policy::default()
        },
    );
    queue.check_schema().await.unwrap();
    queue.create_inbox().await.unwrap();
    for (name, limit) in ACCOUNTS.iter().zip(LIMITS) {
        let budget = Budget {
            limit,
            window: millis(WINDOW),
        };
        queue.register_account(name, budget).await.unwrap();
    }
    let mut run = Run {
        queue,
        raw,
        model: Model::default(),
        last: Snapshot::default(),
        holds: Vec::new(),
        posts: Vec::new(),
        arrivals: BTreeMap::new(),
        expires,
    };
    run.check().await?;
    for (n, op) in ops.iter().enumerate() {
        run.step(op)
            .await
            .map_err(|what| format!("operation {n}, {op:?}: {what}"))?;
    }
    run.check_history().await
}

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn any_operations_leave_every_job_where_it_belongs() {
    let seed = from_environment("GAMMAQ_SEED").unwrap_or_else(rand::random);
    let cases = from_environment("GAMMAQ_CASES").map_or(CASES, |cases| u32::try_from(cases).unwrap());
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config {
        cases,
        max_shrink_iters: 150,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (redis, raw) = runtime.block_on(async {
        let redis = Redis::start().await;
        let client = redis::Client::open(redis.url()).unwrap();
        (redis, client.get_multiplexed_async_connection().await.unwrap())
    });
    let count = std::cell::Cell::new(0);
    let operations = (
        prop::bool::weighted(0.3),
        prop::collection::vec(operation(), 1..=2 * OPERATIONS),
    );
    let outcome = runner.run(&operations, |(expires, ops)| {
        count.set(count.get() + 1);
        runtime
            .block_on(run(&redis, &raw, count.get(), expires, &ops))
            .map_err(TestCaseError::fail)
    });
    if let Err(error) = outcome {
        panic!("GAMMAQ_SEED={seed}: {error}");
    }
}
