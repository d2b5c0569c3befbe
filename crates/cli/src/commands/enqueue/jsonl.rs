//! `gammaq enqueue --jsonl`: one job a line.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Context as _;
use gammaq_producer::{Body, ExportFormat, JobId, Kind, NewJob, Producer};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::JobFlags;
use crate::context::{Context, is_watched, note};
use crate::exit::Usage;
use crate::output::time;

/// The most bad lines that are told one by one.
const TOLD: usize = 20;
/// How many jobs are enqueued before their ids are printed.
const CHUNK: usize = 500;

/// A line that says more than the request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    #[serde(borrow)]
    request: &'a RawValue,
    id: Option<String>,
    account: Option<String>,
    kind: Option<String>,
    exports: Option<OneOrMany>,
    priority: Option<u8>,
    run_at: Option<NumberOrText>,
    timeout: Option<NumberOrText>,
    callback: Option<String>,
    meta: Option<serde_json::Value>,
    traceparent: Option<String>,
    tracestate: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum NumberOrText {
    Number(u64),
    Text(String),
}

/// The jobs of a file, checked. Bad lines are told on standard error, by their number.
///
/// # Errors
/// Where a line is bad, unless `skip_bad`.
pub(super) fn read(text: &str, flags: &JobFlags, now: u64, skip_bad: bool) -> anyhow::Result<Vec<NewJob>> {
    let mut jobs = Vec::new();
    let mut bad = 0_usize;
    let mut ids: HashMap<String, usize> = HashMap::new();
    for (number, line) in (1..)
        .zip(text.lines())
        .filter(|(_, line)| !line.trim().is_empty())
    {
        match job(line, flags, now, number, &mut ids) {
            Ok(job) => jobs.push(job),
            Err(what) => {
                bad += 1;
                if bad <= TOLD {
                    note(&format!("line {number}: {what}"));
                }
            }
        }
    }
    if bad > TOLD {
        note(&format!("{} more lines can't be used", bad - TOLD));
    }
    if bad > 0 && !skip_bad {
        let what = format!(
            "{bad} of {} lines can't be used; nothing was enqueued",
            bad + jobs.len()
        );
        return Err(Usage(what)).context("--skip-bad enqueues the others");
    }
    if bad > 0 {
        note(&format!("{bad} lines left out, {} to enqueue", jobs.len()));
    }
    Ok(jobs)
}

fn job(
    line: &str,
    flags: &JobFlags,
    now: u64,
    number: usize,
    ids: &mut HashMap<String, usize>,
) -> Result<NewJob, String> {
    #[derive(Deserialize)]
    struct Probe<'a> {
        #[serde(borrow)]
        request: Option<&'a RawValue>,
    }
    let probe: Probe<'_> = serde_json::from_str(line).map_err(|error| said(&error))?;
    let job = match probe.request {
        // A request by itself.
        None => flags
            .job(Body::raw(flags.kind, line), now)
            .map_err(|Usage(what)| what)?,
        Some(_) => {
            let line: Line<'_> = serde_json::from_str(line).map_err(|error| said(&error))?;
            if let Some(other) = line.id.as_ref().and_then(|id| ids.insert(id.clone(), number)) {
                return Err(format!(
                    "id: stands on line {other} too; each job has an id of its own"
                ));
            }
            with_line(flags, line, now)?
        }
    };
    job.check().map_err(|error| error.to_string())?;
    Ok(job)
}

/// What is wrong with JSON, with the column alone: the line is known.
fn said(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or(&text);
    format!("not a usable JSON object, column {} ({what})", error.column())
}

fn with_line(flags: &JobFlags, line: Line<'_>, now: u64) -> Result<NewJob, String> {
    let mut flags = flags.clone();
    if let Some(kind) = &line.kind {
        flags.kind = kind
            .parse::<Kind>()
            .map_err(|error| format!("kind: {error}; generation, template and agent are"))?;
    }
    let words = match line.exports {
        None => None,
        Some(OneOrMany::One(list)) => Some(list.split(',').map(|word| word.trim().to_owned()).collect()),
        Some(OneOrMany::Many(words)) => Some(words),
    };
    if let Some(words) = words {
        let format = |word: &String| {
            word.parse::<ExportFormat>()
                .map_err(|error| format!("exports: {error}; pdf, pptx and png are"))
        };
        flags.exports = words.iter().map(format).collect::<Result<_, _>>()?;
    }
    let text = |it: NumberOrText| match it {
        NumberOrText::Number(number) => number.to_string(),
        NumberOrText::Text(text) => text,
    };
    if let Some(time) = line.run_at {
        let time = time::parse(&text(time), now).map_err(|what| format!("run_at: {what}"))?;
        flags.run_at = Some(time.to_string());
    }
    flags.timeout = match line.timeout {
        None => flags.timeout,
        Some(NumberOrText::Number(seconds)) => Some(Duration::from_secs(seconds)),
        Some(NumberOrText::Text(text)) => Some(
            humantime::parse_duration(&text)
                .map_err(|_| "timeout: seconds, or text such as 10m".to_owned())?,
        ),
    };
    flags.meta = match line.meta {
        None => flags.meta,
        Some(serde_json::Value::String(text)) => Some(text),
        // A program's own data: kept as the JSON that it is.
        Some(other) => Some(other.to_string()),
    };
    flags.id = line.id;
    flags.account = line.account.or(flags.account);
    flags.priority = line.priority.or(flags.priority);
    flags.callback = line.callback.or(flags.callback);
    // The two belong together.
    if line.traceparent.is_some() {
        (flags.traceparent, flags.tracestate) = (line.traceparent, line.tracestate);
    }
    let request = line.request.get();
    let request = match request.starts_with('"') {
        true => serde_json::from_str::<String>(request).map_err(|error| said(&error))?,
        false => request.to_owned(),
    };
    flags
        .job(Body::raw(flags.kind, request), now)
        .map_err(|Usage(what)| what)
}

/// Enqueues all of them and prints their ids as they are in.
pub(super) async fn enqueue(
    context: &Context,
    producer: &Producer,
    jobs: Vec<NewJob>,
    print: bool,
) -> anyhow::Result<Vec<JobId>> {
    let total = jobs.len();
    let bar = is_watched().then(|| ProgressBar::new(total as u64));
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len} jobs, {eta} to go");
    if let (Some(bar), Ok(style)) = (&bar, style) {
        bar.set_style(style);
    }
    let mut ids = Vec::with_capacity(total);
    let mut jobs = jobs.into_iter().peekable();
    while jobs.peek().is_some() {
        let (new, error) = match producer.enqueue_many(jobs.by_ref().take(CHUNK)).await {
            Ok(new) => (new, None),
            Err(interrupted) => (interrupted.ids, Some(interrupted.error)),
        };
        let show = || {
            if print {
                super::print(context, &new)
            } else {
                Ok(())
            }
        };
        match &bar {
            Some(bar) => bar.suspend(show)?,
            None => show()?,
        }
        ids.extend(new);
        if let Some(error) = error {
            let what = format!(
                "{} of {total} jobs are enqueued for certain; where each line has an id, the whole file can be \
                 enqueued again",
                ids.len()
            );
            return Err(error).context(what);
        }
        if let Some(bar) = &bar {
            bar.set_position(ids.len() as u64);
        }
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags() -> JobFlags {
        JobFlags {
            id: None,
            account: Some("eu".to_owned()),
            kind: Kind::Generation,
            exports: vec![ExportFormat::Pdf],
            priority: Some(7),
            run_at: None,
            timeout: None,
            meta: None,
            callback: None,
            traceparent: None,
            tracestate: None,
        }
    }

    fn read_one(line: &str) -> Result<NewJob, String> {
        job(line, &flags(), 1_000, 1, &mut HashMap::new())
    }

    #[test]
    fn a_line_is_a_request_or_has_one() {
        let bare = read_one(r#"{"inputText":"a"}"#).unwrap();
        let same = NewJob::raw(Kind::Generation, r#"{"inputText":"a"}"#)
            .account("eu")
            .export(ExportFormat::Pdf)
            .priority(7);
        assert_eq!(bare, same);
        let line = r#"{"request":{"prompt":"a", "x":1.0},"id":"i","account":"us","kind":"agent","exports":["png"],
            "priority":0,"run_at":"+1s","timeout":"2m","meta":{"a":1}}"#;
        let expected = NewJob::raw(Kind::Agent, r#"{"prompt":"a", "x":1.0}"#)
            .id("i")
            .account("us")
            .export(ExportFormat::Png)
            .priority(0)
            .run_at_ms(2_000)
            .timeout(Duration::from_secs(120))
            .meta(r#"{"a":1}"#);
        assert_eq!(read_one(line).unwrap(), expected);
        let text = read_one(r#"{"request":"{\"inputText\":\"a\"}","exports":"pdf"}"#).unwrap();
        assert_eq!(text, same);
    }

    #[test]
    fn a_bad_line_says_what_is_wrong() {
        for (line, part) in [
            ("nope", "not a usable JSON object"),
            ("[1]", "not a usable JSON object"),
            (r#"{"request":{"inputText":""}}"#, "inputText: 0 characters"),
            (
                r#"{"request":{"inputText":"a"},"acount":"x"}"#,
                "unknown field `acount`",
            ),
            (r#"{"request":{"inputText":"a"},"kind":"deck"}"#, "kind: \"deck\""),
            (
                r#"{"request":{"inputText":"a"},"exports":["doc"]}"#,
                "exports: \"doc\"",
            ),
            (
                r#"{"request":{"inputText":"a"},"run_at":"soon"}"#,
                "run_at: \"soon\"",
            ),
            (r#"{"request":{"inputText":"a"},"id":"a b"}"#, "id: \"a b\""),
            (r#"{"prompt":"a"}"#, "inputText: missing"),
        ] {
            let said = read_one(line).unwrap_err();
            assert!(said.contains(part), "{line}: {said}");
        }
        let mut ids = HashMap::new();
        let line = r#"{"request":{"inputText":"a"},"id":"i"}"#;
        assert!(job(line, &flags(), 0, 1, &mut ids).is_ok());
        assert!(
            job(line, &flags(), 0, 4, &mut ids)
                .unwrap_err()
                .contains("line 1 too")
        );
    }
}
