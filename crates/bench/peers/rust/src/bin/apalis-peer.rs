//! The lifecycle on apalis with apalis-redis. A task can't come back by itself there, so each step pushes the next one with
//! the time at which it may run. Tuned: large batches, and neither locks nor events, which gammaq's figures would be further
//! ahead of. What is scheduled is looked for at each heartbeat, so that is short, and orphans are orphans after as long as by
//! default.

use std::time::Duration;

use apalis::prelude::*;
use apalis_redis::{Config, RedisStorage, connect};
use gammaq_bench_peers::{Failure, Gamma, concurrency, interval, requests, setting};
use serde::{Deserialize, Serialize};

const HEARTBEAT: Duration = Duration::from_millis(20);
const ORPHANED_AFTER: Duration = Duration::from_secs(300);

#[derive(Debug, Clone, Serialize, Deserialize)]
enum Step {
    Submit(String),
    Look(String),
}

#[derive(Clone)]
struct Shared {
    gamma: Gamma,
    storage: RedisStorage<Step>,
    interval: Duration,
}

async fn step(step: Step, shared: Data<Shared>) -> Result<String, Failure> {
    let generation = match step {
        Step::Submit(request) => shared.gamma.submit(request).await?,
        Step::Look(generation) => match shared.gamma.look(&generation).await? {
            Some(answer) => return Ok(answer.to_string()),
            None => generation,
        },
    };
    let next = TaskBuilder::new(Step::Look(generation))
        .run_after(shared.interval)
        .build();
    shared.storage.clone().push_task(next).await?;
    Ok(String::new())
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let config = Config::default()
        .queue("generations")
        .batch_size(256)
        .heartbeat_interval(HEARTBEAT)
        .missed_heartbeats((ORPHANED_AFTER.as_millis() / HEARTBEAT.as_millis()) as usize)
        .lock_tasks(false)
        .emit_events(false);
    let connection = connect(setting("REDIS_URL")?).await?;
    let mut storage = RedisStorage::new(connection).with_config(config);
    if let Some(requests) = requests()? {
        for chunk in requests.chunks(500) {
            let steps = chunk.iter().cloned().map(Step::Submit).collect();
            storage.push_bulk(steps).await?;
        }
        println!("done");
        return Ok(());
    }
    let shared = Shared {
        gamma: Gamma::new()?,
        storage: storage.clone(),
        interval: interval()?,
    };
    println!("ready");
    WorkerBuilder::new("bench")
        .backend(storage)
        .data(shared)
        .concurrency(concurrency()?)
        .build(step)
        .run()
        .await?;
    Ok(())
}
