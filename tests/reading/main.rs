//! `make bench-reading`: how long each reading command takes with very many finished jobs, the start of the program
//! included. The exit code is 1 where one takes longer than it should.

#![expect(clippy::print_stdout, reason = "it is a program that reports")]

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use gammaq_testkit::{Process, gammaq_bin};
use gammaq_tests::{PATIENCE, Stage, figures, finished};

/// Measures the reading commands on a Redis of their own.
#[derive(Debug, Parser)]
struct Args {
    /// How many finished jobs.
    #[arg(long, default_value_t = 1_000_000)]
    jobs: u64,
    /// How often each command is run.
    #[arg(long, default_value_t = 21, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    times: u32,
    /// The document to write the figures into.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

/// What the median of each may take.
const TARGET: Duration = Duration::from_millis(200);

struct Measured {
    command: String,
    median: Duration,
    longest: Duration,
    calls: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let stage = finished::small().await;
    let began = Instant::now();
    finished::add(&stage, 0, args.jobs).await;
    println!("{} finished jobs made in {:.0?}", args.jobs, began.elapsed());
    let mut all = Vec::new();
    for command in finished::COMMANDS {
        let one = measure(&stage, command, args.times).await;
        println!(
            "gammaq {:<48} median {:>6.1?}, longest {:>6.1?}, {} commands of Redis",
            one.command, one.median, one.longest, one.calls
        );
        all.push(one);
    }
    let text = render(&stage, &args, &all).await;
    if let Some(path) = &args.write
        && let Err(error) = figures::write(path, "reading", &text)
    {
        println!("{}: {error}", path.display());
        return ExitCode::FAILURE;
    }
    let slow: Vec<&Measured> = all.iter().filter(|it| it.median > TARGET).collect();
    for one in &slow {
        println!("TOO SLOW  gammaq {}: {:.1?}", one.command, one.median);
    }
    if slow.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

async fn measure(stage: &Stage, command: &[&str], times: u32) -> Measured {
    let run = || async {
        let began = Instant::now();
        let finished = Process::builder(gammaq_bin())
            .args(command)
            .env("REDIS_URL", stage.redis.url())
            .run(PATIENCE)
            .await;
        assert!(finished.status.success(), "{command:?}: {finished:?}");
        began.elapsed()
    };
    stage.redis.cli(&["CONFIG", "RESETSTAT"]).await;
    run().await;
    let calls = gammaq_tests::finished::calls(stage).await.values().sum();
    let mut took = Vec::new();
    for _ in 0..times {
        took.push(run().await);
    }
    took.sort_unstable();
    Measured {
        command: command.join(" "),
        median: took.get(took.len() / 2).copied().unwrap_or_default(),
        longest: took.last().copied().unwrap_or_default(),
        calls,
    }
}

async fn render(stage: &Stage, args: &Args, all: &[Measured]) -> String {
    let info = stage.redis.cli(&["INFO"]).await;
    let field = |name: &str| {
        let line = info.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_default().trim().to_owned()
    };
    let profile = if cfg!(debug_assertions) {
        "debug"
    } else {
        "release"
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let mut out = format!(
        "{} finished jobs, Redis {} with {} in use, {cores} cores, {profile} build, each command {} times. The times are those of \
         the whole program, its start included.\n\n\
         | command | median | longest | commands of Redis |\n|---|---|---|---|\n",
        args.jobs,
        field("redis_version:"),
        field("used_memory_human:"),
        args.times,
    );
    for one in all {
        // Writing to a string can't fail.
        let _ = writeln!(
            out,
            "| `gammaq {}` | {:.1} ms | {:.1} ms | {} |",
            one.command,
            one.median.as_secs_f64() * 1000.0,
            one.longest.as_secs_f64() * 1000.0,
            one.calls
        );
    }
    out
}
