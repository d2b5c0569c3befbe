//! A TCP server that does to each connection what a test says, on a thread of its own, so that it goes on
//! while the client's runtime stands still.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;

type Log = Arc<Mutex<Vec<Vec<u8>>>>;

pub(crate) struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
    log: Log,
}

impl Server {
    /// Runs `behave` for every connection, all at once.
    pub(crate) fn start<F, Fut>(behave: F) -> Self
    where
        F: Fn(Connection) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let log = Log::default();
        let thread = std::thread::spawn({
            let log = log.clone();
            move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                runtime.block_on(serve(listener, behave, stopped, log));
            }
        });
        Self {
            address,
            stop,
            thread,
            log,
        }
    }

    /// Answers every request with these bytes, and closes.
    pub(crate) fn answering(answer: impl Into<String>) -> Self {
        let answer: Arc<str> = answer.into().into();
        Self::start(move |mut connection| {
            let answer = answer.clone();
            async move {
                connection.read_request().await;
                connection.write(answer.as_bytes()).await;
            }
        })
    }

    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn tls_base(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Waits until every connection is over; gives what came in on each, in the order they were accepted.
    pub(crate) async fn finish(self) -> Vec<String> {
        let _ = self.stop.send(());
        // The client's runtime has to go on meanwhile, to close its connections.
        tokio::task::spawn_blocking(|| self.thread.join().unwrap())
            .await
            .unwrap();
        let log = self.log.lock().unwrap();
        log.iter()
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
            .collect()
    }
}

async fn serve<F, Fut>(
    listener: std::net::TcpListener,
    behave: F,
    mut stopped: oneshot::Receiver<()>,
    log: Log,
) where
    F: Fn(Connection) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::from_std(listener).unwrap();
    let mut connections = JoinSet::new();
    let mut take = |stream| {
        let mut log_now = log.lock().unwrap();
        log_now.push(Vec::new());
        connections.spawn(behave(Connection {
            stream,
            index: log_now.len() - 1,
            log: log.clone(),
        }));
    };
    loop {
        tokio::select! {
            accepted = listener.accept() => take(accepted.unwrap().0),
            _ = &mut stopped => break,
        }
    }
    // Connections that were made before the end count too.
    while let Ok(accepted) = timeout(Duration::from_millis(20), listener.accept()).await {
        take(accepted.unwrap().0);
    }
    let all = async { while connections.join_next().await.is_some_and(|end| end.is_ok()) {} };
    timeout(Duration::from_secs(20), all)
        .await
        .expect("a connection that never ends");
}

pub(crate) struct Connection {
    stream: TcpStream,
    index: usize,
    log: Log,
}

impl Connection {
    /// Reads and notes at most `max` bytes; false at the end.
    pub(crate) async fn read(&mut self, max: usize) -> bool {
        let mut buffer = vec![0; max];
        let read = self.stream.read(&mut buffer).await.unwrap_or(0);
        self.log.lock().unwrap()[self.index].extend_from_slice(&buffer[..read]);
        read > 0
    }

    /// Reads one request, body and all; false if the other side ended before.
    pub(crate) async fn read_request(&mut self) -> bool {
        let before = self.log.lock().unwrap()[self.index].len();
        loop {
            if !self.read(64 * 1024).await {
                return false;
            }
            let log = self.log.lock().unwrap();
            let text = String::from_utf8_lossy(&log[self.index][before..]);
            if let Some((head, body)) = text.split_once("\r\n\r\n")
                && body.len() >= content_length(head).unwrap_or(0)
            {
                return true;
            }
        }
    }

    /// Reads until the other side is gone.
    pub(crate) async fn drain(&mut self) {
        while self.read(64 * 1024).await {}
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        // The client may have had enough already.
        let _ = self.stream.write_all(bytes).await;
    }

    /// Writes; false when the other side has gone, or takes nothing any more.
    pub(crate) async fn try_write(&mut self, bytes: &[u8]) -> bool {
        let written = timeout(Duration::from_secs(10), self.stream.write_all(bytes)).await;
        matches!(written, Ok(Ok(())))
    }

    /// What came in so far.
    pub(crate) fn seen(&self) -> String {
        String::from_utf8_lossy(&self.log.lock().unwrap()[self.index]).into_owned()
    }

    /// Ends with a RST.
    pub(crate) fn reset(self) {
        self.stream.set_zero_linger().unwrap();
    }
}

pub(crate) fn content_length(head: &str) -> Option<usize> {
    let head = head.to_ascii_lowercase();
    head.split("\r\n")
        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
}

/// A whole answer with a JSON body.
pub(crate) fn answer(status: u16, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} Status\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
}

/// No byte of a body arrived on any connection.
#[track_caller]
pub(crate) fn assert_no_body(received: &[String]) {
    for connection in received {
        let body = connection.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        assert!(
            body.is_empty() && !connection.contains(crate::PROMPT),
            "{connection}"
        );
    }
}

/// The whole of [`crate::body`] arrived, on one connection, once.
#[track_caller]
pub(crate) fn assert_one_body(received: &[String]) {
    let bodies: Vec<_> = received
        .iter()
        .filter_map(|seen| Some(seen.split_once("\r\n\r\n")?.1))
        .collect();
    assert_eq!(bodies, [std::str::from_utf8(&crate::body()).unwrap()]);
}
