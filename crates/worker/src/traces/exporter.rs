//! Spans on their way to a collector: OTLP over HTTP, set by the variables `OTEL_*` alone.
//!
//! The SDK's batch processor has a thread of its own and a bounded buffer: a span that finds it full is dropped there
//! and then. It talks to the collector through [`Way`], whose every exchange has an end.

use std::env;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{InstrumentationScope, KeyValue, global};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tokio::runtime::Handle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::is_asked_for;

/// What one exchange with the collector may take, where the environment doesn't say.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);
/// The most of a collector's answer that is read.
const MAX_ANSWER: usize = 64 * 1024;
/// The longest flush at the end, whatever remains of the grace.
const LONGEST_FLUSH: Duration = Duration::from_secs(5);

static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// What makes spans; `None` where nobody asked for them.
pub(super) fn tracer() -> Option<&'static SdkTracer> {
    TRACER.get()
}

/// The export of this process's spans, if the environment asks for one.
#[derive(Debug)]
pub struct Exporting(Option<SdkTracerProvider>);

impl Exporting {
    /// Starts it, on the tokio runtime of the caller. What is wrong with the variables is a warning: traces are no
    /// reason not to work.
    pub fn start() -> Self {
        if !is_asked_for(|name| env::var(name).ok()) {
            return Self(None);
        }
        match provider() {
            Ok(provider) => {
                let scope = InstrumentationScope::builder("gammaq")
                    .with_version(env!("CARGO_PKG_VERSION"))
                    .build();
                let _ = TRACER.set(provider.tracer_with_scope(scope));
                global::set_tracer_provider(provider.clone());
                tracing::info!("traces are exported");
                Self(Some(provider))
            }
            Err(error) => {
                tracing::warn!(%error, "no traces are exported: see the variables OTEL_*");
                Self(None)
            }
        }
    }

    /// Gives the collector what is left, for `within` at the most; what it doesn't take by then is dropped.
    pub async fn end(self, within: Duration) {
        let Some(provider) = self.0 else { return };
        let within = within.min(LONGEST_FLUSH);
        // It blocks; and what blocks must not be waited for longer than it was allowed to.
        let ending = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(within));
        match tokio::time::timeout(within, ending).await {
            Ok(Ok(Ok(()))) => {}
            _ => tracing::debug!("the last spans were dropped: the collector did not take them in time"),
        }
    }

    /// Does the work, and ends the export with it, within what remains of the grace that began when `stop` was cancelled.
    pub(crate) async fn during<T>(
        self,
        stop: &CancellationToken,
        grace: Duration,
        work: impl Future<Output = T>,
    ) -> T {
        let token = stop.clone();
        let stopped_at = AbortOnDropHandle::new(tokio::spawn(async move {
            token.cancelled().await;
            Instant::now()
        }));
        let done = work.await;
        let until = if stop.is_cancelled() {
            stopped_at.await.unwrap_or_else(|_| Instant::now()) + grace
        } else {
            Instant::now() + grace
        };
        self.end(until.saturating_duration_since(Instant::now())).await;
        done
    }
}

fn provider() -> Result<SdkTracerProvider, Box<dyn std::error::Error>> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Way::new()?)
        .build()?;
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource())
        .build())
}

/// Who the spans are from, as the environment says; `gammaq` where it says nothing.
fn resource() -> Resource {
    let said = Resource::builder().build();
    let name = said
        .get(&"service.name".into())
        .map(|it| it.to_string())
        .filter(|it| !it.starts_with("unknown_service"))
        .unwrap_or_else(|| "gammaq".to_owned());
    Resource::builder()
        .with_service_name(name)
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build()
}

/// How long one exchange may take, by the variables for it: whole milliseconds.
fn export_timeout() -> Duration {
    let set = ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"]
        .iter()
        .find_map(|name| env::var(name).ok()?.trim().parse().ok());
    set.map_or(EXPORT_TIMEOUT, Duration::from_millis)
}

/// The way to the collector.
#[derive(Debug)]
struct Way {
    client: reqwest::Client,
    /// The processor's thread has none of its own.
    runtime: Handle,
    failures: AtomicU32,
}

impl Way {
    fn new() -> Result<Self, reqwest::Error> {
        // An error means that a provider is there already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(Self {
            client: reqwest::Client::builder()
                .timeout(export_timeout())
                // The headers may hold the collector's key.
                .redirect(reqwest::redirect::Policy::none())
                .referer(false)
                .build()?,
            runtime: Handle::current(),
            failures: AtomicU32::new(0),
        })
    }

    /// Says that it fails, and that it goes on: once, and not for every batch.
    fn note(&self, trouble: Option<&str>) {
        let Some(trouble) = trouble else {
            let failures = self.failures.swap(0, Ordering::Relaxed);
            if failures > 0 {
                tracing::info!(failures, "spans are taken again");
            }
            return;
        };
        let failures = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if failures.is_power_of_two() {
            tracing::warn!(failures, trouble, "spans could not be exported");
        }
    }
}

#[async_trait::async_trait]
impl HttpClient for Way {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let exchange = self.runtime.spawn(exchange(self.client.clone(), request));
        // Cancelled where the runtime is gone: the process ends.
        let answer = exchange.await?;
        match &answer {
            Ok(answer) if answer.status().is_success() => self.note(None),
            Ok(answer) => self.note(Some(answer.status().as_str())),
            Err(error) if error.is_timeout() => self.note(Some("no answer in time")),
            Err(error) if error.is_connect() => self.note(Some("no connection")),
            Err(_) => self.note(Some("the connection broke off")),
        }
        Ok(answer.map_err(reqwest::Error::without_url)?)
    }
}

async fn exchange(
    client: reqwest::Client,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, reqwest::Error> {
    let mut answer = client.execute(request.try_into()?).await?;
    let mut whole = Response::new(Bytes::new());
    *whole.status_mut() = answer.status();
    *whole.headers_mut() = answer.headers().clone();
    let mut body = BytesMut::new();
    while let Some(piece) = answer.chunk().await? {
        if body.len() + piece.len() > MAX_ANSWER {
            break;
        }
        body.extend_from_slice(&piece);
    }
    *whole.body_mut() = body.freeze();
    Ok(whole)
}
