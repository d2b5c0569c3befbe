//! `gammaq show`: the whole story of one job.

pub(super) mod timeline;
pub(super) mod words;

use clap::Args;
use gammaq_producer::{JobId, JobResult};
use gammaq_queue::Queue;
use gammaq_queue::read::story::Story;
use serde_json::Value;

use crate::context::{Context, note};
use crate::exit::{Code, NoSuchJob};
use crate::output::{result, state};

/// Which job.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The job.
    id: JobId,
    /// The text of its request too.
    #[arg(long)]
    request: bool,
}

pub(crate) async fn run(context: &Context, args: &ShowArgs) -> anyhow::Result<Code> {
    let producer = context.connect().await?;
    let queue = producer.queue();
    let Some(story) = queue.story(args.id.as_str(), args.request).await? else {
        return Err(missing(context, queue, &args.id).await?);
    };
    let timeline = story.steps();
    if context.json {
        let mut value = serde_json::to_value(&story)?;
        value["id"] = args.id.as_str().into();
        // A result broken by hand is shown as it is.
        let result = story.result.as_deref();
        let as_text = |text: &str| serde_json::from_str(text).unwrap_or(Value::String(text.to_owned()));
        value["result"] = result.map(as_text).unwrap_or_default();
        value["steps"] = serde_json::to_value(&timeline)?;
        context.json_line(&value)?;
        return Ok(Code::Done);
    }
    context.line(format!(
        "{}  {}",
        args.id,
        state(story.record.get("state").unwrap_or("without a readable record"))
    ))?;
    for line in words::about(&story) {
        context.line(line)?;
    }
    context.line("\nsteps")?;
    for step in &timeline {
        context.line(format!("  {}", timeline::text(step, story.now, state)))?;
    }
    tell_rest(context, &story, args)?;
    super::accounts::context_broken(&story.broken);
    Ok(Code::Done)
}

fn tell_rest(context: &Context, story: &Story, args: &ShowArgs) -> anyhow::Result<()> {
    if story.events_gone {
        context.line("  events of its beginning are gone: the stream keeps the newest of all jobs; these times are the record's")?;
    }
    if let Some(until) = &story.events_until {
        let id = &args.id;
        context.line(format!(
            "  there may be more: `gammaq events --id {id} --since {until}` goes on"
        ))?;
    }
    if args.request
        && let Some(request) = story.record.get("request")
    {
        context.line(format!("\nrequest\n  {request}"))?;
    }
    let Some(text) = &story.result else { return Ok(()) };
    match serde_json::from_str::<JobResult>(text) {
        Ok(result) => context.line(format!(
            "\nresult\n  {}",
            result::text(&result, state).replace('\n', "\n  ")
        ))?,
        Err(error) => note(&format!("its result can't be read: {error}")),
    }
    Ok(())
}

async fn missing(context: &Context, queue: &Queue, id: &JobId) -> anyhow::Result<anyhow::Error> {
    match queue.inbox_len().await {
        Ok(inbox) if inbox > 0 => note(&format!(
            "{inbox} entries in the inbox are not taken in yet; it may be one of them"
        )),
        // It is only a remark.
        _ => {}
    }
    // A caller's user may not look.
    if queue.is_made().await.is_ok_and(|made| !made) {
        context.note_unmade(queue).await?;
    }
    Ok(NoSuchJob {
        id: id.to_string(),
        queue: context.queue_name(queue),
    }
    .into())
}
