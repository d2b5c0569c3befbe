//! Keys and news, without a terminal and without Redis.

use gammaq_job::{JobId, Record, Scope, State};
use gammaq_queue::Error;
use gammaq_queue::events::Event;
use gammaq_queue::read::accounts::AccountView;
use gammaq_queue::read::overview::Overview;
use gammaq_queue::read::pages::{Cursor, JobPage, JobRow, Section};
use gammaq_queue::read::story::Story;

use super::*;
use crate::commands::top::keys::Key;
use crate::commands::top::reads::Found;

const SECOND: Duration = Duration::from_secs(1);

fn model() -> (Model, Instant) {
    let now = Instant::now();
    (Model::new("gammaq:{main}".to_owned(), SECOND, (80, 24), now), now)
}

/// Presses keys by their letters; `~` is Enter and `^` Escape.
fn press(model: &mut Model, keys: &str) -> Effect {
    let mut effect = Effect::None;
    for c in keys.chars() {
        let key = match c {
            '~' => Key::Enter,
            '^' => Key::Escape,
            c => Key::Char(c),
        };
        effect = model.press(key, Instant::now());
    }
    effect
}

fn answer(model: &mut Model, found: Found, now: Instant) {
    let want = model.want();
    let found = Ok((1_000, found));
    model.take(News { want, found }, now);
}

fn jobs(names: &[&str], more: bool) -> Found {
    let row = |id: &&str| JobRow {
        id: (*id).to_owned(),
        state: "failed".to_owned(),
        ..JobRow::default()
    };
    let after = names.last().filter(|_| more).map(|id| Cursor {
        section: Section::Ended(State::Failed),
        score: 1.0,
        member: (*id).to_owned(),
    });
    Found::Jobs(JobPage {
        jobs: names.iter().map(row).collect(),
        after,
        ..JobPage::default()
    })
}

fn chosen(model: &Model) -> Option<&str> {
    model.shown().screen.choice().and_then(|it| it.key())
}

fn id(text: &str) -> JobId {
    JobId::new(text).unwrap()
}

#[test]
fn nothing_is_given_before_it_is_confirmed_by_y() {
    let (mut model, now) = model();
    press(&mut model, "2");
    answer(&mut model, jobs(&["a", "b"], false), now);
    press(&mut model, "j");
    let cancel = Command::Cancel(id("b"));
    for no in ["n", "^", "N"] {
        press(&mut model, "c");
        assert_eq!(model.dialogue, Some(Dialogue::Confirm(cancel.clone())));
        assert_eq!(press(&mut model, no), Effect::None);
        assert_eq!((&model.dialogue, &model.given), (&None, &None));
    }
    // Enter and whatever else is no answer.
    press(&mut model, "c");
    for key in ["~", "c", "j", " ", "q"] {
        assert_eq!(press(&mut model, key), Effect::None, "{key}");
        assert!(model.dialogue.is_some(), "{key}");
    }
    assert_eq!(press(&mut model, "y"), Effect::Give(cancel.clone()));
    assert_eq!(model.dialogue, Some(Dialogue::Given(cancel.clone())));
    // Once: the key again does nothing, and no second command begins meanwhile.
    assert_eq!(press(&mut model, "y"), Effect::None);
    press(&mut model, "^t");
    assert!(model.dialogue.is_none() && model.remark.is_some());
    let told = Answer {
        command: cancel,
        word: "done".to_owned(),
        text: "job b is cancelled".to_owned(),
    };
    model.answered(told.clone());
    assert_eq!(
        (&model.dialogue, &model.given),
        (&Some(Dialogue::Told(told)), &None)
    );
    assert_eq!(press(&mut model, "~"), Effect::None);
    assert_eq!(model.dialogue, None);
}

#[test]
fn the_keys_of_actions_name_what_is_chosen() {
    let (mut model, now) = model();
    // On the overview no job is chosen.
    press(&mut model, "c");
    assert!(model.dialogue.is_none() && model.remark.is_some());
    press(&mut model, "2");
    answer(&mut model, jobs(&["a"], false), now);
    for (key, command) in [
        ("c", Command::Cancel(id("a"))),
        ("t", Command::Retry(id("a"))),
        ("l", Command::Repoll(id("a"))),
        ("P", Command::Pause(Scope::Queue)),
        ("U", Command::Resume(Scope::Queue)),
    ] {
        press(&mut model, key);
        assert_eq!(model.dialogue, Some(Dialogue::Confirm(command)));
        press(&mut model, "^");
    }
    for (keys, way) in [
        ("sr", gammaq_job::Resolution::Resubmit),
        ("sf", gammaq_job::Resolution::Fail),
    ] {
        press(&mut model, keys);
        assert_eq!(
            model.dialogue,
            Some(Dialogue::Confirm(Command::Resolve(id("a"), way)))
        );
        press(&mut model, "^");
    }
    press(&mut model, "sgno id~");
    let Some(Dialogue::Generation(_, typed)) = &model.dialogue else {
        panic!("{:?}", model.dialogue)
    };
    assert!(typed.wrong.is_some(), "{typed:?}");
    press(&mut model, "^");
    assert_eq!(press(&mut model, "sggen-1~y"), {
        let generation = gammaq_job::GenerationId::new("gen-1").unwrap();
        Effect::Give(Command::Resolve(
            id("a"),
            gammaq_job::Resolution::Generation(generation),
        ))
    });
}

#[test]
fn what_is_typed_is_text_and_no_key() {
    let (mut model, now) = model();
    assert_eq!(press(&mut model, "/q1?cy"), Effect::None);
    assert!(matches!(&model.dialogue, Some(Dialogue::Jump(typed)) if typed.text == "q1?cy"));
    press(&mut model, "~");
    assert!(matches!(&model.dialogue, Some(Dialogue::Jump(typed)) if typed.wrong.is_some()));
    for _ in 0..3 {
        model.press(Key::Backspace, now);
    }
    press(&mut model, "~");
    assert!(matches!(&model.shown().screen, Screen::Job { id, .. } if id == "q1"));
    // Only Ctrl-C is heard everywhere.
    press(&mut model, "/");
    assert_eq!(model.press(Key::Interrupt, now), Effect::Quit);
    let many = "x".repeat(10_000);
    press(&mut model, &many);
    assert!(matches!(&model.dialogue, Some(Dialogue::Jump(typed)) if typed.text.len() <= 256));
}

#[test]
fn pages_are_turned_one_at_a_time_and_stay_where_they_are() {
    let (mut model, now) = model();
    press(&mut model, "2");
    answer(&mut model, jobs(&["a", "b"], true), now);
    let first = model.want();
    press(&mut model, "jj");
    let second = model.want();
    assert_ne!(first, second);
    // Until it is there, nothing is turned further.
    press(&mut model, "nnjj");
    assert_eq!(model.want(), second);
    answer(&mut model, jobs(&["c", "d"], false), now);
    assert_eq!(chosen(&model), Some("c"));
    // There is no page behind it.
    press(&mut model, "jjjn");
    assert_eq!((model.want(), chosen(&model)), (second, Some("d")));
    press(&mut model, "kk");
    assert_eq!(model.want(), first);
    answer(&mut model, jobs(&["a", "b"], true), now);
    assert_eq!(chosen(&model), Some("b"));
    // The choice is by name: what comes before it moves nothing under the finger.
    answer(&mut model, jobs(&["new", "a", "b"], true), now);
    assert_eq!(chosen(&model), Some("b"));
    press(&mut model, "f");
    assert!(matches!(
        model.want(),
        Want::Jobs {
            state: Some(State::Queued),
            after: None,
            ..
        }
    ));
}

#[test]
fn news_of_another_screen_are_left() {
    let (mut model, now) = model();
    let want = model.want();
    press(&mut model, "2");
    let overview = Found::Overview(Box::default(), None);
    let late = News {
        want,
        found: Ok((1, overview)),
    };
    model.take(late, now);
    assert_eq!(model.freshness(now), Freshness::Reading);
    answer(&mut model, jobs(&["a"], false), now);
    assert_eq!(model.freshness(now), Freshness::Fresh(1_000));
}

#[test]
fn it_is_said_since_when_and_why_nothing_is_new() {
    let (mut model, start) = model();
    let after = |seconds| start + SECOND * seconds;
    let overview = || Found::Overview(Box::default(), None);
    assert_eq!(model.freshness(start), Freshness::Reading);
    answer(&mut model, overview(), start);
    assert_eq!(model.freshness(after(3)), Freshness::Fresh(1_000));
    // A read that hangs.
    let Freshness::Stale { of, why } = model.freshness(after(9)) else {
        panic!("a missing answer is no trouble")
    };
    assert_eq!(of, Some((1_000, SECOND * 9)));
    assert!(why.contains("9 s"), "{why}");
    // One that failed.
    let want = model.want();
    let found = Err(Error::Unreachable("refused".to_owned()));
    model.take(News { want, found }, after(10));
    let Freshness::Stale { of, why } = model.freshness(after(11)) else {
        panic!("an error is no trouble")
    };
    assert_eq!(of, Some((1_000, SECOND * 11)));
    assert!(why.contains("refused") && why.contains("REDIS_URL"), "{why}");
    answer(&mut model, overview(), after(12));
    assert_eq!(model.freshness(after(12)), Freshness::Fresh(1_000));
}

#[test]
fn enter_goes_down_and_escape_back() {
    let (mut model, now) = model();
    let overview = || {
        let account = AccountView {
            name: "acc".to_owned(),
            ..AccountView::default()
        };
        Found::Overview(
            Box::new(Overview {
                accounts: vec![account],
                ended: [("failed".to_owned(), 3)].into(),
                ..Overview::default()
            }),
            None,
        )
    };
    answer(&mut model, overview(), now);
    press(&mut model, "~");
    assert!(model.remark.is_some(), "entries of the inbox are no jobs");
    for (keys, want) in [
        ("j~", (Some(State::Queued), None)),
        ("jj~", (None, None)),
        ("jjj~", (Some(State::Failed), None)),
        ("G~~", (None, Some("acc"))),
    ] {
        press(&mut model, "1");
        answer(&mut model, overview(), now);
        press(&mut model, keys);
        let Want::Jobs { state, account, .. } = model.want() else {
            panic!("{keys}: {:?}", model.want())
        };
        assert_eq!((state, account.as_deref()), want, "{keys}");
    }
    press(&mut model, "^");
    assert_eq!(model.want(), Want::Account("acc".to_owned()));
    press(&mut model, "^^^^");
    assert_eq!(model.want(), Want::Overview);
    assert_eq!(press(&mut model, "q"), Effect::Quit);
}

#[test]
fn events_are_followed_until_somebody_looks_back() {
    let (mut model, now) = model();
    press(&mut model, "4");
    let events = |from: u64, to: u64, anew| Found::Events {
        events: (from..to)
            .map(|n| Event {
                entry_id: n.to_string(),
                id: format!("job-{n}"),
                ..Event::default()
            })
            .collect(),
        anew,
    };
    answer(&mut model, events(0, 5, true), now);
    assert_eq!(chosen(&model), Some("4"));
    answer(&mut model, events(5, 7, false), now);
    assert_eq!(chosen(&model), Some("6"));
    press(&mut model, "k");
    answer(&mut model, events(7, 9, false), now);
    assert_eq!(chosen(&model), Some("5"));
    press(&mut model, "G");
    answer(&mut model, events(9, 2_000, false), now);
    assert_eq!(chosen(&model), Some("1999"));
    assert_eq!(model.keys().len(), 1_000);
    press(&mut model, "~");
    assert_eq!(model.want(), Want::Job("job-1999".to_owned()));
}

#[test]
fn scrolling_ends_with_the_text() {
    let (mut model, now) = model();
    press(&mut model, "/a~");
    let fields = (0..40).map(|n| (format!("field{n}"), String::new()));
    let story = Story {
        record: Record::new(fields),
        events: (0..60)
            .map(|at| Event {
                at,
                ..Event::default()
            })
            .collect(),
        ..Story::default()
    };
    answer(&mut model, Found::Job(Some(Box::new(story))), now);
    press(&mut model, "G");
    let end = model.shown().screen.scroll();
    assert!(end > 30, "{end}");
    press(&mut model, "jjj");
    assert_eq!(model.shown().screen.scroll(), end);
    press(&mut model, "k");
    assert_eq!(model.shown().screen.scroll(), end - 1);
    // All of it fits there.
    model.resize(80, 500);
    assert_eq!(model.shown().screen.scroll(), 0);
    answer(&mut model, Found::Job(None), now);
    assert_eq!(model.shown().screen.lines(0).unwrap(), ["there is no job a"]);
}
