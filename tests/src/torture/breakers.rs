//! What breaks things: each breaker by its own dice and at its own pace, so that faults overlap.

mod gamma;
mod network;
mod redis;
mod workers;

use std::sync::Arc;

use tokio::task::JoinSet;

use super::scene::Scene;

/// How the killing of a worker is called: most faults are of this kind.
pub(super) const KILLED: &str = "worker killed";

/// Starts them all; each ends, and has put right what it broke, soon after the time is over.
pub(super) fn spawn(scene: &Arc<Scene>, tasks: &mut JoinSet<()>) {
    let with = |scene: &Arc<Scene>| Arc::clone(scene);
    let it = with(scene);
    tasks.spawn(async move { workers::kill(&it).await });
    let it = with(scene);
    tasks.spawn(async move { workers::stop_and_drain(&it).await });
    let it = with(scene);
    tasks.spawn(async move { redis::break_it(&it).await });
    for purpose in ["network one", "network two"] {
        let it = with(scene);
        tasks.spawn(async move { network::break_it(&it, purpose).await });
    }
    let it = with(scene);
    tasks.spawn(async move { gamma::break_it(&it).await });
}
