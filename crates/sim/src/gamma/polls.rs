//! Looks: never two at once for one generation, and none too early.

use gammaq_gamma::{AccountProblem, AccountTrouble, Answer, Completed, Credits, Failed, Polled, RateLimited};
use tokio::time::{sleep, timeout};

use super::{Cloud, REQUEST_TIMEOUT, Way, answer};
use crate::ledger::{End, Look};
use crate::run::INTERVAL;
use crate::world::locked;

const INTERVAL_MS: u64 = INTERVAL.as_millis() as u64;

/// Takes the look off the list of those under way, also when its worker dies.
struct UnderWay<'a> {
    way: &'a Way,
    generation: &'a str,
    number: u64,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut ledger = locked(&self.way.cloud.ledger);
        if let Some(looks) = ledger.looks.get_mut(self.generation) {
            looks.retain(|look| look.number != self.number);
        }
    }
}

impl Way {
    pub(super) async fn look(&self, generation: &str) -> Answer<Polled> {
        let cloud = &self.cloud;
        let freezes = self.life.freezes();
        let under_way = self.begin(generation);
        let exchange = async {
            sleep(cloud.way()).await;
            let answer = cloud.show(generation);
            sleep(cloud.way()).await;
            if cloud.happens(cloud.rates().lost_answer) {
                std::future::pending::<()>().await;
            }
            answer
        };
        let answer = timeout(REQUEST_TIMEOUT, exchange).await.unwrap_or_else(|_| {
            let outcome = Polled::Unavailable {
                status: None,
                reason: "no answer within the timeout".to_owned(),
                retry_after: None,
            };
            answer(outcome, None)
        });
        drop(under_way);
        // A worker that stood still may have lost the job meanwhile: then others don't wait for this answer.
        if self.life.freezes() == freezes {
            let at = cloud.measured_ms();
            locked(&cloud.ledger).answered.insert(generation.to_owned(), at);
        }
        cloud.world.note(
            format_args!("w{}", self.worker),
            format_args!("GET {generation}: {:?}", answer.outcome),
        );
        answer
    }

    fn begin<'a>(&'a self, generation: &'a str) -> UnderWay<'a> {
        let cloud = &self.cloud;
        let now = cloud.measured_ms();
        let ledger = &mut *locked(&cloud.ledger);
        ledger.looks_made += 1;
        let number = ledger.looks_made;
        let looks = ledger.looks.entry(generation.to_owned()).or_default();
        let second = looks.iter().find(|look| !look.disturbed).copied();
        looks.push(Look {
            number,
            worker: self.worker,
            disturbed: false,
        });
        // An operator may have a generation looked at at once, whoever looks at it just then, and looks that a pause
        // put off come when it ends.
        let job = ledger
            .generations
            .get(generation)
            .map_or("", |it| it.job.as_str());
        let resumed = ledger.touched.contains(&cloud.account_of(job));
        let promised = !cloud.world.plan.rolls_back() && !ledger.touched.contains(job);
        if let Some(other) = second.filter(|_| promised) {
            let (own, other) = (self.worker, other.worker);
            cloud
                .world
                .wrong(format!("w{own} looks at {generation} while w{other} does"));
        }
        if let Some(last) = ledger.answered.get(generation)
            && now < last + INTERVAL_MS
            && promised
            && !resumed
        {
            let early = last + INTERVAL_MS - now;
            cloud
                .world
                .wrong(format!("w{} looks at {generation} {early} ms early", self.worker));
        }
        UnderWay {
            way: self,
            generation,
            number,
        }
    }
}

impl Cloud {
    /// The looks of a worker that stands still from now on are nobody's any more.
    pub(crate) fn disturb(&self, worker: usize) {
        for look in locked(&self.ledger).looks.values_mut().flatten() {
            look.disturbed |= look.worker == worker;
        }
    }

    fn show(&self, generation: &str) -> Answer<Polled> {
        let rates = self.rates();
        if self.happens(rates.poll_fails) {
            return self.fail();
        }
        let now = self.world.ms();
        let ledger = locked(&self.ledger);
        let Some(known) = ledger.generations.get(generation) else {
            let message = "no such generation".to_owned();
            return answer(Polled::NotFound { message }, Some(404));
        };
        let credits = Credits {
            deducted: Some(10),
            remaining: Some(1_000),
        };
        let outcome = match known.end {
            _ if now < known.ends_at => Polled::Pending { progress: None },
            End::Completes => Polled::Completed(Box::new(Completed {
                gamma_id: Some(format!("deck-{generation}")),
                gamma_url: Some(format!("https://gamma.app/docs/{generation}")),
                credits,
                ..Completed::default()
            })),
            End::Fails => Polled::Failed(Failed {
                message: "it could not be made".to_owned(),
                status: Some(422),
                credits,
            }),
        };
        answer(outcome, Some(200))
    }

    pub(super) fn fail(&self) -> Answer<Polled> {
        let message = "no".to_owned();
        let pick = self.ms(0, 9).as_millis();
        let named = self.happens(0.5);
        let retry_after = named.then(|| self.ms(500, 6_000));
        match pick {
            0..=4 => {
                let outcome = Polled::Unavailable {
                    status: Some(503),
                    reason: message,
                    retry_after,
                };
                answer(outcome, Some(503))
            }
            5..=6 => answer(Polled::NotFound { message }, Some(404)),
            7..=8 => answer(
                Polled::RateLimited(RateLimited { retry_after, message }),
                Some(429),
            ),
            _ if self.rates().account_trouble > 0.0 => {
                let trouble = AccountTrouble {
                    problem: AccountProblem::Unauthorized,
                    status: 401,
                    message,
                };
                answer(Polled::AccountTrouble(trouble), Some(401))
            }
            _ => answer(
                Polled::UnknownStatus {
                    word: "dreaming".to_owned(),
                },
                Some(200),
            ),
        }
    }
}
