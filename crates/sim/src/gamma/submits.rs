//! POSTs: on their way, at Gamma, and their answers.

use std::sync::Arc;

use bytes::Bytes;
use gammaq_gamma::{AccountProblem, AccountTrouble, Answer, RateLimited, Submitted};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::{Cloud, REQUEST_TIMEOUT, Way, answer};
use crate::ledger::{End, Generation, Post};
use crate::redis::Reply;
use crate::world::locked;

impl Way {
    /// One POST. Dropped before its body left it never arrives; after that it does, whatever becomes of its worker.
    pub(super) async fn post(&self, body: Bytes, not_after: Instant) -> Answer<Submitted> {
        let cloud = &self.cloud;
        let began = Instant::now();
        let job = job_of(&body);
        let not_sent = |reason: &str| {
            answer(
                Submitted::NotSent {
                    reason: reason.to_owned(),
                },
                None,
            )
        };
        let unclear = |reason: &str| {
            let outcome = Submitted::Unclear {
                status: None,
                reason: reason.to_owned(),
                body_start: String::new(),
            };
            answer(outcome, None)
        };
        let connecting = cloud.way() / 4;
        if cloud.happens(cloud.rates().not_sent) {
            sleep(connecting).await;
            return not_sent("the connection was refused");
        }
        sleep(connecting).await;
        if Instant::now() >= not_after {
            return not_sent("late");
        }
        self.check_intent(&job);
        let lost = cloud.happens(cloud.rates().lost_request);
        let way = cloud.way();
        cloud.world.note(
            format_args!("w{}", self.worker),
            format_args!("POST for {job} leaves"),
        );
        self.disturb_soon();
        let (answered, answers) = oneshot::channel();
        if !lost {
            // No byte leaves after `not_after`, and what left is there at once: a budget can't cover longer ways.
            let arrives = (Instant::now() + way).min(not_after);
            let cloud = Arc::clone(cloud);
            tokio::spawn(async move {
                sleep_until(arrives).await;
                cloud.receive(&job, answered).await;
            });
        } else {
            tokio::spawn(async move {
                let _kept = answered;
                std::future::pending::<()>().await;
            });
        }
        match timeout_at(began + REQUEST_TIMEOUT, answers).await {
            Ok(Ok(answer)) => {
                if let Submitted::Accepted { generation_id, .. } = &answer.outcome
                    && let Some(generation) = locked(&cloud.ledger).generations.get_mut(generation_id)
                {
                    generation.told = Some(self.life.clone());
                }
                answer
            }
            Ok(Err(_)) => unclear("the connection was reset"),
            Err(_) => unclear("no answer within the timeout"),
        }
    }

    /// While a POST is under way much may happen to its worker, for that is when it counts.
    fn disturb_soon(&self) {
        let (cloud, worker, life) = (Arc::clone(&self.cloud), self.worker, self.life.clone());
        let crashes = cloud.happens(cloud.rates().crashes_at_post);
        let freezes = cloud.happens(cloud.rates().freezes_at_post);
        let (soon, time) = (cloud.ms(0, 300), cloud.ms(5_000, 40_000));
        if !crashes && !freezes {
            return;
        }
        tokio::spawn(async move {
            sleep(soon).await;
            cloud.disturb(worker);
            if crashes {
                return life.end();
            }
            cloud.world.note(
                format_args!("fault"),
                format_args!("w{worker} stands still for {time:?}"),
            );
            life.freeze();
            sleep(time).await;
            life.thaw();
        });
    }

    /// Before a byte leaves, the intent is in Redis: nobody else may think that nothing was sent.
    fn check_intent(&self, job: &str) {
        let (world, server) = (&self.cloud.world, &self.cloud.server);
        if world.plan.rolls_back() || !server.is_up() {
            return;
        }
        let key = format!("{}job:{job}", crate::run::BASE);
        let state = server.direct(format_args!("look"), &["HGET", &key, "state"]);
        if state != Reply::bulk("submitting") {
            world.wrong(format!(
                "a POST for {job} leaves w{} while its record says {state:?}",
                self.worker
            ));
        }
        self.check_pauses(job);
    }

    /// Nothing begins while an operator pauses its account or the whole queue.
    fn check_pauses(&self, job: &str) {
        let (world, server) = (&self.cloud.world, &self.cloud.server);
        if !world.plan.has_operators() {
            return;
        }
        let number = |key: &str, field: &str| {
            let key = format!("{}{key}", crate::run::BASE);
            match server.direct(format_args!("look"), &["HGET", &key, field]) {
                Reply::Bulk(text) => String::from_utf8_lossy(&text).parse().unwrap_or(0_u64),
                _ => 0,
            }
        };
        let begun = number(&format!("job:{job}"), "intent_at");
        let account = format!("account:{}", self.cloud.account_of(job));
        for (what, at) in [
            ("its account", number(&account, "paused_at")),
            ("the queue", number("paused", "at")),
        ] {
            if at > 0 && begun > at {
                world.wrong(format!(
                    "a POST for {job} was begun at {begun}, {what} is paused since {at}"
                ));
            }
        }
    }
}

/// The job that a request is for, by its text: `make job-7 of it`.
fn job_of(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let rest = text.split_once("make ").map_or("", |(_, rest)| rest);
    rest.split(' ').next().unwrap_or_default().to_owned()
}

impl Cloud {
    async fn receive(&self, job: &str, answered: oneshot::Sender<Answer<Submitted>>) {
        let account = self.account_of(job);
        let (answer, counts) = self.decide(job);
        let at = self.measured_ms();
        self.world.note(
            format_args!("gamma"),
            format_args!("POST for {job}: {:?}", answer.outcome),
        );
        locked(&self.ledger).posts.push(Post { account, at, counts });
        let lost = self.happens(self.rates().lost_answer);
        let reset = self.happens(0.5);
        sleep(self.way()).await;
        match (lost, reset) {
            (false, _) => {
                let _ = answered.send(answer);
            }
            (true, true) => drop(answered),
            (true, false) => {
                let _kept = answered;
                std::future::pending::<()>().await;
            }
        }
    }

    /// Whose key came with it: the record's account, which never changes.
    pub(super) fn account_of(&self, job: &str) -> String {
        let of = |entry: &&crate::plan::Entry| entry.fields.contains(&("id", job.to_owned()));
        let entry = self.world.plan.entries.iter().find(of);
        let account = entry.and_then(|entry| entry.fields.iter().find(|(name, _)| *name == "account"));
        account.map(|(_, account)| account.clone()).unwrap_or_default()
    }

    /// The answer, and whether the POST counts against its account.
    fn decide(&self, job: &str) -> (Answer<Submitted>, bool) {
        let rates = self.rates();
        if self.happens(rates.rate_limited) {
            let named = self.happens(0.5);
            let wait = self.ms(500, 8_000);
            let limited = RateLimited {
                retry_after: named.then_some(wait),
                message: "slow down".to_owned(),
            };
            return (answer(Submitted::RateLimited(limited), Some(429)), false);
        }
        if self.happens(rates.account_trouble) {
            let (problem, status) = match self.happens(0.5) {
                true => (AccountProblem::Unauthorized, 401),
                false => (AccountProblem::OutOfCredits, 402),
            };
            let message = "no".to_owned();
            let trouble = AccountTrouble {
                problem,
                status,
                message,
            };
            return (answer(Submitted::AccountTrouble(trouble), Some(status)), false);
        }
        if self.happens(rates.refused) {
            let refused = Submitted::Refused {
                status: 400,
                message: "no".to_owned(),
                redirect: false,
            };
            return (answer(refused, Some(400)), true);
        }
        let broken = Submitted::Unclear {
            status: Some(503),
            reason: "busy".to_owned(),
            body_start: String::new(),
        };
        if self.happens(rates.error_before) {
            return (answer(broken, Some(503)), true);
        }
        let generation_id = self.accept(job);
        if self.happens(rates.error_after) {
            return (answer(broken, Some(503)), true);
        }
        let warnings = Vec::new();
        (
            answer(
                Submitted::Accepted {
                    generation_id,
                    warnings,
                },
                Some(200),
            ),
            true,
        )
    }

    fn accept(&self, job: &str) -> String {
        let rates = self.rates();
        let end = if self.happens(rates.generation_fails) {
            End::Fails
        } else {
            End::Completes
        };
        let takes = if self.happens(rates.generation_hangs) {
            (15_000, 90_000)
        } else {
            (500, 12_000)
        };
        let ends_at = self.world.ms() + u64::try_from(self.ms(takes.0, takes.1).as_millis()).unwrap_or(0);
        let mut ledger = locked(&self.ledger);
        let id = format!("gen-{}-{job}", ledger.generations.len());
        let generation = Generation {
            job: job.to_owned(),
            ends_at,
            end,
            told: None,
        };
        ledger.generations.insert(id.clone(), generation);
        id
    }
}
