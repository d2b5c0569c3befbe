use super::*;
use proptest::prelude::*;

const GOOD: &str = r#"{"inputText":"Renewable energy","numCards":8}"#;

fn judged(fields: &[(&str, &[u8])]) -> Judged {
    let fields: Vec<_> = fields.iter().map(|(n, v)| (n.as_bytes(), *v)).collect();
    let entry = Entry {
        entry_id: "1763912345678-0",
        fields: &fields,
    };
    let judged = judge(&entry);
    // Its caller is told the same, but for the fingerprint.
    let mut checked = check(&entry);
    assert_eq!(checked.job().fingerprint, "");
    checked
        .job_mut()
        .fingerprint
        .clone_from(&judged.job().fingerprint);
    assert_eq!(checked, judged);
    judged
}

fn rejection(fields: &[(&str, &[u8])]) -> (NewJob, String) {
    match judged(fields) {
        Judged::Rejected { job, error, .. } => (job, error.message),
        Judged::Accepted(job) => panic!("accepted: {job:?}"),
    }
}

#[test]
fn one_field_is_enough() {
    let Judged::Accepted(job) = judged(&[("request", GOOD.as_bytes())]) else {
        panic!("rejected")
    };
    assert_eq!(
        (job.id.as_str(), job.account.as_str(), job.priority),
        ("1763912345678-0", "default", 5)
    );
    assert_eq!(
        (job.run_at, job.timeout_s, job.warnings),
        (None, None, Vec::<String>::new())
    );
}

#[test]
fn every_field_is_read() {
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let Judged::Accepted(job) = judged(&[
        ("request", GOOD.as_bytes()),
        ("id", b"invoice-42"),
        ("account", b"sales"),
        ("kind", b"generation"),
        ("exports", b"pdf, pptx"),
        ("priority", b"0"),
        ("run_at", b"1763912345678"),
        ("timeout", b"90"),
        ("meta", b"{}"),
        ("traceparent", trace.as_bytes()),
        ("tracestate", b"vendor=abc"),
        ("colour", b"red"),
    ]) else {
        panic!("rejected")
    };
    assert_eq!(
        (job.id.as_str(), job.account.as_str(), job.priority),
        ("invoice-42", "sales", 0)
    );
    assert_eq!(job.exports, [ExportFormat::Pdf, ExportFormat::Pptx]);
    assert_eq!((job.run_at, job.timeout_s), (Some(1_763_912_345_678), Some(90)));
    assert_eq!(job.traceparent.as_deref(), Some(trace));
    assert_eq!(job.tracestate.as_deref(), Some("vendor=abc"));
    assert_eq!(job.warnings, ["colour: not a field of an entry; ignored"]);
}

#[test]
fn what_is_wrong_names_the_field_and_what_is_allowed() {
    let good: (&str, &[u8]) = ("request", GOOD.as_bytes());
    let long_id = vec![b'x'; 65];
    let long_meta = vec![b'x'; MAX_META + 1];
    type Case<'a> = (&'a [(&'a str, &'a [u8])], &'a str);
    let cases: [Case<'_>; 16] = [
        (&[], "request: missing"),
        (&[("request", b"")], "request: empty"),
        (&[("request", b"\xff{}")], "request: not UTF-8 at byte 0"),
        (&[good, ("id", b"a b")], "id: \"a b\" is not allowed"),
        (&[good, ("id", &long_id)], "id: \"xxxx"),
        (&[good, ("id", b"")], "id: empty"),
        (&[good, ("account", b"a:b")], "account: \"a:b\""),
        (
            &[good, ("kind", b"poem")],
            "kind: \"poem\" is not allowed; generation, template or agent is",
        ),
        (&[good, ("exports", b"pdf,docx")], "exports: \"pdf,docx\""),
        (&[good, ("priority", b"10")], "priority: \"10\""),
        (&[good, ("run_at", b"tomorrow")], "run_at: \"tomorrow\""),
        (&[good, ("run_at", b"-1")], "run_at: \"-1\""),
        (&[good, ("timeout", b"0")], "timeout: \"0\""),
        (&[good, ("callback", b"http://x")], "callback: \"http://x\""),
        (&[good, ("meta", &long_meta)], "meta: 4097 bytes"),
        (&[good, good], "request: stands 2 times"),
    ];
    for (fields, part) in cases {
        let (_, message) = rejection(fields);
        assert!(message.contains(part), "{part}: {message}");
    }
}

#[test]
fn every_problem_is_said_at_once() {
    let (_, message) = rejection(&[
        ("request", br#"{"numCards":0}"#),
        ("priority", b"x"),
        ("timeout", b"y"),
    ]);
    for field in ["inputText: ", "numCards: ", "priority: ", "timeout: "] {
        assert!(message.contains(field), "{field} is missing in: {message}");
    }
}

#[test]
fn an_unusable_id_gives_way_to_the_entrys() {
    assert_eq!(
        rejection(&[("request", GOOD.as_bytes()), ("id", b"a b")])
            .0
            .id
            .as_str(),
        "1763912345678-0"
    );
    assert_eq!(
        rejection(&[("request", GOOD.as_bytes()), ("id", b"a"), ("id", b"b")])
            .0
            .id
            .as_str(),
        "1763912345678-0"
    );
    assert_eq!(
        rejection(&[("request", b"{"), ("id", b"mine")]).0.id.as_str(),
        "mine"
    );
}

#[test]
fn a_huge_request_is_not_kept() {
    let huge = vec![b'x'; MAX_BYTES + 1];
    assert!(matches!(
        judged(&[("request", &huge)]),
        Judged::Rejected {
            keep_request: false,
            ..
        }
    ));
}

#[test]
fn a_bad_trace_context_harms_nothing() {
    let good: &[u8] = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let request: (&str, &[u8]) = ("request", GOOD.as_bytes());
    let bad: [&[(&str, &[u8])]; 7] = [
        &[request, ("traceparent", b"x")],
        &[request, ("traceparent", b"")],
        &[request, ("traceparent", b"\xff")],
        &[request, ("traceparent", b"00-0-0-0")],
        &[request, ("traceparent", good), ("traceparent", good)],
        &[request, ("tracestate", b"vendor=abc")],
        &[request, ("traceparent", &good[..54])],
    ];
    for fields in bad {
        let Judged::Accepted(job) = judged(fields) else {
            panic!("rejected {fields:?}")
        };
        assert_eq!((job.traceparent, job.tracestate), (None, None));
        assert_eq!(job.warnings.len(), 1, "{:?}", job.warnings);
    }
    let Judged::Accepted(job) = judged(&[request, ("traceparent", good), ("tracestate", b"x")]) else {
        panic!("rejected")
    };
    assert!(job.traceparent.is_some() && job.tracestate.is_none());
    assert_eq!(job.warnings, ["tracestate: not a W3C trace context; left out"]);
}

#[test]
fn another_trace_is_the_same_wish() {
    let request: (&str, &[u8]) = ("request", GOOD.as_bytes());
    let of = |fields: &[(&str, &[u8])]| judged(fields).job().fingerprint.clone();
    let plain = of(&[request]);
    for trace in [
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-11111111111111111111111111111111-2222222222222222-00",
    ] {
        assert_eq!(of(&[request, ("traceparent", trace.as_bytes())]), plain);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_judged(fields in proptest::collection::vec(
        (prop_oneof![Just(b"request".to_vec()), Just(b"id".to_vec()), Just(b"run_at".to_vec()), any::<Vec<u8>>()],
         any::<Vec<u8>>()), 0..6)) {
        let fields: Vec<_> = fields.iter().map(|(n, v)| (n.as_slice(), v.as_slice())).collect();
        let judged = judge(&Entry { entry_id: "1-0", fields: &fields });
        prop_assert!(crate::name::is_name(judged.job().id.as_str()));
        if let Judged::Rejected { error, .. } = judged {
            prop_assert!(error.message.chars().count() <= MAX_MESSAGE + 1 && !error.message.is_empty());
        }
    }
}
