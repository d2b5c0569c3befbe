//! What a client is built with, and what can be wrong with it.

use std::time::Duration;

use http::HeaderValue;

/// Settings of a [`Client`](crate::Client); `Default` is right for Gamma's public service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSettings {
    /// How long the name lookup, TCP and TLS handshakes may take together. Must be shorter than
    /// `request_timeout`: a connect that hangs should end as a failed connect, not as a request that timed
    /// out.
    pub connect_timeout: Duration,
    /// How long a whole exchange may take, from the first packet to the answer's last byte. Too short, and
    /// slow answers to a POST are lost, which leaves paid generations without an id.
    pub request_timeout: Duration,
    /// The most bytes of an answer's body that are read; a longer answer counts as unreadable.
    pub max_body: usize,
    /// The `User-Agent` header.
    pub user_agent: String,
}

impl Default for ClientSettings {
    /// 5 s to connect, 30 s in all, answers up to 4 MiB, `gammaq/<version>`.
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(30),
            max_body: 4 * 1024 * 1024,
            user_agent: concat!("gammaq/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

impl ClientSettings {
    /// Checks what can be checked before anything is built.
    pub(crate) fn check(&self) -> Result<(), BuildError> {
        if self.connect_timeout.is_zero() || self.connect_timeout >= self.request_timeout {
            return Err(BuildError::Timeouts {
                connect: self.connect_timeout,
                request: self.request_timeout,
            });
        }
        if self.max_body == 0 {
            return Err(BuildError::MaxBody);
        }
        HeaderValue::from_str(&self.user_agent).map_err(|_| BuildError::UserAgent)?;
        Ok(())
    }
}

/// Why no client could be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// `connect_timeout` is zero, or not below `request_timeout`.
    #[error("connect_timeout ({connect:?}) must be above zero and below request_timeout ({request:?})")]
    Timeouts {
        /// The connect timeout that was given.
        connect: Duration,
        /// The request timeout that was given.
        request: Duration,
    },
    /// `max_body` is zero, so no answer could ever be read.
    #[error("max_body must be above zero")]
    MaxBody,
    /// The user agent has characters that no header can carry.
    #[error("user_agent must be visible ASCII")]
    UserAgent,
    /// The HTTP stack could not start; most often the system has no root certificates.
    #[error("the HTTP client could not be built")]
    Http(#[source] reqwest::Error),
}
