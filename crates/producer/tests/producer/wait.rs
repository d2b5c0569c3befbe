//! Waiting for results.

use std::time::Duration;

use gammaq_producer::{Error, JobId, Progress, State, WaitError};
use gammaq_testkit::{Redis, eventually};

use crate::hand::Hand;
use crate::{SOON, job, producer};

#[tokio::test]
async fn an_end_that_came_before() {
    let redis = Redis::start().await;
    let (producer, hand) = (producer(&redis).await, Hand::new(&redis.url()).await);
    let id = producer.enqueue(job("before")).await.unwrap();
    hand.submit_next().await;
    hand.complete_all().await;

    let result = producer.wait(&id, SOON).await.unwrap();
    assert_eq!(
        (result.state, result.gamma_url.as_deref()),
        (State::Completed, Some("https://gamma.app/docs/before"))
    );
    assert_eq!(result.credits.deducted, Some(150.0));
}

#[tokio::test]
async fn an_end_that_comes_after_each_step_is_seen() {
    let redis = Redis::start().await;
    let (producer, hand) = (producer(&redis).await, Hand::new(&redis.url()).await);
    let id = producer.enqueue(job("after")).await.unwrap();
    let mut waiter = producer.waiter(&id);

    hand.take_in().await;
    assert_eq!(waiter.next().await.unwrap(), Progress::Moved(State::Queued));
    hand.submit_next().await;
    assert_eq!(waiter.next().await.unwrap(), Progress::Moved(State::Generating));
    // The deck is known, and the job is not over: no end.
    let early = result_json("after", "generating");
    redis.cli(&["SET", "gammaq:{main}:result:after", &early]).await;
    assert_eq!(
        producer.result(&id).await.unwrap().map(|it| it.state),
        Some(State::Generating)
    );
    hand.fail_all().await;
    let Progress::Ended(result) = waiter.next().await.unwrap() else {
        panic!("an end was expected");
    };
    assert_eq!(result.state, State::Failed);
    assert_eq!(result.error.unwrap().status, Some(422));
}

#[tokio::test]
async fn an_end_in_between_is_never_missed() {
    let redis = Redis::start().await;
    let (producer, hand) = (producer(&redis).await, Hand::new(&redis.url()).await);
    // The jobs end while those who wait begin, in every order that comes about.
    let ids: Vec<JobId> = (0..200).map(|n| JobId::new(format!("j{n}")).unwrap()).collect();
    producer
        .enqueue_many(ids.iter().map(|id| job(id.as_str())))
        .await
        .unwrap();
    hand.take_in().await;
    for _ in &ids {
        hand.submit_next().await;
    }
    let waits: Vec<_> = ids
        .iter()
        .map(|id| {
            let (producer, id) = (producer.clone(), id.clone());
            tokio::spawn(async move { producer.wait(&id, SOON).await })
        })
        .collect();
    hand.complete_all().await;
    for wait in waits {
        assert_eq!(wait.await.unwrap().unwrap().state, State::Completed);
    }
}

#[tokio::test]
async fn an_event_that_is_gone_does_not_keep_anyone_waiting() {
    let redis = Redis::start().await;
    let (producer, hand) = (producer(&redis).await, Hand::new(&redis.url()).await);
    let id = producer.enqueue(job("trimmed")).await.unwrap();
    hand.submit_next().await;
    let mut waiter = producer.waiter(&id);
    assert_eq!(waiter.next().await.unwrap(), Progress::Moved(State::Generating));
    // Nobody is told: it is as if the event were gone before anyone read it.
    redis
        .cli(&[
            "EVAL",
            "redis.call('HSET', KEYS[1], 'state', 'cancelled') redis.call('SET', KEYS[2], ARGV[1])",
            "2",
            "gammaq:{main}:job:trimmed",
            "gammaq:{main}:result:trimmed",
            &result_json("trimmed", "cancelled"),
        ])
        .await;
    let ended = tokio::time::timeout(SOON, waiter.next()).await.unwrap().unwrap();
    assert!(matches!(ended, Progress::Ended(result) if result.state == State::Cancelled));
}

#[tokio::test]
async fn a_parked_job_is_an_end_and_says_so() {
    let redis = Redis::start().await;
    let (producer, hand) = (producer(&redis).await, Hand::new(&redis.url()).await);
    let id = producer.enqueue(job("unclear")).await.unwrap();
    hand.park_next().await;
    let result = producer.wait(&id, SOON).await.unwrap();
    assert_eq!(result.state, State::Ambiguous);
}

#[tokio::test]
async fn the_deadline_says_where_the_job_stands() {
    let redis = Redis::start().await;
    let (producer, hand) = (producer(&redis).await, Hand::new(&redis.url()).await);
    let short = Duration::from_millis(300);
    let id = producer.enqueue(job("slow")).await.unwrap();

    let error = producer.wait(&id, short).await.unwrap_err();
    assert!(
        matches!(
            error,
            WaitError::TimedOut {
                state: None,
                last_error: None,
                ..
            }
        ),
        "{error:?}"
    );
    hand.submit_next().await;
    let error = producer.wait(&id, short).await.unwrap_err();
    assert!(
        matches!(
            error,
            WaitError::TimedOut {
                state: Some(State::Generating),
                ..
            }
        ),
        "{error:?}"
    );
    assert!(error.to_string().contains("it is generating"), "{error}");

    redis.kill().await;
    let error = producer.wait(&id, short).await.unwrap_err();
    let WaitError::TimedOut {
        last_error: Some(cause),
        ..
    } = error
    else {
        panic!("{error:?}")
    };
    assert!(cause.is_temporary(), "{cause:?}");
}

#[tokio::test]
async fn a_job_that_was_never_there_is_not_waited_for() {
    let redis = Redis::start().await;
    let (producer, hand) = (producer(&redis).await, Hand::new(&redis.url()).await);
    let id = JobId::new("nobody").unwrap();
    assert!(matches!(
        producer.wait(&id, SOON).await,
        Err(WaitError::NotFound(_))
    ));

    // With entries in the inbox it may be one of them.
    producer.enqueue(job("other")).await.unwrap();
    let waiting = tokio::spawn({
        let (producer, id) = (producer.clone(), id.clone());
        async move { producer.wait(&id, SOON).await }
    });
    hand.take_in().await;
    assert!(matches!(waiting.await.unwrap(), Err(WaitError::NotFound(_))));
}

#[tokio::test]
async fn redis_restarts_while_someone_waits() {
    let redis = Redis::builder().aof_always().start().await;
    let (producer, hand) = (producer(&redis).await, Hand::new(&redis.url()).await);
    let id = producer.enqueue(job("patient")).await.unwrap();
    hand.submit_next().await;
    let mut waiter = producer.waiter(&id);
    assert_eq!(waiter.next().await.unwrap(), Progress::Moved(State::Generating));

    redis.kill().await;
    let waiting = tokio::spawn(async move { (waiter.next().await, waiter.last_error().is_none()) });
    eventually(SOON, "Redis is found gone", || async {
        matches!(producer.status(&id).await, Err(Error::Unavailable(_)))
    })
    .await;
    redis.restart().await;
    Hand::new(&redis.url()).await.complete_all().await;
    let (ended, no_error) = waiting.await.unwrap();
    assert!(
        matches!(ended.unwrap(), Progress::Ended(result) if result.state == State::Completed) && no_error
    );
}

fn result_json(id: &str, state: &str) -> String {
    format!(
        r#"{{"id":"{id}","state":"{state}","generationId":null,"gammaId":null,"gammaUrl":null,"exportUrl":null,
            "pdfUrl":null,"pptxUrl":null,"exports":[],"credits":{{"deducted":null,"remaining":null}},"warnings":[],
            "error":null,"account":"default","meta":null,"polls":0,"createdAt":1,"submittedAt":null,"finishedAt":2}}"#
    )
}
