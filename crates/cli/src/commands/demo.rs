//! A queue at work, on this machine alone: a private Redis, the fake Gamma and a worker, each a process of its own,
//! and everything a caller or operator does done with `redis-cli`. Nothing is left behind.

use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use gammaq_queue::events::Event;
use gammaq_queue::{Keys, Link, LinkSettings, Policy, Queue};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::exit::Code;

/// More than the three jobs need on a slow machine.
const PATIENCE: Duration = Duration::from_secs(110);
const KEY: &str = "sk-gamma-demo";
const INBOX: &str = "gammaq:{main}:inbox";

/// Flags of `gammaq demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Keep everything running at the end, to look around, until Ctrl-C.
    #[arg(long)]
    keep: bool,
}

/// The jobs: id, fields beside the request, request, what it shows.
const JOBS: [(&str, &[&str], &str, &str); 3] = [
    (
        "demo-deck",
        &[],
        r#"{"inputText":"Renewable energy in ten cards","textMode":"generate","format":"presentation","numCards":10}"#,
        "a deck",
    ),
    (
        "demo-pdf",
        &["exports", "pdf", "meta", "order 7"],
        r#"{"inputText":"The history of the paper clip","textMode":"generate","format":"document"}"#,
        "a document with a PDF",
    ),
    (
        "demo-failed",
        &[],
        r#"{"inputText":"This one fails on purpose [[fake:result=failed]]","textMode":"generate"}"#,
        "one that fails on purpose",
    ),
];

pub(crate) async fn run(args: &DemoArgs) -> anyhow::Result<Code> {
    let dir = tempfile::tempdir().context("no temporary directory")?;
    let mut stage = Stage::start(dir.path()).await?;
    let shown = show(&stage).await;
    if args.keep && shown.is_ok() {
        say(&format!(
            "Still running: redis-cli -p {}. Ctrl-C ends it.",
            stage.port
        ))?;
        tokio::signal::ctrl_c().await?;
    }
    stage.end().await;
    let done = shown?;
    say("\nEverything that was started is gone again. Where to look next:")?;
    say("  README.md             five minutes to a real key; every key and setting")?;
    say("  config/gammaq.toml    the settings, each one explained")?;
    say("  gammaq demo --keep    the same, and it stays to look around in")?;
    Ok(if done { Code::Done } else { Code::TimedOut })
}

async fn show(stage: &Stage) -> anyhow::Result<bool> {
    say("\n1. Three requests go into Redis. A caller in any language needs this one command:\n")?;
    for (id, fields, request, what) in JOBS {
        let mut command = vec!["XADD", INBOX, "*", "id", id];
        command.extend(fields);
        command.extend(["request", request]);
        say(&format!("   # {what}"))?;
        stage.redis_cli(&command).await?;
    }
    say("\n2. The worker submits each once, looks again every 5 seconds, and writes down what happens:\n")?;
    let done = follow(stage).await?;
    say("\n3. The results are plain Redis keys:\n")?;
    for (id, ..) in JOBS {
        stage
            .redis_cli(&["GET", &format!("gammaq:{{main}}:result:{id}")])
            .await?;
    }
    say("\n4. So is everything else:\n")?;
    stage
        .redis_cli(&[
            "HMGET",
            "gammaq:{main}:job:demo-pdf",
            "state",
            "generation_id",
            "pdf_url",
            "polls",
        ])
        .await?;
    stage
        .redis_cli(&["ZRANGE", "gammaq:{main}:completed", "0", "-1", "WITHSCORES"])
        .await?;
    stage
        .redis_cli(&["ZCARD", "gammaq:{main}:budget:default"])
        .await?;
    stage.redis_cli(&["HGETALL", "gammaq:{main}:stats"]).await?;
    Ok(done)
}

/// Prints changes of state until all three jobs ended; `false` where that took too long.
async fn follow(stage: &Stage) -> anyhow::Result<bool> {
    let start = Instant::now();
    let (mut last, mut ended) = ("0-0".to_owned(), 0);
    while ended < JOBS.len() {
        if start.elapsed() > PATIENCE {
            say("   it takes longer than it should: see the log of the worker above")?;
            return Ok(false);
        }
        for event in stage
            .queue
            .events_after(&last, 100, Duration::from_secs(1))
            .await?
        {
            last.clone_from(&event.entry_id);
            if !event.state.is_empty() {
                say(&line(&event, start.elapsed()))?;
            }
            ended += usize::from(matches!(
                event.state.as_str(),
                "completed" | "failed" | "ambiguous" | "timed_out"
            ));
        }
    }
    Ok(true)
}

fn line(event: &Event, since: Duration) -> String {
    let colour = match event.state.as_str() {
        "completed" => anstyle::AnsiColor::Green.on_default(),
        "failed" => anstyle::AnsiColor::Red.on_default(),
        _ => anstyle::Style::new(),
    };
    format!(
        "   {:>5.1} s  {:<12} {colour}{:<11}{colour:#} {}",
        since.as_secs_f32(),
        event.id,
        event.state,
        event.note
    )
}

struct Stage {
    port: u16,
    queue: Queue,
    redis: Child,
    fake: Child,
    worker: Child,
}

impl Stage {
    async fn start(dir: &Path) -> anyhow::Result<Self> {
        let (port, redis) = start_redis(dir).await?;
        let link = Link::new(LinkSettings {
            url: format!("redis://127.0.0.1:{port}"),
            tls_ca: None,
            connect_timeout: Duration::from_secs(2),
            response_timeout: Duration::from_secs(10),
        })?;
        let name = |text: &str| gammaq_job::QueueName::new(text);
        let queue = Queue::new(
            link.into(),
            Keys::new(&name("gammaq")?, &name("main")?),
            Policy::default(),
        );
        say(&format!("A private Redis listens on port {port}."))?;

        let program = std::env::current_exe().context("where is this program?")?;
        let mut fake = Command::new(&program)
            .args(["fake-gamma", "--listen", "127.0.0.1:0", "--key", KEY])
            .args(["--generation-time", "6s", "--generation-time-max", "12s"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("the fake Gamma can't be started")?;
        let Some(out) = fake.stdout.take() else {
            bail!("the fake Gamma has no output")
        };
        let first = timeout(Duration::from_secs(10), BufReader::new(out).lines().next_line()).await;
        let first = first
            .context("the fake Gamma does not answer")??
            .unwrap_or_default();
        let Some(at) = first.find("http://") else {
            bail!("the fake Gamma said: {first}")
        };
        let base_url = first[at..].trim().to_owned();
        say(&format!(
            "A fake Gamma listens on {base_url}; nothing here costs a credit."
        ))?;

        let log = std::fs::File::create(dir.join("worker.log"))?;
        let mut command = Command::new(&program);
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().starts_with("GAMMAQ__") {
                command.env_remove(variable);
            }
        }
        let worker = command
            .arg("worker")
            // Away from a settings file that may lie here.
            .current_dir(dir)
            .env("REDIS_URL", format!("redis://127.0.0.1:{port}"))
            .env("GAMMA_API_KEY", KEY)
            .env("GAMMAQ__GAMMA__BASE_URL", &base_url)
            .env("GAMMAQ__ADMIN__LISTEN", "off")
            .stdin(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("the worker can't be started")?;
        say("A worker is running: gammaq worker")?;
        Ok(Self {
            port,
            queue,
            redis,
            fake,
            worker,
        })
    }

    /// Runs a command with `redis-cli`, and prints it and its answer as a person would see them.
    async fn redis_cli(&self, command: &[&str]) -> anyhow::Result<()> {
        let quoted: Vec<String> = command.iter().map(|word| quote(word)).collect();
        let bold = anstyle::Style::new().bold();
        say(&format!(
            "   {bold}$ redis-cli -p {} {}{bold:#}",
            self.port,
            quoted.join(" ")
        ))?;
        let output = Command::new("redis-cli")
            .args(["-p", &self.port.to_string()])
            .args(command)
            .output()
            .await;
        let output = output.context("redis-cli can't be run")?;
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            say(&format!("   {line}"))?;
        }
        Ok(())
    }

    /// Ends everything in order: the worker hands back what it holds, then the rest goes.
    async fn end(&mut self) {
        if let Some(pid) = self.worker.id() {
            let asked = Command::new("kill")
                .args(["-TERM", &pid.to_string()])
                .status()
                .await;
            if asked.is_ok_and(|status| status.success()) {
                let _ = timeout(Duration::from_secs(10), self.worker.wait()).await;
            }
        }
        for child in [&mut self.worker, &mut self.fake, &mut self.redis] {
            // Where it is gone already there is nothing to end.
            let _ = child.kill().await;
        }
    }
}

async fn start_redis(dir: &Path) -> anyhow::Result<(u16, Child)> {
    // Another process may take the port between finding it and using it: then it is another one's turn.
    for _ in 0..5 {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut redis = Command::new("redis-server")
            .args([
                "--port",
                &port.to_string(),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
            ])
            .arg("--dir")
            .arg(dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context(
                "redis-server can't be started; `make demo` installs it, or: apt-get install redis-server",
            )?;
        for _ in 0..200 {
            if redis.try_wait()?.is_some() {
                break;
            }
            if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return Ok((port, redis));
            }
            sleep(Duration::from_millis(25)).await;
        }
    }
    bail!("redis-server does not come up")
}

/// As it has to be typed into a shell.
fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/' | '=');
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{word}'")
    }
}

fn say(text: &str) -> std::io::Result<()> {
    writeln!(anstream::stdout().lock(), "{text}")
}
