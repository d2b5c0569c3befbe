//! `make bench-sweep`: how long Redis is kept from others while a worker sweeps very many finished jobs away. The exit code is 1
//! where one call of a script takes longer than it should.

#![expect(clippy::print_stdout, reason = "it is a program that reports")]
#![expect(clippy::expect_used, reason = "what can't be measured ends it")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use gammaq_tests::{PATIENCE, Stage, figures, finished};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

/// Measures a sweep on a Redis of its own.
#[derive(Debug, Parser)]
struct Args {
    /// How many finished jobs.
    #[arg(long, default_value_t = 1_000_000)]
    jobs: u64,
    /// How many of each state are to be kept.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    keep: u64,
    /// The document to write the figures into.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

/// What the longest call of a script may take.
const TARGET: Duration = Duration::from_millis(5);
/// Calls of a script that does nothing, for what the machine alone makes of their times: one for fifty jobs, this many at most.
const MOST_IDLE_CALLS: u64 = 20_000;
/// Takes about as long as a call of the sweep.
const IDLE_CALL: &str = "EVAL \"for i = 1, 200000 do end\" 0\r\nPING\r\n";
const STATES: [&str; 2] = ["completed", "failed"];

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let stage = finished::small().await;
    let began = Instant::now();
    finished::add(&stage, 0, args.jobs).await;
    println!("{} finished jobs made in {:.0?}", args.jobs, began.elapsed());

    let quiet = Pings::start(&stage);
    sleep(Duration::from_secs(5)).await;
    let quiet = quiet.end().await;
    // Every call that takes longer than this is told, with the time that the server took for it.
    for (key, value) in [
        ("slowlog-log-slower-than", "100"),
        ("slowlog-max-len", "10000000"),
    ] {
        stage.redis.cli(&["CONFIG", "SET", key, value]).await;
    }
    stage.redis.cli(&["SLOWLOG", "RESET"]).await;
    for _ in 0..MOST_IDLE_CALLS.min(args.jobs / 50) {
        ask(&stage, IDLE_CALL).await;
        sleep(Duration::from_millis(1)).await;
    }
    let nothing = scripts(&stage, "eval").await;
    stage.redis.cli(&["SLOWLOG", "RESET"]).await;
    let memory = field(&stage, "used_memory_human:").await;
    let pings = Pings::start(&stage);
    let (took, taken) = sweep(&stage, args.keep).await;
    let busy = pings.end().await;
    let scripts = scripts(&stage, "evalsha").await;
    // The log of slow commands takes memory, too.
    stage.redis.cli(&["SLOWLOG", "RESET"]).await;
    let seen = Seen {
        took,
        taken,
        scripts,
        nothing,
        quiet,
        busy,
        memory: [memory, field(&stage, "used_memory_human:").await],
    };

    let figures = render(&stage, &args, &seen).await;
    println!("{figures}");
    if let Some(path) = &args.write
        && let Err(error) = figures::write(path, "sweep", &figures)
    {
        println!("{}: {error}", path.display());
        return ExitCode::FAILURE;
    }
    let (longest, idle) = (longest(&seen.scripts), longest(&seen.nothing));
    if longest > TARGET {
        println!("TOO SLOW  a script took {longest:.1?}");
        if idle > TARGET {
            println!(
                "One that only counts took {idle:.1?}: this machine is too busy to say what a sweep takes at the most."
            );
        }
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Has a worker sweep until no more than `keep` of each state are left. Answers how long that took, from the first job that
/// went, and how many went.
async fn sweep(stage: &Stage, keep: u64) -> (Duration, u64) {
    let before = left(stage).await;
    let most = keep.to_string();
    // No slot is left of the budget, so the worker has nothing else to do.
    let settings = [
        ("RESULTS__MAX_JOBS", &*most),
        ("LOG__FILTER", "info"),
        ("ACCOUNTS__DEFAULT__LIMIT", finished::LIMIT),
    ];
    let worker = stage.worker("worker", &settings).await;
    let mut first = None;
    let (mut least, mut moved) = (before, Instant::now());
    loop {
        let now = left(stage).await;
        if now < least {
            first.get_or_insert_with(Instant::now);
            (least, moved) = (now, Instant::now());
        }
        if now <= keep * STATES.len() as u64 {
            break;
        }
        assert!(
            worker.try_wait().is_none(),
            "the worker ended with {now} jobs left"
        );
        assert!(
            moved.elapsed() < PATIENCE * 3,
            "nothing is swept any more: {now} jobs left"
        );
        sleep(Duration::from_millis(200)).await;
    }
    let took = first.map_or(Duration::ZERO, |first| first.elapsed());
    (took, before - left(stage).await)
}

/// What was measured.
struct Seen {
    took: Duration,
    taken: u64,
    /// How long the server took for each call of a script that took it longer than a tenth of a millisecond.
    scripts: Vec<Duration>,
    /// The same for calls of a script that does nothing, before it.
    nothing: Vec<Duration>,
    /// PINGs before the sweep, and during it.
    quiet: Vec<Duration>,
    busy: Vec<Duration>,
    memory: [String; 2],
}

/// Finished jobs that are there.
async fn left(stage: &Stage) -> u64 {
    let mut commands = String::new();
    for state in STATES {
        commands += &format!("ZCARD {}\r\n", stage.key(state));
    }
    let answer = ask(stage, &(commands + "PING\r\n")).await;
    let numbers = answer.lines().filter_map(|line| line.strip_prefix(':'));
    numbers
        .map(|number| number.parse::<u64>().expect("a number"))
        .sum()
}

async fn field(stage: &Stage, name: &str) -> String {
    let info = stage.redis.cli(&["INFO"]).await;
    let line = info.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_default().trim().to_owned()
}

/// The times of all scripts in the server's log of slow commands that were called by this command, shortest first.
async fn scripts(stage: &Stage, command: &str) -> Vec<Duration> {
    let answer = ask(stage, "SLOWLOG GET 10000000\r\nPING\r\n").await;
    let lines: Vec<&str> = answer.lines().collect();
    // An entry is a list of six: its number, when, microseconds, the words of the command, who, and its name.
    let one = |at: &[&str]| match at {
        ["*6", _, _, took, _, _, word, ..] if word.eq_ignore_ascii_case(command) => {
            took.strip_prefix(':')?.parse().ok().map(Duration::from_micros)
        }
        _ => None,
    };
    let mut found: Vec<Duration> = lines.windows(7).filter_map(one).collect();
    found.sort_unstable();
    found
}

/// Sends commands and reads up to the answer to the PING at their end.
async fn ask(stage: &Stage, commands: &str) -> String {
    let mut stream = TcpStream::connect(stage.redis.address())
        .await
        .expect("the server listens");
    stream.write_all(commands.as_bytes()).await.expect("it reads");
    let mut answer = Vec::new();
    let mut piece = vec![0; 1 << 16];
    while !answer.ends_with(b"+PONG\r\n") {
        let read = stream.read(&mut piece).await.expect("it answers");
        assert!(read > 0, "the server hung up");
        answer.extend_from_slice(&piece[..read]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// Somebody else, who asks for nothing but a sign of life, one after the other.
struct Pings {
    over: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<Vec<Duration>>,
}

impl Pings {
    /// In a thread of its own, so that nothing else of this program keeps it waiting.
    fn start(stage: &Stage) -> Self {
        use std::io::{Read, Write};
        let over = Arc::new(AtomicBool::new(false));
        let address = stage.redis.address();
        let thread = std::thread::spawn({
            let over = Arc::clone(&over);
            move || {
                let mut stream = std::net::TcpStream::connect(address).expect("the server listens");
                let _ = stream.set_nodelay(true);
                let mut all = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    let began = Instant::now();
                    stream.write_all(b"PING\r\n").expect("it reads");
                    stream.read_exact(&mut [0; 7]).expect("it answers");
                    all.push(began.elapsed());
                    std::thread::sleep(Duration::from_millis(1));
                }
                all
            }
        });
        Self { over, thread }
    }

    /// Their times, shortest first.
    async fn end(self) -> Vec<Duration> {
        self.over.store(true, Ordering::Relaxed);
        let joined = tokio::task::spawn_blocking(|| self.thread.join()).await;
        let mut all = joined.expect("it is waited for").expect("every PING is answered");
        all.sort_unstable();
        all
    }
}

fn longest(times: &[Duration]) -> Duration {
    times.last().copied().unwrap_or_default()
}

async fn render(stage: &Stage, args: &Args, seen: &Seen) -> String {
    let row = |name: &str, times: &[Duration]| {
        let at = |part: f64| {
            let at = (times.len() as f64 * part) as usize;
            times
                .get(at.min(times.len().saturating_sub(1)))
                .copied()
                .unwrap_or_default()
                .as_secs_f64()
                * 1000.0
        };
        format!(
            "| {name} | {} | {:.2} ms | {:.2} ms | {:.2} ms |\n",
            times.len(),
            at(0.5),
            at(0.99),
            at(1.0)
        )
    };
    let profile = if cfg!(debug_assertions) {
        "debug"
    } else {
        "release"
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let mut out = format!(
        "{} finished jobs, of which {} of each state were to be kept: one worker took {} away in {:.0} s, {:.0} a second. Redis {}, {} in \
         use before and {} after, {cores} cores shared with all that measures, {profile} build.\n\n\
         | what | how many | median | 99 % | longest |\n|---|---|---|---|---|\n",
        args.jobs,
        args.keep,
        seen.taken,
        seen.took.as_secs_f64(),
        seen.taken as f64 / seen.took.as_secs_f64().max(0.001),
        field(stage, "redis_version:").await,
        seen.memory[0],
        seen.memory[1],
    );
    out += &row("calls of scripts that took the server over 0.1 ms", &seen.scripts);
    out += &row(
        "calls of a script that counts and does nothing, before it",
        &seen.nothing,
    );
    out += &row("`PING` of another client before it, answer included", &seen.quiet);
    out += &row("`PING` of another client during it", &seen.busy);
    out
}
