//! Faults before the request left: all proven, none guessed.

use std::net::{Ipv4Addr, TcpListener};
use std::pin::pin;
use std::task::Poll;

use crate::backlog::FullBacklog;
use crate::server::{Server, assert_no_body};
use crate::{assert_not_sent, client, impatient, submit};

#[tokio::test]
async fn connection_refused() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    assert_not_sent(&submit(&client(), &base).await);
}

#[tokio::test]
async fn a_name_that_does_not_exist() {
    assert_not_sent(&submit(&client(), "http://gamma.invalid").await);
}

#[tokio::test]
async fn a_connect_that_hangs() {
    let port = FullBacklog::start().await;
    let answer = submit(&impatient(300, 20_000), &format!("http://{}", port.address)).await;
    assert_not_sent(&answer);
}

#[tokio::test]
async fn tls_closed_by_the_peer() {
    let server = Server::start(|mut connection| async move {
        connection.read(1).await;
    });
    assert_not_sent(&submit(&client(), &server.tls_base()).await);
    assert_no_body(&server.finish().await);
}

#[tokio::test]
async fn tls_that_hangs() {
    let server = Server::start(|mut connection| async move { connection.drain().await });
    assert_not_sent(&submit(&impatient(300, 20_000), &server.tls_base()).await);
    assert_no_body(&server.finish().await);
}

#[tokio::test]
async fn tls_answered_in_plain_text() {
    let server = Server::start(|mut connection| async move {
        connection.read(1).await;
        connection
            .write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            .await;
        connection.drain().await;
    });
    assert_not_sent(&submit(&client(), &server.tls_base()).await);
    assert_no_body(&server.finish().await);
}

/// Submits to a server that ends the connection between the client's connect and its first write.
async fn submit_to_a_closed_door(
    reset: bool,
) -> (gammaq_gamma::Answer<gammaq_gamma::Submitted>, Vec<String>) {
    let (done, is_done) = std::sync::mpsc::channel();
    let server = Server::start(move |connection| {
        let done = done.clone();
        async move {
            if reset {
                connection.reset();
            } else {
                drop(connection);
            }
            done.send(()).unwrap();
        }
    });
    let (client, base) = (client(), server.base());
    let mut answer = pin!(submit(&client, &base));
    // One poll starts the connect. The runtime then stands still, and with it the client, until the server is
    // done.
    std::future::poll_fn(|cx| {
        assert!(answer.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
    is_done.recv().unwrap();
    (answer.await, server.finish().await)
}

#[tokio::test]
async fn accepted_then_reset_before_the_first_write() {
    let (answer, received) = submit_to_a_closed_door(true).await;
    assert_not_sent(&answer);
    assert_no_body(&received);
}

/// The client notices the end before it writes, and the gate proves that it wrote nothing.
#[tokio::test]
async fn accepted_then_closed_before_the_first_write() {
    let (answer, received) = submit_to_a_closed_door(false).await;
    assert_not_sent(&answer);
    assert_no_body(&received);
}
