//! One run: the stage, who acts on it, and its course.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gammaq_testkit::{Redis, now_ms};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::crew::Crew;
use super::diary::{Diary, Scope};
use super::load::Sender;
use super::orders::ACCOUNTS;
use super::rules::Rules;
use super::{Plan, Report, breakers, load, report, settle};
use crate::Stage;

const PROGRESS_EVERY: Duration = Duration::from_secs(10);
const HEALED: &str = "all links renewed at the end";
/// How long a caller may still try to get its last append acknowledged after all is healed.
const CALLERS_WITHIN: Duration = Duration::from_secs(60);

/// One run of the soak.
pub struct Scene {
    /// Redis and the fake.
    pub stage: Stage,
    pub(super) plan: Plan,
    pub(super) crew: Crew,
    pub(super) diary: Diary,
    pub(super) rules: Rules,
    pub(super) sender: Sender,
    pub(super) began: u64,
    over: watch::Sender<bool>,
    abandoned: AtomicBool,
    progress: Box<dyn Fn(&str) + Send + Sync>,
    settled: std::sync::Mutex<settle::Settled>,
}

impl fmt::Debug for Scene {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scene")
            .field("plan", &self.plan)
            .finish_non_exhaustive()
    }
}

impl Scene {
    /// Starts all that the run needs.
    ///
    /// # Panics
    ///
    /// When something can't be started.
    pub async fn set(plan: Plan, progress: impl Fn(&str) + Send + Sync + 'static) -> Arc<Self> {
        // What Redis has acknowledged survives its kill: without that, no promise could hold.
        let redis = Redis::builder()
            .aof_always()
            .config("maxmemory-policy", "noeviction")
            .start()
            .await;
        let seed = plan.seed.to_string();
        let flags = [
            ["--generation-time", "200ms"],
            ["--generation-time-max", "3s"],
            ["--credits", "1000000000"],
            ["--seed", &seed],
        ];
        let stage = Stage::on(redis, flags.as_flattened()).await;
        let diary = Diary::default();
        let crew = Crew::start(&stage, &diary, plan.workers).await;
        Arc::new(Self {
            stage,
            plan,
            crew,
            diary,
            rules: Rules::default(),
            sender: Sender::default(),
            began: now_ms(),
            over: watch::Sender::new(false),
            abandoned: AtomicBool::new(false),
            progress: Box::new(progress),
            settled: std::sync::Mutex::default(),
        })
    }

    /// Whether the time is over: nobody appends or breaks anything any more.
    pub(super) fn is_over(&self) -> bool {
        *self.over.borrow()
    }

    /// Whether callers have to give up.
    pub(super) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::SeqCst)
    }

    /// Waits, but not beyond the end of the time. False when it is over.
    pub(super) async fn rest(&self, time: Duration) -> bool {
        let mut over = self.over.subscribe();
        timeout(time, over.wait_for(|over| *over)).await.is_err()
    }

    /// Breaks things under load for as long as the plan says, then heals all and lets everything come to its end.
    ///
    /// # Panics
    ///
    /// When the stage itself fails, or a caller can't get an entry acknowledged by a healthy Redis.
    pub async fn play(self: &Arc<Self>) {
        let mut callers = JoinSet::new();
        for account in &ACCOUNTS {
            let scene = Arc::clone(self);
            callers.spawn(async move { load::caller(&scene, account).await });
        }
        let mut breakers = JoinSet::new();
        if self.plan.faults {
            breakers::spawn(self, &mut breakers);
        }
        let end = Instant::now() + self.plan.length;
        while Instant::now() < end {
            let step = Instant::now() + PROGRESS_EVERY;
            tokio::select! {
                () = tokio::time::sleep_until(step.min(end)) => {}
                Some(ended) = breakers.join_next() => pass_on(ended),
                Some(ended) = callers.join_next() => pass_on(ended),
            }
            self.tell().await;
        }
        self.over.send_replace(true);
        (self.progress)("the time is over: healing all, and waiting until nothing is left to do");
        while let Some(ended) = breakers.join_next().await {
            pass_on(ended);
        }
        self.heal().await;
        let waited = timeout(CALLERS_WITHIN, async {
            while let Some(ended) = callers.join_next().await {
                pass_on(ended);
            }
        });
        if waited.await.is_err() {
            self.abandoned.store(true, Ordering::SeqCst);
            panic!("callers had no answer {CALLERS_WITHIN:?} after all was healed");
        }
        let settled = settle::settle(self).await;
        *self
            .settled
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = settled;
        self.tell().await;
    }

    /// Compares the ledger with Redis, and sends the workers home.
    ///
    /// # Panics
    ///
    /// When Redis or the fake can't be read.
    pub async fn verdict(&self) -> Report {
        let settled = self
            .settled
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone();
        for slot in &self.crew.slots {
            let worker = slot.worker.lock().await;
            self.crew.drain(&worker).await;
            self.crew.read_log(&worker);
        }
        report::draw_up(self, settled).await
    }

    async fn heal(&self) {
        let began = now_ms();
        for slot in &self.crew.slots {
            for link in [&slot.redis, &slot.gamma] {
                link.hold(false);
                link.drop_replies(false);
                link.delay(Duration::ZERO);
                link.refuse(false).await;
                // What was frozen stays so.
                link.cut().await;
            }
        }
        // Healing hits what is under way, too.
        self.diary.over(HEALED, Scope::All, began);
    }

    /// Says how far it is, and what the fake's own sums have found so far.
    async fn tell(&self) {
        let counts = self.diary.counts();
        let kills = counts.get(breakers::KILLED).copied().unwrap_or(0);
        let faults: u64 = counts.values().sum();
        let mut found = self.crew.tally().misbehaved;
        let (mut posts, mut accepted) = (0, 0);
        for account in &ACCOUNTS {
            let summary = settle::summary(&self.stage, account).await;
            posts += summary.posts;
            accepted += summary.accepted;
            if summary.max_in_window > u64::from(account.limit) {
                found.push(format!("overshoot of {}", account.name));
            }
            found.extend(
                summary
                    .duplicates
                    .keys()
                    .map(|it| format!("paid for twice: {it}")),
            );
        }
        let line = format!(
            "{:>5} s  jobs {} in, {} ended, {} under way  POSTs {posts}, accepted {accepted}  kills {kills}  \
             faults {faults}  violations so far {}",
            now_ms().saturating_sub(self.began) / 1000,
            self.sender.count(),
            settle::count(self, "ended").await,
            settle::count(self, "under way").await,
            found.len()
        );
        (self.progress)(&line);
        for what in found {
            (self.progress)(&format!("        {what}"));
        }
    }
}

fn pass_on(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        std::panic::resume_unwind(error.into_panic());
    }
}

/// A short pause of a loop that waits for something of another process.
pub(super) async fn breathe() {
    sleep(Duration::from_millis(200)).await;
}
