//! A TCP proxy with faults on command.

mod connection;
mod mode;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use mode::Counts;
use mode::Shared;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::free_port;

/// A proxy on a port of the loopback interface, in front of one address. All faults can be combined, and each is
/// in force when its method gives back. Dropping the proxy resets every connection.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    front: Arc<Front>,
    acceptor: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

/// What the accepting task and the commands have in common.
#[derive(Debug)]
struct Front {
    upstream: String,
    shared: Arc<Shared>,
    connections: Mutex<Vec<JoinHandle<()>>>,
}

impl Proxy {
    /// Starts a proxy in front of `upstream`, a `host:port`. It connects there anew for each of its connections,
    /// so nothing needs to listen there yet.
    ///
    /// # Panics
    ///
    /// When it can't listen.
    pub async fn start(upstream: impl ToString) -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let front = Arc::new(Front {
            upstream: upstream.to_string(),
            shared: Arc::default(),
            connections: Mutex::default(),
        });
        let acceptor = tokio::sync::Mutex::new(Some(front.listen(address).await));
        Self {
            address,
            front,
            acceptor,
        }
    }

    /// Where the proxy listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port of [`Proxy::address`].
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Resets (RST) every connection, on both sides. New ones are let in as before; one that was made an instant ago
    /// and is not yet among [`Counts::accepted`] is new.
    pub async fn cut(&self) {
        for connection in self.front.take_connections() {
            connection.abort();
            let _ = connection.await;
        }
    }

    /// Refuses new connections, as a port without a listener does, or takes them again. Those that are open stay:
    /// see [`Proxy::cut`].
    ///
    /// # Panics
    ///
    /// When it can't listen again.
    pub async fn refuse(&self, on: bool) {
        let mut acceptor = self.acceptor.lock().await;
        match (on, acceptor.take()) {
            (true, Some(task)) => {
                task.abort();
                let _ = task.await;
            }
            (false, None) => *acceptor = Some(self.front.listen(self.address).await),
            (_, unchanged) => *acceptor = unchanged,
        }
    }

    /// Makes every connection, open or new, half-open: it is accepted and read from, stays open, and nothing comes
    /// through either way, its end included. What was read is passed on when the hold ends, as a network does that
    /// comes back.
    pub fn hold(&self, on: bool) {
        self.front.shared.mode.send_modify(|mode| mode.hold = on);
    }

    /// Holds as [`Proxy::hold`] does, once so many bytes more have been passed on to the server: in the middle of a request that is
    /// longer. [`Counts::requests_passed`] tells when that was; connections beside each other may get a few kilobytes past it.
    pub fn hold_after(&self, requests: u64) {
        let most = self.counts().requests_passed + requests;
        self.front
            .shared
            .mode
            .send_modify(|mode| mode.hold_at = Some(most));
    }

    /// Makes the connections that are open now half-open for good; new ones are not affected.
    pub fn freeze_existing(&self) {
        self.front.shared.freeze_existing();
    }

    /// Lets all that is passed on arrive this much later, each way: a round trip takes twice as long.
    pub fn delay(&self, each_way: Duration) {
        self.front.shared.mode.send_modify(|mode| mode.delay = each_way);
    }

    /// Lets requests through and drops the replies to them. A connection that has lost a reply never gets another
    /// one, also after `drop_replies(false)`, because TCP leaves no gap in a stream.
    pub fn drop_replies(&self, on: bool) {
        self.front.shared.mode.send_modify(|mode| mode.drop_replies = on);
    }

    /// What has gone through so far.
    pub fn counts(&self) -> Counts {
        self.front.shared.counts()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(task) = self.acceptor.get_mut().take() {
            task.abort();
        }
        for connection in self.front.take_connections() {
            connection.abort();
        }
    }
}

impl Front {
    async fn listen(self: &Arc<Self>, address: SocketAddr) -> JoinHandle<()> {
        let listener = match TcpListener::bind(address).await {
            Ok(listener) => listener,
            Err(error) => panic!("the proxy can't listen at {address}: {error}"),
        };
        let front = Arc::clone(self);
        tokio::spawn(async move {
            loop {
                // An error is one of a single connection, such as a client that has gone already.
                if let Ok((client, _)) = listener.accept().await {
                    front.admit(client);
                }
            }
        })
    }

    /// No await in here: a connection is either in the list or was never accepted.
    fn admit(&self, client: TcpStream) {
        let id = self.shared.admit();
        let task = connection::serve(id, client, self.upstream.clone(), Arc::clone(&self.shared));
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.retain(|task| !task.is_finished());
        connections.push(tokio::spawn(task));
    }

    fn take_connections(&self) -> Vec<JoinHandle<()>> {
        std::mem::take(&mut self.connections.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
