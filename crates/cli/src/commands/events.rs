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
    /// Go on with what happens from now on, until interrupted, also over a restart of Redis.
    #[arg(long, short)]
    follow: bool,
    /// Begin here: a length of time ago (10m), a time (Unix milliseconds, RFC 3339), or the id of an event, which is
    /// then the last that is left out.
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Without --since: begin with the newest of them.
    #[arg(long, default_value_t = 50, value_name = "COUNT", conflicts_with = "since", value_parser = clap::value_parser!(u32).range(0..=100_000))]
    limit: u32,
    /// Only those of this job.
    #[arg(long, value_name = "ID")]
    id: Option<JobId>,
}

const PER_READ: usize = 1_000;
/// The most events that the newest of one job are looked for in.
const MOST_LOOKED_AT: usize = 20_000;
const BLOCK: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(500);
/// Before every other event.
const START: &str = "0-0";

pub(crate) async fn run(context: &Context, args: &EventsArgs) -> anyhow::Result<Code> {
    let producer = context.connect().await?;
    let queue = producer.queue();
    let now = queue.time().await?;
    let at = match &args.since {
        Some(since) => all_after(context, queue, start(since, now)?, args, now).await?,
        None => {
            // Where following begins is noted first: what comes meanwhile is told then.
            let last = queue.last_event().await?;
            for event in newest(queue, &last, args).await? {
                print(context, &event, now)?;
            }
            last
        }
    };
    if args.follow {
        follow(context, queue, at, args).await?;
    }
    Ok(Code::Done)
}

fn is_wanted(event: &Event, args: &EventsArgs) -> bool {
    args.id.as_ref().is_none_or(|id| event.id == id.as_str())
}

/// Prints all that happened after an event, and answers the last one.
async fn all_after(
    context: &Context,
    queue: &Queue,
    mut at: String,
    args: &EventsArgs,
    now: u64,
) -> anyhow::Result<String> {
    loop {
        let events = queue.events_from(&format!("({at}"), PER_READ).await?;
        for event in events.iter().filter(|it| is_wanted(it, args)) {
            print(context, event, now)?;
        }
        match events.last() {
            Some(last) => at.clone_from(&last.entry_id),
            None => return Ok(at),
        }
    }
}

/// The newest up to `last`, oldest first, looked for backwards through a bounded part of the stream.
async fn newest(queue: &Queue, last: &str, args: &EventsArgs) -> anyhow::Result<Vec<Event>> {
    let limit = usize::try_from(args.limit)?;
    let mut found: Vec<Event> = Vec::new();
    let mut before: Option<String> = None;
    let mut looked_at = 0;
    while found.len() < limit {
        let events = queue.events_back(before.as_deref(), None, PER_READ).await?;
        let (read, oldest) = (events.len(), events.first().map(|it| it.entry_id.clone()));
        looked_at += read;
        let wanted = |it: &Event| is_wanted(it, args) && place(&it.entry_id) <= place(last);
        found.extend(events.into_iter().rev().filter(wanted));
        if read < PER_READ {
            break;
        }
        if args.id.is_some() && looked_at >= MOST_LOOKED_AT {
            note(&format!(
                "stopped looking after {looked_at} events; --since goes through all that are kept"
            ));
            break;
        }
        before = oldest;
    }
    found.truncate(limit);
    found.reverse();
    Ok(found)
}

/// An id of the stream as its two numbers, which is how they are ordered.
fn place(entry_id: &str) -> (u64, u64) {
    let (ms, number) = entry_id.split_once('-').unwrap_or((entry_id, "0"));
    (ms.parse().unwrap_or(0), number.parse().unwrap_or(0))
}

/// Each event once, in order: where reading stands is the last event that was printed, whatever happens to Redis.
async fn follow(context: &Context, queue: &Queue, mut at: String, args: &EventsArgs) -> anyhow::Result<()> {
    let queue = queue.on(Arc::new(queue.link().for_blocking(BLOCK)));
    let mut away = false;
    loop {
        match read(&queue, &at, away).await {
            Ok((events, gap)) => {
                if std::mem::take(&mut away) {
                    note("Redis is back");
                }
                if gap {
                    note("events may be missing here: those after the last one told are not kept any more");
                }
                if let Some(last) = events.last() {
                    at.clone_from(&last.entry_id);
                    let now = queue.time().await.unwrap_or(last.at);
                    for event in events.iter().filter(|it| is_wanted(it, args)) {
                        print(context, event, now)?;
                    }
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

/// The next events, and whether some between may be lost: only after a while without Redis is that looked at.
async fn read(queue: &Queue, at: &str, was_away: bool) -> Result<(Vec<Event>, bool), gammaq_queue::Error> {
    if !was_away {
        return Ok((queue.events_after(at, PER_READ, BLOCK).await?, false));
    }
    let oldest = queue.oldest_event().await?;
    let gap = at != START && oldest.is_none_or(|it| place(&it.entry_id) > place(at));
    Ok((
        queue.events_after(at, PER_READ, Duration::from_millis(1)).await?,
        gap,
    ))
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
    let time = time::since(since, now).map_err(|what| Usage(format!("--since: {what}")))?;
    // The last entry that there can be before that millisecond.
    Ok(time
        .checked_sub(1)
        .map_or_else(|| START.to_owned(), |ms| format!("{ms}-{}", u64::MAX)))
}

fn print(context: &Context, event: &Event, now: u64) -> anyhow::Result<()> {
    if context.json {
        context.json_line(event)
    } else {
        Ok(context.line(text(event, now))?)
    }
}

/// An event in one line.
fn text(event: &Event, now: u64) -> String {
    let mut out = time::both(now, event.at);
    if !event.id.is_empty() {
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

    #[test]
    fn entries_are_ordered_by_their_numbers() {
        assert!(place("9-1") < place("10-0") && place("10-9") < place("10-10"));
    }
}
