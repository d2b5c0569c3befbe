//! Jobs that are wanted no more.

use gammaq_producer::{Cancelled, ErrorKind, JobId, State};
use gammaq_testkit::Redis;

use crate::hand::Hand;
use crate::{SOON, job, producer};

#[tokio::test]
async fn a_cancelled_job_says_whether_it_cost_anything() {
    let redis = Redis::start().await;
    let producer = producer(&redis).await;
    let hand = Hand::new(&redis.url()).await;
    let id = |text: &str| JobId::new(text).unwrap();
    assert_eq!(
        producer.cancel(&id("nobody"), "billing").await.unwrap(),
        Cancelled::NotFound
    );

    producer.enqueue(job("waits")).await.unwrap();
    hand.take_in().await;
    let said = producer.cancel(&id("waits"), "billing").await.unwrap();
    assert!(
        matches!(&said, Cancelled::Yes(text) if text.contains("nothing was spent")),
        "{said:?}"
    );
    let result = producer.wait(&id("waits"), SOON).await.unwrap();
    let error = result.error.unwrap();
    assert_eq!(
        (result.state, error.kind),
        (State::Cancelled, ErrorKind::Cancelled)
    );
    assert!(error.message.contains("billing"), "{}", error.message);

    producer.enqueue(job("begun")).await.unwrap();
    assert_eq!(hand.submit_next().await, "begun");
    for _ in 0..2 {
        let said = producer.cancel(&id("begun"), "billing").await.unwrap();
        assert!(matches!(&said, Cancelled::Yes(_)), "{said:?}");
    }
    let result = producer.wait(&id("begun"), SOON).await.unwrap();
    assert_eq!(
        result.generation_id.as_deref(),
        Some("gen-begun"),
        "what is paid for stays known"
    );

    producer.enqueue(job("sent")).await.unwrap();
    hand.begin_next().await;
    for _ in 0..2 {
        let said = producer.cancel(&id("sent"), "billing").await.unwrap();
        assert!(matches!(&said, Cancelled::Soon(_)), "{said:?}");
    }

    producer.enqueue(job("done")).await.unwrap();
    hand.submit_next().await;
    hand.complete_all().await;
    let said = producer.cancel(&id("done"), "billing").await.unwrap();
    assert!(
        matches!(&said, Cancelled::No(text) if text.contains("nothing to cancel")),
        "{said:?}"
    );
}
