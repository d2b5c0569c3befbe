//! The two HTTP clients: one that sends what costs money, one that only reads.

use std::fmt;
use std::time::Duration;

use gammaq_crash::at;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};
use reqwest::{ClientBuilder, RequestBuilder, redirect, retry};

use crate::exchange::{Bounds, Reply, exchange};
use crate::gate::GatedBody;
use crate::settings::{BuildError, ClientSettings};
use crate::target::Target;

/// The header that carries the key; `Authorization: Bearer` is answered with 401.
static API_KEY: HeaderName = HeaderName::from_static("x-api-key");
static JSON: HeaderValue = HeaderValue::from_static("application/json");
static PLAIN: HeaderValue = HeaderValue::from_static("identity");
/// How often an idle or waiting HTTP/2 connection is checked, and how long the check may take: without it, a
/// dead connection would let all polls time out until the kernel notices.
const PING_INTERVAL: Duration = Duration::from_secs(15);
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// Pooled connections go before the usual load balancer drops them (60 s).
const POOL_IDLE: Duration = Duration::from_secs(50);

/// A client for Gamma's Generate API. Cheap to clone; holds no key (each call names its [`Target`]).
#[derive(Clone)]
pub struct Client {
    /// For POSTs of generations: a new connection each, HTTP/1.1, no redirect, no retry.
    paid: reqwest::Client,
    /// For everything that may be asked twice.
    reads: reqwest::Client,
    bounds: Bounds,
}

impl Client {
    /// Builds the client, with ring as the process's TLS provider if it has none yet.
    ///
    /// # Errors
    ///
    /// [`BuildError`]: settings that contradict each other, or a TLS stack that can't start (most often
    /// because the system has no root certificates).
    pub fn new(settings: &ClientSettings) -> Result<Self, BuildError> {
        settings.check()?;
        Self::build(settings)
    }

    fn build(settings: &ClientSettings) -> Result<Self, BuildError> {
        // An error means that a provider is there already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let paid = builder(settings).http1_only().pool_max_idle_per_host(0);
        let reads = builder(settings)
            .pool_idle_timeout(POOL_IDLE)
            .http2_keep_alive_interval(PING_INTERVAL)
            .http2_keep_alive_timeout(PING_TIMEOUT);
        Ok(Self {
            paid: paid.build().map_err(BuildError::Http)?,
            reads: reads.build().map_err(BuildError::Http)?,
            bounds: Bounds {
                time: settings.request_timeout,
                body: settings.max_body,
            },
        })
    }

    pub(crate) async fn post(
        &self,
        target: &Target,
        url: reqwest::Url,
        body: GatedBody,
    ) -> Result<Reply, String> {
        let request = self.paid.post(url).header(CONTENT_TYPE, "application/json");
        let request = with_headers(request, target).body(reqwest::Body::wrap(body));
        at("exchange", exchange(request, self.bounds, target)).await
    }

    /// A POST that costs nothing, and may be asked again.
    pub(crate) async fn ask(
        &self,
        target: &Target,
        url: reqwest::Url,
        body: String,
    ) -> Result<Reply, String> {
        let request = self.reads.post(url).header(CONTENT_TYPE, "application/json");
        exchange(with_headers(request, target).body(body), self.bounds, target).await
    }

    pub(crate) async fn get(&self, target: &Target, url: reqwest::Url) -> Result<Reply, String> {
        exchange(with_headers(self.reads.get(url), target), self.bounds, target).await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("bounds", &self.bounds)
            .finish_non_exhaustive()
    }
}

/// What both clients have in common. The total timeout is [`exchange`]'s.
///
/// Compression is switched off by name: another crate of the same binary may have switched the feature on.
fn builder(settings: &ClientSettings) -> ClientBuilder {
    reqwest::Client::builder()
        .user_agent(&settings.user_agent)
        .connect_timeout(settings.connect_timeout)
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .no_proxy()
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
}

fn with_headers(request: RequestBuilder, target: &Target) -> RequestBuilder {
    request
        .header(&API_KEY, target.key_header())
        .header(ACCEPT, &JSON)
        .header(ACCEPT_ENCODING, &PLAIN)
}

#[cfg(test)]
mod tests;
