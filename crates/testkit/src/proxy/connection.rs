//! One connection through the proxy.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep_until};

use super::mode::{Shared, Way};

const CHUNK: usize = 16 * 1024;

/// Bytes with the time at which they were read.
#[derive(Debug)]
struct Chunk {
    at: Instant,
    bytes: Vec<u8>,
}

struct Link {
    id: u64,
    shared: Arc<Shared>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.shared.closed();
    }
}

/// Carries bytes both ways until both sides have ended, one fails, or the task is aborted. Only in the first case
/// the sockets are closed without a reset.
pub(super) fn serve(
    id: u64,
    mut client: TcpStream,
    upstream: String,
    shared: Arc<Shared>,
) -> impl Future<Output = ()> + Send {
    // All this is done before the task first runs: it may be aborted before that.
    let link = Link { id, shared };
    let _ = client.set_nodelay(true);
    let _ = client.set_zero_linger();
    async move {
        if link.carry(&mut client, &upstream).await.is_ok() {
            close_in_peace(&client);
        }
    }
}

#[expect(
    deprecated,
    reason = "only a linger with a time can block, and this takes it away"
)]
fn close_in_peace(stream: &TcpStream) {
    let _ = stream.set_linger(None);
}

impl Link {
    async fn carry(&self, client: &mut TcpStream, upstream: &str) -> io::Result<()> {
        let (requests, requests_out) = unbounded_channel();
        let (replies, replies_out) = unbounded_channel();
        let (client_read, client_write) = client.split();
        let beyond = async {
            self.gate().await;
            let mut server = self.connect(upstream).await?;
            let (server_read, server_write) = server.split();
            tokio::try_join!(
                self.pass(requests_out, server_write, Way::Requests),
                self.read(server_read, replies, Way::Replies),
                self.pass(replies_out, client_write, Way::Replies),
            )?;
            close_in_peace(&server);
            Ok(())
        };
        tokio::try_join!(self.read(client_read, requests, Way::Requests), beyond)?;
        Ok(())
    }

    async fn connect(&self, upstream: &str) -> io::Result<TcpStream> {
        let mut addresses = lookup_host(upstream).await?;
        let Some(address) = addresses.next() else {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        };
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        socket.set_nodelay(true)?;
        // Before the connection is made: an abort between that and the next poll has to reset it, too.
        socket.set_zero_linger()?;
        let connected = socket.connect(address).await;
        if connected.is_err() {
            self.gate().await;
        }
        connected
    }

    /// Waits until the connection is neither held nor frozen.
    async fn gate(&self) {
        // The sender lives in `shared`: it can't be gone.
        let _ = self
            .shared
            .mode
            .subscribe()
            .wait_for(|mode| mode.passes(self.id))
            .await;
    }

    /// Reads always, also what can't be passed on yet.
    async fn read(&self, mut from: ReadHalf<'_>, to: UnboundedSender<Chunk>, way: Way) -> io::Result<()> {
        let mut buffer = vec![0; CHUNK];
        loop {
            let count = match from.read(&mut buffer).await {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) => {
                    // The other side must not learn of it while the connection is held.
                    self.gate().await;
                    return Err(error);
                }
            };
            self.shared.read(way, count);
            let chunk = Chunk {
                at: Instant::now(),
                bytes: buffer[..count].to_vec(),
            };
            if to.send(chunk).is_err() {
                return Ok(());
            }
        }
    }

    async fn pass(
        &self,
        mut from: UnboundedReceiver<Chunk>,
        mut to: WriteHalf<'_>,
        way: Way,
    ) -> io::Result<()> {
        let mut lost = false;
        while let Some(chunk) = from.recv().await {
            let delay = self.shared.mode.borrow().delay;
            sleep_until(chunk.at + delay).await;
            let mut rest = chunk.bytes.as_slice();
            while !rest.is_empty() {
                self.gate().await;
                to.writable().await?;
                match self.write_now(&to, rest, way, &mut lost) {
                    Ok(written) => rest = &rest[written..],
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
            }
        }
        self.gate().await;
        to.shutdown().await
    }

    /// Writes under the lock of the mode, so that nothing more passes once a fault has been ordered.
    fn write_now(&self, to: &WriteHalf<'_>, bytes: &[u8], way: Way, lost: &mut bool) -> io::Result<usize> {
        let mode = self.shared.mode.borrow();
        if !mode.passes(self.id) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        *lost |= way == Way::Replies && mode.drop_replies;
        if *lost {
            return Ok(bytes.len());
        }
        let written = to.try_write(bytes)?;
        let passed = self.shared.passed(way, written);
        let enough = way == Way::Requests && mode.hold_at.is_some_and(|most| passed >= most);
        drop(mode);
        if enough {
            // Once: who gets here beside it must not bring back a hold that has ended.
            self.shared.mode.send_if_modified(|mode| {
                let due = mode.hold_at.take().is_some();
                mode.hold |= due;
                due
            });
        }
        Ok(written)
    }
}
