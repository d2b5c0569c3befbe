//! What a look at a generation came to.

use super::*;

#[test]
fn answers_to_a_look() {
    let failed = Failed {
        message: "bad".into(),
        status: Some(422),
        credits: Credits::default(),
    };
    let cases = [
        (pending(), Verb::Again(S * 5), Probe::Good),
        (
            Polled::UnknownStatus {
                word: "thinking".into(),
            },
            Verb::Again(S * 5),
            Probe::Good,
        ),
        (
            Polled::NotFound { message: "?".into() },
            Verb::Again(S * 5),
            Probe::Good,
        ),
        (Polled::Completed(Box::default()), Verb::Complete, Probe::Good),
        (Polled::Failed(failed), Verb::Fail, Probe::Good),
        (
            Polled::RateLimited(limited(None)),
            Verb::Again(S * 5),
            Probe::Open,
        ),
        (
            Polled::AccountTrouble(trouble(AccountProblem::Unauthorized)),
            Verb::Again(S * 5),
            Probe::Open,
        ),
        (unavailable(None), Verb::Again(S * 5), Probe::Open),
        (unavailable(Some(S * 60)), Verb::Again(S * 60), Probe::Open),
    ];
    for (outcome, verb, probe) in cases {
        let s = look(outcome.clone());
        assert_eq!((s.verb, s.probe), (verb, probe), "{outcome:?}");
        assert_eq!(field(&s, "polls"), Some("4"), "{outcome:?}");
    }
}

#[test]
fn looks_that_bring_no_answer_back_off_and_one_that_does_starts_over() {
    let waits: Vec<Duration> = (0..8)
        .map(|failures| {
            let job = Claimed {
                poll_failures: failures,
                ..job(Step::Look, State::Generating)
            };
            match look_of(&job, unavailable(None)).verb {
                Verb::Again(wait) => wait,
                other => panic!("{other:?}"),
            }
        })
        .collect();
    assert_eq!(waits, [5, 10, 20, 40, 80, 160, 300, 300].map(|n| S * n));
    let job = Claimed {
        poll_failures: 8,
        ..job(Step::Look, State::Generating)
    };
    assert_eq!(field(&look_of(&job, pending()), "poll_failures"), Some("0"));
}

#[test]
fn slow_looks_while_the_burst_is_low() {
    for (left, wait) in [(Some(99), 15), (Some(100), 5), (None, 5)] {
        let mut answer = answer(pending());
        answer.limits.burst = Quota {
            limit: Some(10_000),
            remaining: left,
        };
        let job = job(Step::Look, State::Generating);
        let s = dispose(&job, &Outcome::Looked(answer), &rules(OnAmbiguous::Park), 0.0).unwrap();
        assert_eq!(s.verb, Verb::Again(S * wait), "{left:?}");
    }
}

#[test]
fn only_a_look_made_after_the_deadline_times_out() {
    let after = Claimed {
        claimed_at: 2_000,
        ..job(Step::Look, State::Generating)
    };
    let before = Claimed {
        claimed_at: 1_999,
        ..after.clone()
    };
    assert_eq!(look_of(&after, pending()).verb, Verb::TimeOut);
    assert_eq!(
        look_of(&after, Polled::NotFound { message: "?".into() }).verb,
        Verb::TimeOut
    );
    assert_eq!(look_of(&before, pending()).verb, Verb::Again(S * 5));
    assert_eq!(look_of(&after, unavailable(None)).verb, Verb::Again(S * 5));
    assert_eq!(
        look_of(&after, Polled::Completed(Box::default())).verb,
        Verb::Complete
    );
}

#[test]
fn late_looks_go_on_until_one_was_made_after_their_time() {
    let late = job(Step::Look, State::TimedOut);
    let over = Claimed {
        claimed_at: 9_000,
        ..late.clone()
    };
    let failed = Polled::Failed(Failed {
        message: "bad".into(),
        status: None,
        credits: Credits::default(),
    });
    assert_eq!(look_of(&late, pending()).verb, Verb::Again(S * 300));
    assert_eq!(look_of(&late, failed).verb, Verb::Rest);
    assert_eq!(
        look_of(&late, Polled::Completed(Box::default())).verb,
        Verb::Complete
    );
    assert_eq!(look_of(&over, pending()).verb, Verb::Rest);
    assert_eq!(look_of(&over, unavailable(None)).verb, Verb::Again(S * 300));
}

#[test]
fn jitter_makes_no_wait_shorter() {
    let job = job(Step::Look, State::Generating);
    for jitter in [0.0, 0.5, 1.0] {
        let s = dispose(
            &job,
            &Outcome::Looked(answer(pending())),
            &rules(OnAmbiguous::Park),
            jitter,
        )
        .unwrap();
        assert!(
            matches!(s.verb, Verb::Again(wait) if (S * 5..S * 6).contains(&wait)),
            "{:?}",
            s.verb
        );
    }
}

#[test]
fn only_a_probe_says_something_of_a_pause() {
    let job = Claimed {
        probe: false,
        ..job(Step::Look, State::Generating)
    };
    assert_eq!(look_of(&job, pending()).probe, Probe::None);
}
