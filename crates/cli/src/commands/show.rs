//! `gammaq show`: the whole story of one job.

use clap::Args;
use gammaq_job::json::cut;
use gammaq_producer::{JobId, JobResult, Record};
use gammaq_queue::Queue;
use gammaq_queue::events::Event;
use serde_json::{Value, json};

use crate::context::{Context, note};
use crate::exit::{Code, NoSuchJob};
use crate::output::{result, state, time};

/// Which job.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The job.
    id: JobId,
    /// The whole request too, not only how it begins.
    #[arg(long)]
    request: bool,
}

/// Every event that Redis keeps, or nearly: the stream is trimmed to about so many.
const EVENTS: usize = 20_000;

pub(crate) async fn run(context: &Context, args: &ShowArgs) -> anyhow::Result<Code> {
    let producer = context.connect().await?;
    let queue = producer.queue();
    let Some(record) = producer.status(&args.id).await? else {
        let inbox = queue.inbox_len().await?;
        if inbox > 0 {
            note(&format!(
                "{inbox} entries in the inbox are not taken in yet; it may be one of them"
            ));
        }
        return Err(NoSuchJob(args.id.to_string()).into());
    };
    let now = queue.time().await?;
    let result_text = queue.result_text(args.id.as_str()).await?;
    let events = events_of(queue, &args.id).await?;
    if context.json {
        let result: Value = result_text
            .as_deref()
            .map(serde_json::from_str)
            .transpose()?
            .unwrap_or_default();
        context.json_line(
            &json!({ "id": args.id, "now": now, "record": record, "result": result, "events": events }),
        )?;
        return Ok(Code::Done);
    }
    for line in story(&record, now) {
        context.line(line)?;
    }
    if args.request
        && let Some(request) = record.get("request")
    {
        context.line(format!("\nrequest\n  {request}"))?;
    }
    if let Some(text) = &result_text {
        match serde_json::from_str::<JobResult>(text) {
            Ok(result) => context.line(format!(
                "\nresult\n  {}",
                result::text(&result).replace('\n', "\n  ")
            ))?,
            Err(error) => note(&format!("its result can't be read: {error}")),
        }
    }
    context.line("\nevents")?;
    if events.is_empty() {
        context.line("  none is kept any more")?;
    }
    for event in &events {
        context.line(format!("  {}", super::events::text(event, now, false)))?;
    }
    Ok(Code::Done)
}

async fn events_of(queue: &Queue, id: &JobId) -> anyhow::Result<Vec<Event>> {
    let mut events = queue.newest_events(EVENTS).await?;
    events.retain(|event| event.id == id.as_str());
    Ok(events)
}

/// The record in the order in which it came about.
fn story(record: &Record, now: u64) -> Vec<String> {
    let text = |name: &str| record.get(name).unwrap_or_default();
    let mut out = vec![format!("{}  {}", text("id"), state(text("state")))];
    let mut line = |name: &str, value: String| out.push(format!("  {name:<13} {value}"));
    let mut about = format!(
        "{} for account {}, priority {}",
        text("kind"),
        text("account"),
        text("priority")
    );
    if let Some(formats) = record.get("exports") {
        about += &format!(", files: {formats}");
    }
    line("job", about);
    if let Some(request) = record.get("request") {
        line("request", begins(request));
    }
    let times = [
        ("created_at", "created"),
        ("run_at", "not before"),
        ("intent_at", "sent"),
        ("submitted_at", "accepted"),
        ("deadline", "deadline"),
        ("next_at", "next step"),
        ("late_until", "looked at till"),
        ("finished_at", "ended"),
    ];
    for (field, name) in times {
        let done = record.number("finished_at").is_some();
        // What is over has no deadline and nothing next that anybody needs to know.
        if let Some(time) = record
            .number(field)
            .filter(|_| !(done && matches!(field, "deadline")))
        {
            line(name, time::both(now, time));
        }
    }
    let fields = [
        ("generation_id", "generation"),
        ("gamma_id", "gamma"),
        ("extra_generation_id", "paid twice"),
        ("attempts", "submits"),
        ("polls", "looks"),
        ("poll_failures", "failed looks"),
        ("worker", "held by"),
        ("conflicts", "conflicts"),
        ("last_error", "last trouble"),
        ("traceparent", "trace"),
        ("callback", "callback"),
    ];
    for (field, name) in fields {
        if let Some(value) = record.get(field).filter(|it| *it != "0") {
            line(name, cut(value, 400));
        }
    }
    out
}

/// How a request begins: its text, cut, and what else it says.
fn begins(request: &str) -> String {
    let Ok(Value::Object(fields)) = serde_json::from_str(request) else {
        return cut(request, 100);
    };
    let text = ["inputText", "prompt"]
        .iter()
        .find_map(|name| fields.get(*name)?.as_str())
        .unwrap_or_default();
    let mut out = format!("\"{}\"", cut(text, 80));
    for (name, value) in fields
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "inputText" | "prompt"))
    {
        out += &format!(" {name}={}", cut(&value.to_string(), 40));
    }
    cut(&out, 400)
}
