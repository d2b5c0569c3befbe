//! A caller's own connection to Redis. `redis-cli` would do, but a soak appends thousands of entries, and has to know
//! of each whether it was acknowledged, also while the server is being killed.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than any pause of the server that the soak makes.
const PATIENCE: Duration = Duration::from_secs(10);

/// What Redis answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    /// A status or a string.
    Text(String),
    /// A number.
    Number(i64),
    /// Nothing there.
    Nil,
    /// A list.
    List(Vec<Reply>),
    /// An error of the server's, which is an answer too.
    Error(String),
}

impl Reply {
    /// The text; empty for all else.
    pub(super) fn text(&self) -> &str {
        if let Self::Text(text) = self { text } else { "" }
    }

    /// The number; 0 for all else.
    pub(super) fn number(&self) -> i64 {
        if let Self::Number(number) = self {
            *number
        } else {
            0
        }
    }

    /// The list; empty for all else.
    pub(super) fn list(&self) -> &[Reply] {
        if let Self::List(list) = self { list } else { &[] }
    }
}

/// A connection, made when it is needed, and made anew after it failed.
#[derive(Debug)]
pub(super) struct Connection {
    address: String,
    stream: Option<BufStream<TcpStream>>,
}

impl Connection {
    /// A connection to `host:port`; nothing happens yet.
    pub(super) fn to(address: String) -> Self {
        Self {
            address,
            stream: None,
        }
    }

    /// Sends one command and reads its answer.
    ///
    /// # Errors
    ///
    /// The server can't be reached or gave no answer in time: whether it carried the command out isn't known.
    pub(super) async fn ask(&mut self, command: &[&str]) -> io::Result<Reply> {
        let answer = timeout(PATIENCE, self.exchange(command)).await;
        let answer = answer.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        if answer.is_err() {
            // An answer that comes later must not be taken for that of another command.
            self.stream = None;
        }
        answer
    }

    async fn exchange(&mut self, command: &[&str]) -> io::Result<Reply> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => none.insert(BufStream::new(TcpStream::connect(&self.address).await?)),
        };
        let mut bytes = format!("*{}\r\n", command.len()).into_bytes();
        for word in command {
            bytes.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
        }
        stream.write_all(&bytes).await?;
        stream.flush().await?;
        read(stream).await
    }
}

/// Reads one reply; a list that is being read lies on a stack, so that nesting needs no recursion.
async fn read(stream: &mut BufStream<TcpStream>) -> io::Result<Reply> {
    let mut open: Vec<(usize, Vec<Reply>)> = Vec::new();
    loop {
        let mut done = match head(stream).await? {
            Head::Whole(reply) => reply,
            Head::Bulk(length) => {
                let mut bytes = vec![0; length + 2];
                stream.read_exact(&mut bytes).await?;
                bytes.truncate(length);
                Reply::Text(String::from_utf8_lossy(&bytes).into_owned())
            }
            Head::List(0) => Reply::List(Vec::new()),
            Head::List(length) => {
                open.push((length, Vec::new()));
                continue;
            }
        };
        loop {
            let Some((length, mut list)) = open.pop() else {
                return Ok(done);
            };
            list.push(done);
            if list.len() < length {
                open.push((length, list));
                break;
            }
            done = Reply::List(list);
        }
    }
}

enum Head {
    Whole(Reply),
    Bulk(usize),
    List(usize),
}

async fn head(stream: &mut BufStream<TcpStream>) -> io::Result<Head> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let line = line.trim_end();
    let bad = || io::Error::new(io::ErrorKind::InvalidData, line.to_owned());
    let (kind, rest) = line.split_at_checked(1).ok_or_else(bad)?;
    let number = || rest.parse::<i64>().map_err(|_| bad());
    Ok(match kind {
        "+" => Head::Whole(Reply::Text(rest.to_owned())),
        "-" => Head::Whole(Reply::Error(rest.to_owned())),
        ":" => Head::Whole(Reply::Number(number()?)),
        "$" | "*" => match (usize::try_from(number()?), kind) {
            (Err(_), _) => Head::Whole(Reply::Nil),
            (Ok(length), "$") => Head::Bulk(length),
            (Ok(length), _) => Head::List(length),
        },
        _ => return Err(bad()),
    })
}

#[cfg(test)]
mod tests {
    use gammaq_testkit::Redis;

    use super::*;

    #[tokio::test]
    async fn reads_every_kind_of_answer() {
        let redis = Redis::start().await;
        let mut link = Connection::to(redis.address());
        assert_eq!(link.ask(&["PING"]).await.unwrap(), Reply::Text("PONG".into()));
        assert_eq!(link.ask(&["GET", "none"]).await.unwrap(), Reply::Nil);
        assert_eq!(link.ask(&["RPUSH", "l", "a", "é\r\n"]).await.unwrap().number(), 2);
        let texts =
            |reply: &Reply| -> Vec<String> { reply.list().iter().map(|it| it.text().to_owned()).collect() };
        let list = link.ask(&["LRANGE", "l", "0", "-1"]).await.unwrap();
        assert_eq!(texts(&list), ["a", "é\r\n"]);
        link.ask(&["XADD", "s", "1-1", "k", "v"]).await.unwrap();
        let entries = link.ask(&["XRANGE", "s", "-", "+"]).await.unwrap();
        assert_eq!(texts(&entries.list()[0].list()[1]), ["k", "v"]);
        let error = link.ask(&["GET", "l"]).await.unwrap();
        assert!(
            matches!(&error, Reply::Error(text) if text.starts_with("WRONGTYPE")),
            "{error:?}"
        );
    }

    #[tokio::test]
    async fn a_server_that_went_is_an_error_and_one_that_came_back_is_reached() {
        let redis = Redis::start().await;
        let mut link = Connection::to(redis.address());
        link.ask(&["PING"]).await.unwrap();
        redis.kill().await;
        assert!(link.ask(&["PING"]).await.is_err());
        redis.restart().await;
        assert_eq!(link.ask(&["PING"]).await.unwrap().text(), "PONG");
    }
}
