//! Polls and the check of a key.

use std::time::Duration;

use gammaq_gamma::{AccountProblem, Credits, Engine, ExportLink, Failed, KeyCheck, Polled};
use serde_json::json;

use crate::server::{Connection, Server, answer};
use crate::{KEY, client, impatient, target};

async fn poll(status: u16, headers: &str, body: &str) -> Polled {
    let server = Server::answering(answer(status, headers, body));
    client()
        .poll(&target(&server.base()), Engine::Classic, "g1")
        .await
        .outcome
}

#[tokio::test]
async fn pending_completed_failed() {
    let pending = poll(200, "", r#"{"status":"pending","generationId":"g1"}"#).await;
    assert_eq!(pending, Polled::Pending { progress: None });
    let progress = poll(
        200,
        "",
        r#"{"status":"pending","progress":{"percentage":40,"cards":3}}"#,
    )
    .await;
    assert_eq!(
        progress,
        Polled::Pending {
            progress: Some(json!({"percentage": 40, "cards": 3}))
        }
    );
    let huge = json!({"status": "pending", "progress": "x".repeat(10_000)}).to_string();
    assert_eq!(poll(200, "", &huge).await, Polled::Pending { progress: None });

    let done = poll(
        200,
        "",
        r#"{"generationId":"g1","status":"completed","gammaUrl":"https://gamma.app/docs/y",
            "pdfUrl":"https://assets.api.gamma.app/export/pdf/1","credits":{"deducted":150,"remaining":3000}}"#,
    )
    .await;
    let Polled::Completed(done) = done else {
        panic!("{done:?}")
    };
    assert_eq!(done.gamma_url.as_deref(), Some("https://gamma.app/docs/y"));
    assert_eq!(
        done.pdf_url.as_ref().map(ExportLink::as_str),
        Some("https://assets.api.gamma.app/export/pdf/1")
    );
    assert_eq!(
        done.credits,
        Credits {
            deducted: Some(150),
            remaining: Some(3000)
        }
    );

    for (body, message, status) in [
        (
            r#"{"status":"failed","error":{"message":"no text","statusCode":422}}"#,
            "no text",
            Some(422),
        ),
        (r#"{"status":"FAILED","error":"no text"}"#, "no text", None),
        (
            r#"{"status":"failed","error":"no text","message":"ok"}"#,
            "no text",
            None,
        ),
        (r#"{"status":"failed","message":"no text"}"#, "no text", None),
        (
            r#"{"status":"failed","error":{"code":5}}"#,
            "Gamma gave no reason",
            None,
        ),
        (r#"{"status":"failed"}"#, "Gamma gave no reason", None),
    ] {
        let failed = Failed {
            message: message.to_owned(),
            status,
            credits: Credits::default(),
        };
        assert_eq!(poll(200, "", body).await, Polled::Failed(failed), "{body}");
    }
    let failed = poll(
        200,
        "",
        r#"{"status":"failed","error":"x","credits":{"deducted":3,"remaining":9}}"#,
    )
    .await;
    let Polled::Failed(failed) = failed else {
        panic!("{failed:?}")
    };
    assert_eq!(
        failed.credits,
        Credits {
            deducted: Some(3),
            remaining: Some(9)
        }
    );

    let unknown = poll(200, "", r#"{"status":"thinking"}"#).await;
    assert_eq!(
        unknown,
        Polled::UnknownStatus {
            word: "thinking".to_owned()
        }
    );
}

#[tokio::test]
async fn a_poll_never_fails_a_job_by_its_status() {
    let said = r#"{"message":"so it is"}"#;
    for status in [400, 403, 408, 409, 410, 422, 500, 502, 503, 504] {
        let expected = Polled::Unavailable {
            status: Some(status),
            reason: "so it is".to_owned(),
            retry_after: None,
        };
        assert_eq!(poll(status, "", said).await, expected);
    }
    for body in [
        "",
        "OK",
        "[]",
        "{}",
        r#"{"status":null}"#,
        r#"{"status":7}"#,
        "\u{0}",
    ] {
        let seen = poll(200, "", body).await;
        assert!(
            matches!(
                seen,
                Polled::Unavailable {
                    status: Some(200),
                    ..
                }
            ),
            "{body}: {seen:?}"
        );
    }
    let busy = poll(503, "Retry-After: 9\r\n", "").await;
    assert!(
        matches!(busy, Polled::Unavailable { retry_after: Some(wait), .. } if wait == Duration::from_secs(9)),
        "{busy:?}"
    );
    assert_eq!(
        poll(404, "", said).await,
        Polled::NotFound {
            message: "so it is".to_owned()
        }
    );
    for (status, problem) in [
        (401, AccountProblem::Unauthorized),
        (402, AccountProblem::OutOfCredits),
    ] {
        let seen = poll(status, "", said).await;
        assert!(
            matches!(&seen, Polled::AccountTrouble(t) if t.problem == problem && t.status == status),
            "{seen:?}"
        );
    }
    let credits = poll(403, "", r#"{"message":"no credits"}"#).await;
    assert!(matches!(&credits, Polled::AccountTrouble(t) if t.problem == AccountProblem::OutOfCredits));
    let limited = poll(429, "Retry-After: 60\r\n", said).await;
    assert!(matches!(&limited, Polled::RateLimited(l) if l.retry_after == Some(Duration::from_secs(60))));
}

#[tokio::test]
async fn the_request_names_the_id_and_the_key() {
    let server = Server::answering(answer(200, "", r#"{"status":"pending"}"#));
    let target = target(&server.base());
    for (engine, id) in [
        (Engine::Classic, "a/b?c"),
        (Engine::Template, "g1"),
        (Engine::Agent, "gen_1"),
    ] {
        client().poll(&target, engine, id).await;
    }
    let unaskable = client().poll(&target, Engine::Classic, "..").await.outcome;
    assert!(matches!(unaskable, Polled::NotFound { .. }));
    client().check_key(&target).await;
    let received = server.finish().await;
    let lines: Vec<_> = received
        .iter()
        .filter_map(|request| request.lines().next())
        .collect();
    let expected = [
        "GET /v1.0/generations/a%2Fb%3Fc HTTP/1.1",
        "GET /v1.0/generations/g1 HTTP/1.1",
        "GET /v1.0/agent/generations/gen_1 HTTP/1.1",
        "GET /v1.0/themes?limit=1 HTTP/1.1",
    ];
    assert_eq!(lines, expected);
    assert!(
        received
            .iter()
            .all(|request| request.contains(&format!("x-api-key: {KEY}\r\n")))
    );
}

#[tokio::test]
async fn polls_share_a_connection() {
    let server = Server::start(|mut connection: Connection| async move {
        while connection.read_request().await {
            connection
                .write(answer(200, "", r#"{"status":"pending"}"#).as_bytes())
                .await;
        }
    });
    let (client, target) = (client(), target(&server.base()));
    for _ in 0..5 {
        assert_eq!(
            client.poll(&target, Engine::Classic, "g1").await.outcome,
            Polled::Pending { progress: None }
        );
        // The connection goes back to the pool in a task of its own.
        tokio::task::yield_now().await;
    }
    drop(client);
    assert!(server.finish().await.len() < 5);
}

#[tokio::test]
async fn silence_is_unavailable() {
    let server = Server::start(|mut connection: Connection| async move { connection.drain().await });
    let seen = impatient(200, 300)
        .poll(&target(&server.base()), Engine::Classic, "g1")
        .await;
    assert!(
        matches!(seen.outcome, Polled::Unavailable { status: None, .. }),
        "{seen:?}"
    );
}

#[tokio::test]
async fn a_key_is_checked() {
    for (status, body, valid) in [
        (200, r#"{"data":[],"hasMore":false}"#, true),
        (200, "<html>", false),
        (401, "", false),
        (500, "", false),
    ] {
        let server = Server::answering(answer(status, "", body));
        let seen = client().check_key(&target(&server.base())).await.outcome;
        assert_eq!(seen == KeyCheck::Valid, valid, "{seen:?}");
        assert_eq!(matches!(seen, KeyCheck::AccountTrouble(_)), status == 401);
    }
}
