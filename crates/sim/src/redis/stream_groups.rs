//! Commands on consumer groups.

use super::args::Args;
use super::reply::{Outcome, Reply};
use super::store::Store;
use super::stream_commands::ids;
use super::streams::{Group, Id, Pending, Stream, entry};

/// What a read of a group comes to.
pub(crate) enum Read {
    Done(Reply),
    /// Nothing there: wait so long (ms) for an entry of any stream, then read again.
    Wait(u64),
}

fn group<'a>(stream: Option<&'a mut Stream>, name: &[u8]) -> Option<&'a mut Group> {
    stream.and_then(|stream| stream.groups.get_mut(name))
}

fn no_group(key: &[u8], name: &[u8], tail: &str) -> Reply {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Reply::Error(format!(
        "NOGROUP No such key '{}' or consumer group '{}'{tail}",
        text(key),
        text(name)
    ))
}

pub(crate) fn xreadgroup(store: &mut Store, args: &mut Args<'_>) -> Result<Read, Reply> {
    if !args.option("GROUP") {
        return Err(Reply::syntax());
    }
    let (name, consumer) = (args.next()?, args.next()?);
    let count = if args.option("COUNT") { args.unsigned()? } else { 0 };
    let count = if count == 0 {
        usize::MAX
    } else {
        usize::try_from(count).unwrap_or(usize::MAX)
    };
    let block = if args.option("BLOCK") {
        Some(args.unsigned()?)
    } else {
        None
    };
    if !args.option("STREAMS") {
        return Err(Reply::syntax());
    }
    let (key, after) = (args.next()?, args.next()?);
    args.end()?;
    let now = store.now_ms();
    let found = store.change(key, |stream: &mut Stream| {
        let Stream { entries, groups, .. } = stream;
        let group = groups.get_mut(name)?;
        Some(match after {
            b">" => fresh(entries, group, consumer, count, now),
            text => Id::parse(text, 0).map(|after| given(entries, group, consumer, after, count, now)),
        })
    })?;
    let Some(found) = found.flatten() else {
        return Err(no_group(key, name, " in XREADGROUP with GROUP option"));
    };
    let found = found?;
    match (found.is_empty() && after == b">", block) {
        (false, _) => Ok(Read::Done(Reply::List(vec![Reply::List(vec![
            Reply::bulk(key),
            Reply::List(found),
        ])]))),
        (true, Some(block)) => Ok(Read::Wait(block)),
        (true, None) => Ok(Read::Done(Reply::NilList)),
    }
}

type Entries = std::collections::BTreeMap<Id, Vec<Vec<u8>>>;

fn fresh(
    entries: &Entries,
    group: &mut Group,
    consumer: &[u8],
    count: usize,
    now: u64,
) -> Result<Vec<Reply>, Reply> {
    let mut found = Vec::new();
    // A consumer that gets nothing is not made by that.
    if let Some(seen) = group.consumers.get_mut(consumer) {
        *seen = now;
    }
    for (id, fields) in entries.range(group.last.next()..).take(count) {
        group.last = *id;
        group.consumers.insert(consumer.to_vec(), now);
        let pending = Pending {
            consumer: consumer.to_vec(),
            delivered_at: now,
            deliveries: 1,
        };
        group.pending.insert(*id, pending);
        found.push(entry(*id, fields));
    }
    Ok(found)
}

/// What was given to the consumer before, after `after`.
fn given(
    entries: &Entries,
    group: &mut Group,
    consumer: &[u8],
    after: Id,
    count: usize,
    now: u64,
) -> Vec<Reply> {
    group.consumers.insert(consumer.to_vec(), now);
    let own = group
        .pending
        .range_mut(after.next()..)
        .filter(|(_, it)| it.consumer == consumer);
    own.take(count)
        .map(|(id, pending)| match entries.get(id) {
            Some(fields) => {
                pending.delivered_at = now;
                pending.deliveries += 1;
                entry(*id, fields)
            }
            None => Reply::List(vec![id.reply(), Reply::NilList]),
        })
        .collect()
}

pub(crate) fn xack(store: &mut Store, args: &mut Args<'_>) -> Outcome {
    let (key, name) = (args.next()?, args.next()?);
    if args.is_empty() {
        return Err(args.wrong_number());
    }
    let acknowledged = store.change(key, |stream: &mut Stream| {
        let Some(group) = group(Some(stream), name) else {
            return Ok(0);
        };
        let ids = ids(args.rest())?;
        Ok(ids.iter().filter(|id| group.pending.remove(id).is_some()).count())
    })?;
    Ok(Reply::number(acknowledged.transpose()?.unwrap_or(0)))
}

pub(crate) fn xautoclaim(store: &mut Store, args: &mut Args<'_>) -> Outcome {
    let (key, name, consumer) = (args.next()?, args.next()?, args.next()?);
    let idle = args.unsigned()?;
    let start = Id::end(args.next()?, 0)?;
    let mut count = if args.option("COUNT") {
        args.unsigned()?
    } else {
        100
    };
    args.end()?;
    let (attempts, now) = (count.saturating_mul(10), store.now_ms());
    let claimed = store.change(key, |stream: &mut Stream| {
        let Stream { entries, groups, .. } = stream;
        let group = groups.get_mut(name)?;
        // A consumer that gets nothing is not made by that.
        if let Some(seen) = group.consumers.get_mut(consumer) {
            *seen = now;
        }
        let (mut found, mut gone, mut next) = (Vec::new(), Vec::new(), None);
        let ids: Vec<Id> = group.pending.range(start..).map(|(id, _)| *id).collect();
        for (looked, id) in (0_u64..).zip(ids) {
            if count == 0 || looked >= attempts {
                next = Some(id);
                break;
            }
            let Some(fields) = entries.get(&id) else {
                group.pending.remove(&id);
                gone.push(id.reply());
                count -= 1;
                continue;
            };
            let Some(pending) = group.pending.get_mut(&id) else {
                continue;
            };
            if now.saturating_sub(pending.delivered_at) < idle {
                continue;
            }
            group.consumers.insert(consumer.to_vec(), now);
            pending.consumer = consumer.to_vec();
            pending.delivered_at = now;
            pending.deliveries += 1;
            found.push(entry(id, fields));
            count -= 1;
        }
        let next = next.unwrap_or_default().reply();
        Some(Reply::List(vec![next, Reply::List(found), Reply::List(gone)]))
    })?;
    claimed.flatten().ok_or_else(|| no_group(key, name, ""))
}

const NO_STREAM: &str = "ERR The XGROUP subcommand requires the key to exist.";

pub(crate) fn xgroup(store: &mut Store, args: &mut Args<'_>) -> Outcome {
    if args.option("CREATE") {
        let (key, name, from) = (args.next()?, args.next()?, args.next()?);
        let make = args.option("MKSTREAM");
        args.end()?;
        if store.get::<Stream>(key)?.is_none() && !make {
            return Err(Reply::error(NO_STREAM));
        }
        let last = match from {
            b"$" => store
                .get::<Stream>(key)?
                .map_or(Id::default(), |stream| stream.last),
            text => Id::parse(text, 0)?,
        };
        let made = store.make(key, |stream: &mut Stream| {
            let new = !stream.groups.contains_key(name);
            if new {
                let group = Group {
                    last,
                    ..Group::default()
                };
                stream.groups.insert(name.to_vec(), group);
            }
            new
        })?;
        return if made {
            Ok(Reply::ok())
        } else {
            Err(Reply::error("BUSYGROUP Consumer Group name already exists"))
        };
    }
    if !args.option("DELCONSUMER") {
        return Err(Reply::syntax());
    }
    let (key, name, consumer) = (args.next()?, args.next()?, args.next()?);
    if store.get::<Stream>(key)?.is_none() {
        return Err(Reply::error(NO_STREAM));
    }
    let had = store.change(key, |stream: &mut Stream| {
        let group = group(Some(stream), name)?;
        let before = group.pending.len();
        group.pending.retain(|_, it| it.consumer != consumer);
        group.consumers.remove(consumer);
        Some(before - group.pending.len())
    })?;
    had.flatten()
        .map(Reply::number)
        .ok_or_else(|| no_group(key, name, ""))
}

pub(crate) fn xinfo(store: &mut Store, args: &mut Args<'_>) -> Outcome {
    let groups = args.option("GROUPS");
    if !groups && !args.option("CONSUMERS") {
        return Err(Reply::syntax());
    }
    let key = args.next()?;
    let now = store.now_ms();
    let Some(stream) = store.get::<Stream>(key)? else {
        return Err(Reply::error("ERR no such key"));
    };
    let word = |text: &str| Reply::bulk(text);
    if groups {
        let of = |(name, group): (&Vec<u8>, &Group)| {
            Reply::List(vec![
                word("name"),
                Reply::bulk(name.clone()),
                word("consumers"),
                Reply::number(group.consumers.len()),
                word("pending"),
                Reply::number(group.pending.len()),
                word("last-delivered-id"),
                group.last.reply(),
            ])
        };
        return Ok(Reply::List(stream.groups.iter().map(of).collect()));
    }
    let name = args.next()?;
    let Some(group) = stream.groups.get(name) else {
        return Err(no_group(key, name, ""));
    };
    let of = |(consumer, seen): (&Vec<u8>, &u64)| {
        let own = group.pending.values().filter(|it| it.consumer == *consumer);
        let idle = i64::try_from(now.saturating_sub(*seen)).unwrap_or(0);
        Reply::List(vec![
            word("name"),
            Reply::bulk(consumer.clone()),
            word("pending"),
            Reply::number(own.count()),
            word("idle"),
            Reply::Int(idle),
        ])
    };
    Ok(Reply::List(group.consumers.iter().map(of).collect()))
}
