//! Workers are killed, stopped past their leases, and sent away.

use gammaq_testkit::{Process, now_ms};
use tokio::sync::MutexGuard;

use super::super::crew::Slot;
use super::super::diary::Scope;
use super::super::dice::Dice;
use super::super::scene::Scene;
use super::KILLED;

/// SIGKILL, again and again, each time with a new worker in its place.
pub(super) async fn kill(scene: &Scene) {
    let mut dice = Dice::new(scene.plan.seed, "kill");
    while scene.rest(dice.ms(800..3_000)).await {
        let gap = dice.ms(0..800);
        let Some((slot, mut worker)) = free(scene, &mut dice) else {
            continue;
        };
        let (pid, began) = (worker.pid(), now_ms());
        scene.crew.kill(&worker).await;
        scene.diary.over(KILLED, Scope::Worker(pid), began);
        scene.rest(gap).await;
        scene.crew.replace(&scene.stage, &scene.diary, slot, &mut worker);
    }
}

/// SIGSTOP and SIGCONT, mostly past the lease; SIGKILL of one that stands still; SIGTERM.
pub(super) async fn stop_and_drain(scene: &Scene) {
    let mut dice = Dice::new(scene.plan.seed, "stop");
    while scene.rest(dice.ms(2_000..7_000)).await {
        let (what, stands) = (dice.below(6), dice.ms(500..9_000));
        let Some((slot, mut worker)) = free(scene, &mut dice) else {
            continue;
        };
        let (pid, began) = (worker.pid(), now_ms());
        if !scene.crew.look(&worker) {
            scene.crew.replace(&scene.stage, &scene.diary, slot, &mut worker);
            continue;
        }
        if what < 2 {
            scene.crew.drain(&worker).await;
            scene.diary.over("worker drained", Scope::Worker(pid), began);
            scene.crew.replace(&scene.stage, &scene.diary, slot, &mut worker);
            continue;
        }
        worker.pause().await;
        scene.rest(stands).await;
        if what == 2 {
            scene.diary.over("worker stopped", Scope::Worker(pid), began);
            let began = now_ms();
            scene.crew.kill(&worker).await;
            scene.diary.over(KILLED, Scope::Worker(pid), began);
            scene.crew.replace(&scene.stage, &scene.diary, slot, &mut worker);
        } else {
            worker.resume();
            scene.diary.over("worker stopped", Scope::Worker(pid), began);
        }
    }
}

/// A worker that nobody else is breaking, drawn by the dice as far as there is a choice.
fn free<'a>(scene: &'a Scene, dice: &mut Dice) -> Option<(&'a Slot, MutexGuard<'a, Process>)> {
    let slots = &scene.crew.slots;
    let first = dice.below(slots.len());
    (0..slots.len())
        .map(|n| &slots[(first + n) % slots.len()])
        .find_map(|slot| slot.worker.try_lock().ok().map(|worker| (slot, worker)))
}
