//! HTTP/1.1 with nothing to it: heads are searched for the few things that matter, answers are written in one piece.

use std::io::{self, Write};
use std::net::Ipv4Addr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::LocalSet;

use super::{Shared, tls};

/// Larger than any request of a measurement; more is a fault of whoever sends it.
const LARGEST: usize = 4 * 1024 * 1024;

/// Serves until it is killed; says where on its standard output. One thread does. With an identity it
/// also does so with TLS, and over HTTP/2 for whoever takes that.
pub(crate) fn serve(world: &Shared, identity: Option<&tls::Identity>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let mut out = io::stdout();
        if let Some(identity) = identity {
            let secure = tls::Listener::bind(identity).await?;
            writeln!(out, "fake listening on https://localhost:{}", secure.port()?)?;
            tokio::task::spawn_local(secure.serve(world.clone()));
        }
        writeln!(out, "fake listening on http://{}", listener.local_addr()?)?;
        out.flush()?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let world = world.clone();
            tokio::task::spawn_local(async move {
                // Whoever breaks off is not missed.
                let _ = connection(stream, &world).await;
            });
        }
    })
}

pub(super) async fn connection(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    world: &Shared,
) -> io::Result<()> {
    let mut read = Vec::with_capacity(8 * 1024);
    let mut out = Vec::with_capacity(8 * 1024);
    loop {
        while let Some((head, whole)) = frame(&read)? {
            let request = &read[..head];
            let close = has_line(request, b"connection: close");
            world.lock().answer(request, &read[head..whole], &mut out);
            read.drain(..whole);
            if close {
                stream.write_all(&out).await?;
                return stream.shutdown().await;
            }
        }
        if !out.is_empty() {
            stream.write_all(&out).await?;
            out.clear();
        }
        if stream.read_buf(&mut read).await? == 0 {
            return Ok(());
        }
    }
}

/// Where the head of the first request ends, and where its body does; `None` while it is not all there.
fn frame(bytes: &[u8]) -> io::Result<Option<(usize, usize)>> {
    let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = end + 4;
    let length = header(&bytes[..head], b"content-length:")
        .and_then(|it| std::str::from_utf8(it).ok()?.trim().parse::<usize>().ok())
        .unwrap_or(0);
    if length > LARGEST || has_line(&bytes[..head], b"transfer-encoding: chunked") {
        return Err(io::Error::other("a body that is not understood here"));
    }
    Ok((bytes.len() >= head + length).then_some((head, head + length)))
}

fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    head.split(|byte| *byte == b'\n').skip(1)
}

fn header<'a>(head: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    lines(head)
        .filter(|line| line.len() > name.len())
        .map(|line| line.split_at(name.len()))
        .find(|(start, _)| start.eq_ignore_ascii_case(name))
        .map(|(_, rest)| rest)
}

fn has_line(head: &[u8], wanted: &[u8]) -> bool {
    lines(head).any(|line| line.trim_ascii().eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_when_all_of_it_is_there() {
        let text = b"POST /v1.0/generations HTTP/1.1\r\nhost: a\r\nContent-Length: 5\r\n\r\nhelloGET";
        let whole = text.len() - 3;
        assert_eq!(frame(&text[..whole - 1]).unwrap(), None);
        assert_eq!(frame(text).unwrap(), Some((whole - 5, whole)));
        assert_eq!(
            frame(b"GET / HTTP/1.1\r\nhost: a\r\n").unwrap(),
            None,
            "a head without its end"
        );
        assert!(frame(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
    }
}
