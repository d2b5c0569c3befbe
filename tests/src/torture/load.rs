//! The callers: one for each account, appending all the time, in bursts that run into the budget.
//!
//! Invariant: a job counts as accepted only if its append was acknowledged. A caller that got no answer appends again
//! where it chose the id, and leaves it where Redis would have made one: then there may be a job or not, never two.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gammaq_testkit::{Process, gammaq_bin};
use tokio::time::{Instant, sleep, sleep_until};

use super::dice::Dice;
use super::judge::Sent;
use super::orders::{Account, Again, BROKE, Order};
use super::resp::{Connection, Reply};
use super::scene::Scene;

const INBOX: &str = "gammaq:{main}:inbox";
/// With more waiting than so many windows' worth, a caller holds back: the end has to be reached in bounded time.
const WINDOWS_AHEAD: i64 = 2;
/// Ample for a command that meets a Redis that is down and comes back.
const COMMAND_WITHIN: Duration = Duration::from_secs(120);

/// All that callers sent.
#[derive(Debug, Default)]
pub(super) struct Sender {
    sent: Mutex<Vec<Sent>>,
}

impl Sender {
    fn note(&self, sent: Sent) {
        self.sent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(sent);
    }

    /// What was sent so far.
    pub(super) fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How much was sent so far.
    pub(super) fn count(&self) -> usize {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// Appends jobs for one account until the time is over.
pub(super) async fn caller(scene: &Scene, account: &'static Account) {
    let mut dice = Dice::new(scene.plan.seed, account.name);
    let mut link = Connection::to(scene.stage.redis.address());
    let mut next = Instant::now();
    let mut number = 0;
    // Half of the time twice what the budget lets through, else half of it.
    let usual = Duration::from_millis(account.window_ms) / account.limit;
    while !scene.is_over() {
        let busy = dice.once_in(2) && account.name != BROKE;
        let gap = if busy { usual / 2 } else { usual * 2 };
        let phase = Instant::now() + dice.ms(5_000..15_000);
        while Instant::now() < phase && !scene.is_over() {
            next = (next + gap).max(Instant::now());
            sleep_until(next).await;
            let waiting = link
                .ask(&["ZCARD", &format!("gammaq:{{main}}:pending:{}", account.name)])
                .await;
            if waiting.is_ok_and(|it| it.number() > WINDOWS_AHEAD * i64::from(account.limit)) {
                sleep(usual * 3).await;
                continue;
            }
            number += 1;
            let order = Order::draw(&mut dice, account.name, number);
            let by_command = order.chosen && order.valid && dice.once_in(40);
            send(scene, &mut link, order, by_command).await;
        }
    }
}

async fn send(scene: &Scene, link: &mut Connection, order: Order, by_command: bool) {
    let job = if by_command {
        enqueue(scene, &order).await
    } else {
        append(scene, link, &order).await
    };
    if let (Some(again), Some(_)) = (order.again, &job) {
        let second = if again == Again::Other {
            order.other()
        } else {
            order.clone()
        };
        append(scene, link, &second).await;
    }
    scene.sender.note(Sent {
        token: order.token,
        job,
        valid: order.valid,
    });
}

/// XADD, again and again where that is safe; the job's id if it was acknowledged.
async fn append(scene: &Scene, link: &mut Connection, order: &Order) -> Option<String> {
    let mut command = vec!["XADD", INBOX, "*"];
    command.extend(order.fields());
    loop {
        match link.ask(&command).await {
            Ok(Reply::Text(entry)) => {
                return Some(if order.chosen { order.token.clone() } else { entry });
            }
            Ok(Reply::Error(error)) if error.starts_with("LOADING") => {}
            Ok(other) => panic!("XADD was answered with {other:?}"),
            Err(_) if order.chosen => {}
            Err(_) => return None,
        }
        // Bounded by the healing at the end: until then Redis comes back each time.
        assert!(!scene.is_abandoned(), "Redis did not take an entry in at the end");
        sleep(Duration::from_millis(50)).await;
    }
}

/// The same by `gammaq enqueue`, which says by its exit code whether the job was acknowledged.
async fn enqueue(scene: &Scene, order: &Order) -> Option<String> {
    loop {
        let finished = Process::builder(gammaq_bin())
            .name("enqueue")
            .args(["enqueue", "--request", &order.request, "--kind", order.kind])
            .args(["--id", &order.token, "--meta", &order.token])
            .args(["--account", order.account, "--priority", &order.priority])
            .env("REDIS_URL", scene.stage.redis.url())
            .run(COMMAND_WITHIN)
            .await;
        match finished.status.code() {
            Some(0) => return Some(order.token.clone()),
            // Redis was away.
            Some(69) => {}
            _ => panic!("gammaq enqueue: {}\n{}", finished.status, finished.stderr),
        }
        assert!(!scene.is_abandoned(), "Redis did not take an entry in at the end");
        sleep(Duration::from_millis(100)).await;
    }
}
