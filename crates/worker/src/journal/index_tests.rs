use std::collections::BTreeSet;

use gammaq_job::{Kind, State};

use super::*;

const HOUR: u64 = 3_600_000;
const TTL: u64 = 7 * 24 * HOUR;
const SENT: u64 = 1_763_912_345_678;

fn about(worker: &str, n: u64) -> About {
    About {
        id: "a".to_owned(),
        worker: worker.to_owned(),
        n,
    }
}

/// The attempt of this number, of the record with number 5.
fn intent(worker: &str, n: u64, attempt: u32) -> Intent {
    Intent {
        about: about(worker, n),
        at: SENT + u64::from(attempt),
        until: SENT + 60_000,
        queue: "gammaq:{main}:".to_owned(),
        account: "default".to_owned(),
        slot: format!("a#5.{attempt}"),
        seq: 5,
        created_at: SENT - 1_000,
        attempt,
        entry_id: "1-0".to_owned(),
        fingerprint: "f".to_owned(),
        fence: 1,
        intent: format!("{worker}#{n}"),
        base_url: "http://gamma".to_owned(),
    }
}

/// The record with number 5, with so many attempts, the last of this name.
fn record(attempts: u32, intent: &str) -> Standing {
    Standing {
        id: "a".to_owned(),
        state: Some(State::Queued),
        seq: 5,
        created_at: SENT - 1_000,
        attempts,
        intent: intent.to_owned(),
        entry_id: "1-0".to_owned(),
        fingerprint: "f".to_owned(),
        account: "default".to_owned(),
        kind: Kind::Generation,
        timeout: None,
        generations: BTreeSet::new(),
    }
}

fn index(lines: impl IntoIterator<Item = Line>) -> Index {
    let mut index = Index::new("gammaq:{main}:", TTL);
    lines.into_iter().for_each(|line| index.add(line));
    index
}

fn ended(worker: &str, n: u64, outcome: Ending) -> Line {
    Line::Outcome {
        about: about(worker, n),
        at: SENT,
        outcome,
    }
}

fn forbidden(index: &Index, seen: &Standing) -> usize {
    index.forbidding(seen, None).len()
}

#[test]
fn a_post_that_redis_forgot_forbids_and_one_that_it_knows_does_not() {
    let index = index([Line::Intent(intent("A", 1, 0))]);
    assert_eq!(forbidden(&index, &record(0, "")), 1);
    assert_eq!(forbidden(&index, &record(1, "A#1")), 0);
    // It was submitted again since, as the policy or an operator said.
    assert_eq!(forbidden(&index, &record(2, "B#9")), 0);
    // The number was given out again after Redis went back: it is another attempt that Redis knows.
    assert_eq!(forbidden(&index, &record(1, "B#9")), 1);
}

#[test]
fn only_what_certainly_came_to_nothing_frees_the_job() {
    for (outcome, forbids) in [
        (Ending::NotSent, 0),
        (Ending::NotAccepted, 0),
        (Ending::Refused, 1),
        (Ending::Unclear, 1),
    ] {
        let index = index([Line::Intent(intent("A", 1, 0)), ended("A", 1, outcome)]);
        assert_eq!(forbidden(&index, &record(0, "")), forbids, "{outcome:?}");
    }
    // A generation counts whatever else was said.
    let made = Line::Generation {
        about: about("A", 1),
        at: SENT,
        generation_id: "g".to_owned(),
    };
    let index = index([
        Line::Intent(intent("A", 1, 0)),
        made,
        ended("A", 1, Ending::NotSent),
    ]);
    assert_eq!(forbidden(&index, &record(0, "")), 1);
    // Where it stands on the record, Redis knows of the POST.
    let mut seen = record(0, "");
    seen.generations.insert("g".to_owned());
    assert_eq!(forbidden(&index, &seen), 0);
}

#[test]
fn another_record_of_the_id_counts_as_the_same_job_while_the_id_was_not_free() {
    let index = index([Line::Intent(intent("A", 1, 0))]);
    let other = |entry: &str, created_at: u64| Standing {
        seq: 9,
        created_at,
        entry_id: entry.to_owned(),
        ..record(0, "")
    };
    // The entry that came back with an old Redis, whenever it is taken in.
    assert_eq!(forbidden(&index, &other("1-0", SENT + 2 * TTL)), 1);
    // The caller sent it again, since it was gone.
    assert_eq!(forbidden(&index, &other("2-0", SENT + HOUR)), 1);
    // In doubt whether it is the same number of another record: it counts.
    assert_eq!(
        forbidden(
            &index,
            &Standing {
                seq: 5,
                ..other("2-0", SENT + HOUR)
            }
        ),
        1
    );
    // The first job ended and expired: the id was free.
    assert_eq!(forbidden(&index, &other("2-0", SENT + TTL)), 0);
}

#[test]
fn lines_may_come_in_any_order_more_than_once_and_of_other_queues() {
    let adopted = Line::Adopted {
        about: about("A", 1),
        seq: 9,
        created_at: SENT + HOUR,
        attempt: 3,
    };
    let foreign = Intent {
        queue: "gammaq:{other}:".to_owned(),
        ..intent("B", 1, 0)
    };
    let lines = [
        adopted.clone(),
        ended("A", 1, Ending::Unclear),
        Line::Intent(foreign),
        Line::Intent(intent("A", 1, 0)),
        Line::Intent(intent("A", 1, 0)),
        adopted,
    ];
    let index = index(lines);
    let mut seen = Standing {
        seq: 9,
        created_at: SENT + HOUR,
        ..record(3, "")
    };
    assert_eq!(forbidden(&index, &seen), 1);
    seen.attempts = 4;
    seen.intent = "A#1".to_owned();
    assert_eq!(forbidden(&index, &seen), 0, "Redis was told");
    assert_eq!(index.since(0).len(), 1);
    assert_eq!(index.since(SENT + 1).len(), 0);
}

#[test]
fn who_asks_does_not_forbid_itself_but_others_do() {
    let index = index([Line::Intent(intent("A", 1, 0)), Line::Intent(intent("B", 1, 0))]);
    let seen = record(0, "");
    let forbidding = index.forbidding(&seen, Some(&about("A", 1)));
    assert_eq!(forbidding.len(), 1);
    assert_eq!(forbidding[0].intent.about.worker, "B");
}

#[test]
fn a_generation_is_missing_from_the_last_attempt_alone() {
    let made = |n| Line::Generation {
        about: about("A", n),
        at: SENT,
        generation_id: format!("g{n}"),
    };
    let index = index([
        Line::Intent(intent("A", 1, 0)),
        made(1),
        Line::Intent(intent("A", 2, 1)),
        made(2),
    ]);
    let posts = index.since(0);
    let mut seen = record(2, "A#2");
    seen.state = Some(State::Submitting);
    let lost: Vec<_> = posts
        .iter()
        .filter_map(|post| post.unrecorded(&seen, TTL))
        .collect();
    assert_eq!(lost, ["g2"], "the first was sent again on purpose");
    seen.attempts = 1;
    seen.intent = "A#1".to_owned();
    assert_eq!(
        posts[1].unrecorded(&seen, TTL),
        Some("g2"),
        "Redis doesn't know of it at all"
    );
    // Another request has no use for it.
    seen.fingerprint = "other".to_owned();
    assert_eq!(posts[1].unrecorded(&seen, TTL), None);
}

#[test]
fn what_is_old_is_forgotten() {
    let old = Intent {
        at: SENT - 10 * HOUR,
        ..intent("A", 1, 0)
    };
    let mut index = index([Line::Intent(old), Line::Intent(intent("A", 2, 1))]);
    index.forget(HOUR);
    assert_eq!(index.since(0).len(), 1);
}
