//! Redis is killed and started again on its data, stands still, throws its clients out and forgets its scripts.

use gammaq_testkit::now_ms;

use super::super::diary::Scope;
use super::super::dice::Dice;
use super::super::resp::Connection;
use super::super::scene::Scene;

pub(super) async fn break_it(scene: &Scene) {
    let mut dice = Dice::new(scene.plan.seed, "redis");
    let redis = &scene.stage.redis;
    let mut link = Connection::to(redis.address());
    while scene.rest(dice.ms(4_000..12_000)).await {
        let (what, down, stands) = (dice.below(6), dice.ms(0..2_000), dice.ms(200..6_000));
        let began = now_ms();
        let kind = match what {
            0 | 1 => {
                redis.kill().await;
                scene.rest(down).await;
                redis.restart().await;
                "Redis killed"
            }
            2 | 3 => {
                redis.pause().await;
                scene.rest(stands).await;
                redis.resume();
                "Redis stopped"
            }
            4 => {
                let done = link
                    .ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"])
                    .await;
                if done.is_err() {
                    continue;
                }
                "Redis clients thrown out"
            }
            _ => {
                if link.ask(&["SCRIPT", "FLUSH"]).await.is_err() {
                    continue;
                }
                "Redis scripts flushed"
            }
        };
        scene.diary.over(kind, Scope::All, began);
    }
}
