use std::io::ErrorKind;
use std::time::{Duration, Instant};

use gammaq_testkit::{Proxy, Redis, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::{A_WHILE, SOON};

/// A server that sends back what it gets, and ends a connection when its client does.
async fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listens");
    let address = listener.local_addr().expect("address").to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    address
}

async fn connect(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(proxy.address()).await.expect("connects")
}

/// Reads as many bytes as `expected` has.
async fn expect(stream: &mut TcpStream, expected: &str) {
    let mut reply = vec![0; expected.len()];
    timeout(SOON, stream.read_exact(&mut reply))
        .await
        .expect("in time")
        .expect("read");
    assert_eq!(String::from_utf8_lossy(&reply), expected);
}

async fn round_trip(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.expect("written");
    expect(stream, text).await;
}

async fn expect_silence(stream: &mut TcpStream) {
    let read = timeout(A_WHILE, stream.read_u8()).await;
    assert!(read.is_err(), "neither bytes nor an end: {read:?}");
}

async fn expect_reset(stream: &mut TcpStream) {
    let read = timeout(SOON, stream.read_u8()).await.expect("in time");
    assert_eq!(read.expect_err("reset").kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn passes_both_ways_and_counts() {
    let proxy = Proxy::start(echo().await).await;
    let mut one = connect(&proxy).await;
    let mut two = connect(&proxy).await;
    round_trip(&mut one, "hello").await;
    round_trip(&mut two, "you").await;
    let counts = proxy.counts();
    assert_eq!((counts.accepted, counts.open), (2, 2));
    assert_eq!((counts.requests_read, counts.requests_passed), (8, 8));
    assert_eq!((counts.replies_read, counts.replies_passed), (8, 8));
}

#[tokio::test]
async fn passes_large_amounts_and_the_end_of_each_way() {
    let proxy = Proxy::start(echo().await).await;
    let sent: Vec<u8> = (0..4_000_000_u32)
        .map(|n| n.to_le_bytes()[n as usize % 4])
        .collect();
    let mut stream = connect(&proxy).await;
    let (mut read, mut write) = stream.split();
    let mut received = Vec::new();
    let write = async {
        write.write_all(&sent).await.expect("written");
        write.shutdown().await.expect("ended");
    };
    let both = async { tokio::join!(write, read.read_to_end(&mut received)) };
    timeout(SOON, both)
        .await
        .expect("in time")
        .1
        .expect("ended, not reset");
    assert!(received == sent);
    eventually(SOON, "the connection is closed", || async {
        proxy.counts().open == 0
    })
    .await;
}

#[tokio::test]
async fn a_cut_resets_what_is_open_and_lets_new_ones_in() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listens");
    let proxy = Proxy::start(listener.local_addr().expect("address")).await;
    let mut client = connect(&proxy).await;
    let (mut server, _) = listener.accept().await.expect("accepted");
    proxy.cut().await;
    assert_eq!(proxy.counts().open, 0);
    expect_reset(&mut client).await;
    expect_reset(&mut server).await;

    let mut client = connect(&proxy).await;
    let (mut server, _) = listener.accept().await.expect("accepted");
    client.write_all(b"again").await.expect("written");
    expect(&mut server, "again").await;
}

#[tokio::test]
async fn a_reset_of_one_side_reaches_the_other() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listens");
    let proxy = Proxy::start(listener.local_addr().expect("address")).await;
    let mut client = connect(&proxy).await;
    let (server, _) = listener.accept().await.expect("accepted");
    server.set_zero_linger().expect("set");
    drop(server);
    expect_reset(&mut client).await;
}

#[tokio::test]
async fn refuses_new_connections_only_and_takes_them_again() {
    let proxy = Proxy::start(echo().await).await;
    let mut open = connect(&proxy).await;
    round_trip(&mut open, "before").await;
    proxy.refuse(true).await;
    let refused = TcpStream::connect(proxy.address()).await.expect_err("refused");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    round_trip(&mut open, "still").await;
    proxy.refuse(true).await;
    proxy.refuse(false).await;
    round_trip(&mut connect(&proxy).await, "after").await;
}

#[tokio::test]
async fn a_server_that_is_away_resets_the_client() {
    let proxy = Proxy::start(format!("127.0.0.1:{}", gammaq_testkit::free_port())).await;
    expect_reset(&mut connect(&proxy).await).await;
}

#[tokio::test]
async fn a_hold_passes_nothing_and_then_everything() {
    let proxy = Proxy::start(echo().await).await;
    let mut old = connect(&proxy).await;
    round_trip(&mut old, "before").await;
    proxy.hold(true);
    let mut new = connect(&proxy).await;
    for stream in [&mut old, &mut new] {
        stream.write_all(b"held").await.expect("written");
        expect_silence(stream).await;
    }
    let held = "before".len() + 2 * "held".len();
    eventually(SOON, "it reads on", || async {
        proxy.counts().requests_read == held as u64
    })
    .await;
    assert_eq!(proxy.counts().requests_passed, "before".len() as u64);
    proxy.hold(false);
    expect(&mut old, "held").await;
    expect(&mut new, "held").await;
}

#[tokio::test]
async fn a_hold_sets_in_by_itself_in_the_middle_of_a_request() {
    let proxy = Proxy::start(echo().await).await;
    let mut stream = connect(&proxy).await;
    round_trip(&mut stream, "before").await;
    let request = "held".repeat(100_000);
    proxy.hold_after(200_000);
    stream.write_all(request.as_bytes()).await.expect("written");
    eventually(SOON, "so much has passed", || async {
        proxy.counts().requests_passed >= 200_006
    })
    .await;
    let mut reply = Vec::new();
    while let Ok(read) = timeout(A_WHILE, stream.read_buf(&mut reply)).await {
        assert_ne!(read.expect("read"), 0, "ended");
    }
    let passed = proxy.counts().requests_passed;
    assert!((200_006..300_000).contains(&passed), "{passed}");
    proxy.hold(false);
    expect(&mut stream, &request[reply.len()..]).await;
    // Only the next one that is asked for.
    round_trip(&mut stream, "after").await;
}

#[tokio::test]
async fn a_held_connection_does_not_learn_of_the_other_sides_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listens");
    let proxy = Proxy::start(listener.local_addr().expect("address")).await;
    let mut clients = [connect(&proxy).await, connect(&proxy).await];
    let (mut ends, _) = listener.accept().await.expect("accepted");
    let (mut resets, _) = listener.accept().await.expect("accepted");
    for server in [&mut ends, &mut resets] {
        server.write_all(b"up").await.expect("written");
    }
    for client in &mut clients {
        expect(client, "up").await;
    }
    // Reset as soon as it is there: the proxy may not know yet that it is connected.
    let mut early = connect(&proxy).await;
    let (resets_early, _) = listener.accept().await.expect("accepted");
    for server in [&resets, &resets_early] {
        server.set_zero_linger().expect("set");
    }
    proxy.hold(true);
    drop((ends, resets, resets_early));
    for client in clients.iter_mut().chain([&mut early]) {
        expect_silence(client).await;
    }
    proxy.hold(false);
    for client in clients.iter_mut().chain([&mut early]) {
        timeout(SOON, client.read_u8())
            .await
            .expect("in time")
            .expect_err("an end or a reset");
    }
}

#[tokio::test]
async fn frozen_connections_stay_so_and_new_ones_pass() {
    let proxy = Proxy::start(echo().await).await;
    let mut frozen = connect(&proxy).await;
    round_trip(&mut frozen, "before").await;
    proxy.freeze_existing();
    round_trip(&mut connect(&proxy).await, "new").await;
    frozen.write_all(b"held").await.expect("written");
    expect_silence(&mut frozen).await;
    proxy.hold(true);
    proxy.hold(false);
    expect_silence(&mut frozen).await;
    proxy.cut().await;
    expect_reset(&mut frozen).await;
}

#[tokio::test]
async fn a_delay_counts_each_way_and_keeps_the_order() {
    let proxy = Proxy::start(echo().await).await;
    let mut stream = connect(&proxy).await;
    round_trip(&mut stream, "at once").await;
    proxy.delay(Duration::from_millis(60));
    let began = Instant::now();
    stream.write_all(b"first ").await.expect("written");
    stream.write_all(b"second").await.expect("written");
    expect(&mut stream, "first second").await;
    assert!(
        began.elapsed() >= Duration::from_millis(120),
        "{:?}",
        began.elapsed()
    );
    proxy.delay(Duration::ZERO);
    round_trip(&mut stream, "at once").await;
}

#[tokio::test]
async fn requests_pass_while_replies_are_dropped() {
    let redis = Redis::start().await;
    let proxy = Proxy::start(redis.address()).await;
    let mut stream = connect(&proxy).await;
    proxy.drop_replies(true);
    stream.write_all(b"INCR n\r\n").await.expect("written");
    eventually(SOON, "Redis carried it out", || async {
        redis.cli(&["GET", "n"]).await == "1"
    })
    .await;
    expect_silence(&mut stream).await;
    assert_eq!(proxy.counts().replies_passed, 0);
    proxy.drop_replies(false);
    stream.write_all(b"INCR n\r\n").await.expect("written");
    eventually(SOON, "Redis carried it out", || async {
        redis.cli(&["GET", "n"]).await == "2"
    })
    .await;
    // The first reply is missing, so the second one must not take its place.
    expect_silence(&mut stream).await;
    let mut stream = connect(&proxy).await;
    stream.write_all(b"INCR n\r\n").await.expect("written");
    expect(&mut stream, ":3\r\n").await;
}

#[tokio::test]
async fn a_drop_resets_what_is_open() {
    let proxy = Proxy::start(echo().await).await;
    let mut stream = connect(&proxy).await;
    round_trip(&mut stream, "before").await;
    let address = proxy.address();
    drop(proxy);
    expect_reset(&mut stream).await;
    eventually(SOON, "nobody listens", || async {
        TcpStream::connect(address).await.is_err()
    })
    .await;
}
