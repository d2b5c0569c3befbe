//! Commands on keys of any type, on strings, and on the server.

use super::args::Args;
use super::reply::{Outcome, Reply};
use super::store::{Store, Value};

pub(crate) fn get(store: &mut Store, args: &mut Args<'_>) -> Outcome {
    Ok(Reply::optional(store.get::<Vec<u8>>(args.next()?)?.cloned()))
}

pub(crate) fn set(store: &mut Store, args: &mut Args<'_>) -> Outcome {
    let (key, text) = (args.next()?, args.next()?);
    let (mut only_new, mut only_known, mut keep, mut expires_at) = (false, false, false, None);
    while !args.is_empty() {
        if args.option("NX") {
            only_new = true;
        } else if args.option("XX") {
            only_known = true;
        } else if args.option("KEEPTTL") {
            keep = true;
        } else if args.option("PX") {
            expires_at = Some(store.now_ms() + positive(args, "set")?);
        } else {
            return Err(Reply::syntax());
        }
    }
    let there = store.value(key).is_some();
    if (there && only_new) || (!there && only_known) {
        return Ok(Reply::Nil);
    }
    if keep {
        expires_at = store.expiry(key).flatten();
    }
    store.put(key, Value::Text(text.to_vec()), expires_at);
    Ok(Reply::ok())
}

fn positive(args: &mut Args<'_>, command: &str) -> Result<u64, Reply> {
    match u64::try_from(args.integer()?) {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(Reply::Error(format!(
            "ERR invalid expire time in '{command}' command"
        ))),
    }
}

pub(crate) fn del(store: &mut Store, args: &mut Args<'_>) -> Outcome {
    if args.is_empty() {
        return Err(args.wrong_number());
    }
    Ok(Reply::number(
        args.rest().iter().filter(|key| store.remove(key)).count(),
    ))
}

pub(crate) fn exists(store: &mut Store, args: &mut Args<'_>) -> Outcome {
    if args.is_empty() {
        return Err(args.wrong_number());
    }
    Ok(Reply::number(
        args.rest()
            .iter()
            .filter(|key| store.value(key).is_some())
            .count(),
    ))
}

pub(crate) fn kind(store: &mut Store, args: &mut Args<'_>) -> Outcome {
    let kind = match store.value(args.next()?) {
        None => "none",
        Some(Value::Text(_)) => "string",
        Some(Value::Hash(_)) => "hash",
        Some(Value::Zset(_)) => "zset",
        Some(Value::Stream(_)) => "stream",
    };
    Ok(Reply::Status(kind.to_owned()))
}

pub(crate) fn persist(store: &mut Store, args: &mut Args<'_>) -> Outcome {
    let key = args.next()?;
    let had = store.expiry(key).flatten().is_some();
    if had {
        store.set_expiry(key, None);
    }
    Ok(Reply::flag(had))
}

pub(crate) fn pexpire(store: &mut Store, args: &mut Args<'_>) -> Outcome {
    let (key, wait) = (args.next()?, args.integer()?);
    args.end()?;
    let at = i64::try_from(store.now_ms())
        .unwrap_or(i64::MAX)
        .saturating_add(wait);
    Ok(Reply::flag(
        store.set_expiry(key, Some(u64::try_from(at).unwrap_or(0))),
    ))
}

pub(crate) fn pexpireat(store: &mut Store, args: &mut Args<'_>) -> Outcome {
    let (key, at) = (args.next()?, args.integer()?);
    args.end()?;
    Ok(Reply::flag(
        store.set_expiry(key, Some(u64::try_from(at).unwrap_or(0))),
    ))
}

pub(crate) fn pttl(store: &mut Store, args: &mut Args<'_>) -> Outcome {
    let now = store.now_ms();
    Ok(Reply::Int(match store.expiry(args.next()?) {
        None => -2,
        Some(None) => -1,
        Some(Some(at)) => i64::try_from(at.saturating_sub(now)).unwrap_or(i64::MAX),
    }))
}

pub(crate) fn time(store: &mut Store, args: &mut Args<'_>) -> Outcome {
    args.end()?;
    let part = |number: u64| Reply::bulk(number.to_string());
    Ok(Reply::List(vec![
        part(store.now_us / 1_000_000),
        part(store.now_us % 1_000_000),
    ]))
}

pub(crate) fn ping(_: &mut Store, _: &mut Args<'_>) -> Outcome {
    Ok(Reply::Status("PONG".to_owned()))
}

/// `CLIENT SETINFO`, which says nothing that matters here.
pub(crate) fn client(_: &mut Store, _: &mut Args<'_>) -> Outcome {
    Ok(Reply::ok())
}
