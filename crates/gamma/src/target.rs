//! Where a request goes: the base URL and key of an account, and the endpoints of an engine.

use std::fmt;
use std::sync::Arc;

use http::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use crate::listing::{Listing, PageQuery};
use crate::redact::{KEY, hide_key, scrub};
use crate::wire;

/// Ids are opaque, so everything but the unreserved characters of RFC 3986 is encoded.
const ID: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Which of Gamma's endpoints a job is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Engine {
    /// `POST /v1.0/generations`, from text.
    Classic,
    /// `POST /v1.0/generations/from-template`, from a one-page template; polled like `Classic`.
    Template,
    /// `POST /v1.0/agent/generations` (Gamma 5), polled beside it.
    Agent,
}

impl Engine {
    /// The path of the POST that begins a generation.
    pub fn submit_path(self) -> &'static str {
        match self {
            Self::Classic => "/v1.0/generations",
            Self::Template => "/v1.0/generations/from-template",
            Self::Agent => "/v1.0/agent/generations",
        }
    }

    /// The path under which a generation is looked at, up to its id.
    pub fn poll_path(self) -> &'static str {
        match self {
            Self::Classic | Self::Template => "/v1.0/generations/",
            Self::Agent => "/v1.0/agent/generations/",
        }
    }
}

/// One account's way to Gamma: base URL and API key, checked once. Cheap to clone; `Debug` shows no key.
#[derive(Clone)]
pub struct Target {
    inner: Arc<Inner>,
}

struct Inner {
    base_url: Url,
    key: SecretString,
    header: HeaderValue,
}

impl Target {
    /// Checks the base URL (`http` or `https`; a path is kept as a prefix) and the API key, which is trimmed.
    ///
    /// # Errors
    ///
    /// [`TargetError`] says which of the two can't be used; its text holds neither.
    pub fn new(base_url: &Url, api_key: &SecretString) -> Result<Self, TargetError> {
        if !matches!(base_url.scheme(), "http" | "https") || !base_url.has_host() {
            return Err(TargetError::NotHttp);
        }
        if !base_url.username().is_empty() || base_url.password().is_some() {
            return Err(TargetError::Credentials);
        }
        if base_url.query().is_some() || base_url.fragment().is_some() {
            return Err(TargetError::Query);
        }
        let key = api_key.expose_secret().trim();
        if key.is_empty() {
            return Err(TargetError::EmptyKey);
        }
        let mut header = HeaderValue::from_str(key).map_err(|_| TargetError::UnsendableKey)?;
        // `to_str` refuses what `from_str` lets through beyond ASCII, and no key has that.
        header.to_str().map_err(|_| TargetError::UnsendableKey)?;
        header.set_sensitive(true);
        let key = SecretString::from(key);
        Ok(Self {
            inner: Arc::new(Inner {
                base_url: base_url.clone(),
                key,
                header,
            }),
        })
    }

    /// The base URL this target was made with.
    pub fn base_url(&self) -> &Url {
        &self.inner.base_url
    }

    /// The value of `X-API-KEY`, marked sensitive.
    pub(crate) fn key_header(&self) -> HeaderValue {
        self.inner.header.clone()
    }

    /// Foreign text made fit for logs and records: no key, no link, no control characters, at most `max`
    /// characters.
    pub(crate) fn scrub(&self, text: &str, max: usize) -> String {
        scrub(text, self.inner.key.expose_secret(), max)
    }

    /// Whether an id can be kept as it came. One that holds a key or a link is none of Gamma's, and would carry it into
    /// records and logs. Our own key was hidden when the body was [read](Self::read).
    pub(crate) fn is_safe_id(&self, id: &str) -> bool {
        !id.contains(KEY) && self.scrub(id, id.len()) == id
    }

    /// A body that is a JSON object, with the key hidden wherever an answer echoes it: what is read of it goes into
    /// records.
    pub(crate) fn read(&self, body: &[u8]) -> Option<Map<String, Value>> {
        let mut object = wire::object(body)?;
        hide_key(&mut object, self.inner.key.expose_secret());
        Some(object)
    }

    pub(crate) fn submit_url(&self, engine: Engine) -> Url {
        self.url(engine.submit_path())
    }

    pub(crate) fn poll_url(&self, engine: Engine, generation_id: &str) -> Url {
        self.url(&format!(
            "{}{}",
            engine.poll_path(),
            utf8_percent_encode(generation_id, ID)
        ))
    }

    pub(crate) fn export_url(&self, gamma_id: &str) -> Url {
        self.url(&format!(
            "/v1.0/gammas/{}/export",
            utf8_percent_encode(gamma_id, ID)
        ))
    }

    pub(crate) fn export_poll_url(&self, export_id: &str) -> Url {
        self.url(&format!("/v1.0/exports/{}", utf8_percent_encode(export_id, ID)))
    }

    pub(crate) fn themes_url(&self) -> Url {
        let mut url = self.url("/v1.0/themes");
        url.set_query(Some("limit=1"));
        url
    }

    pub(crate) fn list_url(&self, listing: Listing, page: &PageQuery) -> Url {
        let mut url = self.url(listing.path());
        let limit = page.limit.map(|limit| limit.to_string());
        let asked = [("query", &page.query), ("limit", &limit), ("after", &page.after)];
        let set = asked
            .iter()
            .filter_map(|(name, value)| Some((*name, value.as_ref()?)));
        if set.clone().next().is_some() {
            url.query_pairs_mut().extend_pairs(set);
        }
        url
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.inner.base_url.clone();
        let prefix = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{prefix}{path}"));
        url
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("base_url", &self.inner.base_url.as_str())
            .finish_non_exhaustive()
    }
}

/// Whether an id can stand as one segment of a URL's path. URL parsers resolve `.` and `..`, encoded or not.
pub(crate) fn is_askable(id: &str) -> bool {
    !matches!(id, "" | "." | "..")
}

/// Why a base URL or key can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// The base URL is not `http://host…` or `https://host…`.
    #[error("the base URL must be http or https, with a host")]
    NotHttp,
    /// The base URL carries a user name or password.
    #[error("the base URL must not hold a user name or password")]
    Credentials,
    /// The base URL has a query or a fragment, which no endpoint could keep.
    #[error("the base URL must have no query and no fragment")]
    Query,
    /// The key is empty.
    #[error("the API key is empty")]
    EmptyKey,
    /// The key has characters that no header can carry.
    #[error("the API key has characters that a header can't carry")]
    UnsendableKey,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(base: &str) -> Result<Target, TargetError> {
        Target::new(&base.parse().unwrap(), &SecretString::from("sk-gamma-1"))
    }

    #[test]
    fn endpoints_hang_below_the_base_url() {
        for (base, prefix) in [
            ("https://public-api.gamma.app", "https://public-api.gamma.app"),
            ("https://public-api.gamma.app/", "https://public-api.gamma.app"),
            (
                "http://127.0.0.1:8080/fake/gamma/",
                "http://127.0.0.1:8080/fake/gamma",
            ),
        ] {
            let target = target(base).unwrap();
            for (engine, submit, poll) in [
                (Engine::Classic, "/v1.0/generations", "/v1.0/generations/a1"),
                (
                    Engine::Template,
                    "/v1.0/generations/from-template",
                    "/v1.0/generations/a1",
                ),
                (
                    Engine::Agent,
                    "/v1.0/agent/generations",
                    "/v1.0/agent/generations/a1",
                ),
            ] {
                assert_eq!(target.submit_url(engine).as_str(), format!("{prefix}{submit}"));
                assert_eq!(target.poll_url(engine, "a1").as_str(), format!("{prefix}{poll}"));
            }
            assert_eq!(
                target.themes_url().as_str(),
                format!("{prefix}/v1.0/themes?limit=1")
            );
        }
    }

    #[test]
    fn ids_stay_one_segment() {
        let target = target("https://g.example").unwrap();
        for (id, path) in [
            ("gen_A-1.b~", "gen_A-1.b~"),
            ("a/b", "a%2Fb"),
            ("a?b#c", "a%3Fb%23c"),
            ("50%", "50%25"),
            ("a b\n\t", "a%20b%0A%09"),
            ("é", "%C3%A9"),
            ("../x", "..%2Fx"),
        ] {
            let url = target.poll_url(Engine::Classic, id);
            assert_eq!(url.as_str(), format!("https://g.example/v1.0/generations/{path}"));
        }
        assert!(["", ".", ".."].iter().all(|id| !is_askable(id)));
        assert!(is_askable("..."));
    }

    #[test]
    fn unusable_urls_and_keys_are_named_and_not_shown() {
        for (base, error) in [
            ("ftp://g.example", TargetError::NotHttp),
            ("data:text/plain,x", TargetError::NotHttp),
            ("https://user:hunter2@g.example", TargetError::Credentials),
            ("https://g.example/?k=hunter2", TargetError::Query),
            ("https://g.example/#x", TargetError::Query),
        ] {
            assert_eq!(target(base).unwrap_err(), error);
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
        let base: Url = "https://g.example".parse().unwrap();
        for (key, error) in [
            ("", TargetError::EmptyKey),
            (" \n", TargetError::EmptyKey),
            ("a\nb", TargetError::UnsendableKey),
            ("schlüssel", TargetError::UnsendableKey),
        ] {
            assert_eq!(Target::new(&base, &SecretString::from(key)).unwrap_err(), error);
        }
    }

    #[test]
    fn a_key_from_a_file_loses_its_line_end_and_is_never_printed() {
        let base: Url = "https://g.example".parse().unwrap();
        let target = Target::new(&base, &SecretString::from("sk-gamma-77\n")).unwrap();
        assert_eq!(target.key_header().as_bytes(), b"sk-gamma-77");
        assert!(!format!("{target:?} {:?}", target.key_header()).contains("77"));
    }
}
