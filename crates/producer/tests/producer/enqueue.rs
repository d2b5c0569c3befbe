//! Jobs into the inbox.

use std::time::Duration;

use gammaq_producer::{Error, GenerationRequest, JobId, Kind, NewJob, Producer, ProducerSettings, State};
use gammaq_testkit::{Redis, free_port};

use crate::hand::Hand;
use crate::{job, producer};

const INBOX: &str = "gammaq:{main}:inbox";

/// What Redis counts for a command; see INFO commandstats.
async fn calls(redis: &Redis, command: &str) -> u64 {
    let info = redis.cli(&["INFO", "commandstats"]).await;
    let line = info
        .lines()
        .find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
    line.and_then(|rest| rest.split(',').next()?.parse().ok())
        .unwrap_or(0)
}

#[tokio::test]
async fn an_enqueue_is_one_xadd_and_answers_the_id() {
    let redis = Redis::start().await;
    let producer = producer(&redis).await;
    redis.cli(&["CONFIG", "RESETSTAT"]).await;

    let own = producer.enqueue(job("invoice-42").priority(2)).await.unwrap();
    let given = producer
        .enqueue(NewJob::raw(Kind::Agent, r#"{"prompt":"p"}"#))
        .await
        .unwrap();

    assert_eq!(own.as_str(), "invoice-42");
    let stats = redis.cli(&["INFO", "commandstats"]).await;
    assert_eq!(calls(&redis, "xadd").await, 2, "{stats}");
    let commands: Vec<&str> = stats
        .lines()
        .filter(|line| line.starts_with("cmdstat_"))
        .collect();
    assert!(
        commands
            .iter()
            .all(|line| ["xadd", "config", "info"].iter().any(|it| line.contains(it))),
        "{stats}"
    );
    let newest = redis.cli(&["XREVRANGE", INBOX, "+", "-", "COUNT", "1"]).await;
    assert_eq!(
        newest.lines().collect::<Vec<_>>(),
        [given.as_str(), "request", r#"{"prompt":"p"}"#, "kind", "agent"]
    );

    Hand::new(&redis.url()).await.take_in().await;
    let record = producer.status(&own).await.unwrap().unwrap();
    assert_eq!(
        (record.state(), record.number("priority")),
        (Some(State::Queued), Some(2))
    );
    assert_eq!(producer.result(&own).await.unwrap(), None);
    assert_eq!(
        producer.status(&JobId::new("nobody").unwrap()).await.unwrap(),
        None
    );
}

#[tokio::test]
async fn ten_thousand_jobs_keep_their_order() {
    let redis = Redis::start().await;
    let producer = producer(&redis).await;
    let jobs = (0..10_000).map(|n| {
        let job = NewJob::new(GenerationRequest::new(format!("deck {n}")));
        // Half have an id of their own; a few are large, so that the limit in bytes ends chunks too.
        match n % 1_000 {
            0 => job.id(format!("job-{n}")).meta("m".repeat(4_096)),
            n if n % 2 == 1 => job.id(format!("job-{n}")),
            _ => job,
        }
    });
    let ids = producer.enqueue_many(jobs).await.unwrap();

    assert_eq!(ids.len(), 10_000);
    assert_eq!(redis.cli(&["XLEN", INBOX]).await, "10000");
    let lines = redis.cli(&["XRANGE", INBOX, "-", "+"]).await;
    let texts: Vec<&str> = lines.lines().filter(|line| line.contains("inputText")).collect();
    for (n, text) in texts.iter().enumerate() {
        assert!(text.contains(&format!("\"deck {n}\"")), "{n}: {text}");
    }
    let given: Vec<&JobId> = ids.iter().filter(|id| !id.as_str().starts_with("job-")).collect();
    let entry = |id: &JobId| {
        let (ms, number) = id.as_str().split_once('-').unwrap();
        (ms.parse::<u64>().unwrap(), number.parse::<u64>().unwrap())
    };
    assert!(given.len() > 4_000 && given.windows(2).all(|pair| entry(pair[0]) < entry(pair[1])));
}

/// They are read from somewhere while a chunk is under way, and that takes longer than an answer may.
#[tokio::test]
async fn jobs_that_come_slowly_are_waited_for_and_nothing_is_in_doubt() {
    let redis = Redis::start().await;
    let settings = ProducerSettings {
        url: redis.url(),
        response_timeout: Duration::from_millis(400),
        ..ProducerSettings::default()
    };
    let producer = Producer::connect(settings).await.unwrap();
    let jobs = (0..1_000).map(|n| {
        if n >= 500 {
            std::thread::sleep(Duration::from_millis(2));
        }
        job(&format!("j{n}"))
    });
    let ids = producer.enqueue_many(jobs).await.unwrap();
    assert_eq!((ids.len(), ids[999].as_str()), (1_000, "j999"));
    assert_eq!(redis.cli(&["XLEN", INBOX]).await, "1000");
}

#[tokio::test]
async fn a_bad_job_is_an_error_and_nothing_is_sent() {
    let redis = Redis::start().await;
    let producer = producer(&redis).await;

    let error = producer.enqueue(job("a").priority(11)).await.unwrap_err();
    assert!(matches!(error, Error::Invalid(_)), "{error:?}");
    assert_eq!(redis.cli(&["EXISTS", INBOX]).await, "0");

    let jobs = (0..700).map(|n| {
        if n == 600 {
            job("x y")
        } else {
            job(&format!("j{n}"))
        }
    });
    let interrupted = producer.enqueue_many(jobs).await.unwrap_err();
    assert!(matches!(interrupted.error, Error::Invalid(_)), "{interrupted}");
    assert_eq!(interrupted.ids.len(), 500);
    assert_eq!(redis.cli(&["XLEN", INBOX]).await, "500");
}

#[tokio::test]
async fn errors_say_what_happened() {
    let settings = ProducerSettings {
        url: format!("redis://127.0.0.1:{}", free_port()),
        ..ProducerSettings::default()
    };
    let error = Producer::connect(settings.clone()).await.unwrap_err();
    assert!(
        matches!(error, Error::Unavailable(_)) && error.is_temporary(),
        "{error:?}"
    );
    let lazy = Producer::new(settings.clone()).unwrap();
    assert!(matches!(lazy.enqueue(job("a")).await, Err(Error::Unavailable(_))));

    for (url, queue) in [("http://127.0.0.1", "main"), ("redis://:hush@127.0.0.1", "a b")] {
        let settings = ProducerSettings {
            url: url.into(),
            queue: queue.into(),
            ..settings.clone()
        };
        assert!(!format!("{settings:?}").contains("hush"));
        let error = Producer::new(settings).unwrap_err();
        assert!(matches!(error, Error::Settings(_)), "{error:?}");
    }

    let redis = Redis::builder().config("maxmemory", "1").start().await;
    let producer = producer(&redis).await;
    let error = producer.enqueue(job("a")).await.unwrap_err();
    assert!(
        matches!(error, Error::Unavailable(gammaq_queue::Error::Full(_))),
        "{error:?}"
    );
}
