//! What became of a job, for people.

use std::fmt::Write;

use gammaq_producer::{ErrorKind, JobResult, State};

use crate::exit::Code;
use crate::output::{Paint, time};

/// The exit code of a job's end.
pub(crate) fn code_of(result: &JobResult) -> Code {
    if result.state == State::Completed {
        Code::Done
    } else {
        Code::Unsuccessful
    }
}

/// A result in a few lines: the state, what there is, what it cost, what went wrong and what to do about it.
pub(crate) fn text(result: &JobResult, paint: Paint) -> String {
    let mut out = format!("{}  {}", result.id, paint(result.state.as_str()));
    if let (Some(submitted), Some(finished)) = (result.submitted_at, result.finished_at) {
        let _ = write!(out, " after {}", time::span(finished.saturating_sub(submitted)));
    }
    // Writing to a string can't fail.
    let mut line = |name: &str, value: &str| {
        let _ = write!(out, "\n  {name:<10} {value}");
    };
    if let Some(url) = &result.gamma_url {
        line("deck", url);
    }
    for (name, url) in [
        ("pdf", &result.pdf_url),
        ("pptx", &result.pptx_url),
        ("png", &result.png_url),
    ] {
        if let Some(url) = url {
            line(name, url);
        }
    }
    for export in &result.exports {
        if let Some(stored) = &export.stored {
            line(export.format.as_str(), &format!("kept at {stored}"));
        }
        if let Some(error) = &export.error {
            line(export.format.as_str(), error);
        }
    }
    if let Some(deducted) = result.credits.deducted {
        let left = result
            .credits
            .remaining
            .map(|it| format!(", {it} left"))
            .unwrap_or_default();
        line("credits", &format!("{deducted}{left}"));
    }
    if let Some(summary) = &result.summary {
        line("summary", &gammaq_job::json::cut(summary, 1_000));
    }
    if let Some(meta) = &result.meta {
        line("meta", &gammaq_job::json::cut(meta, 200));
    }
    for warning in &result.warnings {
        line("warning", &gammaq_job::json::cut(warning, 400));
    }
    if let Some(error) = &result.error {
        line(
            "error",
            &format!("{}: {}", error.kind, gammaq_job::json::cut(&error.message, 1_000)),
        );
        let status = error.status.map(|it| format!("HTTP {it}"));
        let request = error.request_id.as_ref().map(|it| format!("request {it}"));
        let said: Vec<String> = status.into_iter().chain(request).collect();
        if !said.is_empty() {
            line("from Gamma", &said.join(", "));
        }
        line("next", next(error.kind, &result.id).as_str());
    }
    out
}

fn next(kind: ErrorKind, id: &str) -> String {
    match kind {
        ErrorKind::InvalidRequest | ErrorKind::Refused => {
            "correct the request and enqueue it under another id".to_owned()
        }
        ErrorKind::UnknownAccount => {
            format!("give a worker the account's API key, then `gammaq retry {id}`")
        }
        ErrorKind::GenerationFailed | ErrorKind::GaveUp | ErrorKind::Cancelled => {
            format!("`gammaq retry {id}` submits it once more; that is a new generation, and paid for again")
        }
        ErrorKind::TimedOut => {
            format!(
                "it was paid for and is still looked at for a while; after that `gammaq repoll {id}` looks again, with a new deadline"
            )
        }
        ErrorKind::Ambiguous => {
            format!(
                "Gamma may have made it: look for it in the workspace, then `gammaq resolve {id}` with --generation, --resubmit or --fail"
            )
        }
    }
}
