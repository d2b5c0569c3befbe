//! Reading answers without trusting them: a record broken by hand must not stop a worker.

use redis::Value;

use crate::Error;

/// Text or a number as text; what isn't UTF-8 is shown as far as it can be.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::SimpleString(text) => text.clone(),
        Value::Int(number) => number.to_string(),
        Value::Okay => "OK".to_owned(),
        _ => String::new(),
    }
}

/// The same without a copy where it is UTF-8, as nearly all is.
pub(crate) fn into_text(value: Value) -> String {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
        other => text(&other),
    }
}

pub(crate) fn number(value: &Value) -> u64 {
    match value {
        Value::Int(number) => u64::try_from(*number).unwrap_or(0),
        // Scores come as text and may have a fraction.
        other => text(other).parse::<f64>().map_or(0, |n| n as u64),
    }
}

pub(crate) fn list(value: Value) -> Result<Vec<Value>, Error> {
    match value {
        Value::Array(items) => Ok(items),
        Value::Nil => Ok(Vec::new()),
        other => Err(Error::Refused(format!(
            "a list was expected, not {}",
            text(&other)
        ))),
    }
}

pub(crate) fn texts(value: Value) -> Result<Vec<String>, Error> {
    Ok(list(value)?.into_iter().map(into_text).collect())
}

/// Names and values in turns.
pub(crate) fn pairs(value: Value) -> Result<Vec<(String, String)>, Error> {
    let flat = texts(value)?;
    Ok(flat
        .chunks_exact(2)
        .map(|pair| (pair[0].clone(), pair[1].clone()))
        .collect())
}

/// The entries of the one stream that was asked for: Redis answers with a list of name and entries, or a map.
pub(crate) fn entries_of_one_stream(answer: Value) -> Result<Vec<Value>, Error> {
    let entries = match answer {
        Value::Map(streams) => streams.into_iter().next().map(|(_, entries)| entries),
        other => list(other)?
            .into_iter()
            .next()
            .and_then(|stream| list(stream).ok()?.pop()),
    };
    entries.map_or(Ok(Vec::new()), list)
}

/// A score: text with the older protocol, a number with the newer one; 0 where it is none.
pub(crate) fn score(value: &Value) -> f64 {
    match value {
        Value::Double(number) => *number,
        other => text(other).parse().unwrap_or(0.0),
    }
}

/// Members with their scores: in turns with the older protocol, in pairs with the newer one.
pub(crate) fn scored(answer: Value) -> Result<Vec<(String, f64)>, Error> {
    let items = list(answer)?;
    if items.iter().all(|item| matches!(item, Value::Array(_))) {
        let pair = |item| {
            let pair = list(item)?;
            Ok(match pair.as_slice() {
                [member, at] => Some((text(member), score(at))),
                _ => None,
            })
        };
        return items
            .into_iter()
            .filter_map(|item| pair(item).transpose())
            .collect();
    }
    Ok(items
        .chunks_exact(2)
        .map(|pair| (text(&pair[0]), score(&pair[1])))
        .collect())
}

/// A hash.
pub(crate) fn map(answer: Value) -> Result<std::collections::BTreeMap<String, String>, Error> {
    if let Value::Map(fields) = answer {
        return Ok(fields.iter().map(|(name, it)| (text(name), text(it))).collect());
    }
    Ok(pairs(answer)?.into_iter().collect())
}
