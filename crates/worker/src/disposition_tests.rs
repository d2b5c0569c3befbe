//! One table: what a step came to, and what the queue does then.

use super::*;
use gammaq_gamma::{Credits, Failed, Quota, RateLimits};
use gammaq_job::Kind;
use gammaq_job::{ExportFormat, Files};
use serde_json::json;
use std::collections::BTreeMap;

#[path = "disposition_tests/looks.rs"]
mod looks;

const S: Duration = Duration::from_secs(1);

fn rules(on_ambiguous: OnAmbiguous) -> Rules {
    Rules {
        interval: S * 5,
        slow_interval: S * 15,
        backoff_max: S * 300,
        late_interval: S * 300,
        on_ambiguous,
        exports: ExportRules {
            timeout: S * 900,
            retry_for: S * 3 * 86_400,
            store: false,
        },
    }
}

fn job(step: Step, state: State) -> Claimed {
    Claimed {
        id: "a".into(),
        fence: 7,
        step,
        probe: true,
        request: "{}".into(),
        claimed_at: 1_000,
        state,
        account: "default".into(),
        attempts: 0,
        kind: Kind::Generation,
        exports: vec![ExportFormat::Pptx],
        generation_id: "g".into(),
        base_url: String::new(),
        polls: 3,
        poll_failures: 0,
        deadline: 2_000,
        created_at: 0,
        traceparent: String::new(),
        late_until: 9_000,
        resubmits: 0,
        timeout: None,
        submit_failures: 0,
        warnings: vec![],
        slot: "a#0".into(),
        gamma_id: "gm".into(),
        files: Files::default(),
        links: BTreeMap::new(),
        late: Duration::ZERO,
    }
}

fn answer<T>(outcome: T) -> Answer<T> {
    Answer {
        outcome,
        limits: RateLimits::default(),
        request_id: Some("req_1".into()),
        http_status: None,
    }
}

fn submit(outcome: Submitted, on_ambiguous: OnAmbiguous) -> Settlement {
    let outcome = Outcome::Submitted(answer(outcome));
    dispose(
        &job(Step::Submit, State::Queued),
        &outcome,
        &rules(on_ambiguous),
        0.0,
    )
    .unwrap()
}

fn look_of(job: &Claimed, outcome: Polled) -> Settlement {
    dispose(
        job,
        &Outcome::Looked(answer(outcome)),
        &rules(OnAmbiguous::Park),
        0.0,
    )
    .unwrap()
}

fn look(outcome: Polled) -> Settlement {
    look_of(&job(Step::Look, State::Generating), outcome)
}

fn pending() -> Polled {
    Polled::Pending { progress: None }
}

fn unavailable(retry_after: Option<Duration>) -> Polled {
    Polled::Unavailable {
        status: Some(503),
        reason: "away".into(),
        retry_after,
    }
}

fn limited(retry_after: Option<Duration>) -> RateLimited {
    RateLimited {
        retry_after,
        message: "slow down".into(),
    }
}

fn trouble(problem: AccountProblem) -> AccountTrouble {
    AccountTrouble {
        problem,
        status: 401,
        message: "no".into(),
    }
}

fn unclear_answer() -> Submitted {
    Submitted::Unclear {
        status: Some(504),
        reason: "504".into(),
        body_start: "<html>".into(),
    }
}

fn field<'a>(s: &'a Settlement, name: &str) -> Option<&'a str> {
    s.fields
        .iter()
        .rev()
        .find(|(n, _)| *n == name)
        .map(|(_, value)| value.as_str())
}

#[test]
fn answers_to_a_post() {
    let park = OnAmbiguous::Park;
    let refused = Submitted::Refused {
        status: 422,
        message: "empty".into(),
        redirect: false,
    };
    let no_credits = Submitted::AccountTrouble(trouble(AccountProblem::OutOfCredits));
    let pause = |reason, fixed| Some(Pause { reason, fixed });
    let cases = [
        (
            Submitted::NotSent {
                reason: "refused".into(),
            },
            Verb::Requeue(S * 5),
            None,
            Probe::Open,
        ),
        (
            Submitted::RateLimited(limited(None)),
            Verb::Requeue(Duration::ZERO),
            pause("rate_limited", None),
            Probe::Open,
        ),
        (
            Submitted::RateLimited(limited(Some(S * 7))),
            Verb::Requeue(Duration::ZERO),
            pause("rate_limited", Some(S * 7)),
            Probe::Open,
        ),
        (
            Submitted::RateLimited(limited(Some(Duration::ZERO))),
            Verb::Requeue(Duration::ZERO),
            pause("rate_limited", Some(S)),
            Probe::Open,
        ),
        (
            Submitted::RateLimited(limited(Some(S * 999_999))),
            Verb::Requeue(Duration::ZERO),
            pause("rate_limited", Some(S * 86_400)),
            Probe::Open,
        ),
        (
            Submitted::AccountTrouble(trouble(AccountProblem::Unauthorized)),
            Verb::Requeue(Duration::ZERO),
            pause("unauthorized", None),
            Probe::Open,
        ),
        (
            no_credits,
            Verb::Requeue(Duration::ZERO),
            pause("out_of_credits", None),
            Probe::Open,
        ),
        (refused, Verb::Fail, None, Probe::Good),
        (unclear_answer(), Verb::Park, None, Probe::Open),
    ];
    for (outcome, verb, pause, probe) in cases {
        let s = submit(outcome.clone(), park);
        assert_eq!((s.verb, &s.pause, s.probe), (verb, &pause, probe), "{outcome:?}");
        assert_eq!((s.id.as_str(), s.fence), ("a", 7));
    }
}

#[test]
fn the_policy_resubmit_is_bounded_and_then_parks() {
    let s = submit(unclear_answer(), OnAmbiguous::Resubmit(1));
    assert_eq!(
        (s.verb, field(&s, "resubmits")),
        (Verb::Resubmit(S * 5), Some("1"))
    );
    let mut again = job(Step::Submit, State::Queued);
    again.resubmits = 1;
    let outcome = Outcome::Submitted(answer(unclear_answer()));
    let s = dispose(&again, &outcome, &rules(OnAmbiguous::Resubmit(1)), 0.0).unwrap();
    assert_eq!(s.verb, Verb::Park);
    let error: serde_json::Value = serde_json::from_str(field(&s, "error").unwrap()).unwrap();
    assert_eq!(
        (&error["kind"], &error["status"], &error["requestId"]),
        (&json!("ambiguous"), &json!(504), &json!("req_1"))
    );
}

#[test]
fn a_panic_after_the_intent_is_unclear_and_before_it_is_not() {
    let panicked = |begun| {
        dispose(
            &job(Step::Submit, State::Queued),
            &Outcome::Panicked { begun },
            &rules(OnAmbiguous::Park),
            0.0,
        )
    };
    assert_eq!(panicked(true).unwrap().verb, Verb::Park);
    assert_eq!(panicked(false).unwrap().verb, Verb::Requeue(S * 5));
}

#[test]
fn trouble_with_redis_counts_against_no_job() {
    let job = job(Step::Submit, State::Queued);
    let reason = "Redis".to_owned();
    let s = dispose(
        &job,
        &Outcome::NotBegun { reason },
        &rules(OnAmbiguous::Park),
        0.0,
    )
    .unwrap();
    assert_eq!(
        (s.verb, field(&s, "submit_failures")),
        (Verb::Requeue(NOT_BEGUN), None)
    );
    let s = dispose(&job, &Outcome::NoRequest, &rules(OnAmbiguous::Park), 0.0).unwrap();
    assert_eq!(s.verb, Verb::Fail);
}

#[test]
fn words_of_gamma_stand_on_the_record_and_in_no_note() {
    let echo = "your inputText 'secret plan' is empty".to_owned();
    let refused = Submitted::Refused {
        status: 422,
        message: echo.clone(),
        redirect: false,
    };
    let unclear = Submitted::Unclear {
        status: Some(503),
        reason: echo,
        body_start: String::new(),
    };
    for outcome in [refused, unclear] {
        let s = submit(outcome, OnAmbiguous::Park);
        assert!(field(&s, "error").unwrap().contains("secret plan"));
        assert!(!s.note.contains("secret plan"), "{}", s.note);
    }
}

#[test]
fn a_key_without_access_to_gamma_5_is_named() {
    let said = |kind, status| {
        let refused = Submitted::Refused {
            status,
            message: "Cannot POST".into(),
            redirect: false,
        };
        let job = Claimed {
            kind,
            ..job(Step::Submit, State::Queued)
        };
        let outcome = Outcome::Submitted(answer(refused));
        let s = dispose(&job, &outcome, &rules(OnAmbiguous::Park), 0.0).unwrap();
        assert_eq!(s.verb, Verb::Fail);
        field(&s, "error").unwrap().to_owned()
    };
    let named = "account default has no access to Gamma 5 (kind agent): Cannot POST";
    assert!(
        said(Kind::Agent, 404).contains(named),
        "{}",
        said(Kind::Agent, 404)
    );
    for (kind, status) in [(Kind::Agent, 422), (Kind::Generation, 404), (Kind::Template, 404)] {
        assert!(!said(kind, status).contains("Gamma 5"), "{kind} {status}");
    }
}

#[test]
fn progress_is_kept_as_it_came_and_its_quarter_beside_it() {
    for (progress, quarter) in [
        (json!({"percentage": 49, "cardsTotal": 8}), Some("1")),
        (json!({"cardsCompleted": 8, "cardsTotal": 8}), Some("4")),
        (json!({"stage": "outline"}), None),
    ] {
        let s = look(Polled::Pending {
            progress: Some(progress.clone()),
        });
        assert_eq!(field(&s, "progress"), Some(&*progress.to_string()));
        assert_eq!(field(&s, "progress_quarter"), quarter, "{progress}");
    }
    assert_eq!(field(&look(pending()), "progress"), None);
}
