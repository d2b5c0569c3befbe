//! What a POST is answered with, by the book and beside it.

use std::time::Duration;

use gammaq_gamma::{AccountProblem, Engine, Quota, RateLimits, Submitted};

use crate::server::{Connection, Server, answer, content_length};
use crate::{KEY, assert_unclear, body, client, in_a_minute, submit, target};

/// The outcome in a word, and its message.
fn class(outcome: &Submitted) -> (&'static str, &str) {
    match outcome {
        Submitted::Accepted { generation_id, .. } => ("accepted", generation_id),
        Submitted::NotSent { reason } => ("not sent", reason),
        Submitted::RateLimited(limited) => ("rate limited", &limited.message),
        Submitted::AccountTrouble(trouble) => match trouble.problem {
            AccountProblem::Unauthorized => ("unauthorized", &trouble.message),
            AccountProblem::OutOfCredits => ("no credits", &trouble.message),
        },
        Submitted::Refused {
            message,
            redirect: false,
            ..
        } => ("refused", message),
        Submitted::Refused {
            message,
            redirect: true,
            ..
        } => ("redirect", message),
        Submitted::Unclear { reason, .. } => ("unclear", reason),
    }
}

#[tokio::test]
async fn every_status_has_its_class() {
    let said = r#"{"message":"so it is","statusCode":1}"#;
    for (status, body, expected) in [
        (200, r#"{"generationId":"g1"}"#, ("accepted", "g1")),
        (
            201,
            r#"{"generationId":"g1","warnings":null}"#,
            ("accepted", "g1"),
        ),
        (
            202,
            r#"{"generationId":"gen_1","status":"pending"}"#,
            ("accepted", "gen_1"),
        ),
        (
            200,
            r#"{"generationId":"https://assets.gamma.app/export/pdf/1"}"#,
            ("unclear", "the answer has no readable generationId"),
        ),
        (
            200,
            r#"{"generationId":"sk-gamma-of-another-account"}"#,
            ("unclear", "the answer has no readable generationId"),
        ),
        (204, "", ("unclear", "the answer is not a JSON object")),
        (400, said, ("refused", "so it is")),
        (401, said, ("unauthorized", "so it is")),
        (402, said, ("no credits", "so it is")),
        (403, said, ("refused", "so it is")),
        (
            403,
            r#"{"message":"Insufficient Credits left"}"#,
            ("no credits", "Insufficient Credits left"),
        ),
        (
            403,
            r#"{"message":"Forbidden","hint":"buy credits"}"#,
            ("refused", "Forbidden"),
        ),
        (403, "out of credits", ("no credits", "out of credits")),
        (404, said, ("refused", "so it is")),
        (405, said, ("refused", "so it is")),
        (408, said, ("unclear", "so it is")),
        (409, said, ("unclear", "so it is")),
        (410, said, ("refused", "so it is")),
        (
            413,
            "",
            ("refused", "HTTP 413 Payload Too Large without a message"),
        ),
        (415, said, ("refused", "so it is")),
        (418, said, ("refused", "so it is")),
        (422, said, ("refused", "so it is")),
        (425, said, ("unclear", "so it is")),
        (429, said, ("rate limited", "so it is")),
        (500, said, ("unclear", "so it is")),
        (
            502,
            "<html>Bad Gateway</html>",
            ("unclear", "<html>Bad Gateway</html>"),
        ),
        (503, said, ("unclear", "so it is")),
        (504, said, ("unclear", "so it is")),
        (524, said, ("unclear", "so it is")),
        (799, said, ("unclear", "so it is")),
    ] {
        let server = Server::answering(answer(status, "", body));
        let answer = submit(&client(), &server.base()).await;
        assert_eq!(class(&answer.outcome), expected, "{status} {body}");
        assert_eq!(answer.http_status, Some(status));
    }
}

#[tokio::test]
async fn the_request_is_as_gamma_wants_it() {
    for (engine, path) in [
        (Engine::Classic, "/v1.0/generations"),
        (Engine::Template, "/v1.0/generations/from-template"),
        (Engine::Agent, "/v1.0/agent/generations"),
    ] {
        let server = Server::answering(answer(200, "", r#"{"generationId":"g1"}"#));
        client()
            .submit(&target(&server.base()), engine, body(), in_a_minute())
            .await;
        let received = server.finish().await;
        assert_eq!(received.len(), 1);
        let (head, sent) = received[0].split_once("\r\n\r\n").unwrap();
        assert_eq!(sent.as_bytes(), body());
        assert!(head.starts_with(&format!("POST {path} HTTP/1.1\r\n")), "{head}");
        assert_eq!(content_length(head), Some(body().len()));
        let head = head.to_ascii_lowercase();
        for line in [
            format!("x-api-key: {KEY}"),
            "content-type: application/json".to_owned(),
        ] {
            assert_eq!(head.matches(&line).count(), 1, "{head}");
        }
        for absent in ["transfer-encoding", "authorization", "gzip", "referer"] {
            assert!(!head.contains(absent), "{head}");
        }
        assert!(head.contains("user-agent: gammaq/"), "{head}");
    }
}

#[tokio::test]
async fn headers_and_warnings_come_along() {
    let headers = "x-request-id: req-7\r\nx-ratelimit-limit-burst: 10000\r\nx-ratelimit-remaining-burst: 99\r\n\
                   x-ratelimit-remaining: 39990\r\nx-ratelimit-limit-daily: 200000\r\n";
    let server = Server::answering(answer(
        200,
        headers,
        r#"{"generationId":"g1","warnings":"numCards ignored"}"#,
    ));
    let answer = submit(&client(), &server.base()).await;
    assert_eq!(answer.request_id.as_deref(), Some("req-7"));
    let limits = RateLimits {
        burst: Quota {
            limit: Some(10_000),
            remaining: Some(99),
        },
        hour: Quota {
            limit: None,
            remaining: Some(39_990),
        },
        daily: Quota {
            limit: Some(200_000),
            remaining: None,
        },
    };
    assert_eq!(answer.limits, limits);
    let warnings = vec!["numCards ignored".to_owned()];
    assert_eq!(
        answer.outcome,
        Submitted::Accepted {
            generation_id: "g1".to_owned(),
            warnings
        }
    );
}

#[tokio::test]
async fn retry_after_is_read_in_both_forms() {
    let dates = "Date: Mon, 23 Nov 2026 18:00:00 GMT\r\nRetry-After: Mon, 23 Nov 2026 18:01:30 GMT\r\n";
    for (headers, wait) in [
        ("Retry-After: 60\r\n", Some(60)),
        (dates, Some(90)),
        ("Retry-After: whenever\r\n", None),
        ("", None),
    ] {
        let server = Server::answering(answer(429, headers, ""));
        match submit(&client(), &server.base()).await.outcome {
            Submitted::RateLimited(limited) => assert_eq!(limited.retry_after, wait.map(Duration::from_secs)),
            other => panic!("{other:?}"),
        }
    }
}

/// A connection that idled in a pool may be dead, and a POST on it would be unclear.
#[tokio::test]
async fn every_post_has_a_connection_of_its_own() {
    let server = Server::start(|mut connection: Connection| async move {
        while connection.read_request().await {
            connection
                .write(answer(200, "", r#"{"generationId":"g1"}"#).as_bytes())
                .await;
        }
    });
    let client = client();
    for _ in 0..3 {
        crate::assert_accepted(&submit(&client, &server.base()).await, "g1");
    }
    assert_eq!(server.finish().await.len(), 3);
}

/// An early answer counts, even though the request is not out yet.
#[tokio::test]
async fn an_answer_to_half_a_request_counts() {
    let server = Server::start(|mut connection: Connection| async move {
        connection.read(1024).await;
        connection
            .write(answer(413, "Connection: close\r\n", r#"{"message":"too big"}"#).as_bytes())
            .await;
        connection.drain().await;
    });
    let target = target(&server.base());
    let answer = client()
        .submit(&target, Engine::Classic, crate::big_body(), in_a_minute())
        .await;
    assert_eq!(class(&answer.outcome), ("refused", "too big"));
}

#[tokio::test]
async fn an_empty_body_proves_nothing_when_it_gets_no_answer() {
    let server = Server::answering("");
    let answer = client()
        .submit(
            &target(&server.base()),
            Engine::Classic,
            Default::default(),
            in_a_minute(),
        )
        .await;
    assert_unclear(&answer, None, "");
}
