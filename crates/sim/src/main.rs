//! Runs seeds, and says which of them found something.

#![expect(clippy::print_stdout, reason = "a command for people")]

use std::process::ExitCode;

use clap::Parser;
use gammaq_sim::{Counts, Options, run};

/// Runs simulations of the queue, each drawn from a seed.
#[derive(Debug, Parser)]
struct Args {
    /// How many seeds.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Print what happens, line by line.
    #[arg(long)]
    trace: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let options = Options {
        trace: args.trace,
        ..Options::default()
    };
    let (mut failed, mut all) = (0_u64, Counts::default());
    for seed in args.from..args.from.saturating_add(args.seeds) {
        let run = run(seed, &options);
        run.lines.iter().for_each(|line| println!("{line}"));
        if args.trace {
            println!("fingerprint {:016x}", run.fingerprint);
        }
        failed += u64::from(!run.wrongs.is_empty());
        for wrong in &run.wrongs {
            println!("seed {seed}: {wrong}");
        }
        all.ms += run.counts.ms;
        all.commands += run.counts.commands;
        all.posts += run.counts.posts;
        all.generations += run.counts.generations;
        all.looks += run.counts.looks;
        all.forgotten += run.counts.forgotten;
        for (state, count) in run.counts.ended {
            *all.ended.entry(state).or_default() += count;
        }
    }
    println!(
        "{} seeds from {}, {failed} failed: {all:?}",
        args.seeds, args.from
    );
    if failed > 0 {
        println!("again, line by line: cargo run -p gammaq-sim -- --trace --seeds 1 --from SEED");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
