//! One attempt: a POST, and what its answer means.

use std::error::Error as _;
use std::time::{Duration, SystemTime};

use gammaq_gamma::offline::retry_after;
use gammaq_job::backoff::Backoff;
use gammaq_job::json::cut;
use gammaq_queue::callbacks::{Callback, Told};
use http::HeaderMap;
use http::header::{ACCEPT_ENCODING, CONTENT_TYPE};
use reqwest::{Certificate, StatusCode, redirect, retry};
use tokio::time::{Instant, timeout};

use super::addresses::{Allowed, PublicOnly, Unfit};
use super::message::body;
use super::signature::SigningKeys;
use crate::Error;
use crate::settings::CallbackSettings;

/// A new connection that takes longer is taken for none.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// What is read of an answer, so that its sender may end in peace. Nothing of it counts.
const MOST_READ: usize = 16 * 1024;
/// For how long.
const READ_FOR: Duration = Duration::from_secs(1);
/// What `Retry-After` may ask for.
const RETRY_AFTER: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(24 * 3600));
/// The longest reason, in characters.
const MOST_WHY: usize = 200;

/// Makes attempts. It has a client of its own, which knows no API key.
#[derive(Debug)]
pub(crate) struct Caller {
    client: reqwest::Client,
    keys: SigningKeys,
    allowed: Allowed,
    timeout: Duration,
    backoff: Backoff,
}

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// What was answered, if anything was.
    pub(crate) status: Option<u16>,
    /// What that means.
    pub(crate) told: Told,
}

impl Caller {
    /// A caller, or `None` where there is no secret to sign with.
    ///
    /// # Errors
    /// Where the client can't be built, or the file of authorities can't be read.
    pub(crate) fn new(settings: &CallbackSettings) -> Result<Option<Self>, Error> {
        let Some(keys) = settings.keys.clone() else {
            return Ok(None);
        };
        let allowed = Allowed::new(&settings.allowed_hosts);
        // An error means that a provider is there already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("gammaq/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_WITHIN.min(settings.timeout))
            .dns_resolver(PublicOnly(allowed.clone()))
            .https_only(true)
            .http1_only()
            // Each attempt resolves and checks anew.
            .pool_max_idle_per_host(0)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            // A proxy would resolve by itself.
            .no_proxy()
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate();
        if let Some(path) = &settings.tls_ca_file {
            builder = builder.tls_certs_merge(authorities(path)?);
        }
        let client = builder
            .build()
            .map_err(|error| Error::Ended(format!("the client for callbacks can't be built: {error}")))?;
        Ok(Some(Self {
            client,
            keys,
            allowed,
            timeout: settings.timeout,
            backoff: Backoff {
                base: settings.retry_first,
                max: settings.retry_most,
            },
        }))
    }

    /// Makes one attempt; it ends within the timeout and a second. `unix_ms` is the time that is signed.
    pub(crate) async fn attempt(&self, callback: &Callback, unix_ms: u64, jitter: f64) -> Attempt {
        let url = match self.allowed.url(&callback.url) {
            Ok(url) => url,
            // It will be so the next time, too.
            Err(unfit) => {
                return Attempt {
                    status: None,
                    told: Told::Failed(unfit.to_string()),
                };
            }
        };
        let wait = self.backoff.after(callback.attempts.saturating_add(1), jitter);
        let body = body(callback);
        let seconds = unix_ms / 1000;
        let request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT_ENCODING, "identity")
            .header("webhook-id", &callback.message_id)
            .header("webhook-timestamp", seconds)
            .header(
                "webhook-signature",
                self.keys.sign(&callback.message_id, seconds, &body),
            )
            .body(body);
        let until = Instant::now() + self.timeout;
        match tokio::time::timeout_at(until, request.send()).await {
            Err(_) => Attempt {
                status: None,
                told: Told::Again(wait, format!("no answer within {:?}", self.timeout)),
            },
            Ok(Err(error)) => Attempt {
                status: None,
                told: Told::Again(wait, why(&error)),
            },
            Ok(Ok(answer)) => {
                let told = meaning(answer.status(), answer.headers(), wait);
                let status = Some(answer.status().as_u16());
                let _ = timeout(READ_FOR, read_some(answer)).await;
                Attempt { status, told }
            }
        }
    }
}

/// By status alone; what else is answered is none of ours.
fn meaning(status: StatusCode, headers: &HeaderMap, wait: Duration) -> Told {
    let why = || format!("answered {}", status.as_u16());
    match status.as_u16() {
        200..300 => Told::Delivered,
        // The receiver wants no more of it.
        410 => Told::Failed(why()),
        300..400 => Told::Again(wait, format!("{}, and redirects are not followed", why())),
        _ => {
            let asked = retry_after(headers, SystemTime::now());
            let asked = asked.map_or(Duration::ZERO, |time| time.clamp(RETRY_AFTER.0, RETRY_AFTER.1));
            Told::Again(wait.max(asked), why())
        }
    }
}

async fn read_some(mut answer: reqwest::Response) {
    let mut read = 0;
    while read < MOST_READ {
        match answer.chunk().await {
            Ok(Some(chunk)) => read += chunk.len(),
            _ => break,
        }
    }
}

/// The innermost cause, which names no URL.
fn why(error: &reqwest::Error) -> String {
    let mut cause: &(dyn std::error::Error + 'static) = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    if let Some(unfit) = cause.downcast_ref::<Unfit>() {
        return unfit.to_string();
    }
    if error.source().is_none() {
        return "the request failed".to_owned();
    }
    let what = if error.is_connect() {
        "no connection"
    } else {
        "no answer"
    };
    cut(&format!("{what}: {cause}"), MOST_WHY)
}

fn authorities(path: &std::path::Path) -> Result<Vec<Certificate>, Error> {
    let unreadable = |error: std::io::Error| Error::File {
        path: path.to_owned(),
        error,
    };
    let pem = std::fs::read(path).map_err(unreadable)?;
    let found = Certificate::from_pem_bundle(&pem)
        .ok()
        .filter(|found| !found.is_empty());
    found.ok_or_else(|| unreadable(std::io::Error::other("it holds no certificate in PEM")))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::RETRY_AFTER;

    use super::*;

    #[test]
    fn an_answer_counts_by_its_status() {
        let wait = Duration::from_secs(20);
        let again = |seconds, why: &str| Told::Again(Duration::from_secs(seconds), why.to_owned());
        for (status, asked, told) in [
            (200, None, Told::Delivered),
            (204, Some("60"), Told::Delivered),
            (410, None, Told::Failed("answered 410".to_owned())),
            (410, Some("60"), Told::Failed("answered 410".to_owned())),
            (
                307,
                None,
                again(20, "answered 307, and redirects are not followed"),
            ),
            (400, None, again(20, "answered 400")),
            (404, None, again(20, "answered 404")),
            (429, None, again(20, "answered 429")),
            (429, Some("60"), again(60, "answered 429")),
            // Never sooner than without it.
            (429, Some("5"), again(20, "answered 429")),
            (503, Some("0"), again(20, "answered 503")),
            (503, Some("999999"), again(86_400, "answered 503")),
            (500, Some("soon"), again(20, "answered 500")),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(asked) = asked {
                headers.insert(RETRY_AFTER, HeaderValue::from_static(asked));
            }
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(meaning(status, &headers, wait), told, "{status} {asked:?}");
        }
    }
}
