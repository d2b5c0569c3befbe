//! From the start to ready, from SIGTERM to the end, and how large the program is.

use std::time::Duration;

use gammaq_testkit::{Signal, free_port, gammaq_bin};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use crate::figures::{Case, Rounds};
use crate::rig::{Accounts, READY_WITHIN, Rig};
use crate::{Options, told};

const NAME: &str = "start";
const TIMES: usize = 7;
const LOOK_EVERY: Duration = Duration::from_millis(1);

pub(super) async fn run(options: &Options) -> Result<Vec<Case>, String> {
    let rig = Rig::start(options.aof.redis()).await?;
    let (mut ready, mut ended) = (Vec::new(), Vec::new());
    let accounts = Accounts { count: 1, limit: 50 };
    for _ in 0..TIMES {
        let port = free_port();
        let settings = format!("admin.listen = \"127.0.0.1:{port}\"\n");
        let began = Instant::now();
        let worker = rig.spawn_worker("worker", &accounts, &settings)?;
        while !is_ready(port).await {
            if began.elapsed() > READY_WITHIN {
                return Err(format!("not ready within {READY_WITHIN:?}"));
            }
            sleep(LOOK_EVERY).await;
        }
        ready.push(began.elapsed().as_secs_f64() * 1000.0);
        // As one that has run for a moment, not one that is still starting.
        sleep(Duration::from_millis(300)).await;
        let began = Instant::now();
        worker.signal(Signal::TERM);
        let status = worker.wait(READY_WITHIN).await;
        ended.push(began.elapsed().as_secs_f64() * 1000.0);
        if !status.success() {
            return Err(format!("the worker ended with {status}"));
        }
    }
    let size = std::fs::metadata(gammaq_bin()).map_err(|error| error.to_string())?;
    Ok(vec![told(
        Case::new(NAME, "one account")
            .with("ready_ms", Rounds::new(ready).median())
            .with("exit_ms", Rounds::new(ended).median())
            .with("binary", size.len() as f64),
    )])
}

async fn is_ready(port: u16) -> bool {
    let asked = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let request = b"GET /readyz HTTP/1.1\r\nhost: worker\r\nconnection: close\r\n\r\n";
        stream.write_all(request).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    asked.await.is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}
