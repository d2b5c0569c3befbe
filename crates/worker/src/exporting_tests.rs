//! One table a step: what Gamma or the link's host answered, and what becomes of the file and of the job.

use std::collections::BTreeMap;

use gammaq_files::Stored;
use gammaq_gamma::{ExportFailed, RateLimited, RateLimits, file_link};
use gammaq_job::{Kind, State};
use gammaq_queue::claim::{OnAmbiguous, Step};
use serde_json::json;

use super::*;

const S: Duration = Duration::from_secs(1);
const PDF: ExportFormat = ExportFormat::Pdf;
const PPTX: ExportFormat = ExportFormat::Pptx;

fn rules(store: bool) -> Rules {
    Rules {
        interval: S * 5,
        slow_interval: S * 15,
        backoff_max: S * 300,
        late_interval: S * 300,
        on_ambiguous: OnAmbiguous::Park,
        exports: ExportRules {
            timeout: S * 900,
            retry_for: S * 86_400,
            store,
        },
    }
}

/// At second 1,000: the PDF has its link, the PowerPoint file is being made, until second 1,500.
fn job() -> Claimed {
    let mut files = Files::default();
    let pdf = File {
        linked_at: 100_000,
        at: 9_000_000,
        ..File::default()
    };
    let pptx = File {
        export_id: Some("e".to_owned()),
        until: 1_500_000,
        ..File::default()
    };
    files.put(PDF, pdf);
    files.put(PPTX, pptx);
    Claimed {
        id: "a".into(),
        fence: 7,
        step: Step::Export,
        probe: false,
        request: String::new(),
        claimed_at: 1_000_000,
        state: State::Exporting,
        account: "default".into(),
        attempts: 1,
        kind: Kind::Generation,
        exports: vec![PDF, PPTX],
        generation_id: "g".into(),
        base_url: String::new(),
        polls: 3,
        poll_failures: 0,
        deadline: 0,
        created_at: 0,
        traceparent: String::new(),
        late_until: 0,
        resubmits: 0,
        timeout: None,
        submit_failures: 0,
        warnings: vec![],
        slot: String::new(),
        gamma_id: "gm".into(),
        files,
        links: BTreeMap::from([(PDF, "https://assets.gamma.app/export/1".to_owned())]),
        late: Duration::ZERO,
    }
}

fn settlement(job: &Claimed) -> Settlement {
    Settlement {
        id: job.id.clone(),
        fence: job.fence,
        verb: Verb::Release,
        probe: Probe::None,
        pause: None,
        jitter: 0.0,
        note: String::new(),
        fields: Vec::new(),
        account_fields: Vec::new(),
    }
}

fn field<'a>(s: &'a Settlement, name: &str) -> Option<&'a str> {
    let found = s.fields.iter().rfind(|(field, _)| *field == name);
    found.map(|(_, value)| value.as_str())
}

fn file(s: &Settlement, format: ExportFormat) -> File {
    Files::read(field(s, "files").unwrap()).get(format)
}

fn answered(job: &Claimed, outcome: Exported) -> (Settlement, Probe) {
    let mut s = settlement(job);
    let answer = Answer {
        outcome,
        limits: RateLimits::default(),
        request_id: None,
        http_status: None,
    };
    let probe = asked(&mut s, job, (PPTX, &answer), &rules(false), 0.0);
    (s, probe)
}

fn fetched(job: &Claimed, fetched: &Fetched) -> Settlement {
    let mut s = settlement(job);
    downloaded(&mut s, job, (PDF, fetched), &rules(true), 0.0);
    s
}

fn failed(reason: FailReason) -> Exported {
    let message = "no".to_owned();
    Exported::Failed(ExportFailed { reason, message })
}

fn ready() -> Exported {
    let body = json!({"exportUrl": "https://assets.gamma.app/export/2"});
    let link = file_link(body.as_object().unwrap(), "pptx").unwrap();
    Exported::Ready { link }
}

fn unavailable() -> Exported {
    Exported::Unavailable {
        status: Some(503),
        reason: "no".to_owned(),
        retry_after: Some(S * 7),
    }
}

#[test]
fn what_is_next_is_what_waited_longest_and_nothing_where_all_is_there() {
    let mut job = job();
    assert_eq!(next(&job, false), Some((PPTX, Next::Look("e".to_owned()))));
    assert_eq!(next(&job, true).unwrap().0, PPTX);
    let mut file = job.files.get(PPTX);
    (file.at, file.export_id) = (9_500_000, None);
    job.files.put(PPTX, file);
    assert_eq!(next(&job, false), Some((PPTX, Next::Begin)));
    assert!(matches!(next(&job, true), Some((PDF, Next::Download(_)))));
    job.links.insert(PPTX, "https://x".to_owned());
    assert_eq!(next(&job, false), None);
}

#[test]
fn each_answer_goes_on_with_that_file_alone() {
    let again = |wait: u64| Verb::Again(S * u32::try_from(wait).unwrap());
    let begun = Exported::Begun {
        export_id: "e2".to_owned(),
    };
    for (outcome, verb, probe) in [
        (begun, again(5), Probe::Good),
        (Exported::Pending, again(5), Probe::Good),
        (ready(), Verb::Complete, Probe::Good),
        (failed(FailReason::RenderTimeout), again(5), Probe::Good),
        (failed(FailReason::DeckTooLarge), Verb::Complete, Probe::Good),
        (failed(FailReason::NoContent), Verb::Complete, Probe::Good),
        (failed(FailReason::ExportFailed), Verb::Complete, Probe::Good),
        (unavailable(), again(7), Probe::Open),
        (
            Exported::NotFound {
                message: "?".to_owned(),
            },
            again(5),
            Probe::Good,
        ),
    ] {
        let (s, said) = answered(&job(), outcome.clone());
        assert_eq!((s.verb, said), (verb, probe), "{outcome:?}");
        assert_eq!(field(&s, "pdf_error"), None, "{outcome:?}");
        assert_eq!(
            field(&s, "pptx_error").is_some(),
            verb == Verb::Complete && outcome != ready(),
            "{outcome:?}"
        );
        assert_eq!(field(&s, "error"), None, "the deck is there: {outcome:?}");
    }
    let (s, _) = answered(&job(), ready());
    assert_eq!(field(&s, "pptx_url"), Some("https://assets.gamma.app/export/2"));
    assert_eq!(
        (field(&s, "export_url"), field(&s, "pptx_linked_at")),
        (None, Some("1000000"))
    );
    assert!(
        !field(&s, "files").unwrap().contains("/export/"),
        "a link stands in its own field alone"
    );
}

#[test]
fn a_render_that_took_too_long_is_tried_again_a_bounded_number_of_times() {
    let mut job = job();
    for tries in 1..=TRIES {
        let (s, _) = answered(&job, failed(FailReason::RenderTimeout));
        assert!(matches!(s.verb, Verb::Again(_)));
        let file = file(&s, PPTX);
        assert_eq!((file.tries, &file.export_id), (tries, &None), "asked for anew");
        job.files.put(PPTX, file);
    }
    let (s, _) = answered(&job, failed(FailReason::RenderTimeout));
    assert_eq!(s.verb, Verb::Complete);
    assert_eq!(field(&s, "pptx_error"), Some("render_timeout: no"));
}

#[test]
fn an_account_that_has_to_wait_is_paused_and_ends_no_file() {
    let limited = Exported::RateLimited(RateLimited {
        retry_after: Some(S * 7),
        message: "slow down".to_owned(),
    });
    let (s, probe) = answered(&job(), limited);
    assert_eq!((s.verb, probe), (Verb::Again(S * 5), Probe::Open));
    assert_eq!(s.pause.unwrap().fixed, Some(S * 7));
}

#[test]
fn only_an_answer_that_came_after_its_time_ends_a_file() {
    let mut late = job();
    late.claimed_at = 1_500_000;
    for (outcome, ended) in [
        (Exported::Pending, true),
        (unavailable(), true),
        (failed(FailReason::RenderTimeout), true),
        (
            Exported::Begun {
                export_id: "e2".to_owned(),
            },
            false,
        ),
        (ready(), false),
    ] {
        let (s, _) = answered(&late, outcome.clone());
        assert_eq!(field(&s, "pptx_error").is_some(), ended, "{outcome:?}");
    }
}

#[test]
fn downloads_end_or_go_on() {
    let text = || "why".to_owned();
    let stored = Fetched::Stored(Stored {
        url: "file:///a.pdf".to_owned(),
        bytes: 9,
        sha256: "ab".to_owned(),
    });
    let again = Fetched::Again {
        reason: text(),
        retry_after: Some(S * 60),
    };
    let mut job = job();
    let mut pptx = job.files.get(PPTX);
    pptx.at = 5_000_000;
    job.files.put(PPTX, pptx);

    let s = fetched(&job, &stored);
    assert_eq!(s.verb, Verb::Again(S * 4_000), "the other file goes on");
    assert_eq!(
        (field(&s, "pdf_stored"), field(&s, "pdf_bytes")),
        (Some("file:///a.pdf"), Some("9"))
    );
    assert_eq!(fetched(&job, &again).verb, Verb::Again(S * 60));
    assert_eq!(
        fetched(&job, &Fetched::Full { reason: text() }).verb,
        Verb::Again(FULL)
    );
    let s = fetched(&job, &Fetched::Refused { reason: text() });
    assert_eq!(field(&s, "pdf_error"), Some("why"));

    // A link that is good no more goes from the record, and another one is asked for by the deck.
    let s = fetched(&job, &Fetched::Expired { status: 403 });
    assert_eq!((field(&s, "pdf_url"), s.verb), (Some(""), Verb::Again(S * 5)));
    assert_eq!((file(&s, PDF).until, file(&s, PDF).error), (1_900_000, None));
    let mut bare = job.clone();
    bare.gamma_id.clear();
    let s = fetched(&bare, &Fetched::Expired { status: 403 });
    assert!(field(&s, "pdf_error").unwrap().contains("no gammaId"));

    for _ in 0..TRIES {
        let s = fetched(&job, &Fetched::WrongType { reason: text() });
        assert_eq!((field(&s, "pdf_url"), field(&s, "pdf_error")), (Some(""), None));
        job.files.put(PDF, file(&s, PDF));
    }
    let s = fetched(&job, &Fetched::WrongType { reason: text() });
    assert_eq!(field(&s, "pdf_error"), Some("why"));

    // For days, and then no more.
    job.claimed_at = 100_000 + 86_400_000;
    let s = fetched(&job, &again);
    assert_eq!(
        field(&s, "pdf_error"),
        Some("not stored within exports.retry_for: why")
    );
    assert_eq!(field(&fetched(&job, &stored), "pdf_error"), None);
}

#[test]
fn a_deck_without_all_of_its_files_goes_on_with_them() {
    let job = Claimed {
        links: BTreeMap::new(),
        ..job()
    };
    for (link, gamma_id, store, verb) in [
        (None, Some("gm"), false, Verb::Export),
        (Some(PDF), Some("gm"), false, Verb::Export),
        (Some(PDF), None, false, Verb::Complete),
        (None, None, true, Verb::Complete),
        (Some(PDF), None, true, Verb::Export),
    ] {
        let mut s = settlement(&job);
        s.verb = Verb::Complete;
        s.fields
            .extend(link.map(|format| (names(format).url, "https://x".to_owned())));
        begin(&mut s, &job, gamma_id, &rules(store));
        assert_eq!(s.verb, verb, "{link:?} {gamma_id:?} {store}");
    }
    let mut none = settlement(&job);
    none.verb = Verb::Complete;
    begin(
        &mut none,
        &Claimed {
            exports: vec![],
            ..job
        },
        None,
        &rules(true),
    );
    assert_eq!((none.verb, none.fields.len()), (Verb::Complete, 0));
}

#[test]
fn a_download_without_room_waits_and_holds_up_no_other_file() {
    let (mut s, job) = (settlement(&job()), job());
    waits(&mut s, &job, PDF, S * 2, &rules(true));
    let before = job.files.get(PDF);
    let waiting = File {
        at: 1_002_000,
        ..before
    };
    assert_eq!(file(&s, PDF), waiting);
    assert_eq!(s.verb, Verb::Again(Duration::ZERO), "the other one's turn");
    assert_eq!((field(&s, "last_error"), field(&s, "pdf_error")), (None, None));
}
