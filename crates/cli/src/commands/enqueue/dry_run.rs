//! `gammaq enqueue --dry-run`: what would be sent and what it may cost. Nothing is written, and nobody is asked.

use gammaq_gamma::Engine;
use gammaq_producer::{Kind, NewJob, Preview};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::context::{Context, note};

/// For programs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    id: Option<&'a str>,
    account: &'a str,
    kind: &'a str,
    endpoint: &'a str,
    exports: Vec<&'a str>,
    warnings: &'a [String],
    /// As it would be sent, to the last byte.
    body: &'a RawValue,
    estimate: Option<&'a gammaq_job::estimate::Estimate>,
    no_estimate: Option<String>,
}

/// Shows each of the jobs, and for several what they may cost together.
pub(super) fn show(context: &Context, jobs: &[NewJob]) -> anyhow::Result<()> {
    let (mut low, mut high, mut unknown) = (0_u64, 0_u64, 0_usize);
    for (n, job) in jobs.iter().enumerate() {
        let preview = job.preview()?;
        match &preview.estimate {
            Ok(estimate) => {
                low = low.saturating_add(estimate.low);
                high = high.saturating_add(estimate.high);
            }
            Err(_) => unknown += 1,
        }
        if context.json {
            json(context, job.own_id(), &preview)?;
            continue;
        }
        if n > 0 {
            context.line("")?;
        }
        for line in lines(job.own_id(), &preview) {
            context.line(line)?;
        }
    }
    if jobs.len() > 1 && !context.json {
        let rest = match unknown {
            0 => String::new(),
            unknown => format!(", and {unknown} of which nobody can say"),
        };
        context.line(format!("\n{} jobs  {}{rest}", jobs.len(), range(low, high)))?;
    }
    note("a dry run: nothing was enqueued");
    Ok(())
}

fn json(context: &Context, id: Option<&str>, preview: &Preview) -> anyhow::Result<()> {
    context.json_line(&Shown {
        id,
        account: preview.account.as_str(),
        kind: preview.kind.as_str(),
        endpoint: engine(preview.kind).submit_path(),
        exports: preview.exports.iter().map(|format| format.as_str()).collect(),
        warnings: &preview.warnings,
        body: serde_json::from_str(&preview.body)?,
        estimate: preview.estimate.as_ref().ok(),
        no_estimate: preview.estimate.as_ref().err().map(ToString::to_string),
    })
}

fn lines(id: Option<&str>, preview: &Preview) -> Vec<String> {
    let mut out = vec![id.unwrap_or("a job with an id of Redis's").to_owned()];
    let mut line = |name: &str, value: &str| out.push(format!("  {name:<9} {value}"));
    line("account", preview.account.as_str());
    line("kind", preview.kind.as_str());
    let exports: Vec<&str> = preview.exports.iter().map(|format| format.as_str()).collect();
    if !exports.is_empty() {
        line("files", &exports.join(","));
    }
    for warning in &preview.warnings {
        line("warning", warning);
    }
    match &preview.estimate {
        Ok(estimate) => {
            line("estimate", &range(estimate.low, estimate.high));
            for part in &estimate.basis {
                line("", part);
            }
            line(
                "",
                "by Gamma's documentation; what it costs stands in credits.deducted afterwards",
            );
        }
        Err(why) => line("estimate", &format!("none: {why}")),
    }
    line("sends", &format!("POST {}", engine(preview.kind).submit_path()));
    out.push(preview.body.clone());
    out
}

fn range(low: u64, high: u64) -> String {
    format!("{low} to {high} credits")
}

fn engine(kind: Kind) -> Engine {
    match kind {
        Kind::Generation => Engine::Classic,
        Kind::Template => Engine::Template,
        Kind::Agent => Engine::Agent,
    }
}
