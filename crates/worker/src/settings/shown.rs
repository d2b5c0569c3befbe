//! How a value from the outside may be shown to a person: cut, on one line, and without what is secret.

use config::ValueKind;

/// What stands in the place of a secret.
pub(super) const HIDDEN: &str = "<hidden>";

/// The most characters of a value that a problem repeats.
const LONGEST: usize = 100;

/// The start of every key that Gamma gives out. A value that has it is a key, whatever setting it was put under.
const KEY_MARK: &str = "sk-gamma";

/// `value` as it may stand in a problem.
pub(super) fn shown(value: &ValueKind, secret: bool) -> String {
    if secret {
        return HIDDEN.to_owned();
    }
    match value {
        ValueKind::String(text) => shown_text(text),
        ValueKind::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| shown(&item.kind, false)).collect();
            cut(&format!("[{}]", items.join(", ")))
        }
        ValueKind::Table(_) => "a table".to_owned(),
        ValueKind::Nil => "nothing".to_owned(),
        plain => plain.to_string(),
    }
}

/// `text` in quotes, on one line, cut, without a key or a password.
pub(super) fn shown_text(text: &str) -> String {
    if text.contains(KEY_MARK) {
        return HIDDEN.to_owned();
    }
    let text = if text.contains("://") || text.contains('@') {
        without_credentials(text)
    } else {
        text.to_owned()
    };
    format!("{:?}", cut(&text))
}

/// A key, as it is if it looks like one.
pub(super) fn shown_key(key: &str) -> String {
    let is_plain = key
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"._-<>".contains(&b));
    if is_plain && !key.contains(KEY_MARK) {
        cut(key)
    } else {
        shown_text(key)
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// An address without its password and its query, which may hold one (`unix:///run/redis.sock?pass=…`).
///
/// It works on text, not on a parsed URL, since the addresses that need showing most are those that don't parse: what
/// stands between the scheme and the *last* `@` is taken for credentials, as a password may hold `@`, `/`, `?` and `#`.
pub(super) fn without_credentials(text: &str) -> String {
    let start = text.find("://").map_or(0, |at| at + 3);
    let (scheme, rest) = text.split_at(start);
    let (credentials, place) = match rest.rsplit_once('@') {
        Some((credentials, place)) => (Some(credentials), place),
        None => (None, rest),
    };
    let user = match credentials {
        Some(credentials) => format!("{}:***@", user_of(credentials)),
        None => String::new(),
    };
    let place = match place.find(['?', '#']) {
        Some(end) => format!("{}?***", place.get(..end).unwrap_or_default()),
        None => place.to_owned(),
    };
    // `redis://:password` with the host forgotten: what should be a port is no number.
    let port = place
        .split('/')
        .next()
        .and_then(|host| host.rsplit_once(':'))
        .map(|(_, port)| port);
    let place = match port {
        Some(port) if !port.ends_with(']') && port.bytes().any(|b| !b.is_ascii_digit()) => "***".to_owned(),
        _ => place,
    };
    format!("{scheme}{user}{place}")
}

/// The user in `user:password`; nothing where the text before the colon may be part of a password.
fn user_of(credentials: &str) -> &str {
    match credentials.split_once(':') {
        Some((user, _))
            if user
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) =>
        {
            user
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_password() {
        for (address, expected) in [
            ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
            ("redis://user:hush@host:6379/1", "redis://user:***@host:6379/1"),
            ("redis://:hush@host", "redis://:***@host"),
            ("redis://hush@host", "redis://:***@host"),
            ("redis://:hu@sh/?#x@host", "redis://:***@host"),
            ("redis://:hu:sh", "redis://***"),
            ("redis://:hush", "redis://***"),
            ("redis://:hush/1", "redis://***"),
            ("redis://hush@one,redis://u:hush@two", "redis://:***@two"),
            ("redis://[::1]:6379/", "redis://[::1]:6379/"),
            ("redis://[::1]/", "redis://[::1]/"),
            (
                "unix:///run/redis.sock?db=1&pass=hush",
                "unix:///run/redis.sock?***",
            ),
            ("host:6379", "host:6379"),
            ("user:hush@host", "user:***@host"),
        ] {
            assert_eq!(without_credentials(address), expected, "{address}");
        }
    }

    #[test]
    fn a_value_is_cut_and_stays_on_one_line() {
        assert_eq!(shown_text("a\nb"), r#""a\nb""#);
        assert_eq!(
            shown_text(&"é".repeat(200)),
            format!("\"{}…\"", "é".repeat(LONGEST))
        );
        let list = ValueKind::Array(vec!["a".into(), 5_i64.into()]);
        assert_eq!(shown(&list, false), r#"["a", 5]"#);
    }

    #[test]
    fn a_key_is_hidden_wherever_it_stands() {
        assert_eq!(shown(&ValueKind::from("anything"), true), HIDDEN);
        assert_eq!(shown(&ValueKind::from("sk-gamma-abc"), false), HIDDEN);
        assert_eq!(
            shown(&ValueKind::Array(vec!["x=sk-gamma-abc".into()]), false),
            "[<hidden>]"
        );
    }
}
