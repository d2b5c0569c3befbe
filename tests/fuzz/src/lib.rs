//! What must hold for everything that is read from outside, whatever stands there. Each module makes its input from
//! raw bytes and checks it; `targets/` hands it bytes from libFuzzer, `tests/bounded.rs` a bounded number of random
//! ones.

#![expect(clippy::expect_used, reason = "what does not hold has to end the run")]

pub mod answers;
pub mod inbox;
pub mod retry_after;
pub mod settings;

use arbitrary::Unstructured;

/// Must never come out of anything: it stands where keys, prompts and links do.
pub const SECRET: &str = "n3ver-t0-be-seen";

/// One of the words that the code looks for, or anything.
pub(crate) fn word(u: &mut Unstructured<'_>, words: &[&str]) -> Vec<u8> {
    let known = u.ratio(3, 4).unwrap_or(false);
    match u.choose(words) {
        Ok(word) if known => word.as_bytes().to_vec(),
        _ => u.arbitrary().unwrap_or_default(),
    }
}

/// JSON of these names and words, or something near it, not deeper than `depth`.
pub(crate) fn json(u: &mut Unstructured<'_>, names: &[&str], words: &[&str], depth: u8, out: &mut Vec<u8>) {
    match u.int_in_range(0..=if depth == 0 { 4 } else { 7_u8 }).unwrap_or(0) {
        0 => out.extend(b"null"),
        1 => out.extend(u.arbitrary::<i64>().unwrap_or(0).to_string().bytes()),
        2 => out.extend(u.arbitrary::<f64>().unwrap_or(0.0).to_string().bytes()),
        3 => out.extend(u.arbitrary::<bool>().unwrap_or(false).to_string().bytes()),
        4 => {
            let text = String::from_utf8_lossy(&word(u, words)).into_owned();
            out.extend(serde_json::Value::from(text).to_string().bytes());
        }
        5 => {
            out.push(b'[');
            for n in 0..u.int_in_range(0..=4_u8).unwrap_or(0) {
                if n > 0 {
                    out.push(b',');
                }
                json(u, names, words, depth - 1, out);
            }
            out.push(b']');
        }
        _ => {
            out.push(b'{');
            for n in 0..u.int_in_range(0..=6_u8).unwrap_or(0) {
                if n > 0 {
                    out.push(b',');
                }
                let name = String::from_utf8_lossy(&word(u, names)).into_owned();
                out.extend(serde_json::Value::from(name).to_string().bytes());
                out.push(b':');
                json(u, names, words, depth - 1, out);
            }
            out.push(b'}');
        }
    }
}

/// A body: JSON most of the time, also cut short, else any bytes.
pub(crate) fn body(u: &mut Unstructured<'_>, names: &[&str], words: &[&str]) -> Vec<u8> {
    if u.ratio(1, 8).unwrap_or(false) {
        return u.arbitrary().unwrap_or_default();
    }
    let mut out = Vec::new();
    json(u, names, words, 3, &mut out);
    if u.ratio(1, 8).unwrap_or(false) {
        let keep = u.int_in_range(0..=out.len()).unwrap_or(0);
        out.truncate(keep);
    }
    out
}
