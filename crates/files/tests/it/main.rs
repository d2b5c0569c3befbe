//! Downloads from a server that behaves as badly as a test wants, over real sockets, to a real directory.

#![expect(clippy::unwrap_used, reason = "what a test can't set up or read ends it")]

use std::time::Duration;

use gammaq_files::{Fetched, FileSettings, Files, Format, Host, Hosts, Wanted};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const PDF: &[u8] = b"%PDF-1.7\n1 0 obj\nendobj\nstartxref\n9\n%%EOF\n";

fn files(store: &TempDir, min_speed: u64) -> Files {
    Files::open(FileSettings {
        store: format!("file://{}", store.path().display()).parse().unwrap(),
        hosts: Hosts::new(vec![Host::Exact("127.0.0.1".to_owned())]),
        max_bytes: 1 << 20,
        min_speed,
        window: Duration::from_secs(1),
        min_free: 1 << 20,
        connect_timeout: Duration::from_secs(5),
    })
    .unwrap()
}

/// Reads a request; answers its head.
async fn request(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap().to_ascii_lowercase()
}

async fn fetch(files: &Files, listener: &TcpListener) -> Fetched {
    let link = format!("http://{}/export/secret", listener.local_addr().unwrap());
    let (id, format) = ("a", Format::Pdf);
    files
        .fetch(Wanted {
            id,
            format,
            link: &link,
        })
        .await
}

fn head(status: &str, more: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\netag: \"v1\"\r\nconnection: close\r\n{more}\r\n").into_bytes()
}

#[tokio::test]
async fn what_comes_too_slowly_is_given_up_and_gone_on_with() {
    let (store, listener) = (
        TempDir::new().unwrap(),
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
    );
    let files = files(&store, 1_000);
    let slow = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        request(&mut stream).await;
        let length = format!("content-length: {}\r\n", PDF.len());
        stream.write_all(&head("200 OK", &length)).await.unwrap();
        stream.write_all(&PDF[..20]).await.unwrap();
        // Kept open until the client has had enough.
        let _ = stream.read_u8().await;
    };
    let (fetched, ()) = tokio::join!(fetch(&files, &listener), slow);
    assert!(
        matches!(&fetched, Fetched::Again { reason, .. } if reason.contains("exports.min_speed")),
        "{fetched:?}"
    );
    let rest = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let asked = request(&mut stream).await;
        assert!(
            asked.contains("range: bytes=20-") && asked.contains("if-range: \"v1\""),
            "{asked}"
        );
        let range = format!("content-range: bytes 20-{}/{}\r\n", PDF.len() - 1, PDF.len());
        stream
            .write_all(&head("206 Partial Content", &range))
            .await
            .unwrap();
        stream.write_all(&PDF[20..]).await.unwrap();
    };
    let (fetched, ()) = tokio::join!(fetch(&files, &listener), rest);
    let Fetched::Stored(stored) = fetched else {
        panic!("{fetched:?}")
    };
    assert_eq!(stored.bytes, PDF.len() as u64);
    assert_eq!(std::fs::read(store.path().join("a.pdf")).unwrap(), PDF);
}

#[tokio::test]
async fn a_rest_of_another_version_is_not_put_behind_the_beginning() {
    let (store, listener) = (
        TempDir::new().unwrap(),
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
    );
    let files = files(&store, 1);
    for (status, more, body, stored) in [
        ("200 OK", "content-length: 99\r\n", &PDF[..20], false),
        // Another tag than was asked for, whatever the host made of `If-Range`.
        (
            "206 Partial Content",
            "content-range: bytes 20-42/43\r\netag: \"v2\"\r\n",
            &PDF[20..],
            false,
        ),
        ("200 OK", "content-length: 99\r\n", &PDF[..20], false),
        (
            "206 Partial Content",
            "content-range: bytes 5-42/43\r\n",
            &PDF[5..],
            false,
        ),
        ("200 OK", "", PDF, true),
    ] {
        let answer = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            request(&mut stream).await;
            let head = String::from_utf8(head(status, more)).unwrap();
            let head = if more.contains("v2") {
                head.replacen("etag: \"v1\"\r\n", "", 1)
            } else {
                head
            };
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.write_all(body).await.unwrap();
        };
        let (fetched, ()) = tokio::join!(fetch(&files, &listener), answer);
        assert_eq!(
            matches!(fetched, Fetched::Stored(_)),
            stored,
            "{status} {more} {fetched:?}"
        );
        assert_eq!(store.path().join("a.pdf").exists(), stored);
    }
    assert_eq!(std::fs::read(store.path().join("a.pdf")).unwrap(), PDF);
}

#[tokio::test]
async fn two_workers_never_write_the_same_part() {
    let (store, listener) = (
        TempDir::new().unwrap(),
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
    );
    let (first, second) = (files(&store, 1), files(&store, 1));
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        request(&mut stream).await;
        let length = format!("content-length: {}\r\n", PDF.len());
        stream.write_all(&head("200 OK", &length)).await.unwrap();
        stream.write_all(&PDF[..20]).await.unwrap();
        // The second comes while the first has half of it, and gets nowhere near the host.
        while std::fs::read_dir(store.path().join(".parts"))
            .unwrap()
            .next()
            .is_none()
        {
            tokio::task::yield_now().await;
        }
        let other = fetch(&second, &listener).await;
        assert!(
            matches!(&other, Fetched::Again { reason, .. } if reason.contains("another worker")),
            "{other:?}"
        );
        stream.write_all(&PDF[20..]).await.unwrap();
    };
    let (fetched, ()) = tokio::join!(fetch(&first, &listener), serve);
    assert!(matches!(fetched, Fetched::Stored(_)), "{fetched:?}");
    assert_eq!(std::fs::read(store.path().join("a.pdf")).unwrap(), PDF);
}
