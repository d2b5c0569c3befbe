//! Bare commands to Redis: what a look at it costs must not be what is measured, and no client's work may be in a comparison.

use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than any command of a measurement takes.
const ANSWERED_WITHIN: Duration = Duration::from_secs(120);

/// One connection.
#[derive(Debug)]
pub(crate) struct Resp {
    stream: BufStream<TcpStream>,
}

impl Resp {
    pub(crate) async fn connect(port: u16) -> Result<Self, String> {
        let stream = TcpStream::connect(("127.0.0.1", port))
            .await
            .map_err(|error| format!("Redis on port {port}: {error}"))?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        Ok(Self {
            stream: BufStream::new(stream),
        })
    }

    /// Runs a command and answers what came: text as it is, numbers as text, each element of a list on a line.
    pub(crate) async fn call(&mut self, words: &[&str]) -> Result<String, String> {
        self.send(words).await?;
        timeout(ANSWERED_WITHIN, self.read())
            .await
            .map_err(|_| format!("{}: no answer of Redis within {ANSWERED_WITHIN:?}", name(words)))?
            .map_err(|error| format!("{}: {error}", name(words)))
    }

    pub(crate) async fn number(&mut self, words: &[&str]) -> Result<u64, String> {
        let text = self.call(words).await?;
        if text.is_empty() {
            return Ok(0);
        }
        text.parse().map_err(|_| format!("{}: {text}", name(words)))
    }

    /// One line, as `MONITOR` sends them.
    pub(crate) async fn line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line).await;
        match read.map_err(|error| error.to_string())? {
            0 => Err("Redis closed the connection".to_owned()),
            _ => Ok(line.trim_end().to_owned()),
        }
    }

    pub(crate) async fn send(&mut self, words: &[&str]) -> Result<(), String> {
        self.write(&encoded(words)).await
    }

    /// Sends commands together, and reads the answers of all; `bytes` is made by [`encoded`].
    pub(crate) async fn pipeline(&mut self, bytes: &[u8], commands: usize) -> Result<(), String> {
        self.write(bytes).await?;
        for _ in 0..commands {
            timeout(ANSWERED_WITHIN, self.read())
                .await
                .map_err(|_| format!("no answer of Redis within {ANSWERED_WITHIN:?}"))??;
        }
        Ok(())
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        let written = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        written.await.map_err(|error| error.to_string())
    }

    async fn read(&mut self) -> Result<String, String> {
        let mut left = 1_u64;
        let mut out: Vec<String> = Vec::new();
        while left > 0 {
            left -= 1;
            let line = self.line().await?;
            let (kind, rest) = line.split_at_checked(1).unwrap_or_default();
            let length = rest.parse::<i64>().unwrap_or(-1);
            match kind {
                "+" | ":" => out.push(rest.to_owned()),
                "-" => return Err(rest.to_owned()),
                "*" => left += u64::try_from(length).unwrap_or(0),
                "$" => match usize::try_from(length) {
                    Ok(length) => out.push(self.bulk(length).await?),
                    Err(_) => out.push(String::new()),
                },
                _ => return Err(format!("unreadable: {line}")),
            }
        }
        Ok(out.join("\n"))
    }

    async fn bulk(&mut self, length: usize) -> Result<String, String> {
        let mut bytes = vec![0; length + 2];
        let read = self.stream.read_exact(&mut bytes).await;
        read.map_err(|error| error.to_string())?;
        bytes.truncate(length);
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// A command as it is sent.
pub(crate) fn encoded(words: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
    }
    bytes
}

fn name(words: &[&str]) -> String {
    words.iter().take(2).copied().collect::<Vec<_>>().join(" ")
}
