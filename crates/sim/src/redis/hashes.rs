//! Commands on hashes.

use super::args::Args;
use super::number;
use super::reply::{Outcome, Reply};
use super::store::{Hash, Store};

pub(crate) fn hset(store: &mut Store, args: &mut Args<'_>) -> Outcome {
    let key = args.next()?;
    let pairs = args.rest();
    if pairs.is_empty() || pairs.len() % 2 == 1 {
        return Err(args.wrong_number());
    }
    store.make(key, |hash: &mut Hash| {
        let mut set = |pair: &[Vec<u8>]| hash.insert(pair[0].clone(), pair[1].clone()).is_none();
        Reply::number(pairs.chunks_exact(2).filter(|pair| set(pair)).count())
    })
}

pub(crate) fn hget(store: &mut Store, args: &mut Args<'_>) -> Outcome {
    let (key, name) = (args.next()?, args.next()?);
    let hash = store.get::<Hash>(key)?;
    Ok(Reply::optional(hash.and_then(|hash| hash.get(name).cloned())))
}

pub(crate) fn hmget(store: &mut Store, args: &mut Args<'_>) -> Outcome {
    let key = args.next()?;
    if args.is_empty() {
        return Err(args.wrong_number());
    }
    let hash = store.get::<Hash>(key)?;
    let value = |name: &Vec<u8>| Reply::optional(hash.and_then(|hash| hash.get(name).cloned()));
    Ok(Reply::List(args.rest().iter().map(value).collect()))
}

pub(crate) fn hgetall(store: &mut Store, args: &mut Args<'_>) -> Outcome {
    let hash = store.get::<Hash>(args.next()?)?;
    let pairs = hash.into_iter().flatten();
    let texts = pairs.flat_map(|(name, value)| [name.clone(), value.clone()]);
    Ok(Reply::List(texts.map(Reply::Bulk).collect()))
}

pub(crate) fn hdel(store: &mut Store, args: &mut Args<'_>) -> Outcome {
    let key = args.next()?;
    if args.is_empty() {
        return Err(args.wrong_number());
    }
    let names = args.rest();
    let deleted = store.change(key, |hash: &mut Hash| {
        names.iter().filter(|name| hash.remove(*name).is_some()).count()
    })?;
    Ok(Reply::number(deleted.unwrap_or(0)))
}

pub(crate) fn hincrby(store: &mut Store, args: &mut Args<'_>) -> Outcome {
    let (key, name, by) = (args.next()?, args.next()?, args.integer()?);
    let old = match store.get::<Hash>(key)?.and_then(|hash| hash.get(name)) {
        Some(text) => number::integer(text).map_err(|_| Reply::error("ERR hash value is not an integer"))?,
        None => 0,
    };
    let new = old
        .checked_add(by)
        .ok_or_else(|| Reply::error("ERR increment or decrement would overflow"))?;
    store.make(key, |hash: &mut Hash| {
        hash.insert(name.to_vec(), new.to_string().into_bytes())
    })?;
    Ok(Reply::Int(new))
}

pub(crate) fn hincrbyfloat(store: &mut Store, args: &mut Args<'_>) -> Outcome {
    let (key, name, by) = (args.next()?, args.next()?, number::float(args.next()?)?);
    let old = match store.get::<Hash>(key)?.and_then(|hash| hash.get(name)) {
        Some(text) => number::float(text).map_err(|_| Reply::error("ERR hash value is not a float"))?,
        None => 0.0,
    };
    if !by.is_finite() || !(old + by).is_finite() {
        return Err(Reply::error("ERR value is NaN or Infinity"));
    }
    let new = number::plain(old + by);
    store.make(key, |hash: &mut Hash| {
        hash.insert(name.to_vec(), new.clone().into_bytes())
    })?;
    Ok(Reply::bulk(new))
}

pub(crate) fn hsetnx(store: &mut Store, args: &mut Args<'_>) -> Outcome {
    let (key, name, value) = (args.next()?, args.next()?, args.next()?);
    args.end()?;
    store.make(key, |hash: &mut Hash| {
        let new = !hash.contains_key(name);
        if new {
            hash.insert(name.to_vec(), value.to_vec());
        }
        Reply::flag(new)
    })
}
