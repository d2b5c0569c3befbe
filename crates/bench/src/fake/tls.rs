//! The fake as Gamma is reached: with TLS, polls over HTTP/2 where the client takes it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use h2::server::SendResponse;
use http::{Request, Response, StatusCode};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::Shared;
use super::server::connection;
use super::world::{LIMIT, NOT_FOUND};

const HTTP_2: &[u8] = b"h2";

/// Files by which a server proves who it is.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Identity {
    /// Its certificate, PEM; with it the fake is also asked with TLS.
    #[arg(long, required = false, requires = "key")]
    certificate: PathBuf,
    /// The key to it, PEM.
    #[arg(long, required = false, requires = "certificate")]
    key: PathBuf,
}

pub(super) struct Listener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener {
    /// On a free port.
    pub(super) async fn bind(identity: &Identity) -> io::Result<Self> {
        // An error means that there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let chain = CertificateDer::pem_file_iter(&identity.certificate).map_err(io::Error::other)?;
        let chain: Vec<_> = chain.collect::<Result<_, _>>().map_err(io::Error::other)?;
        let key = PrivateKeyDer::from_pem_file(&identity.key).map_err(io::Error::other)?;
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(io::Error::other)?;
        config.alpn_protocols = vec![HTTP_2.to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            tcp: TcpListener::bind("localhost:0").await?,
            acceptor: TlsAcceptor::from(Arc::new(config)),
        })
    }

    pub(super) fn port(&self) -> io::Result<u16> {
        Ok(self.tcp.local_addr()?.port())
    }

    pub(super) async fn serve(self, world: Shared) {
        while let Ok((stream, _)) = self.tcp.accept().await {
            let (acceptor, world) = (self.acceptor.clone(), world.clone());
            tokio::task::spawn_local(async move {
                // Whoever breaks off is not missed.
                let _ = greet(acceptor, stream, &world).await;
            });
        }
    }
}

async fn greet(acceptor: TlsAcceptor, stream: TcpStream, world: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let stream = acceptor.accept(stream).await?;
    if stream.get_ref().1.alpn_protocol() == Some(HTTP_2) {
        multiplexed(stream, world).await.map_err(io::Error::other)
    } else {
        connection(stream, world).await
    }
}

/// Only polls come this way: what costs money is sent over a connection of its own.
async fn multiplexed(stream: TlsStream<TcpStream>, world: &Shared) -> Result<(), h2::Error> {
    let mut connection = h2::server::handshake(stream).await?;
    while let Some(request) = connection.accept().await {
        let (request, answer) = request?;
        poll(&request, answer, world)?;
    }
    Ok(())
}

fn poll<B>(request: &Request<B>, mut to: SendResponse<Bytes>, world: &Shared) -> Result<(), h2::Error> {
    let id = request.uri().path().strip_prefix("/v1.0/generations/g");
    let mut world = world.lock();
    let told = world.told(id.and_then(|it| it.parse().ok()));
    let (answer, left) = world.numbers();
    let (status, body) = match told {
        Some(body) => (StatusCode::OK, body),
        None => (StatusCode::NOT_FOUND, NOT_FOUND.to_owned()),
    };
    let head = Response::builder()
        .status(status)
        .header("content-type", "application/json; charset=utf-8")
        .header("x-request-id", format!("r{answer:012}"))
        .header("x-ratelimit-limit-burst", LIMIT)
        .header("x-ratelimit-remaining-burst", left)
        .header("x-ratelimit-limit", LIMIT)
        .header("x-ratelimit-remaining", left)
        .header("x-ratelimit-limit-daily", LIMIT)
        .header("x-ratelimit-remaining-daily", left)
        .header("content-length", body.len())
        .body(())
        .unwrap_or_default();
    to.send_response(head, false)?.send_data(body.into(), true)
}
