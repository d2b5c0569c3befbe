//! `gammaq list`: jobs, page by page.

use clap::Args;
use comfy_table::Cell;
use gammaq_job::json::cut;
use gammaq_job::{AccountName, State};
use gammaq_queue::read::pages::{CallbackList, Cursor, Filter, JobPage, JobRow};
use serde_json::Value;

use crate::context::{Context, note};
use crate::exit::{Code, Usage};
use crate::output::{table, time};

/// Which jobs.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only jobs in this state: queued, submitting, generating, exporting, ambiguous, completed, failed, timed_out,
    /// cancelled.
    #[arg(long)]
    state: Option<State>,
    /// Only jobs of this account.
    #[arg(long, value_name = "NAME")]
    account: Option<AccountName>,
    /// Only jobs that ended, or were parked, since then, and those under way that were made since: a length of time
    /// ago (10m), or a time (Unix milliseconds, RFC 3339).
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Only jobs whose caller is still to be called back (due), or could not be (failed).
    #[arg(long, value_name = "WHICH")]
    callback: Option<CallbackList>,
    /// How many.
    #[arg(long, default_value_t = 50, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Go on where an earlier list ended, at the place that it printed.
    #[arg(long, value_name = "PLACE")]
    after: Option<Cursor>,
}

pub(crate) async fn run(context: &Context, args: &ListArgs) -> anyhow::Result<Code> {
    let producer = context.connect().await?;
    let queue = producer.queue();
    let now = queue.time().await?;
    let since = args
        .since
        .as_deref()
        .map(|text| time::since(text, now))
        .transpose();
    let filter = Filter {
        state: args.state,
        account: args.account.as_ref().map(ToString::to_string),
        since: since.map_err(|what| Usage(format!("--since: {what}")))?,
        callback: args.callback,
    };
    let limit = usize::try_from(args.limit)?;
    let page = queue.jobs(&filter, args.after.as_ref(), limit).await?;
    let inbox = match queue.inbox_len().await {
        // A broken key is no reason to tell nothing.
        Err(gammaq_queue::Error::Refused(_)) => 0,
        inbox => inbox?,
    };
    if context.json {
        let mut value = serde_json::to_value(&page)?;
        value["more"] = page.after.is_some().into();
        value["inbox"] = inbox.into();
        context.json_line(&value)?;
        return Ok(Code::Done);
    }
    if page.jobs.is_empty() {
        note("no such jobs");
        context.note_unmade(queue).await?;
    } else {
        let columns = [
            "JOB",
            "STATE",
            "ACCOUNT",
            "AGE",
            "NEXT STEP",
            "WHAT THERE IS TO SAY",
        ];
        context.line(table::table(
            &columns,
            page.jobs.iter().map(|job| row(job, now, args.callback)),
        ))?;
    }
    tell_rest(&page);
    if inbox > 0 {
        note(&format!(
            "{inbox} entries in the inbox are not taken in yet; a worker does that"
        ));
    }
    Ok(Code::Done)
}

fn tell_rest(page: &JobPage) {
    if page.stopped {
        note(&format!("stopped looking after {} jobs", page.looked_at));
    }
    if let Some(after) = &page.after {
        let there = if page.stopped {
            "there may be more"
        } else {
            "there are more"
        };
        note(&format!("{there}: --after {after} goes on"));
    }
    super::accounts::context_broken(&page.broken);
}

fn row(job: &JobRow, now: u64, callback: Option<CallbackList>) -> Vec<Cell> {
    let age = job.created_at.map(|it| time::span(now.saturating_sub(it)));
    let next = job.next_at.map(|it| time::relative(now, it));
    let of_callback = callback.and_then(|_| job.callback_error.clone());
    vec![
        Cell::new(&job.id),
        table::state_cell(&job.state),
        Cell::new(&job.account),
        Cell::new(age.unwrap_or_default()),
        Cell::new(next.unwrap_or_default()),
        Cell::new(cut(&of_callback.unwrap_or_else(|| says(job)), 100)),
    ]
}

/// What went wrong, else the deck, else what else is known.
pub(super) fn says(job: &JobRow) -> String {
    let error = job.error.as_ref().map(|error| match error {
        Value::Object(error) => {
            let part = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
            format!("{}: {}", part("kind"), part("message"))
        }
        other => other.to_string(),
    });
    error
        .or_else(|| job.gamma_url.clone())
        .or_else(|| job.last_error.clone())
        .or_else(|| job.generation_id.clone())
        .unwrap_or_default()
}
