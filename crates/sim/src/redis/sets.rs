//! Commands on sorted sets.

use super::args::Args;
use super::number;
use super::reply::{Outcome, Reply};
use super::store::Store;
use super::zset::Zset;

#[derive(Debug, Default, Clone, Copy)]
struct AddOptions {
    only_new: bool,
    only_known: bool,
    only_less: bool,
    only_greater: bool,
    count_changed: bool,
}

impl AddOptions {
    fn take(args: &mut Args<'_>) -> Self {
        let mut options = Self::default();
        loop {
            if args.option("NX") {
                options.only_new = true;
            } else if args.option("XX") {
                options.only_known = true;
            } else if args.option("LT") {
                options.only_less = true;
            } else if args.option("GT") {
                options.only_greater = true;
            } else if args.option("CH") {
                options.count_changed = true;
            } else {
                return options;
            }
        }
    }

    fn sets(self, old: Option<f64>, new: f64) -> bool {
        match old {
            None => !self.only_known,
            Some(_) if self.only_new => false,
            Some(old) if self.only_less => new < old,
            Some(old) if self.only_greater => new > old,
            Some(old) => new != old,
        }
    }
}

pub(crate) fn zadd(store: &mut Store, args: &mut Args<'_>) -> Outcome {
    let key = args.next()?;
    let options = AddOptions::take(args);
    if args.is_empty() || args.len() % 2 == 1 {
        return Err(Reply::syntax());
    }
    let mut pairs = Vec::new();
    while !args.is_empty() {
        pairs.push((number::float(args.next()?)?, args.next()?));
    }
    let known = store.get::<Zset>(key)?.is_some();
    if !known && options.only_known {
        return Ok(Reply::Int(0));
    }
    store.make(key, |zset: &mut Zset| {
        let mut count = 0;
        for (score, member) in pairs {
            let old = zset.score(member);
            if options.sets(old, score) {
                zset.set(member, score);
                count += usize::from(old.is_none() || options.count_changed);
            }
        }
        Reply::number(count)
    })
}

pub(crate) fn zrem(store: &mut Store, args: &mut Args<'_>) -> Outcome {
    let key = args.next()?;
    let members = args.rest();
    let removed = store.change(key, |zset: &mut Zset| {
        members.iter().filter(|member| zset.remove(member)).count()
    })?;
    Ok(Reply::number(removed.unwrap_or(0)))
}

pub(crate) fn zcard(store: &mut Store, args: &mut Args<'_>) -> Outcome {
    Ok(Reply::number(
        store.get::<Zset>(args.next()?)?.map_or(0, Zset::len),
    ))
}

pub(crate) fn zscore(store: &mut Store, args: &mut Args<'_>) -> Outcome {
    let (key, member) = (args.next()?, args.next()?);
    let score = store.get::<Zset>(key)?.and_then(|zset| zset.score(member));
    Ok(Reply::optional(
        score.map(|score| number::score(score).into_bytes()),
    ))
}

pub(crate) fn zrank(store: &mut Store, args: &mut Args<'_>) -> Outcome {
    let (key, member) = (args.next()?, args.next()?);
    args.end()?;
    let zset = store.get::<Zset>(key)?;
    let rank = zset.and_then(|zset| zset.iter().position(|(known, _)| known == member));
    Ok(rank.map_or_else(|| Reply::optional(None), Reply::number))
}

fn reply<'a>(found: impl Iterator<Item = (&'a [u8], f64)>, with_scores: bool) -> Reply {
    let mut out = Vec::new();
    for (member, score) in found {
        out.push(Reply::bulk(member));
        if with_scores {
            out.push(Reply::bulk(number::score(score)));
        }
    }
    Reply::List(out)
}

pub(crate) fn zrange(store: &mut Store, args: &mut Args<'_>) -> Outcome {
    by_rank(store, args, false)
}

pub(crate) fn zrevrange(store: &mut Store, args: &mut Args<'_>) -> Outcome {
    by_rank(store, args, true)
}

fn by_rank(store: &mut Store, args: &mut Args<'_>, backwards: bool) -> Outcome {
    let (key, first, last) = (args.next()?, args.integer()?, args.integer()?);
    let with_scores = args.option("WITHSCORES");
    args.end()?;
    let empty = Zset::default();
    let zset = store.get::<Zset>(key)?.unwrap_or(&empty);
    let len = i64::try_from(zset.len()).unwrap_or(i64::MAX);
    let at = |rank: i64| if rank < 0 { rank + len } else { rank };
    let first = usize::try_from(at(first).max(0)).unwrap_or(0);
    let count = usize::try_from(at(last).min(len - 1) + 1)
        .unwrap_or(0)
        .saturating_sub(first);
    Ok(if backwards {
        reply(zset.iter().rev().skip(first).take(count), with_scores)
    } else {
        reply(zset.iter().skip(first).take(count), with_scores)
    })
}

/// One end of a range of scores; `true` where the end itself is out.
fn end(bytes: &[u8]) -> Result<(f64, bool), Reply> {
    let wrong = |_| Reply::error("ERR min or max is not a float");
    match bytes.strip_prefix(b"(") {
        Some(rest) => Ok((number::float(rest).map_err(wrong)?, true)),
        None => Ok((number::float(bytes).map_err(wrong)?, false)),
    }
}

fn within(zset: &Zset, min: (f64, bool), max: (f64, bool)) -> impl Iterator<Item = (&[u8], f64)> {
    zset.from(min.0)
        .skip_while(move |(_, score)| min.1 && *score <= min.0)
        .take_while(move |(_, score)| if max.1 { *score < max.0 } else { *score <= max.0 })
}

pub(crate) fn zrangebyscore(store: &mut Store, args: &mut Args<'_>) -> Outcome {
    let (key, min, max) = (args.next()?, end(args.next()?)?, end(args.next()?)?);
    let (mut with_scores, mut offset, mut count) = (false, 0, usize::MAX);
    while !args.is_empty() {
        if args.option("WITHSCORES") {
            with_scores = true;
        } else if args.option("LIMIT") {
            offset = usize::try_from(args.unsigned()?).unwrap_or(usize::MAX);
            // A negative count is no limit.
            count = usize::try_from(args.integer()?).unwrap_or(usize::MAX);
        } else {
            return Err(Reply::syntax());
        }
    }
    let empty = Zset::default();
    let zset = store.get::<Zset>(key)?.unwrap_or(&empty);
    Ok(reply(
        within(zset, min, max).skip(offset).take(count),
        with_scores,
    ))
}

pub(crate) fn zremrangebyscore(store: &mut Store, args: &mut Args<'_>) -> Outcome {
    let (key, min, max) = (args.next()?, end(args.next()?)?, end(args.next()?)?);
    args.end()?;
    let removed = store.change(key, |zset: &mut Zset| {
        let members: Vec<Vec<u8>> = within(zset, min, max)
            .map(|(member, _)| member.to_vec())
            .collect();
        members.iter().filter(|member| zset.remove(member)).count()
    })?;
    Ok(Reply::number(removed.unwrap_or(0)))
}
