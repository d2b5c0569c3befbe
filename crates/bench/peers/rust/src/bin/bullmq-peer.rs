//! The lifecycle on `bullmq-official`: as in Node, one job that submits, keeps the generation's id in its data, and moves
//! itself to delayed until the next look.

use std::time::{SystemTime, UNIX_EPOCH};

use bullmq::options::RedisConnectionOptions;
use bullmq::worker::{CancellationToken, WorkerEvent};
use bullmq::{Error, Job, Queue, QueueOptions, Worker, WorkerOptions};
use gammaq_bench_peers::{Failure, Gamma, concurrency, interval, requests, setting};
use serde_json::{Value, json};

const QUEUE: &str = "generations";

async fn step(gamma: Gamma, interval: u64, mut job: Job) -> Result<Value, Error> {
    let failed = |error: Failure| Error::ProcessingError(error.to_string());
    let text = |name: &str| job.data().get(name).and_then(Value::as_str).map(str::to_owned);
    match text("generationId") {
        None => {
            let request = text("request").unwrap_or_default();
            let generation = gamma.submit(request).await.map_err(failed)?;
            job.update_data(json!({ "generationId": generation })).await?;
        }
        Some(generation) => {
            if let Some(answer) = gamma.look(&generation).await.map_err(failed)? {
                return Ok(answer);
            }
        }
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    job.move_to_delayed(now.as_millis() as u64 + interval).await?;
    Err(Error::Delayed)
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let connection = RedisConnectionOptions::new().url(setting("REDIS_URL")?);
    if let Some(requests) = requests()? {
        let queue = Queue::with_options(QUEUE, QueueOptions::new().connection(connection)).await?;
        for request in requests {
            queue.add("generation", json!({ "request": request })).await?;
        }
        println!("done");
        return Ok(());
    }
    let (gamma, interval) = (Gamma::new()?, interval()?.as_millis() as u64);
    let options = WorkerOptions::new()
        .connection(connection)
        .concurrency(concurrency()?);
    let process = move |job: Job, _: CancellationToken| step(gamma.clone(), interval, job);
    let worker = Worker::with_options(QUEUE, process, options).await?;
    println!("ready");
    while let Some(event) = worker.next_event().await {
        if let WorkerEvent::Failed { .. } = event {
            eprintln!("{event:?}");
        }
    }
    Ok(())
}
