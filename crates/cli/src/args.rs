//! What may stand on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands::{completions, demo, enqueue, events, list, show, wait};

/// A durable job queue and worker for Gamma's Generate API.
#[derive(Debug, Parser)]
#[command(name = "gammaq", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done; 1 the job ended without success; 2 not found; 3 timed out waiting; \
                          64 usage or configuration; 69 Redis or Gamma cannot be reached; 70 a fault of gammaq itself.";

/// What goes with every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Settings file; without it, config/gammaq.toml is read if there is one.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Everywhere")]
    pub(crate) config: Option<PathBuf>,

    /// The queue; short for --set redis.queue=NAME.
    #[arg(long, global = true, value_name = "NAME", help_heading = "Everywhere")]
    pub(crate) queue: Option<String>,

    /// Any setting, repeatable: --set poll.interval=10s.
    #[arg(long, global = true, value_name = "KEY=VALUE", help_heading = "Everywhere")]
    pub(crate) set: Vec<String>,

    /// Answer in JSON, for programs.
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(crate) json: bool,

    /// Colours; NO_COLOR in the environment counts as never.
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        help_heading = "Everywhere"
    )]
    pub(crate) color: Color,
}

/// When there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The commands, each with its own flags.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a worker: take jobs in, submit them to Gamma within each account's budget, and see them through.
    Worker,
    /// Enqueue one job or many, and print their ids.
    Enqueue(Box<enqueue::EnqueueArgs>),
    /// Wait for jobs to end, and print what became of them.
    Wait(wait::WaitArgs),
    /// Show the queue: what waits, what runs, the accounts' budgets, the workers.
    Status,
    /// List jobs: first those under way, then those that ended.
    List(list::ListArgs),
    /// Tell the whole story of one job.
    Show(show::ShowArgs),
    /// Print what happened, the newest last.
    Events(events::EventsArgs),
    /// Show a queue at work on this machine alone: a private Redis, the fake Gamma and a worker.
    Demo(demo::DemoArgs),
    /// Run a fake of Gamma's API, with faults on demand, to try things out without spending credits.
    FakeGamma(Box<gammaq_fake::Options>),
    /// Print the completions of a shell.
    Completions(completions::CompletionsArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
