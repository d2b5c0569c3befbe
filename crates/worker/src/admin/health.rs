//! Whether the process lives, and whether the worker can work.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use crate::app::App;
use crate::pulse::{self, Pulses};

/// Without an answer to a question for work for so long the worker is not ready. It asks every second at the least.
const ASKED_WITHIN: Duration = Duration::from_secs(5);
/// A loop that made no turn for so long hangs: one that waits for Redis turns, too, with each answer that fails to come.
const TURNED_WITHIN: Duration = Duration::from_secs(60);

/// What the worker's loops say of themselves.
#[derive(Debug)]
pub(crate) struct Vitals {
    turned_within: Duration,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    began: bool,
    asked: Option<Instant>,
    ended: Option<&'static str>,
}

impl Vitals {
    /// `answer` is the longest time that one answer of Redis may take, connection included.
    pub(crate) fn new(answer: Duration) -> Self {
        Self {
            turned_within: pulse::limit(TURNED_WITHIN, answer),
            seen: Mutex::default(),
        }
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Redis was found fit and the loops run.
    pub(crate) fn began(&self) {
        self.seen().began = true;
    }

    /// Redis answered a question for work.
    pub(crate) fn asked(&self) {
        self.seen().asked = Some(Instant::now());
    }

    /// A part of the worker ended before it was to.
    pub(crate) fn ended(&self, part: &'static str) {
        self.seen().ended.get_or_insert(part);
    }

    fn unhealthy(&self, pulses: &Pulses) -> Option<String> {
        if let Some(part) = self.seen().ended {
            return Some(format!("the worker's {part} ended"));
        }
        let (part, time) = pulses.hung(self.turned_within)?;
        Some(format!("the worker's {part} made no turn for {time:.1?}"))
    }
}

/// Whether the process is to be left alone.
#[derive(Debug, Serialize)]
pub(super) struct Health {
    pub(super) healthy: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// Whether the worker can take work.
#[derive(Debug, Serialize)]
pub(super) struct Readiness {
    pub(super) ready: bool,
    /// A word that stays the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// Redis has no part in it: a process that is started again reaches it no better.
pub(super) fn health(app: &App) -> Health {
    let detail = app.vitals.unhealthy(&app.pulses);
    Health {
        healthy: detail.is_none(),
        detail,
    }
}

/// `reachable` says whether Redis answered just now.
pub(super) fn readiness(app: &App, reachable: bool) -> Readiness {
    let not = |reason, detail: String| Readiness {
        ready: false,
        reason: Some(reason),
        detail: Some(detail),
    };
    if app.stop.is_cancelled() {
        let detail = format!("the worker stops; jobs in hand: {}", app.holds.count());
        return not("draining", detail);
    }
    let (began, asked) = {
        let seen = app.vitals.seen();
        (seen.began, seen.asked)
    };
    if !began {
        return not("starting", "it waits for Redis".to_owned());
    }
    if app.halt.is_halted() {
        let detail = "the queue lost its data; when somebody has looked, restart the workers";
        return not("halted", detail.to_owned());
    }
    if !reachable {
        return not("unreachable", "Redis does not answer".to_owned());
    }
    match asked.map(|at| at.elapsed()) {
        Some(ago) if ago <= ASKED_WITHIN && app.budgets_in_doubt() => {
            let detail = "Redis has not taken the accounts' budgets yet: nothing is submitted, what is paid for is looked at";
            not("budgets", detail.to_owned())
        }
        Some(ago) if ago <= ASKED_WITHIN => Readiness {
            ready: true,
            reason: None,
            detail: None,
        },
        Some(ago) => not("idle", format!("Redis was last asked for work {ago:.1?} ago")),
        None => not("idle", "Redis was not asked for work yet".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_ends_or_stands_still_is_unhealthy() {
        let (vitals, pulses) = (Vitals::new(Duration::from_secs(15)), Pulses::default());
        assert_eq!(vitals.unhealthy(&pulses), None, "before the first turn, too");
        pulses.heartbeat.beat();
        tokio::time::advance(Duration::from_secs(90)).await;
        assert_eq!(vitals.unhealthy(&pulses), None, "Redis may hang");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(
            vitals.unhealthy(&pulses).as_deref(),
            Some("the worker's heartbeat made no turn for 91.0s")
        );
        pulses.heartbeat.beat();
        assert_eq!(vitals.unhealthy(&pulses), None);
        vitals.ended("intake");
        assert_eq!(
            vitals.unhealthy(&pulses).as_deref(),
            Some("the worker's intake ended")
        );
    }
}
