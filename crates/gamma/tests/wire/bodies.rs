//! Answers whose head came and whose body is cut, endless, slow or not what it should be.

use std::time::Duration;

use gammaq_gamma::{Client, ClientSettings, Polled, Submitted};

use crate::server::{Connection, Server, answer, assert_one_body};
use crate::{assert_unclear, client, impatient, submit, target};

const CUT: &str =
    "HTTP/1.1 200 OK\r\nx-request-id: r-1\r\nContent-Length: 500\r\n\r\n{\"generationId\":\"g1\"";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"gen\r\n";

async fn after_the_request(mut connection: Connection, bytes: &'static str) -> Connection {
    connection.read_request().await;
    connection.write(bytes.as_bytes()).await;
    connection
}

#[tokio::test]
async fn a_cut_body_is_unclear_and_its_start_is_kept() {
    let server = Server::answering(CUT);
    let answer = submit(&client(), &server.base()).await;
    assert_unclear(&answer, Some(200), r#"{"generationId":"g1""#);
    assert_eq!(
        (answer.http_status, answer.request_id.as_deref()),
        (Some(200), Some("r-1"))
    );
    assert_one_body(&server.finish().await);

    let server = Server::answering(CHUNKED);
    assert_unclear(&submit(&client(), &server.base()).await, Some(200), "{\"gen");
    assert_one_body(&server.finish().await);
}

#[tokio::test]
async fn a_body_that_is_reset_or_never_ends_is_unclear() {
    let server = Server::start(|connection| async { after_the_request(connection, CUT).await.reset() });
    assert_unclear(&submit(&client(), &server.base()).await, Some(200), "");
    assert_one_body(&server.finish().await);

    let server =
        Server::start(|connection| async { after_the_request(connection, CHUNKED).await.drain().await });
    assert_unclear(
        &submit(&impatient(400, 500), &server.base()).await,
        Some(200),
        "{\"gen",
    );
    assert_one_body(&server.finish().await);
}

#[tokio::test]
async fn a_body_that_trickles_ends_with_the_time() {
    let server = Server::start(|connection| async {
        let mut connection =
            after_the_request(connection, "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n").await;
        for _ in 0..100 {
            connection.write(b" ").await;
            // The pace is the fault under test.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    assert_unclear(&submit(&impatient(400, 500), &server.base()).await, Some(200), "");
    assert_one_body(&server.finish().await);
}

#[tokio::test]
async fn a_body_beyond_the_cap_is_not_read_on() {
    let client = Client::new(&ClientSettings {
        max_body: 1000,
        ..ClientSettings::default()
    })
    .unwrap();
    for head in ["Content-Length: 999999999999", "Connection: close"] {
        let server = Server::start(move |mut connection| async move {
            connection.read_request().await;
            connection
                .write(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n").as_bytes())
                .await;
            for _ in 0..1000 {
                connection.write(&[b'x'; 10_000]).await;
            }
        });
        assert_unclear(&submit(&client, &server.base()).await, Some(200), "xxx");
        assert_one_body(&server.finish().await);

        // Just inside the cap.
        let body = format!(r#"{{"generationId":"g1","x":"{}"}}"#, "y".repeat(972));
        assert_eq!(body.len(), 1000);
        let server = Server::answering(answer(200, "", &body));
        crate::assert_accepted(&submit(&client, &server.base()).await, "g1");
    }
}

#[tokio::test]
async fn a_2xx_without_a_readable_id_is_unclear() {
    for body in [
        "",
        "OK",
        "<html>signed in</html>",
        "[]",
        "null",
        "{}",
        r#"{"id":"g1"}"#,
        r#"{"generationId":null}"#,
        r#"{"generationId":""}"#,
        r#"{"generationId":{"a":1}}"#,
        r#"{"generationId":"g1"} and more"#,
        r#"{"generationId":".."}"#,
    ] {
        for status in [200, 201, 202] {
            let server = Server::answering(answer(status, "", body));
            assert_unclear(&submit(&client(), &server.base()).await, Some(status), body);
        }
    }
}

/// These say "not accepted" in their status, and that is enough.
#[tokio::test]
async fn the_status_alone_decides_where_the_body_of_an_error_is_cut() {
    let cut =
        |status: u16| format!("HTTP/1.1 {status} X\r\nRetry-After: 7\r\nContent-Length: 500\r\n\r\n{{\"mess");
    for status in [429, 401, 402, 403, 400, 422] {
        let server = Server::answering(cut(status));
        let outcome = submit(&client(), &server.base()).await.outcome;
        match (status, &outcome) {
            (429, Submitted::RateLimited(limited)) => {
                assert_eq!(limited.retry_after, Some(Duration::from_secs(7)));
            }
            (401 | 402, Submitted::AccountTrouble(trouble)) => assert_eq!(trouble.status, status),
            (
                400 | 403 | 422,
                Submitted::Refused {
                    status: seen,
                    redirect: false,
                    ..
                },
            ) => assert_eq!(*seen, status),
            _ => panic!("{status}: {outcome:?}"),
        }
    }
    let server = Server::answering(cut(503));
    assert_unclear(&submit(&client(), &server.base()).await, Some(503), "{\"mess");
}

#[tokio::test]
async fn a_poll_that_breaks_off_is_unavailable() {
    for bytes in [CUT, CHUNKED, "HTTP/1.1 200 OK\r\n", "garbage", ""] {
        let server = Server::answering(bytes);
        let answer = client()
            .poll(&target(&server.base()), gammaq_gamma::Engine::Classic, "g1")
            .await;
        assert!(matches!(answer.outcome, Polled::Unavailable { .. }), "{answer:?}");
    }
}
