//! Talking to a server: a bare PING, and `redis-cli` for all else.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::process::Command;
use tokio::time::timeout;

use super::builder::{Kind, Launch};

const DEFAULT_CLI: &str = "redis-cli";
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// The first line of the answer to PING.
pub(super) async fn ping(socket: &Path) -> io::Result<String> {
    let mut stream = BufReader::new(UnixStream::connect(socket).await?);
    stream.write_all(b"PING\r\n").await?;
    let mut reply = String::new();
    stream.read_line(&mut reply).await?;
    Ok(reply)
}

/// Runs `redis-cli` against the server and gives back its standard output.
pub(super) async fn run(launch: &Launch, password: Option<&str>, args: &[&str], stdin: &[u8]) -> Vec<u8> {
    let port = launch.port;
    let mut command = Command::new(program(&launch.binary));
    command
        .args(["-h", "127.0.0.1", "-p", &port.to_string(), "--no-auth-warning"])
        // It follows redirections, to a slot that is being moved, too.
        .args((launch.kind == Kind::Node && args.first() != Some(&"CLUSTER")).then_some("-c"))
        .args(args);
    match password {
        Some(password) => command.env("REDISCLI_AUTH", password),
        None => command.env_remove("REDISCLI_AUTH"),
    };
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let exchange = async {
        let mut child = command.spawn()?;
        let input = child.stdin.take();
        let feed = async {
            if let Some(mut input) = input {
                // It may end without having read its input, as it does when the server is away.
                let _ = input.write_all(stdin).await;
            }
        };
        tokio::join!(feed, child.wait_with_output()).1
    };
    match timeout(ANSWER_WITHIN, exchange).await {
        Ok(Ok(output)) if output.status.success() => output.stdout,
        Ok(Ok(output)) => {
            let said = String::from_utf8_lossy(&output.stderr);
            panic!(
                "redis-cli {args:?} at port {port}: {} {}",
                output.status,
                said.trim_end()
            )
        }
        Ok(Err(error)) => panic!("can't run redis-cli: {error}"),
        Err(_) => panic!("redis-cli {args:?} at port {port}: no answer within {ANSWER_WITHIN:?}"),
    }
}

/// The client that lies beside the server program, else the one in `PATH`.
fn program(server: &Path) -> PathBuf {
    let beside = server.file_name().and_then(|name| {
        let name: OsString = name.to_str()?.replace("server", "cli").into();
        Some(server.with_file_name(name)).filter(|path| path.is_file())
    });
    beside.unwrap_or_else(|| DEFAULT_CLI.into())
}
