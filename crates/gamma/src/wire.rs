//! Tolerant reading of Gamma's JSON: what is missing or of another type is absent, never an error.

use serde_json::{Map, Value};

/// The longest id that is believed, in bytes; Gamma's have a few dozen.
const MAX_ID: usize = 512;
/// How many warnings of one answer are kept.
const MAX_WARNINGS: usize = 50;

/// A body that is a JSON object.
pub(crate) fn object(body: &[u8]) -> Option<Map<String, Value>> {
    match serde_json::from_slice(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)) {
        Ok(Value::Object(object)) => Some(object),
        _ => None,
    }
}

/// A body as text, whatever it is.
pub(crate) fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body).into_owned()
}

/// What an answer says went wrong: `message`, else `error`, as a string, a list or an object; else the whole
/// body.
pub(crate) fn message(body: &[u8]) -> String {
    object(body)
        .and_then(|object| said(&object))
        .unwrap_or_else(|| text(body))
}

/// The message inside an object.
pub(crate) fn said(object: &Map<String, Value>) -> Option<String> {
    ["message", "error", "detail"]
        .iter()
        .find_map(|name| words(object.get(*name)?))
}

/// A message in any of its shapes: a string, a list of those, an object that holds one.
pub(crate) fn words(value: &Value) -> Option<String> {
    let words = match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().filter_map(words).collect::<Vec<_>>().join("; "),
        Value::Object(object) => said(object)?,
        _ => return None,
    };
    (!words.trim().is_empty()).then_some(words)
}

/// The id of a generation that was accepted. Only `generationId` is believed: polling a wrong id would lose
/// what was paid for, and an unclear outcome at least says so.
pub(crate) fn generation_id(object: &Map<String, Value>) -> Option<String> {
    let id = match object.get("generationId")? {
        Value::String(id) => id.clone(),
        Value::Number(id) if id.is_u64() => id.to_string(),
        _ => return None,
    };
    let readable = id.len() <= MAX_ID && !id.contains(char::is_control) && id == id.trim();
    (readable && crate::target::is_askable(&id)).then_some(id)
}

/// `warnings`, which is a string on Classic and a list elsewhere.
pub(crate) fn warnings(object: &Map<String, Value>) -> Vec<String> {
    match object.get("warnings") {
        Some(Value::Array(list)) => list.iter().take(MAX_WARNINGS).filter_map(warning).collect(),
        Some(value) => warning(value).into_iter().collect(),
        None => Vec::new(),
    }
}

/// One warning; one in an unknown shape is kept as its JSON.
fn warning(value: &Value) -> Option<String> {
    words(value).or_else(|| match value {
        Value::Null | Value::String(_) => None,
        Value::Array(list) if list.is_empty() => None,
        Value::Object(object) if object.is_empty() => None,
        other => Some(other.to_string()),
    })
}

/// A string that says something.
pub(crate) fn string(object: &Map<String, Value>, name: &str) -> Option<String> {
    object
        .get(name)?
        .as_str()
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

/// A number, also one that was written as a string.
pub(crate) fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::String(text) => text.trim().parse().ok()?,
        other => other.as_f64()?,
    };
    number.is_finite().then_some(number)
}

/// An HTTP status inside a body.
pub(crate) fn status(object: &Map<String, Value>) -> Option<u16> {
    let status = number(object.get("statusCode").or_else(|| object.get("status"))?)?;
    (status.fract() == 0.0 && (100.0..=999.0).contains(&status)).then_some(status as u16)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn messages_in_all_their_shapes() {
        for (body, expected) in [
            (
                r#"{"message":"Invalid API key","statusCode":401}"#,
                "Invalid API key",
            ),
            (
                r#"{"message":["a is wrong","b is wrong"],"error":"Bad Request"}"#,
                "a is wrong; b is wrong",
            ),
            (r#"{"message":"","error":"Bad Request"}"#, "Bad Request"),
            (r#"{"error":{"message":"deep","statusCode":422}}"#, "deep"),
            (r#"{"error":{"code":7}}"#, r#"{"error":{"code":7}}"#),
            (r#"{"message":7}"#, r#"{"message":7}"#),
            ("\u{feff}{\"message\":\"marked\"}", "marked"),
            ("<html>502 Bad Gateway</html>", "<html>502 Bad Gateway</html>"),
            (r#"{"message":"cut of"#, r#"{"message":"cut of"#),
            ("", ""),
        ] {
            assert_eq!(message(body.as_bytes()), expected, "{body}");
        }
        assert_eq!(message(b"\xff\xfe"), "\u{fffd}\u{fffd}");
    }

    #[test]
    fn ids_are_strings_or_whole_numbers() {
        for (id, expected) in [
            (json!("gen_abc"), Some("gen_abc")),
            (json!(42), Some("42")),
            (json!(""), None),
            (json!(" a"), None),
            (json!(".."), None),
            (json!("a\nb"), None),
            (json!("a".repeat(513)), None),
            (json!(null), None),
            (json!(-1), None),
            (json!(1.5), None),
            (json!(["a"]), None),
            (json!({"id": "a"}), None),
        ] {
            let body = json!({"generationId": id, "id": "other"});
            assert_eq!(
                generation_id(body.as_object().unwrap()).as_deref(),
                expected,
                "{body}"
            );
        }
    }

    #[test]
    fn warnings_are_a_string_or_a_list() {
        for (value, expected) in [
            (json!("numCards ignored"), vec!["numCards ignored"]),
            (json!(["one", "", null, "two"]), vec!["one", "two"]),
            (
                json!([{"message": "one"}, {"code": 7}]),
                vec!["one", r#"{"code":7}"#],
            ),
            (json!(null), vec![]),
            (json!(""), vec![]),
            (json!([]), vec![]),
            (json!({}), vec![]),
        ] {
            assert_eq!(
                warnings(json!({"warnings": value}).as_object().unwrap()),
                expected,
                "{value}"
            );
        }
        assert!(warnings(&Map::new()).is_empty());
    }

    #[test]
    fn statuses_inside_bodies() {
        for (value, expected) in [
            (json!(422), Some(422)),
            (json!("422"), Some(422)),
            (json!(1e9), None),
            (json!([]), None),
        ] {
            assert_eq!(
                status(json!({"statusCode": value}).as_object().unwrap()),
                expected
            );
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            message(&body);
            if let Some(object) = object(&body) {
                generation_id(&object);
                warnings(&object);
            }
        }
    }
}
