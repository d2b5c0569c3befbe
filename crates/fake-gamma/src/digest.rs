//! A digest of a request that is the same for the same JSON, however it is written.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// SHA-256 of the canonical JSON (or, of what isn't JSON, of the bytes), its first 32 hexadecimal digits.
pub(crate) fn digest(value: Option<&Value>, bytes: &[u8]) -> String {
    let mut hash = Sha256::new();
    match value {
        Some(value) => {
            let mut canonical = String::new();
            write_canonical(value, &mut canonical);
            hash.update(canonical.as_bytes());
        }
        None => hash.update(bytes),
    }
    hex(&hash.finalize()[..16])
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Sorts fields by hand: whether serde_json's map does depends on features that any crate may turn on.
fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut fields: Vec<_> = map.iter().collect();
            fields.sort_by_key(|(name, _)| *name);
            out.push('{');
            for (name, value) in fields {
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                write_canonical(value, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                write_canonical(item, out);
                out.push(',');
            }
            out.push(']');
        }
        other => out.push_str(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> String {
        digest(serde_json::from_str(text).ok().as_ref(), text.as_bytes())
    }

    #[test]
    fn order_and_spaces_do_not_matter() {
        assert_eq!(
            of(r#"{"a":1,"b":{"c":[1,2],"d":null}}"#),
            of(r#"{ "b": {"d":null, "c":[1, 2]}, "a": 1 }"#)
        );
        assert_ne!(of(r#"{"a":1}"#), of(r#"{"a":2}"#));
        assert_ne!(of(r#"{"a":[1,2]}"#), of(r#"{"a":[2,1]}"#));
        assert_eq!(of("no json").len(), 32);
    }
}
