//! What each of the peers needs: settings from the environment, jobs from a file, and Gamma over the client that gammaq uses.

use std::time::Duration;

use reqwest::Client;
use serde_json::Value;

pub type Failure = Box<dyn std::error::Error + Send + Sync>;

pub fn setting(name: &str) -> Result<String, Failure> {
    std::env::var(name).map_err(|_| format!("{name} is not set").into())
}

pub fn interval() -> Result<Duration, Failure> {
    Ok(Duration::from_millis(setting("INTERVAL_MS")?.parse()?))
}

pub fn concurrency() -> Result<usize, Failure> {
    Ok(setting("CONCURRENCY")?.parse()?)
}

/// The file of requests, one a line, that `enqueue` was called with; `None` for `work`.
pub fn requests() -> Result<Option<Vec<String>>, Failure> {
    let mut words = std::env::args().skip(1);
    match (words.next().as_deref(), words.next()) {
        (Some("work"), None) => Ok(None),
        (Some("enqueue"), Some(file)) => {
            let text = std::fs::read_to_string(file)?;
            Ok(Some(text.lines().map(str::to_owned).collect()))
        }
        _ => Err("work, or enqueue FILE".into()),
    }
}

/// Gamma as a client sees it.
#[derive(Clone, Debug)]
pub struct Gamma {
    client: Client,
    base: String,
}

impl Gamma {
    pub fn new() -> Result<Self, Failure> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(Self {
            client: Client::builder().timeout(Duration::from_secs(30)).build()?,
            base: setting("GAMMA_URL")?,
        })
    }

    /// Answers the generation's id.
    pub async fn submit(&self, request: String) -> Result<String, Failure> {
        let url = format!("{}/v1.0/generations", self.base);
        let sent = self.client.post(url).header("x-api-key", "sk-gamma-bench");
        let sent = sent.header("content-type", "application/json").body(request);
        let answer: Value = serde_json::from_slice(&sent.send().await?.bytes().await?)?;
        let id = answer.get("generationId").and_then(Value::as_str);
        Ok(id.ok_or("no generationId")?.to_owned())
    }

    /// Answers the text at the end, and nothing before.
    pub async fn look(&self, id: &str) -> Result<Option<Value>, Failure> {
        let url = format!("{}/v1.0/generations/{id}", self.base);
        let sent = self.client.get(url).header("x-api-key", "sk-gamma-bench");
        let answer: Value = serde_json::from_slice(&sent.send().await?.bytes().await?)?;
        let pending = answer.get("status").and_then(Value::as_str) == Some("pending");
        Ok((!pending).then_some(answer))
    }
}
