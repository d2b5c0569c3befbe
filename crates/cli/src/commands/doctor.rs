//! `gammaq doctor`: is the server fit for paid work, and do records and indexes tell the same story?

use std::path::Path;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use clap::Args;
use gammaq_queue::Queue;
use gammaq_queue::doctor::{Ailment, Expected, Finding, Mended, Report, Severity};
use gammaq_worker::Error as WorkerError;
use gammaq_worker::journal::{Shown, Suspect, suspects};
use gammaq_worker::settings::{RedisMode, Settings};
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::{Code, Usage};
use crate::output::styled;

/// Whether to mend.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Show what can be mended without any risk; with --yes, mend it.
    #[arg(long)]
    repair: bool,
    /// Carry out what --repair shows.
    #[arg(long)]
    yes: bool,
}

/// How many keys of one finding are shown to people; --json has them all.
const SHOWN: usize = 10;
/// Mending one thing may uncover another that can be mended, such as a job that stood in a wrong line only.
const ROUNDS: usize = 4;
/// After so long a submit that was on its way has arrived in Redis.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Who mended, in `events`.
const BY: &str = "doctor";

pub(crate) async fn run(context: &Context, args: &DoctorArgs) -> anyhow::Result<Code> {
    if args.yes && !args.repair {
        return Err(Usage("--yes goes with --repair".to_owned()).into());
    }
    let producer = context.connect().await?;
    let queue = producer.queue();
    let expected = expected(context)?;
    let mut report = examine(context, queue, &expected).await?;
    let mut mended = Vec::new();
    if args.repair && args.yes {
        for _ in 0..ROUNDS {
            if !mend(queue, &report, &mut mended).await? {
                break;
            }
            report = examine(context, queue, &expected).await?;
        }
    }
    if context.json {
        let mut value = serde_json::to_value(&report)?;
        value["ill"] = report.is_ill().into();
        value["mended"] = mended.iter().map(as_json).collect();
        context.json_line(&value)?;
    } else {
        show(context, queue, &report, &mended, args)?;
    }
    Ok(if report.is_ill() {
        Code::Unsuccessful
    } else {
        Code::Done
    })
}

/// What the settings say of the server and the accounts. Where a worker could not start with them, that says nothing
/// of the queue.
fn expected(context: &Context) -> anyhow::Result<Expected> {
    let cluster = Settings::load_for_client(context.source())?.redis.mode == RedisMode::Cluster;
    let keys = Settings::load_for_worker(context.source()).ok().map(|settings| {
        // Those of `accounts_dir` are among them, where their files hold a key.
        settings.accounts.keys().map(ToString::to_string).collect()
    });
    Ok(Expected { cluster, keys })
}

/// The queue, and the journal of this host where there is one.
async fn examine(context: &Context, queue: &Queue, expected: &Expected) -> anyhow::Result<Report> {
    let mut report = queue.examine(expected).await?;
    let settings = Settings::load_for_client(context.source())?;
    let Some(directory) = settings.submit.journal else {
        return Ok(report);
    };
    match still_suspect(&directory, queue).await {
        Ok(suspects) => suspects.iter().for_each(|it| report.add(of_journal(queue, it))),
        Err(WorkerError::Queue(error)) => return Err(error.into()),
        Err(error) => report.not_checked.push(format!("the journal: {error}")),
    }
    report.sort();
    Ok(report)
}

/// What the journal knows more about than Redis, and still does a moment later: a submit writes to both, one after the
/// other.
async fn still_suspect(directory: &Path, queue: &Queue) -> Result<Vec<Suspect>, WorkerError> {
    let first = suspects(directory, queue).await?;
    if first.is_empty() {
        return Ok(first);
    }
    tokio::time::sleep(AGAIN_AFTER).await;
    let mut again = suspects(directory, queue).await?;
    again.retain(|it| first.iter().any(|seen| (&seen.id, seen.at) == (&it.id, it.at)));
    Ok(again)
}

fn of_journal(queue: &Queue, suspect: &Suspect) -> Finding {
    let shows = match suspect.shows {
        Shown::Nothing => "Redis has no such job".to_owned(),
        Shown::AnotherStory(state) => format!("Redis says {state}, and nothing of this POST"),
        Shown::NoGeneration(state) => format!("Redis says {state}, without its generation"),
        Shown::Broken => "its record can't be read".to_owned(),
    };
    let generation = suspect.generation_id.as_deref().unwrap_or("unknown");
    let detail = format!("{shows}; account {}, generation {generation}", suspect.account);
    Finding::new(Ailment::Journal, queue.keys().job(&suspect.id), detail)
}

type Mend = (Finding, Mended);

fn as_json((finding, outcome): &Mend) -> Value {
    json!({ "what": finding.what, "key": finding.key, "subject": finding.subject, "outcome": outcome })
}

/// Mends what can be mended; answers whether anything was.
async fn mend(queue: &Queue, report: &Report, mended: &mut Vec<Mend>) -> anyhow::Result<bool> {
    let mut any = false;
    for finding in report.mendable() {
        let outcome = queue.mend(finding, BY).await?;
        any |= outcome == Mended::Done;
        mended.push((finding.clone(), outcome));
    }
    Ok(any)
}

fn show(
    context: &Context,
    queue: &Queue,
    report: &Report,
    mended: &[Mend],
    args: &DoctorArgs,
) -> anyhow::Result<()> {
    let name = queue.keys().base().trim_end_matches(':');
    context.line(format!(
        "queue {name} on {}, {} records",
        report.server, report.records
    ))?;
    for (finding, outcome) in mended {
        let outcome = match outcome {
            Mended::Done => styled("mended", AnsiColor::Green.on_default()),
            Mended::Gone => "was no longer so".to_owned(),
            Mended::Refused => "not mended".to_owned(),
        };
        context.line(format!(
            "  {outcome}  {}  {} {}",
            finding.what, finding.subject, finding.key
        ))?;
    }
    let mut rest = report.findings.as_slice();
    while let Some(first) = rest.first() {
        let same = rest.iter().take_while(|it| it.what == first.what).count();
        kind(context, report, &rest[..same])?;
        rest = &rest[same..];
    }
    for what in &report.not_checked {
        context.line(format!("\nnot checked  {what}"))?;
    }
    context.line(format!("\n{}", summary(report, args)))?;
    Ok(())
}

/// All findings of one kind.
fn kind(context: &Context, report: &Report, same: &[Finding]) -> anyhow::Result<()> {
    let Some(first) = same.first() else { return Ok(()) };
    let (word, style) = match first.severity {
        Severity::Error => ("error", AnsiColor::Red.on_default().bold()),
        Severity::Warning => ("warning", AnsiColor::Yellow.on_default()),
        Severity::Note => ("note", Style::new().dimmed()),
    };
    context.line(format!("\n{}  {}", styled(word, style), first.what))?;
    context.line(format!("  {}", first.means))?;
    for finding in same.iter().take(SHOWN) {
        let parts = [finding.key.as_str(), finding.detail.as_str()];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        context.line(format!("    {}", parts.join("  ")))?;
    }
    let all = report.more.get(&first.what).copied().unwrap_or(same.len());
    if all > SHOWN {
        context.line(format!("    and {} more", all - SHOWN.min(same.len())))?;
    }
    Ok(context.line(format!("  {}", first.to_do))?)
}

fn summary(report: &Report, args: &DoctorArgs) -> String {
    let count = |severity| {
        let kept = report
            .findings
            .iter()
            .filter(|it| it.severity == severity)
            .count();
        let beyond = report.more.iter().filter(|(what, _)| what.severity() == severity);
        kept + beyond
            .map(|(_, all)| all - gammaq_queue::doctor::MOST_OF_A_KIND)
            .sum::<usize>()
    };
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    if errors + warnings == 0 {
        return "nothing is wrong".to_owned();
    }
    let mendable = report
        .findings
        .iter()
        .map(|it| it.what)
        .filter(|what: &Ailment| what.is_mendable())
        .count();
    let next = match (mendable, args.repair, args.yes) {
        (0, ..) => String::new(),
        (_, false, _) => format!("; {mendable} can be mended without risk: --repair shows how"),
        (_, true, false) => {
            format!("; nothing was changed: --repair --yes mends {mendable} of them as it says there")
        }
        (_, true, true) => format!("; {mendable} came back or are left: run it again"),
    };
    format!("{errors} errors, {warnings} warnings{next}")
}
