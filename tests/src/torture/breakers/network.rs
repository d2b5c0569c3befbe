//! The links of single workers, or of all, are cut, refused, held, frozen and slowed.
//!
//! A link to Gamma is held for less than what lies between the last byte of a POST and the end of its slot's first
//! time: the request timeout. A network that delivers a POST later than that, to a server that still takes it, can be
//! known by no client.

use std::time::Duration;

use gammaq_testkit::{Proxy, now_ms};

use super::super::crew::{REQUEST_TIMEOUT, Slot};
use super::super::diary::Scope;
use super::super::dice::Dice;
use super::super::scene::Scene;

pub(super) async fn break_it(scene: &Scene, purpose: &str) {
    let mut dice = Dice::new(scene.plan.seed, purpose);
    let longest = u64::try_from(REQUEST_TIMEOUT.as_millis()).unwrap_or(0) * 3 / 4;
    while scene.rest(dice.ms(2_000..7_000)).await {
        let slots = &scene.crew.slots;
        let (to_redis, what) = (!dice.once_in(3), dice.below(6));
        let hit = if dice.once_in(4) {
            &slots[..]
        } else {
            std::slice::from_ref(dice.pick(slots))
        };
        let time = if to_redis {
            dice.ms(200..5_000)
        } else {
            dice.ms(100..longest)
        };
        let slow = dice.ms(10..150);
        let first = scope(hit).await;
        let began = now_ms();
        let links = hit
            .iter()
            .map(|slot| if to_redis { &slot.redis } else { &slot.gamma });
        for link in links.clone() {
            begin(link, what, slow).await;
        }
        if !matches!(what, CUT | FREEZE) {
            scene.rest(time).await;
        }
        for link in links {
            end(link, what).await;
        }
        let kind = if to_redis { TO_REDIS[what] } else { TO_GAMMA[what] };
        scene.diary.over(kind, first, began);
        // A worker that was killed meanwhile has a successor on the same link, which was hit too.
        let last = scope(hit).await;
        if last != first {
            scene.diary.over(kind, last, began);
        }
    }
}

const CUT: usize = 0;
const REFUSE: usize = 1;
const HOLD: usize = 2;
const FREEZE: usize = 3;
const DELAY: usize = 4;
const TO_REDIS: [&str; 6] = [
    "link to Redis cut",
    "link to Redis refused",
    "link to Redis held",
    "link to Redis half-open",
    "link to Redis slow",
    "replies of Redis lost",
];
const TO_GAMMA: [&str; 6] = [
    "link to Gamma cut",
    "link to Gamma refused",
    "link to Gamma held",
    "link to Gamma half-open",
    "link to Gamma slow",
    "replies of Gamma lost",
];

async fn begin(link: &Proxy, what: usize, slow: Duration) {
    match what {
        CUT => link.cut().await,
        REFUSE => {
            link.refuse(true).await;
            link.cut().await;
        }
        HOLD => link.hold(true),
        FREEZE => link.freeze_existing(),
        DELAY => link.delay(slow),
        _ => link.drop_replies(true),
    }
}

async fn end(link: &Proxy, what: usize) {
    match what {
        CUT | FREEZE => {}
        REFUSE => link.refuse(false).await,
        HOLD => link.hold(false),
        DELAY => link.delay(Duration::ZERO),
        _ => {
            link.drop_replies(false);
            // Those that lost a reply never get another one.
            link.cut().await;
        }
    }
}

/// The worker behind the link, where it is one and nobody is breaking it just now.
async fn scope(hit: &[Slot]) -> Scope {
    match hit {
        [slot] => slot
            .worker
            .try_lock()
            .map_or(Scope::All, |worker| Scope::Worker(worker.pid())),
        _ => Scope::All,
    }
}
