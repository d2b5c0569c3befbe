//! Keeps jobs between looks: what a look found unfinished stays in this worker's hands, and is looked at again when its time
//! comes, without a claim.
//!
//! The invariant: a kept job is one whose lease was made longer. Redis holds it under its fence until some seconds after its
//! next look, so nobody else looks at it, and whoever outlives this worker has it then. What would have kept a claim from
//! handing it out is read before each look, if it was not read a moment ago: an operator moved it, or its account has to
//! wait. Whatever is in doubt goes back into the schedule, with the time that it has there.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use gammaq_queue::recalls::Recall;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::Instant;

use crate::app::App;
use crate::hold::Hold;
use crate::settler::SettleLayer;

/// For so long what was read holds.
const FRESH: Duration = Duration::from_millis(100);
/// What ends within it goes together.
const AT_ONCE: usize = 1_000;
/// In a crowd looks begin together that are due within it: waking up once for all of them costs much less, and none is early.
const TICK: Duration = Duration::from_millis(4);
/// How many looks are a crowd.
const CROWD: usize = 2;
/// So much is read twice: a clock that goes back a little hides nothing.
const OVERLAP_MS: u64 = 1_000;
/// By so much Redis's clock and this host's may differ between two readings. Beyond that one of them was set, or stood still.
const DRIFT: Duration = Duration::from_secs(1);
/// Until Redis is asked again that did not answer.
const RETRY: Duration = Duration::from_millis(200);

/// What the keeper hears from the settlers.
#[derive(Debug)]
pub(crate) enum News {
    /// A job to keep, and when it is to be looked at.
    Kept(Arc<Hold>, Instant),
    /// This account has to wait.
    Recalled(String),
}

/// Runs until `app.stop`, and lets go all it has.
pub(crate) async fn run(
    app: Arc<App>,
    mut news: mpsc::UnboundedReceiver<News>,
    claimed: mpsc::Sender<Arc<Hold>>,
    settle: SettleLayer,
) {
    let now = Instant::now();
    let mut keeper = Keeper {
        read: (app.clock.estimate(), now),
        app: Arc::clone(&app),
        claimed,
        settle,
        kept: BTreeMap::new(),
        number: 0,
        recalled: HashMap::new(),
        all_recalled: 0,
        fresh_until: now,
        not_before: now,
    };
    let mut heard = Vec::new();
    loop {
        app.pulses.keeper.rest();
        let next = keeper.kept.first_key_value();
        let next = next.map(|((at, _), _)| keeper.not_before.max(*at));
        tokio::select! {
            biased;
            () = app.stop.cancelled() => break,
            count = news.recv_many(&mut heard, AT_ONCE) => {
                if count == 0 {
                    break;
                }
                heard.drain(..).for_each(|it| keeper.hear(it));
            }
            () = until(next) => keeper.look().await,
        }
    }
    // What comes from here on is let go by whoever brings it.
    news.close();
    while let Some(it) = news.recv().await {
        keeper.hear(it);
    }
    for hold in std::mem::take(&mut keeper.kept).into_values() {
        keeper.settle.let_go(hold);
    }
    app.pulses.keeper.rest();
}

async fn until(next: Option<Instant>) {
    match next {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

struct Keeper {
    app: Arc<App>,
    claimed: mpsc::Sender<Arc<Hold>>,
    settle: SettleLayer,
    /// By the time of the next look; the number tells those of one moment apart.
    kept: BTreeMap<(Instant, u64), Arc<Hold>>,
    number: u64,
    /// Accounts, and Redis's time at which it was known that they are recalled; and the same of all.
    recalled: HashMap<String, u64>,
    all_recalled: u64,
    /// Redis's time at which recalls were read last, and when that was heard.
    read: (u64, Instant),
    fresh_until: Instant,
    /// When the next looks begin, at the earliest.
    not_before: Instant,
}

impl Keeper {
    fn hear(&mut self, news: News) {
        match news {
            News::Kept(hold, at) => {
                let known = self.recalled.get(&hold.job.account).copied();
                // Its look began before the recall. One that began later was claimed, or read of it.
                if hold.job.claimed_at <= known.unwrap_or(0).max(self.all_recalled) {
                    return self.settle.let_go(hold);
                }
                self.number += 1;
                self.kept.insert((at, self.number), hold);
            }
            News::Recalled(account) => self.recall(vec![Recall::Account(account)], self.app.clock.estimate()),
        }
    }

    fn recall(&mut self, recalls: Vec<Recall>, now: u64) {
        let (mut jobs, mut accounts, mut all) = (HashSet::new(), HashSet::new(), false);
        for recall in recalls {
            match recall {
                Recall::Job(id) => drop(jobs.insert(id)),
                Recall::Account(name) => drop(accounts.insert(name)),
                Recall::All => all = true,
            }
        }
        let goes = |hold: &Hold| {
            all || jobs.contains(&hold.job.id)
                || (accounts.contains(&hold.job.account) && hold.job.claimed_at <= now)
        };
        for (_, hold) in self.kept.extract_if(.., |_, hold| goes(hold)) {
            self.settle.let_go(hold);
        }
        self.recalled.extend(accounts.into_iter().map(|name| (name, now)));
        if all {
            self.all_recalled = now;
        }
    }

    /// Reads what is recalled, unless that was done a moment ago. `false` where Redis did not say.
    async fn read(&mut self) -> bool {
        let asked = Instant::now();
        if asked < self.fresh_until {
            return true;
        }
        self.app.pulses.keeper.beat();
        let (before, heard_before) = self.read;
        let recalls = self.app.queue.read_recalls(before.saturating_sub(OVERLAP_MS));
        match recalls.await {
            Ok((now, mut recalls)) => {
                let heard = Instant::now();
                let there = Duration::from_millis(now.saturating_sub(before));
                // The answer may have been long under way.
                let least = asked.duration_since(heard_before).saturating_sub(DRIFT);
                let most = heard.duration_since(heard_before) + DRIFT;
                if now < before || !(least..=most).contains(&there) {
                    tracing::debug!(
                        kept = self.kept.len(),
                        "a clock was set: all that is kept is let go"
                    );
                    recalls.push(Recall::All);
                }
                self.read = (now, heard);
                self.fresh_until = asked + FRESH;
                self.app.clock.heard(now);
                if !recalls.is_empty() {
                    self.recall(recalls, now);
                }
                true
            }
            Err(error) => {
                tracing::debug!(%error, kept = self.kept.len(), "looks wait for Redis");
                tokio::time::sleep(RETRY).await;
                false
            }
        }
    }

    /// Begins the looks whose time has come.
    async fn look(&mut self) {
        // Claimed anew since, by this worker or another: that hold is the one that counts.
        while let Some(entry) = self.kept.first_entry()
            && entry.get().lost.is_cancelled()
        {
            entry.remove();
        }
        let (started, mut begun) = (Instant::now(), 0);
        // All of them may be in use for as long as steps take, and meanwhile much may happen.
        let mut permit = self.permit().await;
        if permit.is_none() || !self.read().await {
            return;
        }
        let now = Instant::now();
        while let Some(entry) = self.kept.first_entry()
            && entry.key().0 <= now
        {
            let ((at, _), hold) = entry.remove_entry();
            if hold.lost.is_cancelled() {
                continue;
            }
            // So late that half of its lease is over: whoever has time for it takes it, and the schedule sees to it that what piled up
            // doesn't come at once.
            let behind = at.elapsed() > self.app.look_for() / 2;
            if behind || !self.app.knows(&hold.job.account) {
                self.settle.let_go(hold);
                continue;
            }
            let free = permit.take().or_else(|| self.free_permit());
            let Some(free) = free else {
                // The next turn waits for one.
                self.number += 1;
                self.kept.insert((at, self.number), hold);
                return;
            };
            begun += 1;
            self.begin(hold, at, free).await;
        }
        if begun >= CROWD {
            self.not_before = started + TICK;
        }
    }

    fn free_permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.app.permits).try_acquire_owned().ok()
    }

    /// `None` where the worker is to stop.
    async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        if let Some(permit) = self.free_permit() {
            return Some(permit);
        }
        self.app.pulses.keeper.rest();
        tokio::select! {
            biased;
            () = self.app.stop.cancelled() => None,
            permit = Arc::clone(&self.app.permits).acquire_owned() => permit.ok(),
        }
    }

    async fn begin(&self, hold: Arc<Hold>, at: Instant, permit: OwnedSemaphorePermit) {
        let (now, late) = (self.app.clock.estimate(), at.elapsed());
        // Redis counted its lease from a little later.
        let lease = (at + self.app.look_for(), at + self.app.renew_kept());
        match Hold::look_again(hold, permit, (now, late), lease) {
            Ok(hold) => {
                self.app.measures.poll_lateness.record(late);
                if let Err(refused) = self.claimed.send(hold).await {
                    // The worker stops.
                    self.settle.let_go(refused.0);
                }
            }
            Err(hold) => self.settle.let_go(hold),
        }
    }
}
