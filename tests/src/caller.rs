//! Callers that go on appending whatever happens to Redis, and know what it acknowledged.

use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// An answer that takes longer is taken for lost, as callers do.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// Until a caller whose connection broke connects again.
const AGAIN: Duration = Duration::from_millis(20);

/// What a caller appended.
#[derive(Debug, Default)]
pub struct Appended {
    /// Ids of jobs whose `XADD` Redis answered: these are promised.
    pub acknowledged: Vec<String>,
    /// Ids whose answer was lost: each is there or not.
    pub unknown: Vec<String>,
    /// How often Redis said no.
    pub refused: u64,
}

impl Appended {
    /// What several callers appended, together.
    pub fn with(mut self, other: Self) -> Self {
        self.acknowledged.extend(other.acknowledged);
        self.unknown.extend(other.unknown);
        self.refused += other.refused;
        self
    }
}

/// Appends jobs `name-0`, `name-1` … to the server at `address`, one every `pace`, until `stop`. Each id is sent
/// once: what became of it is then known by its acknowledgement alone.
pub async fn append_until(address: String, name: &str, pace: Duration, stop: impl Future) -> Appended {
    let mut appended = Appended::default();
    let mut stop = std::pin::pin!(stop);
    let mut connection: Option<BufReader<TcpStream>> = None;
    let mut n = 0_u64;
    loop {
        tokio::select! {
            biased;
            _ = &mut stop => return appended,
            () = sleep(pace) => {}
        }
        if connection.is_none() {
            match TcpStream::connect(&address).await {
                Ok(stream) => connection = Some(BufReader::new(stream)),
                Err(_) => {
                    sleep(AGAIN).await;
                    continue;
                }
            }
        }
        let Some(open) = &mut connection else { continue };
        let id = format!("{name}-{n}");
        n += 1;
        match timeout(ANSWER_WITHIN, append(open, &id)).await {
            Ok(Ok(answer)) if answer.starts_with('$') => appended.acknowledged.push(id),
            Ok(Ok(answer)) if answer.starts_with('-') => appended.refused += 1,
            _ => {
                appended.unknown.push(id);
                connection = None;
            }
        }
    }
}

/// Sends one `XADD` and reads its answer: the line before the entry's id, or an error.
async fn append(stream: &mut BufReader<TcpStream>, id: &str) -> std::io::Result<String> {
    let request = format!(r#"{{"inputText":"text","title":"{id}","textMode":"generate"}}"#);
    let words = ["XADD", "gammaq:{main}:inbox", "*", "id", id, "request", &request];
    let mut command = format!("*{}\r\n", words.len());
    for word in words {
        command += &format!("${}\r\n{word}\r\n", word.len());
    }
    stream.write_all(command.as_bytes()).await?;
    let (mut answer, mut entry_id) = (String::new(), String::new());
    stream.read_line(&mut answer).await?;
    if answer.starts_with('$') && stream.read_line(&mut entry_id).await? == 0 {
        return Ok(String::new());
    }
    Ok(answer)
}
