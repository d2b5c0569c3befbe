//! Addresses: of Redis, of Gamma, of this process, and the hosts that may be called.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use config::ValueKind;
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use super::forms::{Form, Refusal, list, text};
use super::shown::without_credentials;

/// The address of a Redis server. `Debug` and `Display` show it without its password.
#[derive(Clone)]
pub struct RedisUrl {
    address: SecretString,
    encrypted: bool,
}

impl RedisUrl {
    /// The whole address, with its password, for the client alone.
    pub fn expose(&self) -> &str {
        self.address.expose_secret()
    }

    /// Whether the connection is encrypted (`rediss://`).
    pub fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    fn parse(address: &str) -> Result<Self, Refusal> {
        let url = Url::parse(address).map_err(|_| Refusal::because("not an address"))?;
        if url.fragment().is_some() {
            // In a password a bare # ends the address early, and what follows it is dropped in silence.
            return Err(Refusal::because("it has a #, which is written %23 in a password"));
        }
        match url.scheme() {
            "unix" if url.path().trim_matches('/').is_empty() => Err(Refusal::because("it has no path")),
            "unix" => Ok(()),
            "redis" | "rediss" if url.host_str().is_none_or(str::is_empty) => {
                Err(Refusal::because("it has no host"))
            }
            "redis" | "rediss" => match url.path().trim_start_matches('/') {
                "" => Ok(()),
                db if db.parse::<u16>().is_ok() => Ok(()),
                _ => Err(Refusal::because(
                    "what follows the host is not the number of a database",
                )),
            },
            _ => Err(Refusal::default()),
        }?;
        Ok(Self {
            address: SecretString::from(address),
            encrypted: url.scheme() == "rediss",
        })
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_credentials(self.expose()))
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisUrl({self})")
    }
}

/// One address of Redis or several.
pub(super) struct RedisUrls;

impl Form for RedisUrls {
    type Value = Vec<RedisUrl>;

    fn read(&self, written: &ValueKind) -> Result<Vec<RedisUrl>, Refusal> {
        let addresses = match written {
            ValueKind::String(addresses) => split_addresses(addresses),
            other => list(other)?,
        };
        if addresses.is_empty() {
            return Err(Refusal::because("it is empty"));
        }
        addresses.iter().map(|address| RedisUrl::parse(address)).collect()
    }

    fn allowed(&self) -> String {
        "redis://[user:password@]host[:port][/db], rediss://…, unix:///path, or several of them".to_owned()
    }
}

/// Splits at the commas that begin another address, and at no other: a password may have one.
fn split_addresses(addresses: &str) -> Vec<String> {
    let mut split: Vec<String> = Vec::new();
    for part in addresses.trim_matches([',', ' ']).split(',') {
        match split.last_mut() {
            Some(last) if !part.contains("://") => {
                last.push(',');
                last.push_str(part);
            }
            _ => split.push(part.to_owned()),
        }
    }
    split
        .iter()
        .map(|address| address.trim().to_owned())
        .filter(|address| !address.is_empty())
        .collect()
}

/// Where an HTTP API is.
pub(super) struct BaseUrl;

impl Form for BaseUrl {
    type Value = Url;

    fn read(&self, written: &ValueKind) -> Result<Url, Refusal> {
        let url = Url::parse(text(written)?).map_err(|_| Refusal::because("not an address"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Refusal::default());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal::because("it has a user or a password"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(Refusal::because("it has a query or a fragment"));
        }
        Ok(url)
    }

    fn allowed(&self) -> String {
        "https://host[:port][/path], or http:// of the same shape".to_owned()
    }
}

/// Whether `url` names this machine itself.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Where files are kept.
pub(super) struct StoreUrl;

const STORES: [&str; 4] = ["file", "s3", "gs", "az"];

impl Form for StoreUrl {
    type Value = Url;

    fn read(&self, written: &ValueKind) -> Result<Url, Refusal> {
        let url = Url::parse(text(written)?).map_err(|_| Refusal::because("not an address"))?;
        if url.scheme() == "file" && url.host().is_some() {
            return Err(Refusal::because("a directory takes three slashes"));
        }
        if url.scheme() != "file" && url.host_str().is_none_or(str::is_empty) {
            return Err(Refusal::because("it has no bucket"));
        }
        if STORES.contains(&url.scheme()) {
            Ok(url)
        } else {
            Err(Refusal::default())
        }
    }

    fn allowed(&self) -> String {
        "file:///directory, s3://bucket/prefix, gs://… or az://…".to_owned()
    }
}

/// A host that may be called, or all hosts below a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostPattern {
    /// `files.example.com`: this name or IP address and no other. Lower case; an IPv6 address stands without brackets.
    Exact(String),
    /// `*.example.com`: every name below `example.com`, at any depth, but not `example.com` itself. Lower case.
    Below(String),
}

impl HostPattern {
    /// Whether `host`, as [`Url::host_str`] gives it, is meant.
    pub fn matches(&self, host: &str) -> bool {
        let host = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .trim_end_matches('.')
            .to_ascii_lowercase();
        match self {
            Self::Exact(name) => host == *name,
            Self::Below(domain) => host
                .strip_suffix(domain)
                .is_some_and(|name| name.len() > 1 && name.ends_with('.')),
        }
    }

    fn parse(pattern: &str) -> Result<Self, Refusal> {
        let (below, name) = match pattern.strip_prefix("*.") {
            Some(domain) => (true, domain),
            None => (false, pattern),
        };
        let name = name
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_ascii_lowercase();
        let is_address = name.parse::<IpAddr>().is_ok();
        if name.contains(['/', ':', '@']) && !is_address {
            return Err(Refusal::because(
                "a host alone is wanted, without a scheme, a port or a path",
            ));
        }
        let is_name = name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        });
        match below {
            true if is_address || !name.contains('.') => {
                Err(Refusal::because("*. wants a domain of its own after it"))
            }
            true if is_name => Ok(Self::Below(name)),
            false if is_name || is_address => Ok(Self::Exact(name)),
            _ => Err(Refusal::default()),
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Below(domain) => write!(f, "*.{domain}"),
        }
    }
}

/// Hosts that may be called.
pub(super) struct Hosts;

impl Form for Hosts {
    type Value = Vec<HostPattern>;

    fn read(&self, written: &ValueKind) -> Result<Vec<HostPattern>, Refusal> {
        list(written)?
            .iter()
            .map(|pattern| HostPattern::parse(pattern))
            .collect()
    }

    fn allowed(&self) -> String {
        "a list of hosts: files.example.com, *.example.com, 127.0.0.1".to_owned()
    }
}

/// Where to listen, if at all.
pub(super) struct Listen;

impl Form for Listen {
    type Value = Option<SocketAddr>;

    fn read(&self, written: &ValueKind) -> Result<Option<SocketAddr>, Refusal> {
        match text(written)? {
            "off" => Ok(None),
            address => address.parse().map(Some).map_err(|_| Refusal::default()),
        }
    }

    fn allowed(&self) -> String {
        "an IP address and a port (127.0.0.1:9464, [::]:9464; port 0 takes a free one), or off".to_owned()
    }
}
