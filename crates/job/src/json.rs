//! JSON read strictly: a field that stands twice, or nesting without end, is an error and not a surprise.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use sha2::{Digest, Sha256};

/// The first `max` characters of `text`, with control characters made visible and `…` where it was cut.
pub fn cut(text: &str, max: usize) -> String {
    let mut out: String = text
        .chars()
        .take(max)
        .flat_map(|c| {
            if c.is_control() {
                c.escape_default().collect::<Vec<_>>()
            } else {
                vec![c]
            }
        })
        .collect();
    if text.chars().nth(max).is_some() {
        out.push('…');
    }
    out
}

/// Reads `text` as one JSON value whose objects have no field twice.
///
/// # Errors
/// What is wrong and where; nesting deeper than 127 levels is an error. The message holds names of fields,
/// never their values.
pub fn parse_strict(text: &str) -> Result<Value, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Strict.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }
    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }
    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::from(value))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Strict)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            if fields.contains_key(&name) {
                return Err(A::Error::custom(format_args!(
                    "the field \"{}\" stands twice",
                    cut(&name, 64)
                )));
            }
            let value = map.next_value_seed(Strict)?;
            fields.insert(name, value);
        }
        Ok(Value::Object(fields))
    }
}

/// Feeds `value` to `hash` so that values that are equal as JSON feed the same bytes: fields in order of
/// their names, and 8 the same as 8.0.
pub fn hash_canonical(value: &Value, hash: &mut Sha256) {
    match value {
        Value::Null => hash.update(b"n"),
        Value::Bool(true) => hash.update(b"t"),
        Value::Bool(false) => hash.update(b"f"),
        Value::Number(number) => hash_text(b'#', &canonical_number(number), hash),
        Value::String(text) => hash_text(b'"', text, hash),
        Value::Array(items) => {
            hash.update(b"[");
            items.iter().for_each(|item| hash_canonical(item, hash));
            hash.update(b"]");
        }
        Value::Object(fields) => {
            let mut names: Vec<&String> = fields.keys().collect();
            names.sort_unstable();
            hash.update(b"{");
            for name in names {
                hash_text(b'"', name, hash);
                hash_canonical(&fields[name.as_str()], hash);
            }
            hash.update(b"}");
        }
    }
}

/// A tag, the length and the bytes: no two different texts run into the same stream.
pub(crate) fn hash_text(tag: u8, text: &str, hash: &mut Sha256) {
    hash.update([tag]);
    hash.update((text.len() as u64).to_be_bytes());
    hash.update(text.as_bytes());
}

fn canonical_number(number: &Number) -> String {
    // Up to 2^53 a float holds every whole number exactly, so 8.0 and 8e0 are 8 and nothing else is.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() <= EXACT => {
            if float == 0.0 {
                "0".to_owned()
            } else {
                format!("{float:.0}")
            }
        }
        _ => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(text: &str) -> Vec<u8> {
        let mut hash = Sha256::new();
        hash_canonical(&parse_strict(text).unwrap(), &mut hash);
        hash.finalize().to_vec()
    }

    #[test]
    fn equal_json_has_equal_bytes() {
        assert_eq!(
            fingerprint(r#"{"a":1,"b":[true,null]}"#),
            fingerprint("{ \"b\" : [true,null],\n\"a\":1.0}")
        );
        assert_eq!(fingerprint(r#""é""#), fingerprint(r#""\u00e9""#));
        for (left, right) in [
            (r#"["ab"]"#, r#"["a","b"]"#),
            ("1", "1.5"),
            ("{}", "[]"),
            ("10", "1"),
            ("-10", "10"),
        ] {
            assert_ne!(fingerprint(left), fingerprint(right), "{left} {right}");
        }
    }

    #[test]
    fn fields_that_stand_twice_and_deep_nesting_are_refused() {
        let twice = parse_strict(r#"{"a":{"b":1,"b":2}}"#).unwrap_err().to_string();
        assert!(twice.contains("\"b\" stands twice"), "{twice}");
        let deep = "[".repeat(10_000) + &"]".repeat(10_000);
        assert!(
            parse_strict(&deep)
                .unwrap_err()
                .to_string()
                .contains("recursion limit")
        );
        assert!(parse_strict("{} {}").is_err());
    }

    #[test]
    fn cut_counts_characters_and_shows_control_characters() {
        assert_eq!(cut("héllo", 2), "hé…");
        assert_eq!(cut("a\nb", 9), "a\\nb");
    }
}
