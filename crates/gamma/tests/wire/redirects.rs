//! Redirects: by default the HTTP stack would send the POST again, or hand the key to another host.

use gammaq_gamma::{Engine, KeyCheck, Polled, Submitted};

use crate::server::{Server, answer, assert_one_body};
use crate::{client, submit, target};

#[tokio::test]
async fn none_is_followed_and_nobody_else_gets_the_key() {
    for status in [300, 301, 302, 303, 304, 307, 308] {
        let elsewhere = Server::answering(answer(200, "", r#"{"generationId":"stolen","status":"pending"}"#));
        let location = format!("Location: {}/v1.0/generations\r\n", elsewhere.base());
        let server = Server::answering(answer(status, &location, ""));

        let submitted = submit(&client(), &server.base()).await.outcome;
        assert!(
            matches!(submitted, Submitted::Refused { status: seen, redirect: true, .. } if seen == status),
            "{submitted:?}"
        );
        let target = target(&server.base());
        let polled = client().poll(&target, Engine::Classic, "g1").await.outcome;
        assert!(
            matches!(polled, Polled::Unavailable { status: Some(seen), .. } if seen == status),
            "{polled:?}"
        );
        let checked = client().check_key(&target).await.outcome;
        assert!(
            matches!(checked, KeyCheck::Unknown { status: Some(seen), .. } if seen == status),
            "{checked:?}"
        );

        let received = server.finish().await;
        assert_eq!(received.len(), 3);
        assert_one_body(&received[..1]);
        assert!(elsewhere.finish().await.is_empty());
    }
}
