//! The process: listens, serves, and stops when it is told to.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};

use crate::clock::Clock;
use crate::error::Error;
use crate::ledger::{Filter, Ledger, Summary};
use crate::options::Options;
use crate::routes;
use crate::wire;
use crate::world::{Shared, World};

/// A fake that runs within this process. It stops when this is dropped.
#[derive(Debug)]
pub struct Fake {
    address: SocketAddr,
    seed: u64,
    shared: Arc<Shared>,
    task: AbortHandle,
}

impl Fake {
    /// Starts a fake; when this returns, it listens.
    ///
    /// # Errors
    ///
    /// [`Error::Listen`] if the address can't be had, [`Error::LedgerFile`] if the ledger can't be written.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let asked = options.listen;
        let listener = TcpListener::bind(asked).await.map_err(|source| Error::Listen {
            address: asked,
            source,
        })?;
        let mut address = listener.local_addr()?;
        if address.ip().is_unspecified() {
            address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
        let base = match &options.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{address}"),
        };
        let seed = options.seed.unwrap_or_else(rand::random);
        let clock = Clock::start();
        let world = World::new(options, seed, base, clock.now())?;
        let shared = Arc::new(Shared::new(clock, world));
        let task = tokio::spawn(accept(listener, shared.clone())).abort_handle();
        Ok(Self {
            address,
            seed,
            shared,
            task,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL of the API, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The seed in use.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The whole ledger at this moment.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.shared
            .with(|world, now| world.ledger(&Filter::default(), now))
    }

    /// Sums over the ledger; the window is that of the limit.
    #[must_use]
    pub fn summary(&self) -> Summary {
        self.shared.with(|world, _| world.summary(None, None))
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Runs a fake until `shutdown`. The first line on stdout is `fake-gamma listening on http://ADDRESS`, the second
/// names the seed; both come in one write, once connections are accepted.
///
/// # Errors
///
/// As [`Fake::start`], and [`Error::Io`] if stdout can't be written.
pub async fn run(options: Options, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
    let fake = Fake::start(options).await?;
    let lines = format!(
        "fake-gamma listening on {}\nfake-gamma seed {}\n",
        fake.url(),
        fake.seed()
    );
    let mut out = std::io::stdout().lock();
    out.write_all(lines.as_bytes())?;
    out.flush()?;
    drop(out);
    shutdown.await;
    Ok(())
}

/// Takes connections in until it is aborted, which ends them all.
async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let router = routes::router(shared);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(wire::serve(stream, router.clone()));
                }
                // Out of file descriptors, as a rule: give the connections that exist time to end.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}
