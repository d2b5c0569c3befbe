//! The commands, one file each.

pub(crate) mod accounts;
pub(crate) mod completions;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod enqueue;
pub(crate) mod events;
mod fake_gamma;
pub(crate) mod list;
pub(crate) mod listing;
pub(crate) mod man;
pub(crate) mod operate;
pub(crate) mod show;
mod status;
pub(crate) mod top;
pub(crate) mod wait;
mod worker;

use gammaq_gamma::Listing;
use tokio::runtime::Builder;

use crate::args::{Cli, Command};
use crate::context::Context;
use crate::exit::Code;

/// Carries out what the command line says.
pub(crate) fn run(cli: Cli) -> anyhow::Result<Code> {
    let context = Context::new(cli.global);
    // A worker and the fake serve many at once; the others wait for one answer at a time.
    let mut builder = match cli.command {
        Command::Worker | Command::FakeGamma(_) => Builder::new_multi_thread(),
        _ => Builder::new_current_thread(),
    };
    let runtime = builder.enable_all().build()?;
    let done = runtime.block_on(async {
        match cli.command {
            Command::Worker => worker::run(&context).await,
            Command::Enqueue(args) => enqueue::run(&context, *args).await,
            Command::Wait(args) => wait::run(&context, args).await,
            Command::Status => status::run(&context).await,
            Command::List(args) => list::run(&context, &args).await,
            Command::Show(args) => show::run(&context, &args).await,
            Command::Accounts(args) => accounts::run(&context, &args).await,
            Command::Themes(args) => listing::run(&context, Listing::Themes, &args).await,
            Command::Folders(args) => listing::run(&context, Listing::Folders, &args).await,
            Command::Events(args) => events::run(&context, &args).await,
            Command::Top(args) => top::run(&context, &args).await,
            Command::Cancel(args) => operate::cancel(&context, args).await,
            Command::Retry(args) => operate::retry::run(&context, args).await,
            Command::Resolve(args) => operate::resolve(&context, args).await,
            Command::Repoll(args) => operate::repoll(&context, args).await,
            Command::Pause(args) => operate::pause(&context, args).await,
            Command::Resume(args) => operate::resume(&context, args).await,
            Command::Doctor(args) => doctor::run(&context, &args).await,
            Command::Demo(args) => demo::run(&args).await,
            Command::FakeGamma(options) => fake_gamma::run(*options).await,
            Command::Completions(args) => completions::run(&args),
            Command::Man(args) => man::run(&context, &args),
        }
    });
    // A name lookup that hangs in a thread of its own must not hold up the exit.
    runtime.shutdown_timeout(std::time::Duration::from_millis(100));
    done
}
