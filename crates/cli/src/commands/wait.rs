//! `gammaq wait`, and the waiting of `gammaq enqueue --wait`.

use std::time::Duration;

use clap::Args;
use gammaq_producer::{JobId, JobResult, Producer, Progress, WaitError};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::context::{Context, is_watched, note};
use crate::exit::{self, Code};
use crate::output::{result, state};

/// Which jobs, and for how long.
#[derive(Debug, Args)]
pub(crate) struct WaitArgs {
    /// The jobs.
    #[arg(required = true, value_name = "ID")]
    ids: Vec<JobId>,
    /// Give up after this time, as in 5m; the jobs go on. Without it, wait as long as it takes.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    timeout: Option<Duration>,
}

pub(crate) async fn run(context: &Context, args: WaitArgs) -> anyhow::Result<Code> {
    let producer = context.connect().await?;
    wait_for(context, &producer, args.ids, args.timeout).await
}

/// Longer than anybody waits; `Instant` has an end.
const FOR_EVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Waits for all of them, prints each end as it comes, and answers the worst.
pub(crate) async fn wait_for(
    context: &Context,
    producer: &Producer,
    ids: Vec<JobId>,
    timeout: Option<Duration>,
) -> anyhow::Result<Code> {
    let deadline = Instant::now() + timeout.unwrap_or(FOR_EVER).min(FOR_EVER);
    let bar = progress(ids.len());
    let only = ids.len() == 1;
    let mut waits = JoinSet::new();
    for id in ids {
        waits.spawn(one(producer.clone(), id, deadline, bar.clone().filter(|_| only)));
    }
    let mut code = Code::Done;
    while let Some(ended) = waits.join_next().await {
        let outcome = ended?;
        if let Some(bar) = bar.as_ref().filter(|_| !only) {
            bar.inc(1);
        }
        let json = match &outcome {
            Ok(result) if context.json => whole(producer, result).await?,
            _ => serde_json::Value::Null,
        };
        let told = || match outcome {
            Ok(result) => tell(context, &result, &json),
            // The only one, or what can't be waited out, ends the command.
            Err(error) if only || matches!(error, WaitError::Broken(_)) => Err(error.into()),
            Err(error) => Ok(tell_error(error)),
        };
        let told = match &bar {
            Some(bar) => bar.suspend(told),
            None => told(),
        };
        code = code.worse(told?);
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    Ok(code)
}

async fn one(
    producer: Producer,
    id: JobId,
    deadline: Instant,
    bar: Option<ProgressBar>,
) -> Result<JobResult, WaitError> {
    let mut waiter = producer.waiter(&id);
    loop {
        match timeout_at(deadline, waiter.next()).await {
            Ok(Ok(Progress::Ended(result))) => return Ok(*result),
            Ok(Ok(Progress::Moved(state))) => {
                if let Some(bar) = &bar {
                    bar.set_message(format!("{id} is {state}"));
                }
            }
            Ok(Err(error)) => return Err(error),
            Err(_) => return Err(waiter.timed_out()),
        }
    }
}

/// The result as it stands in Redis, with fields that this version doesn't know.
async fn whole(producer: &Producer, result: &JobResult) -> anyhow::Result<serde_json::Value> {
    Ok(match producer.queue().result_text(&result.id).await? {
        Some(text) => serde_json::from_str(&text)?,
        None => serde_json::to_value(result)?,
    })
}

fn tell(context: &Context, result: &JobResult, json: &serde_json::Value) -> anyhow::Result<Code> {
    if context.json {
        context.json_line(json)?;
    } else {
        context.line(result::text(result, state))?;
    }
    Ok(result::code_of(result))
}

fn tell_error(error: WaitError) -> Code {
    let error = anyhow::Error::from(error);
    note(&format!("{error:#}"));
    exit::judge(&error).0
}

/// Something that moves, where somebody watches.
fn progress(jobs: usize) -> Option<ProgressBar> {
    if !is_watched() {
        return None;
    }
    let bar = if jobs == 1 {
        ProgressBar::new_spinner().with_message("waiting for a worker to take it in")
    } else {
        let style = ProgressStyle::with_template("{spinner} {pos} of {len} jobs ended, {elapsed}").ok()?;
        ProgressBar::new(jobs as u64).with_style(style)
    };
    bar.enable_steady_tick(Duration::from_millis(120));
    Some(bar)
}
