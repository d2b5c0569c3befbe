//! Commands on streams without groups.

use super::args::Args;
use super::reply::{Outcome, Reply};
use super::store::Store;
use super::streams::{Id, Stream, entry};

pub(crate) fn xadd(store: &mut Store, args: &mut Args<'_>) -> Outcome {
    let key = args.next()?;
    if args.option("MAXLEN") {
        if !args.option("~") {
            args.option("=");
        }
        args.unsigned()?;
    }
    let wanted = args.next()?;
    let fields = args.rest().to_vec();
    if fields.is_empty() || fields.len() % 2 == 1 {
        return Err(args.wrong_number());
    }
    let id = match wanted {
        b"*" => None,
        text => Some(Id::parse(text, 0)?),
    };
    let now = store.now_ms();
    let last = store
        .get::<Stream>(key)?
        .map_or(Id::default(), |stream| stream.last);
    if id.is_some_and(|id| id <= last) {
        return Err(Reply::error(
            "ERR The ID specified in XADD is equal or smaller than the target stream top item",
        ));
    }
    store.make(key, |stream: &mut Stream| {
        let id = id.unwrap_or_else(|| stream.next_id(now));
        stream.entries.insert(id, fields);
        stream.last = id;
        id.reply()
    })
}

pub(crate) fn xlen(store: &mut Store, args: &mut Args<'_>) -> Outcome {
    let stream = store.get::<Stream>(args.next()?)?;
    Ok(Reply::number(stream.map_or(0, |stream| stream.entries.len())))
}

pub(crate) fn xrange(store: &mut Store, args: &mut Args<'_>) -> Outcome {
    let (key, from, to) = (args.next()?, args.next()?, args.next()?);
    range(store, args, key, from, to, false)
}

pub(crate) fn xrevrange(store: &mut Store, args: &mut Args<'_>) -> Outcome {
    let (key, to, from) = (args.next()?, args.next()?, args.next()?);
    range(store, args, key, from, to, true)
}

fn range(
    store: &mut Store,
    args: &mut Args<'_>,
    key: &[u8],
    from: &[u8],
    to: &[u8],
    backwards: bool,
) -> Outcome {
    let (from, to) = (Id::end(from, 0)?, Id::end(to, u64::MAX)?);
    let count = if args.option("COUNT") {
        usize::try_from(args.unsigned()?).unwrap_or(usize::MAX)
    } else {
        usize::MAX
    };
    args.end()?;
    let Some(stream) = store.get::<Stream>(key)?.filter(|_| from <= to) else {
        return Ok(Reply::List(Vec::new()));
    };
    let found = stream
        .entries
        .range(from..=to)
        .map(|(id, fields)| entry(*id, fields));
    Ok(Reply::List(if backwards {
        found.rev().take(count).collect()
    } else {
        found.take(count).collect()
    }))
}

pub(crate) fn xdel(store: &mut Store, args: &mut Args<'_>) -> Outcome {
    let key = args.next()?;
    if args.is_empty() {
        return Err(args.wrong_number());
    }
    // Where nothing is, nobody looks whether these are ids.
    let deleted = store.change(key, |stream: &mut Stream| {
        let ids = ids(args.rest())?;
        Ok(ids
            .iter()
            .filter(|id| stream.entries.remove(id).is_some())
            .count())
    })?;
    Ok(Reply::number(deleted.transpose()?.unwrap_or(0)))
}

pub(crate) fn ids(texts: &[Vec<u8>]) -> Result<Vec<Id>, Reply> {
    texts.iter().map(|id| Id::parse(id, 0)).collect()
}
