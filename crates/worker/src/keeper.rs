//! Keeps jobs between looks: what a look found unfinished stays in this worker's hands, and is looked at again when its time
//! comes, without a claim.
//!
//! The invariant: a kept job is one whose lease was made longer. Redis holds it under its fence until some seconds after its
//! next look, so nobody else looks at it, and whoever outlives this worker has it then. What would have kept a claim from
//! handing it out is read before each look, if it was not read a moment ago: an operator moved it, or its account has to
//! wait. Whatever is in doubt goes back into the schedule, with the time that it has there.

use std::collections::{BTreeMap, HashMap};
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
/// For so long after its recall no job of an account is kept, or for as long as looks may take that began before.
const REMEMBERED: Duration = Duration::from_secs(60);
/// In a crowd looks begin together that are due within it: waking up once for all of them costs much less, and none is early.
const TICK: Duration = Duration::from_millis(4);
/// How many looks are a crowd.
const CROWD: usize = 2;
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
    let mut keeper = Keeper {
        read_at: app.clock.estimate(),
        remembered: REMEMBERED.max(app.request_timeout * 2),
        app: Arc::clone(&app),
        claimed,
        settle,
        kept: BTreeMap::new(),
        number: 0,
        recalled: HashMap::new(),
        fresh_until: Instant::now(),
        not_before: Instant::now(),
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
        keeper.settle.hand_back(hold);
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
    /// Accounts, and when they were recalled.
    recalled: HashMap<String, Instant>,
    remembered: Duration,
    /// Redis's time at which recalls were read last.
    read_at: u64,
    fresh_until: Instant,
    /// When the next looks begin, at the earliest.
    not_before: Instant,
}

impl Keeper {
    fn hear(&mut self, news: News) {
        match news {
            News::Kept(hold, at) => {
                // Its look began before the account was recalled.
                if self.has_to_wait(&hold.job.account) {
                    return self.settle.hand_back(hold);
                }
                self.number += 1;
                self.kept.insert((at, self.number), hold);
            }
            News::Recalled(account) => self.recall(Recall::Account(account)),
        }
    }

    fn has_to_wait(&mut self, account: &str) -> bool {
        let since = self.recalled.get(account).map(Instant::elapsed);
        if since.is_some_and(|since| since > self.remembered) {
            self.recalled.remove(account);
            return false;
        }
        since.is_some()
    }

    fn recall(&mut self, recall: Recall) {
        let goes: Vec<_> = self
            .kept
            .iter()
            .filter(|(_, hold)| match &recall {
                Recall::Job(id) => hold.job.id == *id,
                Recall::Account(name) => hold.job.account == *name,
                Recall::All => true,
            })
            .map(|(key, _)| *key)
            .collect();
        for hold in goes.iter().filter_map(|key| self.kept.remove(key)) {
            self.settle.hand_back(hold);
        }
        if let Recall::Account(name) = recall {
            self.recalled.insert(name, Instant::now());
        }
    }

    /// Reads what is recalled, unless that was done a moment ago. `false` where Redis did not say.
    async fn read(&mut self) -> bool {
        if Instant::now() < self.fresh_until {
            return true;
        }
        self.app.pulses.keeper.beat();
        match self.app.queue.read_recalls(self.read_at).await {
            Ok((now, recalls)) => {
                self.read_at = now;
                self.fresh_until = Instant::now() + FRESH;
                self.app.clock.heard(now);
                recalls.into_iter().for_each(|it| self.recall(it));
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
        if !self.read().await {
            return;
        }
        let (now, mut begun) = (Instant::now(), 0);
        while let Some(entry) = self.kept.first_entry()
            && entry.key().0 <= now
        {
            let ((at, _), hold) = entry.remove_entry();
            // Claimed anew since, by this worker or another: that hold is the one that counts.
            if hold.lost.is_cancelled() {
                continue;
            }
            // Nearly out of its lease: whoever has time for it takes it, and the schedule sees to it that what piled up
            // doesn't come at once.
            let behind = at.elapsed() > self.app.settle_policy.kept_for / 2;
            if behind || !self.app.knows(&hold.job.account) {
                self.settle.hand_back(hold);
                continue;
            }
            match self.permit().await {
                Some(permit) => {
                    begun += 1;
                    self.begin(hold, at, permit).await;
                }
                None => return self.settle.hand_back(hold),
            }
        }
        if begun >= CROWD {
            self.not_before = now + TICK;
        }
    }

    /// `None` where the worker is to stop.
    async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.app.permits).try_acquire_owned() {
            return Some(permit);
        }
        // All of them may be in use for as long as steps take.
        self.app.pulses.keeper.rest();
        tokio::select! {
            biased;
            () = self.app.stop.cancelled() => None,
            permit = Arc::clone(&self.app.permits).acquire_owned() => permit.ok(),
        }
    }

    async fn begin(&self, hold: Arc<Hold>, at: Instant, permit: OwnedSemaphorePermit) {
        let (now, late) = (self.app.clock.estimate(), at.elapsed());
        // Redis counted it from a little later.
        let lease = (at + self.app.settle_policy.kept_for, self.app.renew_kept());
        match Hold::look_again(hold, permit, (now, late), lease) {
            Ok(hold) => {
                self.app.measures.poll_lateness.record(late);
                if let Err(refused) = self.claimed.send(hold).await {
                    // The worker stops.
                    self.settle.hand_back(refused.0);
                }
            }
            Err(hold) => self.settle.hand_back(hold),
        }
    }
}
