//! Where callbacks may go: whoever may enqueue a job could otherwise have a worker ask what only the inside can reach.
//!
//! A host that stands in the URL as an address never comes to a resolver, so both are checked: the literal before the
//! request is made, and every address that a name leads to when it is resolved. The connection goes to the addresses that
//! were checked and to no others, so a name that changes in between gains nothing.

use std::sync::Arc;

use gammaq_files::is_public;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::settings::HostPattern;

/// Why an attempt was not made, or not to where a name leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfit {
    /// Not a URL at all.
    #[error("the callback's address can't be read")]
    NoUrl,
    /// http, or something else.
    #[error("the callback's address is not https")]
    NotHttps,
    /// The URL names an address of the inside.
    #[error("the callback's address is not a public one, and callbacks.allowed_hosts doesn't name it")]
    NotPublic,
    /// The name leads to one.
    #[error(
        "the callback's host leads to an address that is not public, and callbacks.allowed_hosts doesn't name it"
    )]
    LeadsInside,
}

/// The hosts that may be called wherever they are.
#[derive(Debug, Clone)]
pub(super) struct Allowed(Arc<[HostPattern]>);

impl Allowed {
    pub(super) fn new(hosts: &[HostPattern]) -> Self {
        Self(hosts.into())
    }

    fn names(&self, host: &str) -> bool {
        self.0.iter().any(|pattern| pattern.matches(host))
    }

    /// The URL of a callback, unless it is unfit already as it is written.
    pub(super) fn url(&self, text: &str) -> Result<Url, Unfit> {
        let url = Url::parse(text).map_err(|_| Unfit::NoUrl)?;
        if url.scheme() != "https" {
            return Err(Unfit::NotHttps);
        }
        let is_public = match url.host() {
            // Of every other way to write an address (2130706433, 0x7f.1) the parser has made this one.
            Some(Host::Ipv4(address)) => is_public(address.into()),
            Some(Host::Ipv6(address)) => is_public(address.into()),
            Some(Host::Domain(_)) => true,
            None => return Err(Unfit::NoUrl),
        };
        if is_public || url.host_str().is_some_and(|host| self.names(host)) {
            Ok(url)
        } else {
            Err(Unfit::NotPublic)
        }
    }
}

/// Resolves as the system does, and refuses a name of which any address is not public.
#[derive(Debug)]
pub(super) struct PublicOnly(pub(super) Allowed);

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = self.0.names(name.as_str());
        let host = name.as_str().to_owned();
        Box::pin(async move {
            let found: Vec<_> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            if !allowed && found.iter().any(|address| !is_public(address.ip())) {
                return Err(Unfit::LeadsInside.into());
            }
            let addresses: Addrs = Box::new(found.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(hosts: &[HostPattern]) -> Allowed {
        Allowed::new(hosts)
    }

    #[test]
    fn addresses_of_the_inside_are_refused_however_they_are_written() {
        let none = allowed(&[]);
        for host in [
            "127.0.0.1",
            "2130706433",
            "0x7f.1",
            "0177.0.0.1",
            "127.1",
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "192.0.2.1",
            "198.18.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "255.255.255.255",
            "[::]",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:10.0.0.1]",
            "[::127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[2001:0:1::1]",
            "[2001:db8::1]",
            "[3fff::1]",
            "[fc00::1]",
            "[fd12:3456::1]",
            "[fe80::1]",
            "[fec0::1]",
            "[ff02::1]",
            "[64:ff9b:1::1]",
            "[100::1]",
        ] {
            let refused = none.url(&format!("https://{host}:8443/hook"));
            assert_eq!(refused.err(), Some(Unfit::NotPublic), "{host}");
        }
        for host in [
            "8.8.8.8",
            "100.63.0.1",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "198.20.0.1",
            "[2606:4700::1111]",
            "[2001:4860:4860::8888]",
            "[64:ff9b::808:808]",
            "[2002:808:808::1]",
            "example.com",
        ] {
            assert!(none.url(&format!("https://{host}/hook")).is_ok(), "{host}");
        }
    }

    #[test]
    fn hosts_that_are_named_may_be_inside_and_still_want_https() {
        let named = allowed(&[
            HostPattern::Exact("127.0.0.1".to_owned()),
            HostPattern::Exact("::1".to_owned()),
            HostPattern::Below("corp.example".to_owned()),
        ]);
        for url in [
            "https://127.0.0.1/x",
            "https://2130706433/x",
            "https://[::1]/x",
            "https://a.corp.example/x",
        ] {
            assert!(named.url(url).is_ok(), "{url}");
        }
        for (url, why) in [
            ("http://127.0.0.1/x", Unfit::NotHttps),
            ("http://example.com/x", Unfit::NotHttps),
            ("file:///etc/passwd", Unfit::NotHttps),
            ("https://127.0.0.2/x", Unfit::NotPublic),
            ("https://", Unfit::NoUrl),
            ("hook", Unfit::NoUrl),
        ] {
            assert_eq!(named.url(url).err(), Some(why), "{url}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_refused_when_it_is_resolved() {
        let resolve = async |named: &[HostPattern]| {
            let resolver = PublicOnly(allowed(named));
            resolver.resolve("localhost".parse().unwrap()).await
        };
        let refused = resolve(&[]).await.err().unwrap();
        assert_eq!(refused.downcast_ref(), Some(&Unfit::LeadsInside));
        let named = HostPattern::Exact("localhost".to_owned());
        assert!(resolve(&[named]).await.unwrap().count() > 0);
    }
}
