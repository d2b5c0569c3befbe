//! Entries of the inbox: whatever a caller appends becomes a job, good or failed, under the right id.

use arbitrary::Unstructured;
use gammaq_job::entry::{Entry, Judged, MAX_META, judge};
use gammaq_job::{ErrorKind, JobId, Request, request};
use serde_json::Value;

use crate::{SECRET, body, word};

const ENTRY: &str = "1763912345678-0";
const FIELDS: [&str; 13] = [
    "request",
    "id",
    "account",
    "kind",
    "exports",
    "priority",
    "run_at",
    "timeout",
    "callback",
    "meta",
    "traceparent",
    "tracestate",
    "other",
];
const VALUES: [&str; 22] = [
    "",
    "a",
    "invoice-42",
    "generation",
    "template",
    "agent",
    "pdf",
    "pdf,png",
    "pdf,,pdf",
    "0",
    "9",
    "10",
    "-1",
    " 5",
    "1763912345678",
    "99999999999999999999",
    "604801",
    "https://example.com/x",
    "http://example.com",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "ä€😀",
    "../..",
];
const NAMES: [&str; 12] = [
    "inputText",
    "textMode",
    "format",
    "numCards",
    "pages",
    "prompt",
    "gammaId",
    "title",
    "additionalInstructions",
    "exportAs",
    "exportOptions",
    "formats",
];
const WORDS: [&str; 6] = ["generate", "presentation", "pdf", "pptx", "docx", "x"];

/// Judges one entry made of `data`.
pub fn check(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let mut fields = Vec::new();
    for _ in 0..u.int_in_range(0..=14_u8).unwrap_or(0) {
        let name = word(&mut u, &FIELDS);
        let value = match name.as_slice() {
            b"request" if u.ratio(1, 3).unwrap_or(false) => {
                format!(r#"{{"inputText":"{SECRET}","textMode":"generate","numCards":8}}"#).into_bytes()
            }
            b"request" => body(&mut u, &NAMES, &WORDS),
            _ => word(&mut u, &VALUES),
        };
        fields.push((name, value));
    }
    let slices: Vec<(&[u8], &[u8])> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
    let entry = Entry {
        entry_id: ENTRY,
        fields: &slices,
    };
    let judged = judge(&entry);
    assert_eq!(judged, judge(&entry), "the same entry is judged alike");

    let values = |name: &str| -> Vec<&Vec<u8>> {
        let of_it = fields.iter().filter(|(n, _)| n == name.as_bytes());
        of_it.map(|(_, value)| value).collect()
    };
    let own = match values("id").as_slice() {
        [id] => std::str::from_utf8(id).ok().and_then(|id| JobId::new(id).ok()),
        _ => None,
    };
    let job = judged.job();
    assert_eq!(
        job.id.as_str(),
        own.as_ref().map_or(ENTRY, JobId::as_str),
        "the id is the caller's, else the entry's"
    );
    assert!(job.fingerprint.len() == 32 && job.fingerprint.bytes().all(|b| b.is_ascii_hexdigit()));
    assert!(
        job.priority <= 9 && job.warnings.len() <= 10,
        "{:?}",
        job.warnings
    );
    assert!(job.meta.as_ref().is_none_or(|meta| meta.len() <= MAX_META));
    for warning in &job.warnings {
        assert!(warning.chars().count() <= 200, "{warning}");
    }
    match &judged {
        Judged::Accepted(job) => accepted(job, values("request").first().map_or(&[], |it| it.as_slice())),
        Judged::Rejected { error, .. } => {
            assert_eq!(error.kind, ErrorKind::InvalidRequest);
            let named = FIELDS
                .iter()
                .chain(&NAMES)
                .any(|field| error.message.starts_with(field));
            assert!(named, "the error names the field: {}", error.message);
            assert!(error.message.chars().count() <= 1_000);
            assert!(!error.message.contains(SECRET), "no prompt in an error");
        }
    }
}

/// What is accepted can be sent: Gamma gets the caller's request, and nothing else but the first format.
fn accepted(job: &gammaq_job::NewJob, bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).expect("an accepted request is text");
    let parsed = Request::parse(text, job.kind, &job.exports).expect("an accepted request passes again");
    let mut wanted: Value = serde_json::from_str(text).expect("an accepted request is JSON");
    let sent: Value = serde_json::from_str(&request::body(text, &job.exports)).expect("what is sent is JSON");
    if let (Some(first), None) = (
        job.exports.first(),
        wanted.get("exportAs").filter(|it| !it.is_null()),
    ) {
        wanted["exportAs"] = first.as_str().into();
    }
    assert_eq!(sent, wanted);
    assert_eq!(parsed.wanted(), job.exports);
}
