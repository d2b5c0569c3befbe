//! Faults after the request left: nobody can know whether Gamma took it.

use crate::server::{Server, assert_one_body, content_length};
use crate::{assert_unclear, big_body, client, impatient, in_a_minute, submit, target};
use gammaq_gamma::Engine;

/// Closed without a look at the request, which is on its way by then.
#[tokio::test]
async fn accepted_then_closed() {
    let server = Server::start(|mut connection| async move {
        connection.read(1).await;
    });
    assert_unclear(&submit(&client(), &server.base()).await, None, "");
    assert_eq!(server.finish().await, ["P"]);
}

#[tokio::test]
async fn read_then_closed() {
    let server = Server::start(|mut connection| async move {
        connection.read_request().await;
    });
    assert_unclear(&submit(&client(), &server.base()).await, None, "");
    assert_one_body(&server.finish().await);
}

#[tokio::test]
async fn read_then_reset() {
    let server = Server::start(|mut connection| async move {
        connection.read_request().await;
        connection.reset();
    });
    assert_unclear(&submit(&client(), &server.base()).await, None, "");
    assert_one_body(&server.finish().await);
}

#[tokio::test]
async fn read_then_silence() {
    let server = Server::start(|mut connection| async move { connection.drain().await });
    assert_unclear(&submit(&impatient(400, 500), &server.base()).await, None, "");
    assert_one_body(&server.finish().await);
}

#[tokio::test]
async fn a_big_body_reset_after_the_first_kilobyte() {
    let server = Server::start(|mut connection| async move {
        connection.read(1024).await;
        connection.reset();
    });
    let body = big_body();
    let answer = client()
        .submit(
            &target(&server.base()),
            Engine::Classic,
            body.clone(),
            in_a_minute(),
        )
        .await;
    assert_unclear(&answer, None, "");
    let received = server.finish().await;
    assert_eq!(received.len(), 1);
    let (head, _) = received[0].split_once("\r\n\r\n").unwrap();
    assert_eq!(content_length(head), Some(body.len()));
}

#[tokio::test]
async fn half_a_head_or_garbage() {
    let endless_head = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(1 << 20));
    for bytes in [
        "HTTP/1.1 200 O".as_bytes(),
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n",
        b"\x00\xff\x16garbage\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"\r\n\r\n\r\n",
        endless_head.as_bytes(),
    ] {
        let bytes = bytes.to_vec();
        let server = Server::start(move |mut connection| {
            let bytes = bytes.clone();
            async move {
                connection.read_request().await;
                connection.write(&bytes).await;
            }
        });
        assert_unclear(&submit(&client(), &server.base()).await, None, "");
        assert_one_body(&server.finish().await);
    }
}

#[tokio::test]
async fn half_a_head_then_silence() {
    let server = Server::start(|mut connection| async move {
        connection.read_request().await;
        connection.write(b"HTTP/1.1 202 Accepted\r\nContent-").await;
        connection.drain().await;
    });
    assert_unclear(&submit(&impatient(400, 500), &server.base()).await, None, "");
    assert_one_body(&server.finish().await);
}
