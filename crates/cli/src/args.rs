//! What may stand on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands::operate::{self, retry};
use crate::commands::{
    accounts, completions, demo, doctor, enqueue, events, list, listing, man, show, top, wait,
};

/// A durable job queue and worker for Gamma's Generate API.
#[derive(Debug, Parser)]
#[command(name = "gammaq", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done; 1 the job ended without success, a command was refused, or doctor found something; 2 not found; 3 timed out waiting; \
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
    /// Show accounts: what each may start and when, its pauses, its credits.
    Accounts(accounts::AccountsArgs),
    /// List the themes of an account's workspace, and so check its API key; costs nothing.
    Themes(listing::ListingArgs),
    /// List the folders of an account's workspace, and so check its API key; costs nothing.
    Folders(listing::ListingArgs),
    /// Print what happened, the newest last.
    Events(events::EventsArgs),
    /// Watch the queue on a terminal, with keys to go down to a job and to act.
    Top(top::TopArgs),
    /// End jobs that are wanted no more. What Gamma has begun is paid for all the same.
    Cancel(operate::JobsArgs),
    /// Submit jobs that failed or were cancelled once more, which is paid for again.
    Retry(retry::RetryArgs),
    /// Decide about a parked job, of which nobody knows whether Gamma accepted it.
    Resolve(operate::ResolveArgs),
    /// Look at timed-out jobs again, with a new deadline.
    Repoll(operate::JobsArgs),
    /// Pause an account, or the whole queue, until it is resumed.
    Pause(operate::ScopeArgs),
    /// End the pause of an account, whoever made it, or that of the whole queue.
    Resume(operate::ScopeArgs),
    /// Examine the server, the accounts, and every record and index; exit code 1 when something is wrong.
    Doctor(doctor::DoctorArgs),
    /// Show a queue at work on this machine alone: a private Redis, the fake Gamma and a worker.
    Demo(demo::DemoArgs),
    /// Run a fake of Gamma's API, with faults on demand, to try things out without spending credits.
    FakeGamma(Box<gammaq_fake::Options>),
    /// Print the completions of a shell.
    Completions(completions::CompletionsArgs),
    /// Print a page of the manual in roff, as in `gammaq man show | man -l -`, or write all of them to files.
    Man(man::ManArgs),
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
