//! `make bench`: what gammaq costs, measured on the real worker, a Redis of its own and a fake Gamma that is fast enough.
//! `docs/PERFORMANCE.md` says what the workloads are and what they showed.

#![expect(clippy::print_stdout, reason = "it is a program that reports")]

mod bare;
mod conditions;
mod document;
mod fake;
mod figures;
mod inner;
mod peers;
mod resp;
mod rig;
mod targets;
mod usage;
mod words;
mod workloads;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use figures::{Case, Summary};
use peers::Peer;
use rig::Aof;
use workloads::Workload;

/// The worker's: what is measured without it must not be slower for another reason.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures gammaq.
#[derive(Debug, Clone, Parser)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// How often each workload is run.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Only these workloads, with commas between them.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Workload>,
    /// A part of all numbers of jobs, to try things out: 0.1 for a tenth.
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// No lifecycle of more jobs than this: the largest takes a quarter of an hour by itself.
    #[arg(long, default_value_t = 100_000)]
    most: usize,
    /// How long a steady state is measured, in seconds; at least two intervals all the same.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// The worker's setting `worker.concurrency`.
    #[arg(long, default_value_t = 256)]
    concurrency: usize,
    /// How Redis keeps what it is told, but for the workload durability, which tries all of it.
    #[arg(long, value_enum, default_value_t = Aof::Off)]
    aof: Aof,
    /// Where the figures go, as JSON.
    #[arg(long, value_name = "FILE", default_value = "target/bench/bench.json")]
    json: PathBuf,
    /// The document to write the tables into.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

#[derive(Debug, Clone, Subcommand)]
enum Command {
    /// The lifecycle beside other queues, in turns.
    Peers {
        /// Where their programs are, made by `make bench-peers`.
        #[arg(long, value_name = "DIRECTORY", default_value = "target/peers")]
        programs: PathBuf,
        /// Only these, with commas between them.
        #[arg(long, value_enum, value_delimiter = ',')]
        peers: Vec<Peer>,
    },
    /// The fake Gamma; the bench starts it itself.
    #[command(hide = true)]
    Fake {
        #[command(flatten)]
        identity: Option<fake::Identity>,
    },
    /// Requests without a worker; the bench starts that itself, too.
    #[command(hide = true)]
    Bare {
        url: String,
        jobs: usize,
        interval_ms: u64,
    },
    /// A worker with the fake Gamma within; the bench starts that itself, too.
    #[command(hide = true)]
    Inner { config: PathBuf },
}

/// How often another queue may stand still in a round.
const STUCK: u32 = 3;
/// What a wait without an end says first.
pub(crate) const NOT_WITHIN: &str = "not within";

/// What holds for every workload.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    scale: f64,
    pub(crate) most: usize,
    pub(crate) window: Duration,
    pub(crate) concurrency: usize,
    pub(crate) aof: Aof,
}

impl Options {
    pub(crate) fn scaled(&self, jobs: usize) -> usize {
        ((jobs as f64 * self.scale).round() as usize).max(1)
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match args.command {
        Some(Command::Fake { identity }) => {
            fake::serve(&fake::Shared::new(), identity.as_ref()).map_err(|error| error.to_string())
        }
        Some(Command::Bare {
            url,
            jobs,
            interval_ms,
        }) => bare::run(&url, jobs, Duration::from_millis(interval_ms)),
        Some(Command::Inner { config }) => inner::run(config),
        _ => tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())
            .and_then(|runtime| runtime.block_on(measure(args))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(args: Args) -> Result<(), String> {
    let options = Options {
        scale: args.scale,
        most: args.most,
        window: Duration::from_secs(args.seconds),
        concurrency: args.concurrency,
        aof: args.aof,
    };
    // Built, where it isn't, before anything is timed.
    let binary = tokio::task::spawn_blocking(gammaq_testkit::gammaq_bin)
        .await
        .map_err(|error| error.to_string())?;
    println!("measuring {}", binary.display());
    let (place, cases) = match &args.command {
        Some(Command::Peers { programs, peers }) => {
            let peers = if peers.is_empty() {
                Peer::ALL.to_vec()
            } else {
                peers.clone()
            };
            ("peers", in_turns(&args, &options, programs, &peers).await?)
        }
        _ => ("bench", all_workloads(&args, &options).await?),
    };
    let conditions = conditions::gather(&args).await?;
    let summaries = figures::summarise(&cases);
    let json = figures::to_json(&summaries, &conditions);
    write_json(&args.json, &json)?;
    println!("\n{}", document::render(&summaries, &conditions));
    println!("as JSON: {}", args.json.display());
    match &args.write {
        Some(path) => write_document(path, place, &summaries, &conditions),
        None => Ok(()),
    }
}

/// Every round runs each workload once, so that a busy minute of the machine spoils one round of all and not one of them.
async fn all_workloads(args: &Args, options: &Options) -> Result<Vec<Case>, String> {
    let wanted: Vec<Workload> = Workload::ALL
        .into_iter()
        .filter(|it| args.only.is_empty() || args.only.contains(it))
        .collect();
    let mut cases = Vec::new();
    for round in 1..=args.rounds {
        for workload in &wanted {
            println!("round {round} of {}: {workload:?}", args.rounds);
            // A panic of the kit comes as an error, after everything that was started is gone.
            let run = tokio::spawn(workload.run(options.clone())).await;
            let done = run.map_err(|error| format!("{workload:?}: {error}"))?;
            cases.extend(done.map_err(|error| format!("{workload:?}: {error}"))?);
        }
    }
    Ok(cases)
}

async fn in_turns(
    args: &Args,
    options: &Options,
    programs: &Path,
    peers: &[Peer],
) -> Result<Vec<Case>, String> {
    let mut cases = Vec::new();
    for round in 1..=args.rounds {
        for peer in peers {
            println!("round {round} of {}: {}", args.rounds, peer.name());
            let mut stuck = 0;
            let case = loop {
                let run = peers::run(*peer, programs.to_owned(), options.clone());
                let done = tokio::spawn(run)
                    .await
                    .map_err(|error| format!("{}: {error}", peer.name()))?;
                match done {
                    Ok(case) => break case,
                    // Another queue that stands still for good is measured again, and that is counted.
                    Err(error) if peer.may_stick() && stuck < STUCK && error.starts_with(NOT_WITHIN) => {
                        println!("  {}: {error}", peer.name());
                        stuck += 1;
                    }
                    Err(error) => return Err(format!("{}: {error}", peer.name())),
                }
            };
            cases.push(told(case.with("stuck", f64::from(stuck))));
        }
    }
    peers::add_ratios(&mut cases);
    Ok(cases)
}

/// Says what a case came to as soon as it did: a round takes long.
pub(crate) fn told(case: Case) -> Case {
    println!("{}", document::line(&case));
    case
}

fn write_json(path: &Path, json: &serde_json::Value) -> Result<(), String> {
    let written = path
        .parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| std::fs::write(path, format!("{json:#}\n")));
    written.map_err(|error| format!("{}: {error}", path.display()))
}

fn write_document(
    path: &Path,
    place: &str,
    summaries: &[Summary],
    conditions: &[(&'static str, String)],
) -> Result<(), String> {
    let text = document::render(summaries, conditions);
    document::write(path, place, &text).map_err(|error| format!("{}: {error}", path.display()))
}
