//! Who may see, and who may act.

use std::net::{IpAddr, SocketAddr};

use axum::http::header::{AUTHORIZATION, COOKIE, HOST};
use axum::http::{HeaderMap, Uri};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::sessions::{Session, Sessions};

/// What proxies add to what they pass on: whoever is behind one is not on this machine.
const PASSED_ON: [&str; 4] = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];

/// Who asks.
#[derive(Debug, Clone)]
pub(super) enum Visitor {
    /// Somebody on this machine, who may look.
    Local,
    /// Somebody who signed in, and may act.
    Session(Session),
    /// A program that brought the token, and may act.
    Program,
    /// Somebody who may see the page to sign in and nothing else.
    Stranger,
}

impl Visitor {
    /// Whether there are buttons for them.
    pub(super) fn may_act(&self) -> bool {
        matches!(self, Self::Session(_) | Self::Program)
    }

    pub(super) fn may_look(&self) -> bool {
        !matches!(self, Self::Stranger)
    }

    pub(super) fn session(&self) -> Option<&Session> {
        match self {
            Self::Session(session) => Some(session),
            _ => None,
        }
    }
}

/// Whether it listens for this machine alone, and this is from it. An address that was mapped into IPv6 is the one that
/// it was.
pub(super) fn is_local(listens: SocketAddr, peer: SocketAddr, headers: &HeaderMap) -> bool {
    let loopback = |ip: IpAddr| ip.to_canonical().is_loopback();
    loopback(listens.ip()) && loopback(peer.ip()) && !PASSED_ON.iter().any(|name| headers.contains_key(*name))
}

/// Whether the request names this machine. A page of another site that has its name lead here names itself.
pub(super) fn names_loopback(uri: &Uri, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return false;
    };
    let is_loopback = |host: &str| {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
            _ => host,
        };
        let ip = name
            .strip_prefix('[')
            .and_then(|it| it.strip_suffix(']'))
            .unwrap_or(name);
        name.eq_ignore_ascii_case("localhost")
            || ip
                .parse::<IpAddr>()
                .is_ok_and(|ip| ip.to_canonical().is_loopback())
    };
    host.to_str().is_ok_and(is_loopback) && uri.authority().is_none_or(|it| is_loopback(it.as_str()))
}

/// Whether this is the token, in a time that says nothing of where it differs.
pub(super) fn is_token(token: &SecretString, given: &str) -> bool {
    token.expose_secret().as_bytes().ct_eq(given.as_bytes()).into()
}

/// What stands behind `Bearer` in the request, where anything does.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The session whose cookie came along.
pub(super) fn session(sessions: &Sessions, cookie: &str, headers: &HeaderMap) -> Option<Session> {
    let lines = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok());
    let pairs = lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs
        .filter(|(name, _)| *name == cookie)
        .find_map(|(_, id)| sessions.find(id))
}

/// Cookies know no ports, and several workers may be on one machine.
pub(super) fn cookie_name(address: SocketAddr) -> String {
    format!("gammaq-session-{}", address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_is_who_comes_over_the_loopback_and_from_nowhere_else() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        let none = HeaderMap::new();
        for (listens, peer, expected) in [
            ("127.0.0.1:9464", "127.0.0.1:5", true),
            ("[::1]:9464", "[::1]:5", true),
            ("[::ffff:127.0.0.1]:9464", "127.0.0.1:5", true),
            ("0.0.0.0:9464", "127.0.0.1:5", false),
            ("[::]:9464", "[::1]:5", false),
            ("10.0.0.1:9464", "10.0.0.1:5", false),
            ("127.0.0.1:9464", "10.0.0.9:5", false),
        ] {
            assert_eq!(
                is_local(at(listens), at(peer), &none),
                expected,
                "{listens} {peer}"
            );
        }
        for name in PASSED_ON {
            let headers = HeaderMap::from_iter([(name.parse().unwrap(), "x".parse().unwrap())]);
            assert!(
                !is_local(at("127.0.0.1:9464"), at("127.0.0.1:5"), &headers),
                "{name}"
            );
        }
    }

    #[test]
    fn only_names_of_the_loopback_are_served_there() {
        let named = |host: &str| {
            let headers = HeaderMap::from_iter([(HOST, host.parse().unwrap())]);
            names_loopback(&Uri::from_static("/"), &headers)
        };
        for host in [
            "localhost",
            "LOCALHOST:9464",
            "127.0.0.1:9464",
            "127.9.9.9",
            "[::1]:9464",
            "[::ffff:127.0.0.1]",
        ] {
            assert!(named(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:9464",
            "10.0.0.1",
            "[::2]:1",
            "localhost:x",
        ] {
            assert!(!named(host), "{host}");
        }
        let mut two = HeaderMap::from_iter([(HOST, "localhost".parse().unwrap())]);
        two.append(HOST, "evil.example".parse().unwrap());
        assert!(!names_loopback(&Uri::from_static("/"), &two));
        assert!(!names_loopback(&Uri::from_static("/"), &HeaderMap::new()));
        let one = HeaderMap::from_iter([(HOST, "localhost".parse().unwrap())]);
        assert!(!names_loopback(&Uri::from_static("http://evil.example/"), &one));
    }

    #[test]
    fn a_token_is_the_whole_of_it() {
        let token = SecretString::from("correct-horse-battery");
        assert!(is_token(&token, "correct-horse-battery"));
        for wrong in [
            "",
            "correct-horse-batter",
            "correct-horse-battery1",
            "Correct-horse-battery",
        ] {
            assert!(!is_token(&token, wrong));
        }
        let headers = |text: &str| HeaderMap::from_iter([(AUTHORIZATION, text.parse().unwrap())]);
        assert_eq!(bearer(&headers("bearer x")), Some("x"));
        assert_eq!(bearer(&headers("Basic x")), None);
    }
}
