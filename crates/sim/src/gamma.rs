//! Gamma and the network to it: it accepts, refuses, limits, fails and stays silent, and keeps a ledger.

mod exports;
mod polls;
mod submits;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use gammaq_gamma::{Answer, Engine, Exported, Polled, RateLimits, Submitted, Target};
use gammaq_worker::surroundings::{Exchange, Gamma};
use tokio::time::Instant;

use crate::dice::Dice;
use crate::ledger::Ledger;
use crate::life::Life;
use crate::plan;
use crate::server::Server;
use crate::world::{World, locked};

/// The longest exchange, as the workers' settings say it.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(6);

/// The one Gamma of a run.
#[derive(Debug)]
pub(crate) struct Cloud {
    pub(crate) world: Arc<World>,
    pub(crate) server: Server,
    pub(crate) ledger: Mutex<Ledger>,
    dice: Mutex<Dice>,
}

impl Cloud {
    pub(crate) fn new(world: Arc<World>, server: Server, dice: Dice) -> Self {
        Self {
            world,
            server,
            ledger: Mutex::default(),
            dice: Mutex::new(dice),
        }
    }

    fn rates(&self) -> plan::Gamma {
        if self.world.is_calm() {
            plan::Gamma::default()
        } else {
            self.world.plan.gamma
        }
    }

    fn happens(&self, probability: f64) -> bool {
        locked(&self.dice).happens(probability)
    }

    fn ms(&self, least: u64, most: u64) -> Duration {
        locked(&self.dice).ms(least, most)
    }

    /// One way between a worker and Gamma.
    fn way(&self) -> Duration {
        let slow = self.happens(self.rates().slow_network);
        if slow {
            self.ms(100, 5_000)
        } else {
            self.ms(5, 120)
        }
    }

    /// The time by which budgets and intervals are measured: Redis's where its clock is set forward, since by it they
    /// hold and by no other can; the true one else.
    fn measured_ms(&self) -> u64 {
        if self.world.plan.jumps_forward() {
            self.server.now_ms()
        } else {
            self.world.ms()
        }
    }
}

/// The way to Gamma of one worker process.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) cloud: Arc<Cloud>,
    pub(crate) worker: usize,
    pub(crate) life: Life,
}

impl Gamma for Way {
    fn submit<'a>(
        &'a self,
        _: &'a Target,
        _: Engine,
        body: Bytes,
        not_after: Instant,
    ) -> Exchange<'a, Submitted> {
        Box::pin(self.post(body, not_after))
    }

    fn poll<'a>(&'a self, _: &'a Target, _: Engine, generation_id: &'a str) -> Exchange<'a, Polled> {
        Box::pin(self.look(generation_id))
    }

    fn export<'a>(&'a self, _: &'a Target, gamma_id: &'a str, format: &'a str) -> Exchange<'a, Exported> {
        Box::pin(self.ask_for_file(gamma_id, format))
    }

    fn poll_export<'a>(
        &'a self,
        _: &'a Target,
        export_id: &'a str,
        format: &'a str,
    ) -> Exchange<'a, Exported> {
        Box::pin(self.ask_for_file(export_id, format))
    }
}

fn answer<T>(outcome: T, http_status: Option<u16>) -> Answer<T> {
    Answer {
        outcome,
        limits: RateLimits::default(),
        request_id: None,
        http_status,
    }
}
