//! `gammaq enqueue`: one job, or a file of them.

mod dry_run;
mod jsonl;
mod request;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use gammaq_job::request::MAX_BYTES;
use gammaq_producer::{Body, ExportFormat, JobId, Kind, NewJob, Producer};
use gammaq_worker::traces::Exporting;

use crate::commands::wait::wait_for;
use crate::context::Context;
use crate::exit::{Code, Usage};
use crate::output::time;

/// How long the end of the command may wait for a collector of spans.
const TRACES_WITHIN: Duration = Duration::from_secs(1);

/// What to enqueue.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    gammaq enqueue \"Renewable energy\" --num-cards 8 --export pdf --wait\n  \
    gammaq enqueue --request '{\"inputText\":\"…\",\"textMode\":\"generate\"}' --id invoice-42\n  \
    gammaq enqueue \"Renewable energy\" --num-cards 8 --dry-run\n  \
    gammaq enqueue --jsonl decks.jsonl --priority 7")]
pub(crate) struct EnqueueArgs {
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    job: JobFlags,
    #[command(flatten)]
    request: request::RequestFlags,
    /// With --jsonl: leave out lines that can't be used, instead of enqueueing nothing.
    #[arg(long, requires = "jsonl")]
    skip_bad: bool,
    /// Check everything, and show what would be sent and what it may cost; enqueue nothing. Redis is not asked.
    #[arg(long, conflicts_with = "wait")]
    dry_run: bool,
    /// Wait for the end, and print what became of it.
    #[arg(long)]
    wait: bool,
    /// With --wait: give up after this time, as in 10m; the job goes on.
    #[arg(long, requires = "wait", value_name = "TIME", value_parser = humantime::parse_duration)]
    timeout_wait: Option<Duration>,
}

/// Where the request comes from: one of these.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct What {
    /// The text to make a deck of; - reads it from standard input.
    #[arg(value_name = "TEXT")]
    text: Option<String>,
    /// A file with the text.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The whole request as JSON, sent on as it is; @FILE reads it from a file, @- from standard input.
    #[arg(long, value_name = "JSON")]
    request: Option<String>,
    /// A file with one job a line: a request, or {"request":…,"id":…,"account":…}; - is standard input.
    #[arg(long, value_name = "FILE")]
    jsonl: Option<PathBuf>,
}

/// What gammaq needs to know beside the request. With --jsonl, what lines don't say.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "The job")]
struct JobFlags {
    /// Its id and idempotency key: enqueued again, it is still one job. 1 to 64 of A-Z a-z 0-9 . _ -
    #[arg(long, conflicts_with = "jsonl")]
    id: Option<String>,
    /// Whose API key and budget [default: default].
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// What makes it: generation, template (takes --gamma-id) or agent (Gamma 5).
    #[arg(long, default_value = "generation")]
    kind: Kind,
    /// A file wanted of the deck, repeatable: pdf, pptx, png.
    #[arg(long = "export", value_name = "FORMAT")]
    exports: Vec<ExportFormat>,
    /// 0 first to 9 last among the account's jobs [default: 5].
    #[arg(long, value_name = "0-9", value_parser = clap::value_parser!(u8).range(0..=9))]
    priority: Option<u8>,
    /// Not before: Unix milliseconds, RFC 3339, or from now on, as in +10m.
    #[arg(long, value_name = "TIME")]
    run_at: Option<String>,
    /// From Gamma's acceptance to the deadline, as in 10m.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    timeout: Option<Duration>,
    /// Your own words, given back with the result, at most 4 KiB.
    #[arg(long, value_name = "TEXT")]
    meta: Option<String>,
    /// An https address to call at the end; kept, but not called by this version.
    #[arg(long, value_name = "URL")]
    callback: Option<String>,
    /// The trace that the job belongs to, as W3C trace context has it.
    #[arg(long, value_name = "CONTEXT", env = "TRACEPARENT")]
    traceparent: Option<String>,
    /// What goes with it, of the systems that trace.
    #[arg(long, value_name = "LIST", env = "TRACESTATE", requires = "traceparent")]
    tracestate: Option<String>,
}

impl JobFlags {
    /// The job for `body`; `now` is what `+10m` counts from.
    fn job(&self, body: Body, now: u64) -> Result<NewJob, Usage> {
        let mut job = NewJob::new(body);
        if let Some(id) = &self.id {
            job = job.id(id);
        }
        if let Some(account) = &self.account {
            job = job.account(account);
        }
        job = self.exports.iter().fold(job, |job, format| job.export(*format));
        if let Some(priority) = self.priority {
            job = job.priority(priority);
        }
        if let Some(time) = &self.run_at {
            job = job.run_at_ms(time::parse(time, now).map_err(|what| Usage(format!("--run-at: {what}")))?);
        }
        if let Some(timeout) = self.timeout {
            job = job.timeout(timeout);
        }
        if let Some(meta) = &self.meta {
            job = job.meta(meta);
        }
        if let Some(url) = &self.callback {
            job = job.callback(url);
        }
        if let Some(traceparent) = &self.traceparent {
            job = job.traceparent(traceparent);
        }
        if let Some(tracestate) = &self.tracestate {
            job = job.tracestate(tracestate);
        }
        Ok(job)
    }
}

pub(crate) async fn run(context: &Context, args: EnqueueArgs) -> anyhow::Result<Code> {
    let traces = Exporting::start();
    let done = enqueue(context, args).await;
    // Whatever becomes of the spans, nobody waits long for them.
    traces.end(TRACES_WITHIN).await;
    done
}

async fn enqueue(context: &Context, args: EnqueueArgs) -> anyhow::Result<Code> {
    if args.dry_run {
        dry_run::show(context, &jobs(&args)?)?;
        return Ok(Code::Done);
    }
    let ids;
    let producer;
    if let Some(path) = &args.what.jsonl {
        args.request.refuse_all("--jsonl")?;
        let text = read(path, u64::MAX)?;
        producer = context.connect().await?;
        let now = producer.queue().time().await?;
        let jobs = jsonl::read(&text, &args.job, now, args.skip_bad)?;
        drop(text);
        ids = jsonl::enqueue(context, &producer, jobs, !(args.wait && context.json)).await?;
    } else {
        let body = body(&args)?;
        // What is wrong with the job is said before Redis is asked for anything.
        args.job.job(body.clone(), 0)?.check()?;
        producer = context.connect().await?;
        ids = vec![one(&producer, &args.job, body).await?];
        if !(args.wait && context.json) {
            print(context, &ids)?;
        }
    }
    if args.wait {
        return wait_for(context, &producer, ids, args.timeout_wait).await;
    }
    Ok(Code::Done)
}

/// The jobs that would be enqueued. `+10m` counts from this machine's clock, since no other is asked.
fn jobs(args: &EnqueueArgs) -> anyhow::Result<Vec<NewJob>> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
    let Some(path) = &args.what.jsonl else {
        return Ok(vec![args.job.job(body(args)?, now)?]);
    };
    args.request.refuse_all("--jsonl")?;
    jsonl::read(&read(path, u64::MAX)?, &args.job, now, args.skip_bad)
}

async fn one(producer: &Producer, flags: &JobFlags, body: Body) -> anyhow::Result<JobId> {
    let now = match flags.run_at {
        Some(_) => producer.queue().time().await?,
        None => 0,
    };
    Ok(producer.enqueue(flags.job(body, now)?).await?)
}

fn print(context: &Context, ids: &[JobId]) -> anyhow::Result<()> {
    for id in ids {
        if context.json {
            context.json_line(&serde_json::json!({ "id": id }))?;
        } else {
            context.line(id)?;
        }
    }
    Ok(())
}

fn body(args: &EnqueueArgs) -> anyhow::Result<Body> {
    if let Some(json) = &args.what.request {
        args.request.refuse_all("--request")?;
        let json = match json.strip_prefix('@') {
            Some(path) => read(Path::new(path), MAX_BYTES as u64)?,
            None => json.clone(),
        };
        return Ok(Body::raw(args.job.kind, json));
    }
    let text = match (&args.what.text, &args.what.file) {
        (Some(text), _) if text != "-" => text.clone(),
        (_, Some(path)) => read(path, MAX_BYTES as u64)?,
        _ => read(Path::new("-"), MAX_BYTES as u64)?,
    };
    Ok(args
        .request
        .body(args.job.kind, text.trim_end_matches(['\n', '\r']))?)
}

/// The text of a file, or of standard input for `-`; at most one byte more than `most`, which is then too long.
fn read(path: &Path, most: u64) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    let (name, read) = if path == Path::new("-") {
        let stdin = std::io::stdin().lock();
        (
            "standard input".into(),
            stdin.take(most.saturating_add(1)).read_to_end(&mut bytes),
        )
    } else {
        let read =
            File::open(path).and_then(|file| file.take(most.saturating_add(1)).read_to_end(&mut bytes));
        (path.display().to_string(), read)
    };
    read.map_err(|error| Usage(format!("{name}: {error}")))?;
    String::from_utf8(bytes)
        .map_err(|error| {
            Usage(format!(
                "{name}: not UTF-8 at byte {}",
                error.utf8_error().valid_up_to()
            ))
        })
        .context("the text can't be read")
}
