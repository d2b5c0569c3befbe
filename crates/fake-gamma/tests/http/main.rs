//! Drives the fake over real HTTP, the way its users do.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as the tests do")]

mod api;
mod exports;
mod faults;
mod ledger;

use gammaq_fake::ledger::{Ledger, Summary};
use gammaq_fake::{Fake, Options};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

const KEY: &str = "sk-a";

struct Gamma {
    fake: Fake,
    client: Client,
}

async fn start(flags: &str) -> Gamma {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let flags = format!("--listen 127.0.0.1:0 --seed 1 --generation-time 0s --export-time 0s {flags}");
    let options = Options::from_flags(flags.split_whitespace()).unwrap();
    let fake = Fake::start(options).await.unwrap();
    let client = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .build()
        .unwrap();
    Gamma { fake, client }
}

impl Gamma {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.fake.url()))
            .header("x-api-key", KEY)
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.request(Method::POST, path).json(body)
    }

    fn classic(&self, text: &str) -> RequestBuilder {
        self.post(
            "/v1.0/generations",
            &json!({ "inputText": text, "textMode": "generate" }),
        )
    }

    /// Starts a generation and gives back its id.
    async fn begin(&self, text: &str) -> String {
        let answer: Value = self.classic(text).send().await.unwrap().json().await.unwrap();
        answer["generationId"].as_str().unwrap().to_owned()
    }

    fn poll(&self, id: &str) -> RequestBuilder {
        self.get(&format!("/v1.0/generations/{id}"))
    }

    async fn poll_json(&self, id: &str) -> Value {
        self.poll(id).send().await.unwrap().json().await.unwrap()
    }

    async fn control(&self, path: &str, body: &Value) -> StatusCode {
        self.post(&format!("/_fake/{path}"), body)
            .send()
            .await
            .unwrap()
            .status()
    }

    async fn ledger(&self, query: &str) -> Ledger {
        self.get(&format!("/_fake/ledger{query}"))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    }

    async fn summary(&self, query: &str) -> Summary {
        self.get(&format!("/_fake/ledger/summary{query}"))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    }
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).unwrap().to_str().unwrap()
}
