//! Endpoints, keys, limits and credits.

use std::net::TcpListener;

use gammaq_fake::{Error, Fake, Options};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{KEY, header, start};

#[tokio::test]
async fn a_generation_from_post_to_completed() {
    let gamma = start("").await;
    let accepted = gamma.classic("Sun").send().await.unwrap();
    assert_eq!(accepted.status(), StatusCode::CREATED);
    assert!(header(&accepted, "x-request-id").starts_with("req_"));
    assert_eq!(header(&accepted, "x-ratelimit-limit-burst"), "10000");
    assert_eq!(header(&accepted, "x-ratelimit-remaining-daily"), "199999");
    let body: Value = accepted.json().await.unwrap();
    let id = body["generationId"].as_str().unwrap();
    let done = gamma.poll_json(id).await;
    assert_eq!(done["status"], "completed");
    assert!(
        done["gammaUrl"]
            .as_str()
            .unwrap()
            .starts_with("https://gamma.app/docs/")
    );
    assert_eq!(done["credits"], json!({ "deducted": 150, "remaining": 999_850 }));
    let ledger = gamma.ledger("").await;
    assert_eq!((ledger.posts.len(), ledger.generations.len()), (1, 1));
    assert_eq!(ledger.generations[0].polls[0].answer, "completed");
    assert_eq!(ledger.posts[0].input_text, "Sun");
}

#[tokio::test]
async fn keys_and_paths_are_checked() {
    let gamma = start("--key sk-a").await;
    let url = format!("{}/v1.0/themes", gamma.fake.url());
    for request in [
        gamma.client.get(&url).bearer_auth(KEY),
        gamma.client.get(&url).header("x-api-key", "sk-b"),
    ] {
        let refused = request.send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
        assert!(refused.headers().contains_key("x-request-id"));
        let body: Value = refused.json().await.unwrap();
        assert_eq!(body, json!({ "message": "Invalid API key", "statusCode": 401 }));
    }
    assert_eq!(
        gamma.get("/v1.0/nothing").send().await.unwrap().status(),
        StatusCode::NOT_FOUND
    );
    let wrong = gamma.get("/v1.0/generations").send().await.unwrap();
    assert_eq!(wrong.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert!(wrong.headers().contains_key("x-ratelimit-limit"));
    let other = gamma.poll("of-somebody-else").send().await.unwrap();
    assert_eq!(other.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn wrong_requests_are_refused_and_noted() {
    let gamma = start("").await;
    let refused = gamma
        .post("/v1.0/generations", &json!({ "numCards": 0 }))
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    let body: Value = refused.json().await.unwrap();
    assert!(
        body["message"]
            .as_str()
            .unwrap()
            .starts_with("Input validation errors: 1. ")
    );
    let broken = gamma
        .request(Method::POST, "/v1.0/generations")
        .body("{")
        .send()
        .await
        .unwrap();
    assert_eq!(broken.status(), StatusCode::BAD_REQUEST);
    let odd = json!({ "inputText": "a", "cardOptions": { "dimensions": "1x1" } });
    let warned: Value = gamma
        .post("/v1.0/generations", &odd)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert!(warned["warnings"].as_str().unwrap().contains("1x1"));
    let ledger = gamma.ledger("?accepted=false").await;
    assert_eq!(
        ledger.posts.iter().map(|post| post.status).collect::<Vec<_>>(),
        [Some(400), Some(400)]
    );
}

#[tokio::test]
async fn the_agent_is_an_engine_of_its_own() {
    let gamma = start("--agent-concurrency 1").await;
    let path = "/v1.0/agent/generations";
    let accepted = gamma
        .post(path, &json!({ "prompt": "Wind [[fake:time=1h]]" }))
        .send()
        .await
        .unwrap();
    assert_eq!(accepted.status(), StatusCode::ACCEPTED);
    let body: Value = accepted.json().await.unwrap();
    let id = body["generationId"].as_str().unwrap();
    assert!(id.starts_with("gen_"));
    let pending: Value = gamma
        .get(&format!("{path}/{id}"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        (&pending["status"], &pending["progress"]["cardsTotal"]),
        (&json!("pending"), &json!(10))
    );
    let busy = gamma
        .post(path, &json!({ "prompt": "Wind" }))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (busy.status(), header(&busy, "retry-after")),
        (StatusCode::TOO_MANY_REQUESTS, "60")
    );
    assert_eq!(
        gamma.poll(id).send().await.unwrap().status(),
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        gamma.control("complete", &json!({ "generationId": id })).await,
        StatusCode::OK
    );
    let done: Value = gamma
        .get(&format!("{path}/{id}"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert!(done["gamma"]["gammaUrl"].is_string() && done["result"]["summary"].is_string());
    let strict = gamma
        .post(path, &json!({ "prompt": "a", "colour": null }))
        .send()
        .await
        .unwrap();
    assert_eq!(strict.status(), StatusCode::BAD_REQUEST);

    let closed = start("--no-agent").await;
    let refused = closed
        .post(path, &json!({ "prompt": "Wind" }))
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_limit_refuses_and_says_how_long() {
    let gamma = start("--limit 2 --window 1h").await;
    gamma.begin("one").await;
    gamma.begin("two").await;
    let refused = gamma.classic("three").send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    let wait: u64 = header(&refused, "retry-after").parse().unwrap();
    assert!((3_590..=3_600).contains(&wait), "{wait}");
    let url = format!("{}/v1.0/generations", gamma.fake.url());
    let other = gamma
        .client
        .post(url)
        .header("x-api-key", "sk-b")
        .json(&json!({ "inputText": "three" }));
    assert_eq!(other.send().await.unwrap().status(), StatusCode::CREATED);
    let summary = gamma.summary("?window_ms=60000").await;
    assert_eq!(
        (summary.posts, summary.accepted, summary.max_in_window),
        (4, 3, 2)
    );

    let dated = start("--limit 1 --retry-after date").await;
    dated.begin("one").await;
    let refused = dated.classic("two").send().await.unwrap();
    assert!(header(&refused, "retry-after").ends_with(" GMT"));
    let bare = start("--limit 1 --retry-after none").await;
    bare.begin("one").await;
    assert!(
        !bare
            .classic("two")
            .send()
            .await
            .unwrap()
            .headers()
            .contains_key("retry-after")
    );
}

#[tokio::test]
async fn an_empty_balance_refuses_either_way() {
    for (flag, status) in [
        ("402", StatusCode::PAYMENT_REQUIRED),
        ("403", StatusCode::FORBIDDEN),
    ] {
        let gamma = start(&format!("--credits 150 --out-of-credits {flag}")).await;
        gamma.begin("one").await;
        let refused = gamma.classic("two").send().await.unwrap();
        assert_eq!(refused.status(), status);
        assert!(refused.text().await.unwrap().contains("credits"));
        assert_eq!(
            gamma
                .control("credits", &json!({ "key": KEY, "credits": 150 }))
                .await,
            StatusCode::OK
        );
        gamma.begin("two").await;
    }
}

#[tokio::test]
async fn lists_come_in_pages() {
    let gamma = start("").await;
    let mut names = Vec::new();
    let mut after = String::new();
    loop {
        let path = format!("/v1.0/themes?limit=25&after={after}");
        let page: Value = gamma.get(&path).send().await.unwrap().json().await.unwrap();
        names.extend(
            page["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|theme| theme["name"].clone()),
        );
        match page["nextCursor"].as_str() {
            Some(cursor) => cursor.clone_into(&mut after),
            None => break,
        }
    }
    assert_eq!(names.len(), 60);
    let found: Value = gamma
        .get("/v1.0/folders?query=pitch")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(found["data"].as_array().unwrap().len(), 1);
    assert_eq!(
        gamma.get("/v1.0/folders?limit=51").send().await.unwrap().status(),
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn a_port_that_is_taken_is_said() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let options = Options {
        listen: taken.local_addr().unwrap(),
        ..Options::default()
    };
    assert!(matches!(Fake::start(options).await, Err(Error::Listen { .. })));
}
