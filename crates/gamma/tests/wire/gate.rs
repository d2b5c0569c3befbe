//! The gate: nothing leaves late, whatever stood still meanwhile.

use std::sync::Arc;
use std::time::Duration;

use gammaq_gamma::{Engine, Submitted};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::backlog::FullBacklog;
use crate::server::{Server, answer, assert_no_body, assert_one_body};
use crate::{assert_accepted, assert_not_sent, big_body, body, client, impatient, in_a_minute, target};

const ACCEPTED: &str = r#"{"generationId":"g1"}"#;

#[tokio::test]
async fn a_time_that_is_over_sends_nothing() {
    let server = Server::answering(answer(200, "", ACCEPTED));
    let answer = client()
        .submit(&target(&server.base()), Engine::Classic, body(), Instant::now())
        .await;
    assert_not_sent(&answer);
    assert!(server.finish().await.is_empty());
}

#[tokio::test]
async fn a_connect_is_not_waited_for_beyond_the_time() {
    let port = FullBacklog::start().await;
    let begun = Instant::now();
    let target = target(&format!("http://{}", port.address));
    let not_after = begun + Duration::from_millis(300);
    let answer = impatient(20_000, 30_000)
        .submit(&target, Engine::Classic, body(), not_after)
        .await;
    assert_not_sent(&answer);
    assert!(begun.elapsed() < Duration::from_secs(10));
}

/// The runtime stands still past the time, at every point of the way that a task switch can show.
#[tokio::test]
async fn a_worker_that_was_stopped_sends_all_or_nothing() {
    let (mut not_sent, mut accepted) = (0, 0);
    for switches in 0..16 {
        let server = Server::answering(answer(200, "", ACCEPTED));
        let (client, target) = (client(), target(&server.base()));
        let not_after = Instant::now() + Duration::from_millis(60);
        let task =
            tokio::spawn(async move { client.submit(&target, Engine::Classic, body(), not_after).await });
        for _ in 0..switches {
            tokio::task::yield_now().await;
        }
        // Not for synchronisation: this is the stop.
        std::thread::sleep(Duration::from_millis(80));
        let answer = task.await.unwrap();
        let received = server.finish().await;
        match answer.outcome {
            Submitted::NotSent { .. } => {
                not_sent += 1;
                assert_no_body(&received);
            }
            _ => {
                accepted += 1;
                assert_accepted(&answer, "g1");
                assert_one_body(&received);
            }
        }
    }
    assert!(not_sent >= 2, "{not_sent} not sent, {accepted} accepted");
}

/// A body that is stuck half-way when the time comes stays half: no server can take it for a whole request.
#[tokio::test]
async fn a_body_that_is_half_out_stays_half_out() {
    let over = Arc::new(Notify::new());
    let server = Server::start({
        let over = over.clone();
        move |mut connection| {
            let over = over.clone();
            async move {
                connection.read(1024).await;
                over.notified().await;
                connection.drain().await;
            }
        }
    });
    let body = big_body();
    let not_after = Instant::now() + Duration::from_secs(2);
    let answer = client()
        .submit(&target(&server.base()), Engine::Classic, body.clone(), not_after)
        .await;
    over.notify_one();
    assert_not_sent(&answer);
    let received = server.finish().await;
    assert_eq!(received.len(), 1);
    assert!(received[0].len() < body.len());
}

/// The process is stopped for longer than a request may take, and its answer comes right after: it is read all
/// the same, since there may be a paid generation's id in it.
#[tokio::test]
async fn an_answer_that_finds_the_worker_just_woken_is_read() {
    let (asked, mut is_asked) = tokio::sync::mpsc::unbounded_channel();
    let woken = Arc::new(Notify::new());
    let server = Server::start({
        let woken = woken.clone();
        move |mut connection| {
            let (asked, woken) = (asked.clone(), woken.clone());
            async move {
                connection.read_request().await;
                asked.send(()).unwrap();
                woken.notified().await;
                // Gives the client's timer its chance to end the wait first.
                tokio::time::sleep(Duration::from_millis(50)).await;
                connection.write(answer(200, "", ACCEPTED).as_bytes()).await;
            }
        }
    });
    let target = target(&server.base());
    let task = tokio::spawn(async move {
        impatient(400, 500)
            .submit(&target, Engine::Classic, body(), in_a_minute())
            .await
    });
    is_asked.recv().await.unwrap();
    // Not for synchronisation: this is the stop.
    std::thread::sleep(Duration::from_millis(900));
    woken.notify_one();
    assert_accepted(&task.await.unwrap(), "g1");
    assert_one_body(&server.finish().await);
}
