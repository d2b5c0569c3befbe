//! Which links may be followed, and to which addresses.
//!
//! A name is looked up by a resolver of our own, which lets no address through that isn't public: a name that is allowed
//! may still be made to point into the network that the worker runs in. A literal address never passes a resolver, so
//! it is only followed where it is named outright.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::Url;

use crate::is_public;

/// One host, or all below a domain. Lower case; an IPv6 address stands without brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// This name or address and no other, named outright: plain http is allowed to it, and so is any address.
    Exact(String),
    /// Every name below this domain, by https to public addresses.
    Below(String),
}

/// The hosts that links may lead to.
#[derive(Debug, Clone, Default)]
pub struct Hosts(Arc<Vec<Host>>);

impl Hosts {
    /// These and no others.
    pub fn new(hosts: Vec<Host>) -> Self {
        Self(Arc::new(hosts))
    }

    fn is_outright(&self, name: &str) -> bool {
        self.0
            .iter()
            .any(|host| matches!(host, Host::Exact(it) if it == name))
    }

    fn is_below(&self, name: &str) -> bool {
        self.0.iter().any(|host| match host {
            Host::Below(domain) => name
                .strip_suffix(domain.as_str())
                .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
            Host::Exact(_) => false,
        })
    }

    /// The link as an address that may be followed.
    ///
    /// # Errors
    /// Why it may not, fit for a log: with its host, and nothing else of it.
    pub(crate) fn check(&self, link: &str) -> Result<Url, String> {
        let url = Url::parse(link).map_err(|_| "the link is no address".to_owned())?;
        // The parser has made `2130706433` and `0x7f.1` what they are: 127.0.0.1.
        let host = url.host_str().unwrap_or_default();
        let name = bare(host);
        if !url.username().is_empty() || url.password().is_some() {
            return Err(format!("the link to {name} has a user name in it"));
        }
        let outright = self.is_outright(&name);
        if !(outright || self.is_below(&name) && name.parse::<IpAddr>().is_err()) {
            return Err(format!(
                "the link leads to \"{name}\", which exports.allowed_hosts does not name"
            ));
        }
        match url.scheme() {
            "https" => Ok(url),
            "http" if outright => Ok(url),
            scheme => Err(format!(
                "the link to {name} is {scheme}: only https is followed, and http to hosts that exports.allowed_hosts \
                 names outright"
            )),
        }
    }
}

fn bare(host: &str) -> String {
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .trim_end_matches('.')
        .to_ascii_lowercase()
}

/// Looks names up and keeps what may be connected to.
#[derive(Debug)]
pub(crate) struct Lookup(pub(crate) Hosts);

impl Resolve for Lookup {
    fn resolve(&self, name: Name) -> Resolving {
        let outright = self.0.is_outright(&bare(name.as_str()));
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let good: Vec<SocketAddr> = found.filter(|it| outright || is_public(it.ip())).collect();
            if good.is_empty() {
                return Err("the name of the link's host has no public address".into());
            }
            Ok(Box::new(good.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_where_they_may_and_nowhere_else() {
        let exact = |name: &str| Host::Exact(name.to_owned());
        let hosts = Hosts::new(vec![
            Host::Below("gamma.app".to_owned()),
            exact("127.0.0.1"),
            exact("::1"),
            exact("mirror.example.com"),
        ]);
        for good in [
            "https://assets.api.gamma.app/export/pdf/1",
            "https://ASSETS.gamma.app./x",
            "http://127.0.0.1:8080/x",
            "http://2130706433/x",
            "http://[::1]/x",
            "http://mirror.example.com/x",
        ] {
            assert!(hosts.check(good).is_ok(), "{good}");
        }
        for (bad, says) in [
            ("http://assets.gamma.app/x", "only https"),
            ("https://gamma.app/x", "does not name"),
            ("https://evilgamma.app/x", "does not name"),
            ("https://gamma.app.evil.example/x", "does not name"),
            ("https://10.0.0.1/x", "does not name"),
            ("http://[::ffff:127.0.0.1]/x", "does not name"),
            ("https://u:p@assets.gamma.app/x", "a user name"),
            ("ftp://assets.gamma.app/x", "ftp"),
            ("file:///etc/passwd", "does not name"),
            ("nonsense", "no address"),
        ] {
            let error = hosts.check(bad).unwrap_err();
            assert!(error.contains(says), "{bad}: {error}");
            assert!(!error.contains("/x"), "a path in {error}");
        }
        let plain = Hosts::new(vec![Host::Below("gamma.app".to_owned())]);
        for bad in [
            "http://2130706433/",
            "https://0x7f.1/",
            "https://[::1]/",
            "https://localhost/",
        ] {
            assert!(plain.check(bad).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_name_that_points_inside_is_not_followed() {
        let resolve = |hosts: Hosts| async move {
            let found = Lookup(hosts).resolve("localhost".parse().unwrap()).await;
            found.map(Iterator::count).map_err(|error| error.to_string())
        };
        let error = resolve(Hosts::new(vec![Host::Below("host".to_owned())]))
            .await
            .unwrap_err();
        assert!(error.contains("no public address"), "{error}");
        let outright = Hosts::new(vec![Host::Exact("localhost".to_owned())]);
        assert!(resolve(outright).await.unwrap() > 0);
    }
}
