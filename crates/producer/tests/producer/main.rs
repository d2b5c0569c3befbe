//! The producer on a real Redis, with jobs that are ended by hand.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests, which clippy takes for ordinary code"
)]

mod cancel;
mod enqueue;
mod hand;
mod readme;
mod wait;

use std::time::Duration;

use gammaq_producer::{GenerationRequest, NewJob, Producer, ProducerSettings};
use gammaq_testkit::Redis;

/// Ample on a machine that is busy with other tests.
const SOON: Duration = Duration::from_secs(60);

async fn producer(redis: &Redis) -> Producer {
    let settings = ProducerSettings {
        url: redis.url(),
        ..ProducerSettings::default()
    };
    Producer::connect(settings).await.unwrap()
}

fn job(id: &str) -> NewJob {
    NewJob::new(GenerationRequest::new(format!("a deck on {id}"))).id(id)
}
