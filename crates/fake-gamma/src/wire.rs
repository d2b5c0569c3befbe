//! One client's connection: HTTP/1.1 with keep-alive by hyper, until a handler asks for something that no HTTP server
//! does on purpose. Then the socket is taken away from hyper and treated as the fault demands.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tower::ServiceExt;

/// What happens to a socket once hyper has given it up.
#[derive(Debug)]
pub(crate) enum Takeover {
    /// Closed with a RST, so the client sees `connection reset by peer`.
    Reset,
    /// Held open and silent until the client goes away.
    Hang,
    /// These bytes, then closed in order.
    Raw(Vec<u8>),
    /// These bytes, then closed with a RST, which overtakes those that the client had no room for yet.
    RawReset(Vec<u8>),
    /// The head, then `first`, then chunks until the client goes away.
    Endless { head: Vec<u8>, first: Vec<u8> },
    /// The head, then the body, one byte a second.
    Drip { head: Vec<u8>, body: Vec<u8> },
}

/// A handler's way to the socket its request came from.
#[derive(Clone, Debug)]
pub(crate) struct Connection(UnboundedSender<Takeover>);

impl Connection {
    /// Gives the socket over; nothing is answered any more, and the caller never goes on.
    pub(crate) async fn take_over(&self, takeover: Takeover) -> Response<Body> {
        // It fails only if the connection has ended already, which drops the caller too.
        let _ = self.0.send(takeover);
        std::future::pending().await
    }
}

/// Serves one connection to its end.
pub(crate) async fn serve(stream: TcpStream, router: Router) {
    // Answers are small and come at once, so waiting to fill packets would only slow them.
    let _ = stream.set_nodelay(true);
    let (sender, mut takeovers) = unbounded_channel();
    let handle = Connection(sender);
    let service = service_fn(move |mut request: Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(handle.clone());
        let router = router.clone();
        router.oneshot(request.map(Body::new))
    });
    let mut connection = http1::Builder::new()
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(stream), service);
    let takeover = tokio::select! {
        _ = &mut connection => return,
        Some(takeover) = takeovers.recv() => takeover,
    };
    let stream = connection.into_parts().io.into_inner();
    // Whatever goes wrong from here on is the client's going away, which is how a takeover ends.
    let _ = carry_out(takeover, stream).await;
}

async fn carry_out(takeover: Takeover, mut stream: TcpStream) -> std::io::Result<()> {
    match takeover {
        Takeover::Reset => stream.set_zero_linger(),
        Takeover::Hang => drain(&mut stream).await,
        Takeover::Raw(bytes) => {
            stream.write_all(&bytes).await?;
            stream.shutdown().await
        }
        Takeover::RawReset(bytes) => {
            stream.write_all(&bytes).await?;
            stream.set_zero_linger()
        }
        Takeover::Endless { head, first } => {
            stream.write_all(&head).await?;
            if !first.is_empty() {
                stream
                    .write_all(format!("{:x}\r\n", first.len()).as_bytes())
                    .await?;
                stream.write_all(&first).await?;
                stream.write_all(b"\r\n").await?;
            }
            let mut chunk = b"4000\r\n".to_vec();
            chunk.resize(chunk.len() + 0x4000, b' ');
            chunk.extend_from_slice(b"\r\n");
            loop {
                stream.write_all(&chunk).await?;
            }
        }
        Takeover::Drip { head, body } => {
            stream.write_all(&head).await?;
            for byte in body {
                stream.write_all(&[byte]).await?;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            stream.shutdown().await
        }
    }
}

async fn drain(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut buffer = [0; 4096];
    while stream.read(&mut buffer).await? > 0 {}
    Ok(())
}
