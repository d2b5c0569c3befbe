//! The judge finds each thing that it looks for, and nothing in a run where all is well.

use super::*;

/// Three jobs where all is well: one completed, one wrong, one parked after its answer was lost.
struct Case {
    sent: Vec<Sent>,
    records: Vec<Record>,
    ledger: Ledger,
    windows: Vec<Fullest>,
    faults: Vec<Fault>,
    events: Vec<Event>,
}

fn post(token: &str, generation: Option<&str>, fault: Option<&str>) -> Post {
    serde_json::from_value(serde_json::json!({
        "at": 1_000, "elapsedMs": 0, "key": "sk", "endpoint": "generations", "accepted": generation.is_some(),
        "generationId": generation, "digest": "", "title": token, "inputText": "", "status": null,
        "fault": fault, "message": null, "requestId": ""
    }))
    .unwrap()
}

fn made(token: &str, generation: &str) -> gammaq_fake::ledger::Generation {
    serde_json::from_value(serde_json::json!({
        "generationId": generation, "gammaId": "g", "key": "sk", "endpoint": "generations", "digest": "",
        "title": token, "acceptedAt": 1_000, "elapsedMs": 0, "takesMs": 1, "outcome": "completed",
        "status": "completed", "credits": 1, "polls": []
    }))
    .unwrap()
}

fn record(token: &str, state: &str, generation: &str) -> Record {
    Record {
        id: token.to_owned(),
        token: token.to_owned(),
        state: state.to_owned(),
        generation: generation.to_owned(),
        intent_at: 1_000,
        finished_at: 1_100,
        places: vec![state.to_owned()],
        result_state: state.to_owned(),
        result_generation: generation.to_owned(),
        ..Record::default()
    }
}

fn case() -> Case {
    let sent = |token: &str, valid| Sent {
        token: token.to_owned(),
        job: Some(token.to_owned()),
        valid,
    };
    Case {
        sent: vec![sent("good", true), sent("wrong", false), sent("parked", true)],
        records: vec![
            record("good", "completed", "one"),
            record("wrong", "failed", ""),
            record("parked", "ambiguous", ""),
        ],
        ledger: Ledger {
            posts: vec![
                post("good", Some("one"), None),
                post("parked", Some("two"), Some("lost_after")),
            ],
            generations: vec![made("good", "one"), made("parked", "two")],
            ..Ledger::default()
        },
        windows: vec![Fullest {
            account: "a".to_owned(),
            limit: 2,
            window_ms: 1_000,
            most: 2,
        }],
        faults: Vec::new(),
        events: vec![Event {
            id: "parked".to_owned(),
            state: "submitting".to_owned(),
            at: 1_000,
            pid: Some(7),
        }],
    }
}

fn found(case: &Case) -> Vec<String> {
    judge(&Facts {
        sent: &case.sent,
        records: &case.records,
        events: &case.events,
        ledger: &case.ledger,
        windows: &case.windows,
        faults: &case.faults,
        request_timeout_ms: 2_000,
    })
    .violations()
}

/// Asserts that exactly one thing is found, and that it begins so.
fn finds(case: &Case, what: &str) {
    let found = found(case);
    assert!(
        found.len() == 1 && found[0].starts_with(what),
        "{what}: {found:?}"
    );
}

#[test]
fn nothing_where_all_is_well() {
    assert_eq!(found(&case()), Vec::<String>::new());
}

#[test]
fn a_second_charge_whether_recorded_or_not() {
    let mut case = case();
    case.ledger.generations.push(made("parked", "three"));
    finds(&case, "second charge: parked was accepted 2 times");
    case.ledger.generations[2] = made("good", "three");
    case.records[0].extra = vec!["three".to_owned()];
    finds(&case, "second charge: good was accepted 2 times");
}

#[test]
fn a_job_without_a_record_or_without_an_end() {
    let mut without = case();
    without.records.remove(1);
    finds(&without, "lost job: wrong was acknowledged and has no record");
    let mut stuck = case();
    stuck.records[0].state = "generating".to_owned();
    finds(&stuck, "lost job: good is generating");
}

#[test]
fn one_that_was_never_acknowledged_may_be_missing() {
    let mut case = case();
    case.records.remove(1);
    case.sent[1].job = None;
    assert_eq!(found(&case), Vec::<String>::new());
}

#[test]
fn a_generation_that_nobody_recorded_and_one_that_nobody_made() {
    let mut lost = case();
    lost.ledger.generations[0] = made("good", "another");
    let found = found(&lost);
    assert!(
        found[0].starts_with("lost generation: another of good"),
        "{found:?}"
    );
    assert!(
        found[1].starts_with("odd: good names one, which was never made"),
        "{found:?}"
    );
}

#[test]
fn too_many_in_a_window() {
    let mut case = case();
    case.windows[0].most = 3;
    finds(&case, "overshoot: a: 3 accepted within 1000 ms, where 2 may be");
}

#[test]
fn a_parked_job_needs_a_reason_of_its_own_time_and_worker() {
    let mut case = case();
    case.ledger.posts[1].fault = Some("slow=300ms".to_owned());
    finds(&case, "parked without a reason: parked");
    let fault = |scope, began, ended| Fault {
        kind: "worker killed",
        scope,
        began,
        ended,
    };
    case.faults = vec![
        fault(Scope::Worker(7), 500, 999),
        fault(Scope::Worker(8), 1_000, 1_050),
        fault(Scope::All, 1_101, 2_000),
    ];
    finds(&case, "parked without a reason: parked");
    case.faults.push(fault(Scope::Worker(7), 1_050, 1_050));
    assert_eq!(found(&case), Vec::<String>::new());
    case.faults.pop();
    case.records[2].finished_at = 3_000;
    case.faults.truncate(2);
    assert_eq!(
        found(&case),
        Vec::<String>::new(),
        "the whole time for an answer passed"
    );
}

#[test]
fn one_that_is_filed_wrongly_or_whose_result_says_something_else() {
    let mut twice = case();
    twice.records[0].places.push("failed".to_owned());
    finds(&twice, "odd: good is completed and stands in");
    let mut other = case();
    other.records[0].result_state = "generating".to_owned();
    finds(
        &other,
        "odd: good is completed with generation \"one\", its result says",
    );
    let mut submitted = case();
    submitted.ledger.posts.push(post("wrong", None, None));
    finds(&submitted, "odd: wrong was wrong and was submitted");
}
