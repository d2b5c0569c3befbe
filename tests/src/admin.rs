//! What a worker serves on its admin address, as a probe and Prometheus read it.

use std::collections::BTreeMap;
use std::time::Duration;

use gammaq_testkit::Process;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::PATIENCE;

/// Longer than any answer takes, whatever Redis does.
const ANSWERED_WITHIN: Duration = Duration::from_secs(20);

/// Where the worker said that it serves health and metrics; it has to be started with port 0 or a free one.
pub async fn address(worker: &Process) -> String {
    let line = worker.wait_line("health and metrics are served", PATIENCE).await;
    let url = line.split("http://").nth(1).unwrap_or_default();
    url.chars()
        .take_while(|c| c.is_ascii_digit() || matches!(c, '.' | ':'))
        .collect()
}

/// Asks for a path; answers the status and the body.
pub async fn get(address: &str, path: &str) -> (u16, String) {
    let asked = async {
        let mut stream = TcpStream::connect(address).await.expect("the worker listens");
        let request = format!("GET {path} HTTP/1.1\r\nhost: worker\r\nconnection: close\r\n\r\n");
        stream
            .write_all(request.as_bytes())
            .await
            .expect("the worker reads");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("the worker answers");
        String::from_utf8(answer).expect("text")
    };
    let answer = tokio::time::timeout(ANSWERED_WITHIN, asked)
        .await
        .expect("an answer in time");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.expect("an answer has a status"), body.to_owned())
}

/// Every sample of `/metrics`, by name and labels as they are written.
pub async fn metrics(address: &str) -> BTreeMap<String, f64> {
    let (status, text) = get(address, "/metrics").await;
    assert_eq!(status, 200, "{text}");
    let mut samples = BTreeMap::new();
    for line in text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let (name, value) = line.rsplit_once(' ').expect("a sample has a value");
        let value = value.parse().expect("a number");
        let former = samples.insert(name.to_owned(), value);
        assert_eq!(former, None, "{name} is there twice:\n{text}");
    }
    samples
}

/// The samples of several workers, summed.
pub async fn summed(addresses: &[&str]) -> BTreeMap<String, f64> {
    let mut sum = BTreeMap::new();
    for address in addresses {
        for (name, value) in metrics(address).await {
            *sum.entry(name).or_insert(0.0) += value;
        }
    }
    sum
}
