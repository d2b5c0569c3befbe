//! The requests of a worker without the worker: this program, called with `bare`. Each generation is asked about an interval after the
//! last answer, with a client as the worker has it, and nothing else is done.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE};
use reqwest::{Client, RequestBuilder, Url};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::rig::request;

/// So many requests at once at the most, as a worker has by default.
const AT_ONCE: usize = 256;

/// Runs until it is killed.
pub(crate) fn run(url: &str, jobs: usize, interval: Duration) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime
        .map_err(|error| error.to_string())?
        .block_on(ask(url, jobs, interval))
}

async fn ask(url: &str, jobs: usize, interval: Duration) -> Result<(), String> {
    let base: Url = format!("{url}/v1.0/generations/")
        .parse()
        .map_err(|error| format!("{url}: {error}"))?;
    // An error means that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = || {
        Client::builder()
            .user_agent("gammaq-bench")
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
    };
    let client = builder().build().map_err(|error| error.to_string())?;
    // What costs money is never multiplexed.
    let paid = builder()
        .http1_only()
        .build()
        .map_err(|error| error.to_string())?;
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let (mut submits, mut polls, mut next) = (JoinSet::new(), JoinSet::new(), 0);
    loop {
        while next < jobs && submits.len() < AT_ONCE {
            submits.spawn(submit(paid.clone(), base.clone(), next));
            next += 1;
        }
        let Some(submitted) = submits.join_next().await else {
            break;
        };
        let id = submitted.map_err(|error| error.to_string())??;
        let (client, permits) = (client.clone(), Arc::clone(&permits));
        let url = base.join(&id).map_err(|error| error.to_string())?;
        polls.spawn(async move {
            loop {
                sleep_until(Instant::now() + interval).await;
                let _permit = permits.acquire().await.map_err(|error| error.to_string())?;
                text(client.get(url.clone())).await?;
            }
        });
    }
    // None of them ends but by an error.
    let ended: Option<Result<Result<(), String>, _>> = polls.join_next().await;
    match ended {
        Some(Ok(Err(error))) => Err(error),
        Some(Err(error)) => Err(error.to_string()),
        _ => Ok(()),
    }
}

async fn submit(client: Client, base: Url, n: usize) -> Result<String, String> {
    let url = base.join("../generations").map_err(|error| error.to_string())?;
    let post = client.post(url).header(CONTENT_TYPE, "application/json");
    let answer: Value =
        serde_json::from_str(&text(post.body(request(n))).await?).map_err(|error| error.to_string())?;
    let id = answer["generationId"].as_str();
    id.map(str::to_owned)
        .ok_or_else(|| format!("no generation in {answer}"))
}

async fn text(request: RequestBuilder) -> Result<String, String> {
    let request = request
        .header("x-api-key", "sk-gamma-bench-0")
        .header(ACCEPT, "application/json")
        .header(ACCEPT_ENCODING, "identity");
    let answer = request.send().await.and_then(reqwest::Response::error_for_status);
    let text = answer.map_err(|error| error.to_string())?.text().await;
    text.map_err(|error| error.to_string())
}
