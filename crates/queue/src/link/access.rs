//! How servers are connected to, whichever of them it is: user, password, database, TLS.

use redis::io::tcp::TcpSettings;
use redis::{
    Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisError, RedisResult, TlsCertificates,
};
use std::time::Duration;

use crate::Error;

/// One address, with all that it takes to connect there.
#[derive(Clone)]
pub(super) struct Access {
    info: ConnectionInfo,
    tls_ca: Option<Vec<u8>>,
}

impl Access {
    /// From `redis://`, `rediss://` or `unix://`.
    pub(super) fn new(url: &str, tls_ca: Option<&[u8]>) -> Result<Self, Error> {
        // Another part of the process may have chosen a provider already; either will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let tcp = TcpSettings::default()
            .set_nodelay(true)
            .set_keepalive(redis::io::tcp::socket2::TcpKeepalive::new().with_time(Duration::from_secs(15)))
            .set_user_timeout(Duration::from_secs(10));
        let info = url
            .into_connection_info()
            .map_err(settings)?
            .set_tcp_settings(tcp);
        let access = Self {
            info,
            tls_ca: tls_ca.map(<[u8]>::to_vec),
        };
        access.client().map_err(settings)?;
        Ok(access)
    }

    /// The same way in to another server.
    pub(super) fn at(&self, host: &str, port: u16) -> Self {
        let host = host.to_owned();
        let addr = match self.info.addr() {
            ConnectionAddr::TcpTls {
                insecure, tls_params, ..
            } => ConnectionAddr::TcpTls {
                host,
                port,
                insecure: *insecure,
                tls_params: tls_params.clone(),
            },
            _ => ConnectionAddr::Tcp(host, port),
        };
        Self {
            info: self.info.clone().set_addr(addr),
            tls_ca: self.tls_ca.clone(),
        }
    }

    /// The same server without user, password and database.
    pub(super) fn without_login(&self) -> Self {
        Self {
            info: self
                .info
                .clone()
                .set_redis_settings(redis::RedisConnectionInfo::default()),
            tls_ca: self.tls_ca.clone(),
        }
    }

    /// Whether there is a password to give.
    pub(super) fn has_login(&self) -> bool {
        self.info.redis_settings().password().is_some()
    }

    /// The database; 0 where none is named.
    pub(super) fn database(&self) -> i64 {
        self.info.redis_settings().db()
    }

    /// Host and port; `None` for a unix socket.
    pub(super) fn place(&self) -> Option<(&str, u16)> {
        match self.info.addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                Some((host, *port))
            }
            _ => None,
        }
    }

    pub(super) fn client(&self) -> RedisResult<Client> {
        let Some(pem) = &self.tls_ca else {
            return Client::open(self.info.clone());
        };
        let tls = TlsCertificates {
            client_tls: None,
            root_cert: Some(pem.clone()),
        };
        Client::build_with_tls(self.info.clone(), tls)
    }
}

/// The category alone: the text may hold the address, and with it a password.
fn settings(error: RedisError) -> Error {
    Error::Settings(format!("redis.url: {}", error.category()))
}

/// The addresses in `urls`: a comma ends one where the next begins, and nowhere else, since a password may have one.
pub(super) fn split(urls: &str) -> Vec<String> {
    let mut split: Vec<String> = Vec::new();
    for part in urls.trim_matches([',', ' ']).split(',') {
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
        .map(|url| url.trim().to_owned())
        .filter(|url| !url.is_empty())
        .collect()
}

/// `host:port` as servers write it: an IPv6 address has no brackets there.
pub(super) fn host_and_port(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    Some((host.to_owned(), port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_apart() {
        assert_eq!(
            split("redis://a:1, rediss://:p,w@b:2 ,unix:///s"),
            ["redis://a:1", "rediss://:p,w@b:2", "unix:///s"]
        );
        assert_eq!(
            host_and_port("10.0.0.1:7000"),
            Some(("10.0.0.1".to_owned(), 7000))
        );
        assert_eq!(
            host_and_port("2001:db8::1:7000"),
            Some(("2001:db8::1".to_owned(), 7000))
        );
        assert_eq!(host_and_port(":7000"), Some((String::new(), 7000)));
        assert_eq!(host_and_port("nothing"), None);
    }

    #[test]
    fn another_server_is_reached_the_same_way() {
        let access = Access::new("redis://user:secret@a:1/2", None).unwrap();
        let other = access.at("b", 7);
        assert_eq!(
            (other.place(), other.database(), other.has_login()),
            (Some(("b", 7)), 2, true)
        );
        assert!(!access.without_login().has_login());
        let access = Access::new("rediss://a:1", None).unwrap();
        assert!(
            matches!(access.at("b", 7).info.addr(), ConnectionAddr::TcpTls { host, port: 7, .. } if host == "b")
        );
    }

    #[test]
    fn a_password_stays_out_of_an_error() {
        let error = Access::new("http://:secret@a", None).err().unwrap().to_string();
        assert!(
            error.starts_with("redis.url: ") && !error.contains("secret"),
            "{error}"
        );
    }
}
