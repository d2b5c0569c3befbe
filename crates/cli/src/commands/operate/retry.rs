//! `gammaq retry`: one job, or many that ended alike.

use clap::{Args, ValueEnum};
use gammaq_job::json::cut;
use gammaq_job::{AccountName, Command, JobError, JobId, State};
use gammaq_queue::ended::{Ended, Which};
use gammaq_queue::operate::Outcome;
use serde_json::json;

use super::operator::{Operator, Told};
use super::{CODES, all};
use crate::context::{Context, note};
use crate::exit::{Code, Usage};
use crate::output::{table, time};

/// How many are shown one by one.
const SHOWN: usize = 10;

/// Which jobs.
#[derive(Debug, Args)]
#[command(after_help = CODES)]
pub(crate) struct RetryArgs {
    /// The jobs.
    #[arg(value_name = "ID", required_unless_present = "state", conflicts_with_all = ["state", "account", "since", "yes"])]
    ids: Vec<JobId>,
    /// Instead of ids: every job in this state. Shows which they are, and changes nothing without --yes.
    #[arg(long)]
    state: Option<Retried>,
    /// Only those of this account.
    #[arg(long, value_name = "NAME", requires = "state")]
    account: Option<AccountName>,
    /// Only those that ended since then: a length of time ago (1h), or a time (Unix milliseconds, RFC 3339).
    #[arg(long, value_name = "WHEN", requires = "state")]
    since: Option<String>,
    /// The most; the newest come first.
    #[arg(long, default_value_t = 1_000, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// Retry them.
    #[arg(long, requires = "state")]
    yes: bool,
}

/// States from which a job is retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Retried {
    Failed,
    Cancelled,
}

impl Retried {
    const fn state(self) -> State {
        match self {
            Self::Failed => State::Failed,
            Self::Cancelled => State::Cancelled,
        }
    }
}

pub(crate) async fn run(context: &Context, args: RetryArgs) -> anyhow::Result<Code> {
    let Some(state) = args.state.map(Retried::state) else {
        return all(context, args.ids.into_iter().map(Command::Retry)).await;
    };
    let mut operator = Operator::new(context).await?;
    let now = operator.queue().time().await?;
    let since = match &args.since {
        Some(text) => ago(text, now)?,
        None => 0,
    };
    let which = Which {
        state,
        since,
        account: args.account.as_ref().map(AccountName::as_str),
        most: usize::try_from(args.limit)?,
    };
    let (jobs, more) = operator.queue().ended_jobs(&which).await?;
    if args.yes {
        return retry(context, &mut operator, &jobs, more).await;
    }
    preview(context, state, &jobs, more, now)?;
    Ok(if jobs.is_empty() {
        Code::NotFound
    } else {
        Code::Done
    })
}

/// A length of time is one that is over.
fn ago(text: &str, now: u64) -> Result<u64, Usage> {
    let back = time::parse(&format!("-{text}"), now);
    back.or_else(|_| time::parse(text, now))
        .map_err(|what| Usage(format!("--since: {what}")))
}

fn preview(context: &Context, state: State, jobs: &[Ended], more: bool, now: u64) -> anyhow::Result<()> {
    if context.json {
        let shown: Vec<_> = jobs.iter().take(SHOWN).map(|job| &job.id).collect();
        let value = json!({ "matched": jobs.len(), "more": more, "first": shown, "yes": false });
        return context.json_line(&value);
    }
    if jobs.is_empty() {
        note(&format!("no such jobs are {state}"));
        return Ok(());
    }
    let rows = jobs.iter().take(SHOWN).map(|job| {
        [
            job.id.clone(),
            job.account.clone(),
            time::relative(now, job.at),
            cut(&why(job), 100),
        ]
    });
    context.line(table::table(
        &["JOB", "ACCOUNT", "SINCE", "WHY"],
        rows.collect::<Vec<_>>(),
    ))?;
    if jobs.len() > SHOWN {
        context.line(format!("… and {} more", jobs.len() - SHOWN))?;
    }
    let count = jobs.len();
    let or_more = if more { ", and there are more of them" } else { "" };
    note(&format!(
        "{count} jobs would be submitted once more each, and paid for again{or_more}; nothing was changed. --yes does it"
    ));
    Ok(())
}

fn why(job: &Ended) -> String {
    serde_json::from_str::<JobError>(&job.error)
        .map(|error| format!("{}: {}", error.kind, error.message))
        .unwrap_or_default()
}

/// One after the other, so that Redis is never held up, and what is refused stands in nobody's way.
async fn retry(
    context: &Context,
    operator: &mut Operator,
    jobs: &[Ended],
    more: bool,
) -> anyhow::Result<Code> {
    let (mut done, mut already, mut refused, mut missing) = (0, 0, 0, 0);
    let mut refusals = Vec::new();
    for job in jobs {
        let Ok(id) = JobId::new(&job.id) else { continue };
        let Told { outcome, text } = operator.carry_out(&Command::Retry(id)).await?;
        match outcome {
            Some(Outcome::Done | Outcome::Noted) => done += 1,
            Some(Outcome::Already) => already += 1,
            Some(Outcome::Missing) => missing += 1,
            _ => refused += 1,
        }
        if !outcome.is_some_and(Outcome::is_good) && refusals.len() < SHOWN {
            refusals.push(text);
        }
    }
    let code = match (jobs.len(), refused + missing) {
        (0, _) => Code::NotFound,
        (_, 0) => Code::Done,
        _ => Code::Unsuccessful,
    };
    if context.json {
        let value = json!({
            "matched": jobs.len(), "more": more, "yes": true, "done": done, "already": already,
            "refused": refused, "missing": missing, "refusals": refusals,
        });
        context.json_line(&value)?;
        return Ok(code);
    }
    if jobs.is_empty() {
        note("no such jobs");
        return Ok(code);
    }
    context.line(format!("{done} jobs are queued again, {refused} were refused"))?;
    if already + missing > 0 {
        context.line(format!(
            "{already} were queued again meanwhile, {missing} expired"
        ))?;
    }
    for text in &refusals {
        note(text);
    }
    if more {
        note("there are more of them: ask again");
    }
    Ok(code)
}
