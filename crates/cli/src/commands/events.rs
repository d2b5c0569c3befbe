//! `gammaq events`: what happened, and what happens.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use gammaq_producer::JobId;
use gammaq_queue::Queue;
use gammaq_queue::events::Event;

use crate::context::{Context, note};
use crate::exit::{Code, Usage};
use crate::output::{state, time};

/// Which events.
#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    /// Go on with what happens from now on, until interrupted.
    #[arg(long, short)]
    follow: bool,
    /// Begin here: a length of time ago (10m), a time (Unix milliseconds, RFC 3339), or the id of an event, which is
    /// then the last that is left out.
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Without --since: begin with the newest of them.
    #[arg(long, default_value_t = 50, value_name = "COUNT", conflicts_with = "since")]
    limit: usize,
    /// Only those of this job.
    #[arg(long, value_name = "ID")]
    id: Option<JobId>,
}

const PER_READ: usize = 1_000;
const BLOCK: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(500);
/// Before every other event.
const START: &str = "0-0";

pub(crate) async fn run(context: &Context, args: &EventsArgs) -> anyhow::Result<Code> {
    let producer = context.connect().await?;
    let queue = producer.queue();
    let now = queue.time().await?;
    let mut at = match &args.since {
        Some(since) => start(since, now)?,
        None => {
            let newest = queue.newest_events(args.limit).await?;
            let last = newest.last().map(|event| event.entry_id.clone());
            print(context, &newest, args, now)?;
            match last {
                Some(last) => last,
                // None were asked for, or there are none yet.
                None => queue.last_event().await?,
            }
        }
    };
    if args.since.is_some() {
        loop {
            let events = queue
                .events_after(&at, PER_READ, Duration::from_millis(1))
                .await?;
            print(context, &events, args, now)?;
            match events.last() {
                Some(last) => at = last.entry_id.clone(),
                None => break,
            }
        }
    }
    if args.follow {
        follow(context, queue, at, args).await?;
    }
    Ok(Code::Done)
}

async fn follow(context: &Context, queue: &Queue, mut at: String, args: &EventsArgs) -> anyhow::Result<()> {
    let queue = queue.on(Arc::new(queue.link().for_blocking(BLOCK)?));
    let mut away = false;
    loop {
        match queue.events_after(&at, PER_READ, BLOCK).await {
            Ok(events) => {
                if std::mem::take(&mut away) {
                    note("Redis is back");
                }
                if let Some(last) = events.last() {
                    at = last.entry_id.clone();
                    print(context, &events, args, queue.time().await.unwrap_or(last.at))?;
                }
            }
            Err(error) if error.is_temporary() => {
                if !std::mem::replace(&mut away, true) {
                    note(&format!("{error}; trying again"));
                }
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return Err(error).context("the events can't be followed"),
        }
    }
}

/// The id of a stream's entry after which to begin.
fn start(since: &str, now: u64) -> Result<String, Usage> {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if since
        .split_once('-')
        .is_some_and(|(ms, number)| is_number(ms) && is_number(number))
    {
        return Ok(since.to_owned());
    }
    let ago = humantime::parse_duration(since)
        .ok()
        .and_then(|span| u64::try_from(span.as_millis()).ok());
    let time = match ago {
        Some(ms) if !is_number(since) => now.saturating_sub(ms),
        _ => time::parse(since, now)
            .map_err(|what| Usage(format!("--since: {what}, and 10m for ten minutes ago")))?,
    };
    // The last entry that there can be before that millisecond.
    Ok(time
        .checked_sub(1)
        .map_or_else(|| START.to_owned(), |ms| format!("{ms}-{}", u64::MAX)))
}

fn print(context: &Context, events: &[Event], args: &EventsArgs, now: u64) -> anyhow::Result<()> {
    let wanted = |event: &&Event| args.id.as_ref().is_none_or(|id| event.id == id.as_str());
    for event in events.iter().filter(wanted) {
        if context.json {
            context.json_line(event)?;
        } else {
            context.line(text(event, now, true))?;
        }
    }
    Ok(())
}

/// An event in one line, with its job where `with_job`.
pub(super) fn text(event: &Event, now: u64, with_job: bool) -> String {
    let mut out = time::both(now, event.at);
    if with_job && !event.id.is_empty() {
        out += &format!("  {}", event.id);
    }
    match (event.from.as_str(), event.state.as_str()) {
        (_, "") => {}
        ("", to) => out += &format!("  {}", state(to)),
        (from, to) => out += &format!("  {from} → {}", state(to)),
    }
    if !event.note.is_empty() {
        out += &format!("  {}", gammaq_job::json::cut(&event.note, 400));
    }
    if !event.by.is_empty() {
        out += &format!("  by {}", event.by);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_may_be_said_in_four_ways() {
        let now = 1_700_000_000_000;
        let ten_minutes_ago = format!("1699999399999-{}", u64::MAX);
        for since in ["10m", "1699999400000", "2023-11-14T22:03:20Z", "-10m"] {
            assert_eq!(start(since, now).unwrap(), ten_minutes_ago, "{since}");
        }
        assert_eq!(start("1699999400000-3", now).unwrap(), "1699999400000-3");
        assert_eq!(start("0", now).unwrap(), "0-0");
        assert!(start("soon", now).is_err());
    }
}
