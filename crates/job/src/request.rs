//! The JSON body for Gamma: sent on as it came, so only its stable limits are checked here.
//!
//! Enumerations such as image models change on Gamma's side; a value that is unknown here may be right there.

use std::fmt::Write as _;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::json::{cut, hash_canonical, hash_text, parse_strict};
use crate::{AccountName, ExportFormat, Kind};

/// The longest request, in bytes.
pub const MAX_BYTES: usize = 2 * 1024 * 1024;
/// The longest `inputText` or `prompt`, in characters.
pub const MAX_TEXT: usize = 400_000;
/// The longest `additionalInstructions`, in characters.
pub const MAX_INSTRUCTIONS: usize = 5_000;
/// The longest `title`, in characters.
pub const MAX_TITLE: usize = 500;

/// A request that keeps the limits.
#[derive(Debug, Clone)]
pub struct Request {
    fields: Map<String, Value>,
    wanted: Vec<ExportFormat>,
}

impl Request {
    /// Reads and checks `text` for a job of `kind`. `exports` are the formats that the entry names beside
    /// the request.
    ///
    /// # Errors
    /// Every problem found: the field, its value (cut, and never the text of a prompt) and what is allowed.
    pub fn parse(text: &str, kind: Kind, exports: &[ExportFormat]) -> Result<Self, Vec<String>> {
        if text.len() > MAX_BYTES {
            return Err(vec![too_long(text.len())]);
        }
        let fields = match parse_strict(text) {
            Ok(Value::Object(fields)) => fields,
            Ok(other) => {
                return Err(vec![format!(
                    "request: {} is not allowed; a JSON object is",
                    type_of(&other)
                )]);
            }
            Err(error) => return Err(vec![format!("request: not usable JSON ({error})")]),
        };
        let mut problems = Vec::new();
        check_text(&fields, kind, &mut problems);
        check_length(&fields, "title", MAX_TITLE, &mut problems);
        check_length(&fields, "additionalInstructions", MAX_INSTRUCTIONS, &mut problems);
        if kind == Kind::Generation {
            check_num_cards(&fields, &mut problems);
        }
        let wanted = wanted_formats(&fields, exports, &mut problems);
        if problems.is_empty() {
            Ok(Self { fields, wanted })
        } else {
            Err(problems)
        }
    }

    /// The formats wanted, in order: `exportAs` (which can't be changed, as the request is sent as it came),
    /// what the entry names, the older `exportOptions.formats`; none twice.
    pub fn wanted(&self) -> &[ExportFormat] {
        &self.wanted
    }

    /// The top-level fields.
    pub fn fields(&self) -> &Map<String, Value> {
        &self.fields
    }

    /// 32 hexadecimal characters, the same for two wishes that are the same: equal as JSON, and with equal
    /// account, kind and formats.
    pub fn fingerprint(&self, account: &AccountName, kind: Kind) -> String {
        let mut hash = Sha256::new();
        hash_text(b'a', account.as_str(), &mut hash);
        hash_text(b'k', kind.as_str(), &mut hash);
        for format in &self.wanted {
            hash_text(b'e', format.as_str(), &mut hash);
        }
        for (name, value) in self.fields.iter().collect::<std::collections::BTreeMap<_, _>>() {
            hash_text(b'f', name, &mut hash);
            hash_canonical(value, &mut hash);
        }
        hex(&hash.finalize())
    }
}

/// The fingerprint of an entry that can't be read as a request.
pub(crate) fn fingerprint_of_bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(digest: &[u8]) -> String {
    digest
        .iter()
        .take(16)
        .fold(String::with_capacity(32), |mut text, byte| {
            // Writing to a string can't fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// The body for Gamma: `request` as it came, with `exportAs` for the first wanted format where it names none.
pub fn body(request: &str, wanted: &[ExportFormat]) -> String {
    let Some(first) = wanted.first() else {
        return request.to_owned();
    };
    let names_one = serde_json::from_str::<ExportAs>(request).is_ok_and(|it| it.export_as.is_some());
    match request.find('{') {
        Some(open) if !names_one => {
            let (head, tail) = request.split_at(open + 1);
            let comma = if tail.trim_start().starts_with('}') {
                ""
            } else {
                ","
            };
            format!("{head}\"exportAs\":\"{first}\"{comma}{tail}")
        }
        _ => request.to_owned(),
    }
}

#[derive(serde::Deserialize)]
struct ExportAs {
    #[serde(rename = "exportAs", default, deserialize_with = "present")]
    export_as: Option<serde::de::IgnoredAny>,
}

/// Present counts, `null` too: a second `exportAs` beside it would be a field that stands twice.
fn present<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<serde::de::IgnoredAny>, D::Error> {
    serde::Deserialize::deserialize(d).map(Some)
}

pub(crate) fn too_long(bytes: usize) -> String {
    format!("request: {bytes} bytes; allowed are {MAX_BYTES}")
}

fn check_text(fields: &Map<String, Value>, kind: Kind, problems: &mut Vec<String>) {
    let name = if kind == Kind::Generation {
        "inputText"
    } else {
        "prompt"
    };
    match fields.get(name) {
        Some(Value::String(text)) => {
            let chars = text.chars().count();
            if !(1..=MAX_TEXT).contains(&chars) {
                problems.push(format!("{name}: {chars} characters; allowed are 1 to {MAX_TEXT}"));
            }
        }
        Some(other) => problems.push(format!("{name}: {} is not allowed; text is", type_of(other))),
        None if kind == Kind::Generation && fields.contains_key("pages") => {}
        None => problems.push(format!(
            "{name}: missing; 1 to {MAX_TEXT} characters of text are required"
        )),
    }
    let template = fields.get("gammaId").and_then(Value::as_str).unwrap_or_default();
    if kind == Kind::Template && template.is_empty() {
        problems.push("gammaId: missing or not text; the template's id is required".to_owned());
    }
}

fn check_length(fields: &Map<String, Value>, name: &str, max: usize, problems: &mut Vec<String>) {
    match fields.get(name) {
        None | Some(Value::Null) => {}
        Some(Value::String(text)) if text.chars().count() <= max => {}
        Some(Value::String(text)) => {
            problems.push(format!(
                "{name}: {} characters; allowed are at most {max}",
                text.chars().count()
            ));
        }
        Some(other) => problems.push(format!("{name}: {} is not allowed; text is", type_of(other))),
    }
}

fn check_num_cards(fields: &Map<String, Value>, problems: &mut Vec<String>) {
    let Some(value) = fields.get("numCards") else {
        return;
    };
    let whole = value.as_f64().is_some_and(|n| n >= 1.0 && n.fract() == 0.0);
    if !whole && !value.is_null() {
        let shown = if value.is_number() || value.is_string() {
            cut(&value.to_string(), 40)
        } else {
            type_of(value).to_owned()
        };
        problems.push(format!(
            "numCards: {shown} is not allowed; a whole number of at least 1 is"
        ));
    }
}

fn wanted_formats(
    fields: &Map<String, Value>,
    exports: &[ExportFormat],
    problems: &mut Vec<String>,
) -> Vec<ExportFormat> {
    let mut wanted = Vec::new();
    let mut take = |name: &str, value: &Value| match value.as_str().map(str::parse::<ExportFormat>) {
        Some(Ok(format)) => Some(format),
        Some(Err(_)) => {
            problems.push(format!(
                "{name}: {} is not allowed; pdf, pptx or png is",
                cut(&value.to_string(), 40)
            ));
            None
        }
        None => {
            problems.push(format!(
                "{name}: {} is not allowed; pdf, pptx or png is",
                type_of(value)
            ));
            None
        }
    };
    if let Some(value) = fields.get("exportAs").filter(|value| !value.is_null()) {
        wanted.extend(take("exportAs", value));
    }
    wanted.extend_from_slice(exports);
    match fields
        .get("exportOptions")
        .and_then(|options| options.get("formats"))
    {
        None | Some(Value::Null) => {}
        Some(Value::Array(values)) => {
            for value in values {
                wanted.extend(take("exportOptions.formats", value));
            }
        }
        Some(value) => wanted.extend(take("exportOptions.formats", value)),
    }
    let mut seen = Vec::new();
    wanted.retain(|format| {
        let new = !seen.contains(format);
        seen.push(*format);
        new
    });
    wanted
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> String {
        Request::parse(text, Kind::Generation, &[])
            .map(|_| ())
            .unwrap_err()
            .join("; ")
    }

    #[test]
    fn the_stable_limits_hold() {
        for (text, part) in [
            ("", "not usable JSON"),
            ("nope", "not usable JSON"),
            ("[]", "a list is not allowed"),
            ("{}", "inputText: missing"),
            (r#"{"inputText":""}"#, "inputText: 0 characters"),
            (r#"{"inputText":7}"#, "a number is not allowed; text is"),
            (r#"{"inputText":"a","numCards":0}"#, "numCards: 0 is"),
            (r#"{"inputText":"a","numCards":-1}"#, "numCards: -1 is"),
            (r#"{"inputText":"a","numCards":2.5}"#, "numCards: 2.5 is"),
            (r#"{"inputText":"a","numCards":"8"}"#, "numCards: \"8\" is"),
            (r#"{"inputText":"a","exportAs":"docx"}"#, "exportAs: \"docx\""),
            (
                r#"{"inputText":"a","exportOptions":{"formats":["pdf","x"]}}"#,
                "exportOptions.formats: \"x\"",
            ),
            (r#"{"inputText":"a","inputText":"b"}"#, "stands twice"),
        ] {
            assert!(problems(text).contains(part), "{text}: {}", problems(text));
        }
        let long = format!(
            r#"{{"inputText":"a","title":"{}","additionalInstructions":"{}"}}"#,
            "é".repeat(501),
            "é".repeat(5001)
        );
        assert_eq!(problems(&long).matches("allowed are at most").count(), 2);
        let just = format!(r#"{{"inputText":"{}"}}"#, "é".repeat(MAX_TEXT));
        assert!(Request::parse(&just, Kind::Generation, &[]).is_ok());
        let over = format!(r#"{{"inputText":"{}"}}"#, "a".repeat(MAX_TEXT + 1));
        assert!(problems(&over).contains("400001 characters"));
        assert!(problems(&" ".repeat(MAX_BYTES + 1)).contains("2097153 bytes"));
    }

    #[test]
    fn a_problem_never_holds_the_prompt() {
        let text = format!(
            r#"{{"inputText":"{}","numCards":0}}"#,
            "secret plan ".repeat(40_000)
        );
        assert!(!problems(&text).contains("secret plan"));
    }

    #[test]
    fn each_kind_has_its_text() {
        assert!(Request::parse(r#"{"prompt":"a","gammaId":"g"}"#, Kind::Template, &[]).is_ok());
        assert!(Request::parse(r#"{"prompt":"a"}"#, Kind::Template, &[]).is_err());
        assert!(Request::parse(r#"{"prompt":"a"}"#, Kind::Agent, &[]).is_ok());
        assert!(Request::parse(r#"{"inputText":"a"}"#, Kind::Agent, &[]).is_err());
        assert!(Request::parse(r#"{"pages":[{}]}"#, Kind::Generation, &[]).is_ok());
    }

    #[test]
    fn formats_from_three_places_are_one_wish() {
        let text = r#"{"inputText":"a","exportAs":"pptx","exportOptions":{"formats":["pdf","pptx"]}}"#;
        let request = Request::parse(text, Kind::Generation, &[ExportFormat::Png]).unwrap();
        assert_eq!(
            request.wanted(),
            [ExportFormat::Pptx, ExportFormat::Png, ExportFormat::Pdf]
        );
    }

    #[test]
    fn only_export_as_is_added_to_the_body() {
        assert_eq!(body(r#" {"a":1.0}"#, &[]), r#" {"a":1.0}"#);
        assert_eq!(
            body(r#" {"a":1.0}"#, &[ExportFormat::Pdf]),
            r#" {"exportAs":"pdf","a":1.0}"#
        );
        assert_eq!(body("{ }", &[ExportFormat::Pdf]), r#"{"exportAs":"pdf" }"#);
        for asis in [r#"{"exportAs":"png","a":1}"#, r#"{"exportAs":null}"#] {
            assert_eq!(body(asis, &[ExportFormat::Png]), asis);
        }
    }

    #[test]
    fn a_fingerprint_tells_wishes_apart() {
        let account = AccountName::default();
        let print = |text: &str, exports: &[ExportFormat]| {
            Request::parse(text, Kind::Generation, exports)
                .unwrap()
                .fingerprint(&account, Kind::Generation)
        };
        let base = print(r#"{"inputText":"a","numCards":8}"#, &[]);
        assert_eq!(base, print(r#"{"numCards":8.0, "inputText":"a"}"#, &[]));
        assert_ne!(base, print(r#"{"inputText":"a","numCards":9}"#, &[]));
        assert_ne!(
            base,
            print(r#"{"inputText":"a","numCards":8}"#, &[ExportFormat::Pdf])
        );
        assert_eq!(base.len(), 32);
    }
}
