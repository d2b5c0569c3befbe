//! Files and their links.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{header, start};

#[tokio::test]
async fn files_come_whole_in_parts_and_not_for_ever() {
    let gamma = start("--link-ttl 1h").await;
    let body =
        json!({ "inputText": "[[fake:download=403*0]]", "title": "Sun", "numCards": 2, "exportAs": "pdf" });
    let begun: Value = gamma
        .post("/v1.0/generations", &body)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let done = gamma.poll_json(begun["generationId"].as_str().unwrap()).await;
    let link = done["exportUrl"].as_str().unwrap();
    let whole = gamma.client.get(link).send().await.unwrap();
    assert_eq!(header(&whole, "content-type"), "application/pdf");
    let etag = header(&whole, "etag").to_owned();
    let file = whole.bytes().await.unwrap();
    assert!(file.starts_with(b"%PDF-") && file.ends_with(b"%%EOF\n"));
    let rest = gamma
        .client
        .get(link)
        .header("range", "bytes=100-")
        .header("if-range", &etag)
        .send()
        .await
        .unwrap();
    assert_eq!(rest.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(
        header(&rest, "content-range"),
        format!("bytes 100-{}/{}", file.len() - 1, file.len())
    );
    assert_eq!(rest.bytes().await.unwrap(), file[100..]);
    let stale = gamma
        .client
        .get(link)
        .header("range", "bytes=100-")
        .header("if-range", "\"x\"")
        .send()
        .await
        .unwrap();
    assert_eq!(stale.status(), StatusCode::OK);
    let beyond = gamma
        .client
        .get(link)
        .header("range", "bytes=99999999-")
        .send()
        .await
        .unwrap();
    assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    let downloads = gamma.ledger("").await.downloads;
    assert_eq!(downloads.len(), 4);
    assert!(downloads.iter().all(|download| !download.api_key));

    let brief = start("--link-ttl 0s").await;
    let begun: Value = brief
        .post("/v1.0/generations", &body)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let done = brief.poll_json(begun["generationId"].as_str().unwrap()).await;
    let expired = brief
        .client
        .get(done["exportUrl"].as_str().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(expired.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn what_exists_is_exported_without_a_second_generation() {
    let gamma = start("").await;
    let id = gamma.begin("[[fake:export=deck_too_large*1]]").await;
    let done = gamma.poll_json(&id).await;
    let path = format!("/v1.0/gammas/{}/export", done["gammaId"].as_str().unwrap());
    let mut answers = Vec::new();
    for format in ["pptx", "pptx", "png"] {
        let begun: Value = gamma
            .post(&path, &json!({ "exportAs": format }))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        let export = format!("/v1.0/exports/{}", begun["exportId"].as_str().unwrap());
        answers.push(
            gamma
                .get(&export)
                .send()
                .await
                .unwrap()
                .json::<Value>()
                .await
                .unwrap(),
        );
    }
    assert_eq!(answers[0]["error"]["reason"], "deck_too_large");
    for answer in &answers[1..] {
        assert_eq!(answer["status"], "completed");
        let file = gamma
            .client
            .get(answer["exportUrl"].as_str().unwrap())
            .send()
            .await
            .unwrap();
        assert!(file.bytes().await.unwrap().starts_with(b"PK\x03\x04"));
    }
    let wrong = gamma
        .post(&path, &json!({ "exportAs": "gif" }))
        .send()
        .await
        .unwrap();
    assert_eq!(wrong.status(), StatusCode::BAD_REQUEST);
    let ledger = gamma.ledger("").await;
    assert_eq!((ledger.generations.len(), ledger.exports.len()), (1, 4));
}

#[tokio::test]
async fn links_are_named_as_on_the_page_when_asked() {
    let gamma = start("--link-names page --public-url https://proxy.example/").await;
    let body = json!({ "inputText": "a", "exportOptions": { "formats": ["pdf", "pptx"] } });
    let begun: Value = gamma
        .post("/v1.0/generations", &body)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let done = gamma.poll_json(begun["generationId"].as_str().unwrap()).await;
    assert!(
        done["pdfUrl"]
            .as_str()
            .unwrap()
            .starts_with("https://proxy.example/export/")
    );
    assert!(done["pptxUrl"].is_string() && done.get("exportUrl").is_none());
}
