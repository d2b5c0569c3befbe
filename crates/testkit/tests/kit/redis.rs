use std::path::Path;
use std::time::Duration;

use gammaq_testkit::{Process, Redis, Signal};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use super::{A_WHILE, SOON, ended, panic_of, state};

#[tokio::test]
async fn answers_on_its_port_and_its_socket() {
    let redis = Redis::start().await;
    assert_eq!(redis.cli(&["SET", "x", "two words"]).await, "OK");
    assert_eq!(redis.cli(&["GET", "x"]).await, "two words");
    assert_eq!(redis.url(), format!("redis://127.0.0.1:{}", redis.port()));

    let socket = redis.unix_url();
    let mut stream = UnixStream::connect(socket.strip_prefix("unix://").expect("prefix"))
        .await
        .expect("connects");
    stream.write_all(b"GET x\r\n").await.expect("written");
    let mut reply = [0; 15];
    stream.read_exact(&mut reply).await.expect("read");
    assert_eq!(&reply, b"$9\r\ntwo words\r\n", "the same server");
    let process_id = format!("process_id:{}", redis.pid());
    assert!(redis.cli(&["INFO", "server"]).await.contains(&process_id));
}

#[tokio::test]
async fn two_servers_share_nothing() {
    let (one, two) = tokio::join!(Redis::start(), Redis::start());
    one.cli(&["SET", "x", "1"]).await;
    assert_eq!(two.cli(&["EXISTS", "x"]).await, "0");
    assert_ne!(one.port(), two.port());
}

#[tokio::test]
async fn raw_input_and_output_are_bytes() {
    let redis = Redis::start().await;
    let bytes = [0, 159, 10, 255];
    assert_eq!(redis.cli_raw(&["-x", "SET", "x"], &bytes).await, b"OK\n");
    assert_eq!(redis.cli(&["STRLEN", "x"]).await, "4");
    assert_eq!(
        redis.cli_raw(&["GET", "x"], b"").await,
        [&bytes[..], b"\n"].concat()
    );
    assert_eq!(redis.cli_raw(&[], b"INCR n\nINCR n\n").await, b"1\n2\n");
}

#[tokio::test]
async fn configuration_reaches_the_server() {
    let redis = Redis::builder()
        .config("maxmemory", "64mb")
        .config("requirepass", "secret")
        .start()
        .await;
    assert_eq!(
        redis.cli(&["CONFIG", "GET", "maxmemory"]).await,
        "maxmemory\n67108864"
    );
    assert_eq!(redis.url(), format!("redis://:secret@127.0.0.1:{}", redis.port()));
}

#[tokio::test]
async fn a_kill_loses_what_is_not_on_disk() {
    // A graceful end would save it.
    let redis = Redis::builder().config("save", "3600 1").start().await;
    redis.cli(&["SET", "x", "1"]).await;
    let (pid, port) = (redis.pid(), redis.port());
    redis.kill().await;
    TcpStream::connect(("127.0.0.1", port))
        .await
        .expect_err("nobody listens");
    redis.restart().await;
    assert_eq!(redis.cli(&["EXISTS", "x"]).await, "0");
    assert_eq!(redis.port(), port);
    assert_ne!(redis.pid(), pid);
}

#[tokio::test]
async fn a_kill_keeps_what_the_append_only_file_has() {
    let redis = Redis::builder().aof_always().start().await;
    redis.cli(&["SET", "x", "1"]).await;
    redis.kill().await;
    redis.restart().await;
    assert_eq!(redis.cli(&["GET", "x"]).await, "1");
}

#[tokio::test]
async fn a_stop_saves_what_it_is_to_save() {
    let redis = Redis::builder().config("save", "3600 1").start().await;
    redis.cli(&["SET", "x", "1"]).await;
    redis.stop().await;
    assert!(redis.dir().join("dump.rdb").is_file());
    redis.restart().await;
    assert_eq!(redis.cli(&["GET", "x"]).await, "1");
    // A running server is stopped first.
    redis.cli(&["SET", "x", "2"]).await;
    redis.restart().await;
    assert_eq!(redis.cli(&["GET", "x"]).await, "2");
}

#[tokio::test]
async fn a_paused_server_answers_when_it_goes_on() {
    let redis = Redis::start().await;
    let mut stream = TcpStream::connect(redis.address()).await.expect("connects");
    redis.pause().await;
    stream.write_all(b"PING\r\n").await.expect("the kernel takes it");
    let mut reply = [0; 7];
    timeout(A_WHILE, stream.read_exact(&mut reply))
        .await
        .expect_err("nothing answers");
    redis.resume();
    timeout(SOON, stream.read_exact(&mut reply))
        .await
        .expect("in time")
        .expect("read");
    assert_eq!(&reply, b"+PONG\r\n");
}

#[tokio::test]
async fn a_fault_of_a_server_that_is_down_fails_the_test() {
    let panic = panic_of(async {
        let redis = Redis::start().await;
        redis.kill().await;
        redis.kill().await;
    });
    assert!(panic.await.contains("has ended"));
    let panic = panic_of(async {
        let redis = Redis::start().await;
        redis.kill().await;
        redis.cli(&["PING"]).await
    });
    assert!(panic.await.contains("Connection refused"));
}

#[tokio::test]
#[should_panic(expected = "Bad directive")]
async fn a_wrong_configuration_says_why() {
    Redis::builder().config("no-such-key", "1").start().await;
}

#[tokio::test]
#[should_panic(expected = "can't start redis-server")]
async fn a_missing_server_program_is_named() {
    Redis::builder().binary("/nowhere/redis-server").start().await;
}

#[tokio::test]
async fn a_drop_leaves_no_process_and_no_directory() {
    let redis = Redis::builder().aof_always().start().await;
    let (pid, dir) = (redis.pid(), redis.dir());
    assert!(dir.join("redis.conf").is_file());
    drop(redis);
    assert_eq!(state(pid), None, "reaped");
    assert!(!dir.exists());
}

#[tokio::test]
async fn a_panic_leaves_no_process_and_no_directory() {
    let panic = panic_of(async {
        let redis = Redis::start().await;
        panic!("{} {}", redis.pid(), redis.dir().display());
    });
    let panic = panic.await;
    let (pid, dir) = panic.split_once(' ').expect("both");
    assert_eq!(state(pid.parse().expect("pid")), None, "reaped");
    assert!(!Path::new(dir).exists());
}

#[tokio::test]
async fn it_dies_with_the_test_process() {
    // The directory of a test that is killed stays: keep it in one that goes.
    let temporary = tempfile::tempdir().expect("directory");
    let outer = Process::builder(std::env::current_exe().expect("path"))
        .args(["--exact", "redis::start_and_wait", "--ignored", "--nocapture"])
        .env("TMPDIR", temporary.path())
        .spawn();
    let line = outer.wait_line("redis ", SOON).await;
    let pid: u32 = line
        .rsplit(' ')
        .next()
        .and_then(|pid| pid.parse().ok())
        .expect("pid");
    assert!(state(pid).is_some_and(|state| state != 'Z'));
    outer.signal(Signal::KILL);
    ended(pid).await;
}

#[tokio::test]
#[ignore = "the test process of the test above"]
async fn start_and_wait() {
    let redis = Redis::start().await;
    println!("\nredis {}", redis.pid());
    tokio::time::sleep(Duration::from_secs(600)).await; // the outer test kills this process long before
}
