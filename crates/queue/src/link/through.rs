//! A link over streams that somebody else connects: a server in the same process, for simulations and tests.

use std::io;
use std::pin::Pin;
use std::sync::Arc;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisConnectionInfo, RedisError};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Dial, Dialled, Link, LinkSettings};

/// Bytes to and from a server.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A stream on its way.
pub type Connecting = Pin<Box<dyn Future<Output = io::Result<Box<dyn Stream>>> + Send>>;

/// What carries the bytes of one connection, until its stream or its last user is gone.
pub type Driver = Pin<Box<dyn Future<Output = ()> + Send>>;

struct Through<C, D> {
    connect: C,
    drive: D,
    settings: LinkSettings,
}

impl<C, D> Dial for Through<C, D>
where
    C: Fn() -> Connecting + Send + Sync,
    D: Fn(Driver) + Send + Sync,
{
    fn dial<'a>(&'a self, config: &'a AsyncConnectionConfig) -> Dialled<'a> {
        let connect = async {
            let stream = (self.connect)().await?;
            let info = RedisConnectionInfo::default();
            let (connection, driver) =
                MultiplexedConnection::new_with_config(&info, stream, config.clone()).await?;
            (self.drive)(Box::pin(driver));
            Ok(connection)
        };
        Box::pin(async move {
            tokio::time::timeout(self.settings.connect_timeout, connect)
                .await
                .unwrap_or_else(|_| Err(RedisError::from(io::Error::from(io::ErrorKind::TimedOut))))
        })
    }
}

impl Link {
    /// A link to a server that is not reached by an address, for tests and simulations: `connect` gives a new stream
    /// for each connection, `drive` has the connection's driver polled until it ends. `settings.url` and
    /// `settings.tls_ca` are not looked at.
    pub fn through(
        settings: LinkSettings,
        connect: impl Fn() -> Connecting + Send + Sync + 'static,
        drive: impl Fn(Driver) + Send + Sync + 'static,
    ) -> Self {
        let dial = Through {
            connect,
            drive,
            settings: settings.clone(),
        };
        Self::over(Arc::new(dial), settings)
    }
}
