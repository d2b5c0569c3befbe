//! What goes wrong on demand.

use std::io::Read;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{KEY, header, start};

#[tokio::test]
async fn posts_get_lost_on_either_side_of_acceptance() {
    let gamma = start("").await;
    for (kind, accepted) in [
        ("lost_before", false),
        ("lost_after", true),
        ("silent_before", false),
        ("silent", true),
        ("garbage", true),
    ] {
        let text = format!("[[fake:post={kind}]]");
        let request = gamma.classic(&text).timeout(Duration::from_millis(500));
        let error = request.send().await.unwrap_err();
        assert_eq!(
            error.is_timeout(),
            kind.starts_with("silent"),
            "{kind}: {error:?}"
        );
        let ledger = gamma.fake.ledger();
        let post = ledger.posts.last().unwrap();
        assert_eq!(
            (post.accepted, post.status, post.fault.as_deref()),
            (accepted, None, Some(kind))
        );
        assert_eq!(post.input_text, text);
    }
    assert_eq!(gamma.summary("").await.accepted, 3);
}

#[tokio::test]
async fn a_lost_connection_is_reset_not_closed() {
    let gamma = start("--fault post:lost_after").await;
    let mut stream = std::net::TcpStream::connect(gamma.fake.address()).unwrap();
    let body = r#"{"inputText":"a"}"#;
    let request = format!(
        "POST /v1.0/generations HTTP/1.1\r\nhost: x\r\nx-api-key: {KEY}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
    let read = tokio::task::spawn_blocking(move || stream.read(&mut [0; 16]))
        .await
        .unwrap();
    assert_eq!(read.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn an_answer_that_is_reset_half_way_comes_in_part_and_has_no_end() {
    let gamma = start("").await;
    let text = "[[fake:size=2000000]] [[fake:download=reset_half]]";
    let body = json!({ "inputText": text, "exportAs": "pdf" });
    let begun = gamma.post("/v1.0/generations", &body).send().await.unwrap();
    let begun: Value = begun.json().await.unwrap();
    let done = gamma.poll_json(begun["generationId"].as_str().unwrap()).await;
    let link = done["exportUrl"].as_str().unwrap();
    let path = link.strip_prefix(&gamma.fake.url()).unwrap();
    let mut stream = std::net::TcpStream::connect(gamma.fake.address()).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
    std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
    let (seen, read) = tokio::task::spawn_blocking(move || {
        let mut seen = Vec::new();
        let read = stream.read_to_end(&mut seen);
        (seen, read)
    })
    .await
    .unwrap();
    assert_eq!(read.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    let begins = seen.windows(9).any(|it| it == b"\r\n\r\n%PDF-");
    assert!(begins && seen.len() < 1_100_000, "{} bytes came", seen.len());
    let download = gamma.fake.ledger().downloads.remove(0);
    assert_eq!(
        (download.status, download.fault.as_deref()),
        (Some(200), Some("reset_half"))
    );
}

#[tokio::test]
async fn answers_arrive_broken() {
    let gamma = start("").await;
    let malformed = gamma.classic("[[fake:post=malformed]]").send().await.unwrap();
    assert!(malformed.status().is_success());
    assert!(malformed.json::<Value>().await.is_err());
    let half = gamma.classic("[[fake:post=half]]").send().await.unwrap();
    assert!(half.status().is_success());
    assert!(half.text().await.is_err());
    assert!(gamma.fake.ledger().posts[1].accepted);
    let no_id: Value = gamma
        .classic("[[fake:post=no_id]]")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(no_id, json!({}));
    let mut huge = gamma.classic("[[fake:post=huge]]").send().await.unwrap();
    let mut seen = 0;
    while seen < 4 << 20 {
        seen += huge.chunk().await.unwrap().unwrap().len();
    }
    let mut drip = gamma.classic("[[fake:post=drip]]").send().await.unwrap();
    assert_eq!(drip.chunk().await.unwrap().unwrap().len(), 1);
    assert_eq!(gamma.summary("").await.accepted, 5);
}

#[tokio::test]
async fn statuses_come_before_or_after_acceptance() {
    let gamma = start("").await;
    for status in [
        301, 307, 400, 401, 402, 403, 404, 408, 409, 422, 429, 500, 502, 503, 504,
    ] {
        let answer = gamma
            .classic(&format!("[[fake:post={status}]]"))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers().contains_key("location"), status < 400);
        assert!(answer.headers().contains_key("x-request-id"));
    }
    assert_eq!(gamma.summary("").await.accepted, 0);
    let after = gamma.classic("[[fake:post=after_503]]").send().await.unwrap();
    assert_eq!(after.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(gamma.summary("").await.accepted, 1);
    let credits = gamma.classic("[[fake:post=403credits]]").send().await.unwrap();
    assert_eq!(credits.status(), StatusCode::FORBIDDEN);
    assert!(credits.text().await.unwrap().contains("credits"));
    let seconds = gamma.classic("[[fake:post=429s=7]]").send().await.unwrap();
    assert_eq!(header(&seconds, "retry-after"), "7");
    let date = gamma.classic("[[fake:post=429d=7]]").send().await.unwrap();
    let until = httpdate::parse_http_date(header(&date, "retry-after")).unwrap();
    let wait = until.duration_since(std::time::SystemTime::now()).unwrap();
    assert!((5..=7).contains(&wait.as_secs()), "{wait:?}");
}

#[tokio::test]
async fn slow_is_accepted_at_once_and_slow_before_even_without_a_client() {
    let gamma = start("").await;
    let wait = Duration::from_millis(200);
    let late = gamma
        .classic("[[fake:post=slow=1h]]")
        .timeout(wait)
        .send()
        .await
        .unwrap_err();
    assert!(late.is_timeout() && gamma.fake.ledger().posts[0].accepted);
    let late = gamma
        .classic("[[fake:post=slow_before=400ms]]")
        .timeout(wait)
        .send()
        .await
        .unwrap_err();
    assert!(late.is_timeout());
    assert_eq!(gamma.fake.ledger().posts.len(), 1);
    let arrived = async {
        while gamma.fake.ledger().posts.len() < 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), arrived)
        .await
        .unwrap();
    assert!(gamma.fake.ledger().posts[1].accepted);
}

#[tokio::test]
async fn polls_go_wrong_as_often_as_asked() {
    let gamma = start("").await;
    let id = gamma
        .begin("[[fake:poll=500*2]] [[fake:poll=unknown*1]] [[fake:poll=stuck*1]]")
        .await;
    for _ in 0..2 {
        assert_eq!(
            gamma.poll(&id).send().await.unwrap().status(),
            StatusCode::INTERNAL_SERVER_ERROR
        );
    }
    assert_eq!(gamma.poll_json(&id).await["status"], "processing");
    assert_eq!(
        gamma.poll_json(&id).await,
        json!({ "status": "pending", "generationId": id })
    );
    assert_eq!(gamma.poll_json(&id).await["status"], "completed");
    let polls = gamma.ledger("").await.generations.remove(0).polls;
    let answers: Vec<&str> = polls.iter().map(|poll| poll.answer.as_str()).collect();
    assert_eq!(answers, ["500", "500", "unknown", "stuck", "completed"]);

    let lost = gamma.begin("[[fake:poll=lost_before*1]]").await;
    assert!(gamma.poll(&lost).send().await.is_err());
    assert_eq!(gamma.poll_json(&lost).await["status"], "completed");
}

#[tokio::test]
async fn generations_end_as_asked() {
    let gamma = start("").await;
    let failed = gamma
        .poll_json(&gamma.begin("[[fake:result=failed]]").await)
        .await;
    assert_eq!(
        (&failed["status"], &failed["error"]["statusCode"]),
        (&json!("failed"), &json!(422))
    );
    let failed = gamma
        .poll_json(&gamma.begin("[[fake:post=failed_string]]").await)
        .await;
    assert!(failed["error"].is_string());
    let id = gamma.begin("[[fake:result=stuck]]").await;
    assert_eq!(gamma.poll_json(&id).await["status"], "pending");
    assert_eq!(
        gamma
            .control("complete", &json!({ "generationId": id, "outcome": "failed" }))
            .await,
        StatusCode::OK
    );
    assert_eq!(gamma.poll_json(&id).await["status"], "failed");
}

#[tokio::test]
async fn rules_hit_by_number_and_change_while_it_runs() {
    let gamma = start("--fault post:500:n=2").await;
    let mut seen = Vec::new();
    for text in ["a", "b", "c"] {
        seen.push(gamma.classic(text).send().await.unwrap().status().as_u16());
    }
    assert_eq!(seen, [201, 500, 201]);
    assert_eq!(
        gamma
            .control("faults", &json!({ "faults": ["post:503:n=1"] }))
            .await,
        StatusCode::OK
    );
    assert_eq!(
        gamma.classic("d").send().await.unwrap().status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(
        gamma
            .control("faults", &json!({ "faults": ["post:never"] }))
            .await,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(gamma.control("reset", &json!({})).await, StatusCode::OK);
    assert_eq!(gamma.ledger("").await.posts, []);
    assert_eq!(
        gamma.classic("e").send().await.unwrap().status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
}

#[tokio::test]
async fn the_same_seed_has_the_same_faults() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let gamma = start("--limit 0 --fault post:500:p=0.4").await;
        let mut seen = Vec::new();
        for number in 0..30 {
            seen.push(
                gamma
                    .classic(&number.to_string())
                    .send()
                    .await
                    .unwrap()
                    .status()
                    .as_u16(),
            );
        }
        runs.push(seen);
    }
    assert_eq!(runs[0], runs[1]);
    assert!(runs[0].contains(&500) && runs[0].contains(&201));
}
