//! `gammaq`: the one binary.
//!
//! - [`args`]: what may stand on the command line;
//! - `commands/`: one file a command;
//! - [`exit`]: which exit code an end has, and what to do about it;
//! - `output/`: tables, colours and times for people, JSON for programs.

mod args;
mod commands;
mod context;
mod exit;
mod output;

use std::process::ExitCode;

use clap::Parser;

/// A step of a worker makes some hundred small allocations in one thread and frees many of them in another, which the C
/// library's own allocator spends a fifth of the worker's time on.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match args::Cli::try_parse() {
        Ok(cli) => exit::report(commands::run(cli)).into(),
        Err(error) => {
            // Nobody reads it where even this fails.
            let _ = error.print();
            if error.use_stderr() {
                exit::Code::Usage.into()
            } else {
                exit::Code::Done.into()
            }
        }
    }
}
