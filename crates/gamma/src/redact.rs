//! Text from outside, made fit for logs and records.
//!
//! Gamma's messages may echo the key, an export link (which opens the file for whoever holds it) or control
//! characters. Everything this crate hands out as a message went through [`scrub`].

use serde_json::{Map, Value};

/// Stands where a key stood.
pub(crate) const KEY: &str = "[key]";
/// How Gamma's keys begin: keys of other accounts are hidden too, and so is a key that was cut short.
const KEY_PREFIX: &str = "sk-gamma-";
/// What stands between the scheme and the host of a link: as it is, as some JSON writers escape it, and
/// encoded.
const AFTER_SCHEME: [&str; 3] = ["://", ":\\/\\/", "%3a%2f%2f"];
/// Export links live below this domain, and may be written without a scheme.
const OWN_HOST: &str = "gamma.app";
/// So many characters of the key at the end of a text are taken for the key.
const CUT_KEY: usize = 4;
/// More of a text is never looked at, whatever the cut asked for.
const LOOKED_AT: usize = 64 * 1024;

/// `text` without `key`, without the paths of links, without control characters, at most `max` characters
/// long (`…` stands for what was cut).
pub(crate) fn scrub(text: &str, key: &str, max: usize) -> String {
    if is_harmless(text, key) && text.len() <= max.min(LOOKED_AT) {
        return text.to_owned();
    }
    scrub_all(text, key, max)
}

/// Whether scrubbing would leave all of it as it is, as with the ids that come with every answer: one word without a link, a key, or the
/// beginning of one.
fn is_harmless(text: &str, key: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let begins_key = |part: &[u8]| part.eq_ignore_ascii_case(KEY_PREFIX.as_bytes());
    let own = key.get(..CUT_KEY).unwrap_or(key);
    text.bytes().all(is_word)
        && (key.is_empty() || !text.contains(own))
        && !text.as_bytes().windows(KEY_PREFIX.len()).any(begins_key)
}

fn scrub_all(text: &str, key: &str, max: usize) -> String {
    let head = &text[..text.floor_char_boundary(LOOKED_AT)];
    let mut clean: String = head
        .chars()
        .map(|c| if is_unprintable(c) { ' ' } else { c })
        .collect();
    if !key.is_empty() {
        clean = clean.replace(key, KEY);
        drop_cut_key(&mut clean, key);
    }
    let mut out = String::with_capacity(clean.len().min(4 * max));
    for token in clean.trim().split_inclusive(ends_token) {
        hide_secrets(token, &mut out);
    }
    cut(&out, max)
}

/// Puts `[key]` where `key` stands in any text of an object; a field whose name holds it goes.
pub(crate) fn hide_key(object: &mut Map<String, Value>, key: &str) {
    if !key.is_empty() {
        rewrite_fields(object, &|text| text.contains(key).then(|| text.replace(key, KEY)));
    }
}

/// Puts what `safe` gives in place of each text it gives something for, at any depth; a field with such a name goes.
pub(crate) fn rewrite(value: &mut Value, safe: &impl Fn(&str) -> Option<String>) {
    match value {
        Value::String(text) => *text = safe(text).unwrap_or_else(|| std::mem::take(text)),
        Value::Array(list) => list.iter_mut().for_each(|value| rewrite(value, safe)),
        Value::Object(object) => rewrite_fields(object, safe),
        _ => {}
    }
}

fn rewrite_fields(object: &mut Map<String, Value>, safe: &impl Fn(&str) -> Option<String>) {
    object.retain(|name, _| safe(name).is_none());
    object.values_mut().for_each(|value| rewrite(value, safe));
}

/// The first `max` characters of `text`, the last of them `…` where something is missing.
pub(crate) fn cut(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        None => text.to_owned(),
        Some(_) => text.chars().take(max.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// A body that ended in the middle of the key must not give away the part that came.
fn drop_cut_key(text: &mut String, key: &str) {
    let lengths = (CUT_KEY..key.len()).rev().filter(|&n| key.is_char_boundary(n));
    if let Some(n) = lengths.into_iter().find(|&n| text.ends_with(&key[..n])) {
        text.truncate(text.len() - n);
        text.push_str(KEY);
    }
}

/// Pushes a token (with the character that ended it) with its key or link hidden.
fn hide_secrets(token: &str, out: &mut String) {
    let end = token.char_indices().next_back().filter(|&(_, c)| ends_token(c));
    let (word, end) = token.split_at(end.map_or(token.len(), |(at, _)| at));
    let lower = word.to_ascii_lowercase();
    let key_at = lower.find(KEY_PREFIX);
    let link_at = link_path_at(&lower);
    match (key_at, link_at) {
        (Some(key), link) if link.is_none_or(|link| key < link) => {
            out.push_str(&word[..key]);
            out.push_str(KEY);
        }
        (_, Some(path)) => {
            out.push_str(&word[..path]);
            out.push_str("/…");
        }
        _ => out.push_str(word),
    }
    out.push_str(end);
}

/// Where the first part of a link begins that must not be shown: its path, or a user name before its host.
fn link_path_at(lower: &str) -> Option<usize> {
    let after_scheme = AFTER_SCHEME
        .iter()
        .filter_map(|mark| lower.find(mark).map(|at| at + mark.len()))
        .min();
    let with_user = after_scheme.filter(|&host| lower[host..].contains('@'));
    let after_own = lower.find(OWN_HOST).map(|at| at + OWN_HOST.len());
    let paths = [after_scheme, after_own]
        .into_iter()
        .flatten()
        .filter_map(|from| {
            let rest = &lower[from..];
            let path = rest.find(['/', '\\', '?', '#', '%'])?;
            // `https://gamma.app/` alone gives nothing away.
            (rest.len() > path + 1).then_some(from + path)
        });
    paths.chain(with_user).min()
}

fn ends_token(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '`')
}

/// Control characters, and those that turn or hide the text around them.
fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const MY_KEY: &str = "my-own-secret";

    #[test]
    fn keys_and_links_are_hidden() {
        for (text, clean) in [
            ("plain text stays", "plain text stays"),
            ("key my-own-secret, twice my-own-secret", "key [key], twice [key]"),
            ("cut in the key: my-own-sec", "cut in the key: [key]"),
            ("Invalid API key SK-gamma-AbC123.", "Invalid API key [key]"),
            (
                "see https://gamma.app/ for help",
                "see https://gamma.app/ for help",
            ),
            (
                "at https://assets.api.gamma.app/export/pdf/1?sig=2 now",
                "at https://assets.api.gamma.app/… now",
            ),
            (
                r#"{"exportUrl":"https:\/\/a.example\/export\/1"}"#,
                r#"{"exportUrl":"https:\/\/a.example/…"}"#,
            ),
            ("HTTPS://A.example?sig=1", "HTTPS://A.example/…"),
            (
                "https%3A%2F%2Fa.example%2Fexport%2F1",
                "https%3A%2F%2Fa.example/…",
            ),
            ("assets.api.gamma.app/export/1", "assets.api.gamma.app/…"),
            ("x.gamma.app/export/1,https://b.example/2", "x.gamma.app/…"),
            ("https://me:pass@a.example/x", "https:///…"),
            ("https://a.example/x?key=sk-gamma-1", "https://a.example/…"),
            ("sk-gamma-1@https://a.example/x", "[key]"),
        ] {
            assert_eq!(scrub(text, MY_KEY, 200), clean, "{text}");
        }
    }

    #[test]
    fn control_characters_and_length_are_bounded() {
        assert_eq!(scrub("a\x1b[31mb\u{202e}c\r\nd", MY_KEY, 200), "a [31mb c  d");
        assert_eq!(scrub("abcdef", MY_KEY, 6), "abcdef");
        assert_eq!(scrub("abcdefg", MY_KEY, 6), "abcde…");
        assert_eq!(scrub(&"é".repeat(100_000), MY_KEY, 300).chars().count(), 300);
        assert_eq!(scrub("abc", MY_KEY, 0), "…");
    }

    proptest::proptest! {
        /// The short way for words says what the long one does.
        #[test]
        fn harmless_words_stay(
            parts in proptest::collection::vec(
                proptest::prop_oneof!["[a-zA-Z0-9_-]{0,9}", "my-own?(-secret)?", "(?i)sk-gamma-?", "\\PC{0,2}", "own.gamma.app/"],
                0..5,
            ),
            key in proptest::prop_oneof![proptest::strategy::Just(MY_KEY), proptest::strategy::Just("abc"), proptest::strategy::Just("é-key"), proptest::strategy::Just("")],
            max in 0usize..60,
        ) {
            let text = parts.concat();
            proptest::prop_assert_eq!(scrub(&text, key, max), scrub_all(&text, key, max));
        }

        #[test]
        fn the_key_never_survives(before in "\\PC{0,40}", after in "\\PC{0,40}", max in 0usize..120) {
            let text = format!("{before}{MY_KEY}{after}");
            proptest::prop_assert!(!scrub(&text, MY_KEY, max).contains(MY_KEY));
        }
    }
}
