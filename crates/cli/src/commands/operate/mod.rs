//! `gammaq cancel`, `retry`, `resolve`, `repoll`, `pause`, `resume`: what operators do.

pub(super) mod operator;
pub(crate) mod retry;

use clap::Args;
use gammaq_job::{AccountName, Command, GenerationId, JobId, Resolution, Scope};

use crate::context::Context;
use crate::exit::Code;
use operator::Operator;

/// What each of them ends with.
pub(crate) const CODES: &str = "Exit codes: 0 it is so now, or was already; 1 refused, since it makes no sense as \
                                things are: the reason is said; 2 there is no such job or account; 3 nobody has carried \
                                it out yet. With several jobs the worst counts.";

/// Which jobs.
#[derive(Debug, Args)]
#[command(after_help = CODES)]
pub(crate) struct JobsArgs {
    /// The jobs.
    #[arg(required = true, value_name = "ID")]
    ids: Vec<JobId>,
}

/// What becomes of a parked job.
#[derive(Debug, Args)]
#[command(after_help = CODES)]
pub(crate) struct ResolveArgs {
    /// The job.
    id: JobId,
    #[command(flatten)]
    way: Way,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Way {
    /// Gamma made it: this is its generationId. It is looked at from now on.
    #[arg(long, value_name = "GENERATION_ID")]
    generation: Option<GenerationId>,
    /// Submit it again. Where Gamma had accepted it, it is paid for twice.
    #[arg(long)]
    resubmit: bool,
    /// Give it up.
    #[arg(long)]
    fail: bool,
}

/// What is paused or resumed.
#[derive(Debug, Args)]
#[command(after_help = CODES)]
pub(crate) struct ScopeArgs {
    #[command(flatten)]
    what: What,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct What {
    /// One account: nothing is sent with its key, submits and looks alike.
    account: Option<AccountName>,
    /// The whole queue: nothing new is submitted, and what is paid for is looked at.
    #[arg(long)]
    all: bool,
}

impl ScopeArgs {
    fn scope(self) -> Scope {
        self.what.account.map_or(Scope::Queue, Scope::Account)
    }
}

pub(crate) async fn cancel(context: &Context, args: JobsArgs) -> anyhow::Result<Code> {
    all(context, args.ids.into_iter().map(Command::Cancel)).await
}

pub(crate) async fn repoll(context: &Context, args: JobsArgs) -> anyhow::Result<Code> {
    all(context, args.ids.into_iter().map(Command::Repoll)).await
}

pub(crate) async fn resolve(context: &Context, args: ResolveArgs) -> anyhow::Result<Code> {
    let way = match args.way {
        Way {
            generation: Some(generation),
            ..
        } => Resolution::Generation(generation),
        Way { resubmit: true, .. } => Resolution::Resubmit,
        Way { .. } => Resolution::Fail,
    };
    all(context, [Command::Resolve(args.id, way)]).await
}

pub(crate) async fn pause(context: &Context, args: ScopeArgs) -> anyhow::Result<Code> {
    all(context, [Command::Pause(args.scope())]).await
}

pub(crate) async fn resume(context: &Context, args: ScopeArgs) -> anyhow::Result<Code> {
    all(context, [Command::Resume(args.scope())]).await
}

/// Carries commands out one after the other, and says of each what came of it.
async fn all(context: &Context, commands: impl IntoIterator<Item = Command>) -> anyhow::Result<Code> {
    let mut operator = Operator::new(context).await?;
    let mut worst = Code::Done;
    for command in commands {
        let answer = operator.carry_out(&command).await?;
        worst = worst.worse(answer.code());
        operator::tell(context, &command, &answer)?;
    }
    Ok(worst)
}
