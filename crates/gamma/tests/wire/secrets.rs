//! A server that repeats the key and an export link wherever it can: neither comes out of any text.

use gammaq_gamma::{Engine, Polled, Submitted};

use crate::server::{Server, answer};
use crate::{KEY, client, submit, target};

const LINK: &str = "https://assets.api.gamma.app/export/pdf/s3cret?sig=9";

#[track_caller]
fn assert_silent(text: &str) {
    for secret in [KEY, "0123456789", "s3cret", "sig=9"] {
        assert!(!text.contains(secret), "{text}");
    }
}

/// Bodies that hold both secrets in every field that is read.
fn echoes() -> Vec<String> {
    let both = format!("you sent {KEY} for {LINK}");
    let mut bodies = vec![
        both.clone(),
        format!("{{\"message\":\"{both}"),
        KEY[..14].to_owned(),
    ];
    for status in ["failed", "pending", &both] {
        for error in [
            format!("\"{both}\""),
            format!("{{\"message\":\"{both}\",\"statusCode\":422}}"),
        ] {
            bodies.push(format!(
                r#"{{"generationId":"g1","status":"{status}","message":"{both}","error":{error},"warnings":["{both}"]}}"#
            ));
        }
    }
    bodies.push(format!(r#"{{"generationId":"g1","warnings":"{both}"}}"#));
    bodies.push(format!(
        r#"{{"status":"completed","exportUrl":"{LINK}","exportUrls":{{"pdf":"{LINK}"}}}}"#
    ));
    bodies
}

#[tokio::test]
async fn no_outcome_shows_a_secret() {
    let headers = format!("x-request-id: {KEY} {LINK}\r\n");
    let client = client();
    for status in [200, 307, 400, 401, 402, 403, 404, 422, 429, 500] {
        for body in echoes() {
            let server = Server::answering(answer(status, &headers, &body));
            let target = target(&server.base());
            let submitted = submit(&client, &server.base()).await;
            assert_silent(&format!("{submitted:?} {submitted:#?}"));
            let polled = client.poll(&target, Engine::Agent, "g1").await;
            assert_silent(&format!("{polled:?} {polled:#?}"));
            if let Polled::Completed(done) = polled.outcome {
                assert_eq!(done.export_url.unwrap().as_str(), LINK);
                assert_eq!(done.pdf_url.unwrap().into_string(), LINK);
            }
            assert_silent(&format!("{:?}", client.check_key(&target).await));
        }
    }
}

#[tokio::test]
async fn transport_errors_show_neither_key_nor_url() {
    let base = "http://gamma.invalid/s3cret";
    let submitted = submit(&client(), base).await;
    assert!(matches!(submitted.outcome, Submitted::NotSent { .. }));
    assert_silent(&format!("{submitted:?}"));
    let server = Server::answering(format!("{KEY}\r\n\r\n"));
    assert_silent(&format!("{:?}", submit(&client(), &server.base()).await));
}

#[test]
fn handles_show_no_key() {
    assert_silent(&format!("{:?} {:?}", client(), target("https://gamma.example")));
}

#[tokio::test]
async fn a_refusal_is_cut_to_300_characters() {
    let body = format!(r#"{{"message":"{}"}}"#, "é".repeat(5000));
    let server = Server::answering(answer(400, "", &body));
    match submit(&client(), &server.base()).await.outcome {
        Submitted::Refused { message, .. } => assert_eq!(message.chars().count(), 300),
        other => panic!("{other:?}"),
    }
}
