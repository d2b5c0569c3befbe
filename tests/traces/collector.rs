//! A collector of OTLP over HTTP, and a wire that keeps what goes over it.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a stage that can't be set up ends its test"
)]

use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What was exported, as it came.
#[derive(Debug, Default)]
struct Received {
    heads: Vec<String>,
    bodies: Vec<Vec<u8>>,
}

/// A collector on a free port. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Collector {
    pub(crate) url: String,
    received: Arc<Mutex<Received>>,
    serving: JoinHandle<()>,
}

impl Collector {
    /// One that takes everything.
    pub(crate) async fn start() -> Self {
        Self::answering(true).await
    }

    /// One that takes requests and never answers.
    pub(crate) async fn hanging() -> Self {
        Self::answering(false).await
    }

    async fn answering(answers: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let received = Arc::<Mutex<Received>>::default();
        let into = Arc::clone(&received);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let into = Arc::clone(&into);
                tokio::spawn(async move { while_open(BufReader::new(stream), &into, answers).await });
            }
        });
        Self {
            url,
            received,
            serving,
        }
    }

    /// How many exports came.
    pub(crate) fn exports(&self) -> usize {
        self.received.lock().unwrap().bodies.len()
    }

    /// Heads of the requests, and their bodies as text as far as they are that.
    pub(crate) fn everything(&self) -> String {
        let received = self.received.lock().unwrap();
        let bodies = received.bodies.iter().map(|it| String::from_utf8_lossy(it));
        received.heads.concat() + &bodies.collect::<String>()
    }

    /// Every span so far, in order of its beginning.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let received = self.received.lock().unwrap();
        let mut spans: Vec<Span> = received
            .bodies
            .iter()
            .map(|body| ExportTraceServiceRequest::decode(body.as_slice()).expect("an export of spans"))
            .flat_map(|export| export.resource_spans)
            .flat_map(|of| of.scope_spans)
            .flat_map(|of| of.spans)
            .collect();
        spans.sort_by_key(|span| span.start_time_unix_nano);
        spans
    }

    /// The spans of a job.
    pub(crate) fn spans_of(&self, id: &str) -> Vec<Span> {
        let mut spans = self.spans();
        let of_job: Vec<Vec<u8>> = spans
            .iter()
            .filter(|span| text(span, "messaging.message.id") == id)
            .map(|span| span.span_id.clone())
            .collect();
        // The POST says of itself only what HTTP has names for: it belongs to its submit.
        spans.retain(|span| {
            of_job.contains(&span.span_id)
                || of_job.contains(&span.parent_span_id) && text(span, "messaging.message.id").is_empty()
        });
        spans
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Takes requests as they come, until the other side has enough.
async fn while_open(mut stream: BufReader<TcpStream>, into: &Mutex<Received>, answers: bool) {
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            match stream.read_line(&mut head).await {
                Ok(read) if read > 0 => {}
                _ => return,
            }
        }
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse().ok())?
        });
        let mut body = vec![0; length.expect("a length")];
        if stream.read_exact(&mut body).await.is_err() {
            return;
        }
        {
            let mut received = into.lock().unwrap();
            received.heads.push(head);
            received.bodies.push(body);
        }
        if !answers {
            return std::future::pending().await;
        }
        let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// An attribute as text; empty without it.
pub(crate) fn text(span: &Span, name: &str) -> String {
    let attribute = span.attributes.iter().find(|it| it.key == name);
    let value = attribute.and_then(|it| it.value.as_ref()?.value.clone());
    match value {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::DoubleValue(number)) => number.to_string(),
        Some(Value::BoolValue(is)) => is.to_string(),
        _ => String::new(),
    }
}

/// An id as the trace context has it.
pub(crate) fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A wire to `upstream` that keeps every byte sent there. Answers its address and what it keeps.
pub(crate) async fn wire(upstream: &str) -> (String, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (upstream, kept) = (upstream.to_owned(), Arc::<Mutex<Vec<u8>>>::default());
    let keeps = Arc::clone(&kept);
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let Ok(far) = TcpStream::connect(&upstream).await else {
                continue;
            };
            let ((mut from, mut back), (mut answers, mut to)) = (near.into_split(), far.into_split());
            let keeps = Arc::clone(&keeps);
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while let Ok(read @ 1..) = from.read(&mut buffer).await {
                    keeps.lock().unwrap().extend_from_slice(&buffer[..read]);
                    if to.write_all(&buffer[..read]).await.is_err() {
                        break;
                    }
                }
            });
            tokio::spawn(async move { tokio::io::copy(&mut answers, &mut back).await });
        }
    });
    (address, kept)
}
