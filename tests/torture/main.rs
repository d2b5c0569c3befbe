//! `make torture`: breaks everything at random under load, compares the ledger with Redis, and writes the figures down.
//! The exit code is 0 if the promise held and 1 if it did not.

#![expect(clippy::print_stdout, reason = "it is a program that reports")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use gammaq_tests::torture::{self, Plan, document};

/// Breaks workers, Redis, the network and Gamma at random under load, and compares what Gamma accepted with what
/// Redis says.
#[derive(Debug, Parser)]
struct Args {
    /// How long things are broken, in minutes.
    #[arg(long, default_value_t = 30.0, value_parser = minutes)]
    minutes: f64,
    /// Where all decisions are drawn from; the same seed takes the same ones again.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The document to write the figures into, between its two marks.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

fn minutes(text: &str) -> Result<f64, String> {
    let given = text.parse::<f64>().ok();
    let allowed = given.filter(|minutes| (0.1..=1_440.0).contains(minutes));
    allowed.ok_or_else(|| "a number of minutes from 0.1 to 1440 is wanted".to_owned())
}

#[tokio::main]
async fn main() -> ExitCode {
    let Args { minutes, seed, write } = Args::parse();
    // Said before half an hour has passed in vain.
    if let Some(path) = &write
        && let Err(error) = written(path, "")
    {
        println!("{}: {error}", path.display());
        return ExitCode::from(64);
    }
    println!("torture: {minutes} minutes with seed {seed}");
    let plan = Plan::new(Duration::from_secs_f64(minutes * 60.0), seed);
    let report = torture::run(plan, |line| println!("{line}")).await;
    let figures = document::render(&report);
    println!("\n{figures}");
    let violations = report.violations();
    for violation in &violations {
        println!("VIOLATION  {violation}");
    }
    if let Some(path) = write {
        let done = written(&path, &figures)
            .and_then(|text| std::fs::write(&path, text).map_err(|error| error.to_string()));
        if let Err(error) = done {
            println!("{}: {error}", path.display());
            return ExitCode::FAILURE;
        }
        println!("the figures stand in {}", path.display());
    }
    if violations.is_empty() {
        println!("the promise held");
        return ExitCode::SUCCESS;
    }
    println!(
        "{} violations; the same decisions again: make torture MINUTES={minutes} SEED={seed}",
        violations.len()
    );
    match report.keep_traces() {
        Ok(directory) => println!("all that was known stands in {}", directory.display()),
        Err(error) => println!("the traces can't be written: {error}"),
    }
    ExitCode::FAILURE
}

fn written(path: &PathBuf, figures: &str) -> Result<String, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    document::with_figures(&text, figures)
}
