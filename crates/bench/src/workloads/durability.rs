//! The burst of 2,000 with everything on disk, or with a replica, before it counts.

use gammaq_testkit::Redis;

use super::lifecycle;
use crate::figures::Case;
use crate::rig::{Aof, Rig};
use crate::{Options, told};

const NAME: &str = "durability";

pub(super) async fn run(options: &Options) -> Result<Vec<Case>, String> {
    let jobs = options.scaled(2_000);
    let mut cases = Vec::new();
    for (words, aof, settings) in [
        ("AOF off", Aof::Off, ""),
        ("AOF everysec", Aof::Everysec, ""),
        ("AOF always", Aof::Always, ""),
        (
            "AOF always, `redis.durability = \"aof\"`",
            Aof::Always,
            "redis.durability = \"aof\"\n",
        ),
    ] {
        let mut case =
            lifecycle::burst(options, Rig::start(aof.redis()).await?, jobs, NAME, settings).await?;
        words.clone_into(&mut case.name);
        cases.push(told(case));
    }
    let mut case = with_replica(options, jobs).await?;
    "`redis.durability = \"replica\"`, a replica on this machine".clone_into(&mut case.name);
    cases.push(told(case));
    Ok(cases)
}

/// The replica's own processor time is not counted: it would be another machine's.
async fn with_replica(options: &Options, jobs: usize) -> Result<Case, String> {
    let rig = Rig::start(Redis::builder().config("repl-diskless-sync-delay", "0")).await?;
    let replica = Redis::builder().replica_of(rig.redis.port()).start().await;
    rig.redis.replicated().await;
    let case = lifecycle::burst(options, rig, jobs, NAME, "redis.durability = \"replica\"\n").await;
    drop(replica);
    case
}
