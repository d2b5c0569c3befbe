//! Gamma's answers: no answer is taken for more than it says, and none gives away a key or a link.

use arbitrary::Unstructured;
use gammaq_gamma::offline::{judge_poll, judge_submit};
use gammaq_gamma::{Polled, Submitted, Target};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use secrecy::SecretString;
use serde_json::Value;

use crate::{SECRET, body, word};

const NAMES: [&str; 22] = [
    "generationId",
    "id",
    "status",
    "error",
    "message",
    "detail",
    "statusCode",
    "warnings",
    "credits",
    "deducted",
    "remaining",
    "gammaUrl",
    "gammaId",
    "exportUrl",
    "exportUrls",
    "pdfUrl",
    "pdf",
    "result",
    "gamma",
    "url",
    "progress",
    "exports",
];
const WORDS: [&str; 14] = [
    "completed",
    "failed",
    "pending",
    "gen_abc",
    "..",
    "a b",
    "out of credits",
    "sk-gamma-n3ver-t0-be-seen",
    "your key sk-gamma-n3ver-t0-be-seen is wrong",
    "https://assets.gamma.app/export/pdf/n3ver-t0-be-seen",
    "gamma.app/export/n3ver-t0-be-seen",
    "https://gamma.app/docs/abc",
    "ä€😀",
    "",
];
const HEADERS: [&str; 5] = [
    "retry-after",
    "x-request-id",
    "x-ratelimit-remaining-burst",
    "x-ratelimit-limit",
    "date",
];
const VALUES: [&str; 8] = [
    "60",
    "1e400",
    "-1",
    "Mon, 23 Nov 2026 19:00:00 GMT",
    "100;w=3600",
    "r-1",
    "sk-gamma-n3ver-t0-be-seen",
    "",
];
/// The longest message, and then some for what stands around it in `Debug`.
const LONGEST: usize = 20_000;

/// Judges one answer made of `data`, as one to a POST and as one to a look.
pub fn check(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let common = [
        200, 201, 202, 204, 301, 307, 400, 401, 402, 403, 404, 408, 409, 422, 425, 429, 500, 503,
    ];
    let status = match u.ratio(3, 4) {
        Ok(true) => *u.choose(&common).unwrap_or(&200),
        _ => u.int_in_range(100..=999).unwrap_or(200),
    };
    let status = StatusCode::from_u16(status).expect("100 to 999");
    let whole = u.ratio(4, 5).unwrap_or(true);
    let mut answer = Response::builder().status(status);
    for _ in 0..u.int_in_range(0..=4_u8).unwrap_or(0) {
        let name = HeaderName::from_bytes(&word(&mut u, &HEADERS));
        let value = HeaderValue::from_bytes(&word(&mut u, &VALUES));
        if let (Ok(name), Ok(value)) = (name, value) {
            answer = answer.header(name, value);
        }
    }
    let mut bytes = body(&mut u, &NAMES, &WORDS);
    // The shapes that are looked for, with anything else in them.
    if let (Ok(true), Some(rest)) = (
        u.ratio(1, 2),
        bytes.strip_prefix(b"{").filter(|rest| rest.len() > 1),
    ) {
        let begin: [&[u8]; 3] = [
            b"{\"status\":\"completed\",",
            b"{\"status\":\"pending\",",
            b"{\"generationId\":\"g1\",",
        ];
        bytes = [*u.choose(&begin).unwrap_or(&begin[0]), rest].concat();
    }
    let answer = answer.body(bytes.clone()).expect("an answer of checked parts");
    let base = "https://public-api.gamma.app".parse().expect("a URL");
    let target = Target::new(&base, &SecretString::from(format!("sk-gamma-{SECRET}"))).expect("a target");

    let submitted = judge_submit(answer.clone(), whole, &target);
    submit(&submitted.outcome, status, whole, &bytes);
    let mut polled = judge_poll(answer, whole, &target);
    poll(&polled.outcome, status, whole);
    if let Polled::Completed(done) = &mut polled.outcome {
        // Where the deck is seen is no secret, whatever stands in it, unless that is a key.
        let shown = done.gamma_url.take().unwrap_or_default();
        assert!(!shown.contains(&format!("sk-gamma-{SECRET}")), "{shown}");
    }
    for shown in [format!("{submitted:?}"), format!("{polled:?}")] {
        assert!(!shown.contains(SECRET), "{shown}");
        assert!(shown.len() < LONGEST, "{} bytes", shown.len());
    }
}

fn submit(outcome: &Submitted, status: StatusCode, whole: bool, body: &[u8]) {
    let code = status.as_u16();
    match outcome {
        Submitted::Accepted { generation_id, .. } => {
            assert!(status.is_success() && whole, "{status}");
            let body: Value = serde_json::from_slice(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body))
                .expect("an accepted answer is JSON");
            let said = match &body["generationId"] {
                Value::String(id) => id.clone(),
                number => number.to_string(),
            };
            assert!(said == *generation_id && !said.trim().is_empty(), "{said}");
        }
        Submitted::NotSent { .. } => panic!("who answers was asked"),
        Submitted::RateLimited(_) => assert_eq!(code, 429),
        Submitted::AccountTrouble(_) => assert!((401..=403).contains(&code), "{status}"),
        Submitted::Refused { redirect, .. } => {
            assert!(
                (300..500).contains(&code) && ![401, 402, 408, 409, 425, 429].contains(&code),
                "{status}"
            );
            assert_eq!(*redirect, status.is_redirection());
        }
        Submitted::Unclear { reason, .. } => {
            assert!(!reason.is_empty());
            let clear = [400, 401, 402, 403, 404, 422, 429].contains(&code) || status.is_redirection();
            assert!(!clear, "{status}");
        }
    }
}

fn poll(outcome: &Polled, status: StatusCode, whole: bool) {
    match outcome {
        Polled::Pending { .. } | Polled::Completed(_) | Polled::Failed(_) | Polled::UnknownStatus { .. } => {
            assert!(status.is_success() && whole, "{status}: {outcome:?}");
        }
        Polled::RateLimited(_) => assert_eq!(status, 429),
        Polled::AccountTrouble(_) => assert!([401, 402, 403].contains(&status.as_u16())),
        Polled::NotFound { .. } => assert_eq!(status, 404),
        Polled::Unavailable { .. } => {}
    }
}
