//! Drawings, on terminals of several sizes.

use std::time::Duration;

use gammaq_job::{Command, JobId};
use gammaq_queue::Error;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};

mod samples;

use self::samples::{account, accounts, events, jobs, overview, story};
use super::*;
use crate::commands::top::keys::Key;
use crate::commands::top::model::Answer;
use crate::commands::top::reads::{Found, News};

/// Colours, cleared screens, titles, turned text, and what has no width: all of it only text.
const EVIL: &str = "\u{1b}[31m\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}1m\u{202e}\u{200b}\r\n";
const NOW: u64 = 1_700_000_000_000;

/// A model after these keys and what was read then.
fn model(size: (u16, u16), keys: &str, found: Found, now: Instant) -> Model {
    let mut model = Model::new("gammaq:{main}".to_owned(), Duration::from_secs(1), size, now);
    let press = |model: &mut Model, c: char| {
        let key = if c == '~' { Key::Enter } else { Key::Char(c) };
        model.press(key, now);
    };
    let (before, after) = keys.split_once(' ').unwrap_or((keys, ""));
    before.chars().for_each(|c| press(&mut model, c));
    let want = model.want();
    let found = Ok((NOW, found));
    model.take(News { want, found }, now);
    after.chars().for_each(|c| press(&mut model, c));
    model
}

fn buffer(model: &Model, (width, height): (u16, u16), colour: bool, now: Instant) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal
        .draw(|frame| draw(frame, model, Look { colour }, now))
        .unwrap();
    terminal.backend().buffer().clone()
}

fn text(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width).max(1);
    let line = |cells: &[ratatui::buffer::Cell]| {
        let line: String = cells.iter().map(|cell| cell.symbol()).collect();
        line.trim_end().to_owned() + "\n"
    };
    buffer.content.chunks(width).map(line).collect()
}

fn drawn(model: &Model, size: (u16, u16), now: Instant) -> String {
    text(&buffer(model, size, false, now))
}

const SIZES: [(u16, u16); 5] = [(80, 24), (40, 10), (200, 60), (20, 5), (1, 1)];

/// Each screen and each dialogue, with `text` in all that comes from Redis.
fn all(size: (u16, u16), text: &str, now: Instant) -> Vec<Model> {
    let mut all = vec![
        model(size, "", overview(text), now),
        model(size, "2", jobs(text), now),
        model(size, "3", accounts(text), now),
        model(size, "4", events(text), now),
        model(size, "/invoice-1~", story(text), now),
        model(size, "/invoice-1~ G", story(text), now),
        model(size, "/invoice-1~ c", story(text), now),
        model(size, "/invoice-1~ s", story(text), now),
        model(size, "/invoice-1~ sgabc", story(text), now),
        model(size, "/invoice-1~ cy", story(text), now),
        model(size, "/invoice-1~ /x", story(text), now),
        model(size, " ?", overview(text), now),
        model(size, " G~", overview(text), now),
    ];
    let mut told = model(size, "/invoice-1~ cy", story(text), now);
    told.answered(Answer {
        command: Command::Cancel(JobId::new("invoice-1").unwrap()),
        word: "done".to_owned(),
        text: format!("job invoice-1 is cancelled{text}"),
    });
    all.push(told);
    let mut stale = model(size, "4", events(text), now);
    let want = stale.want();
    let found = Err(Error::Unreachable(format!("refused{text}")));
    stale.take(News { want, found }, now);
    all.push(stale);
    let mut one = model(size, "3", accounts(text), now);
    one.press(Key::Enter, now);
    let want = one.want();
    let found = Ok((NOW, account(text)));
    one.take(News { want, found }, now);
    all.push(one);
    all
}

#[test]
fn nothing_from_redis_reaches_the_terminal_as_anything_but_text() {
    let now = Instant::now();
    for size in SIZES {
        for (n, model) in all(size, EVIL, now).iter().enumerate() {
            let buffer = buffer(model, size, true, now);
            for cell in &buffer.content {
                let bad = |c: char| c.is_control() || ['\u{202e}', '\u{200b}'].contains(&c);
                assert!(
                    !cell.symbol().chars().any(bad),
                    "{n} at {size:?}: {:?}",
                    cell.symbol()
                );
            }
        }
    }
    // Visible, and not left out.
    let jobs = model((200, 60), "2", jobs(EVIL), now);
    let jobs = drawn(&jobs, (200, 60), now);
    assert!(jobs.contains("invoice-1\\u{1b}[31m"), "{jobs}");
}

#[test]
fn wide_characters_keep_their_columns() {
    let now = Instant::now();
    let model = model((80, 24), "2", jobs(""), now);
    let buffer = buffer(&model, (80, 24), false, now);
    let column = |line: u16, word: &str| {
        (0..80).find(|x| {
            (0..word.len() as u16).all(|n| {
                buffer
                    .cell((x + n, line))
                    .is_some_and(|cell| cell.symbol() == &word[usize::from(n)..=usize::from(n)])
            })
        })
    };
    let head = column(2, "STATE");
    assert!(head.is_some());
    assert_eq!(
        (column(3, "generating"), column(4, "failed")),
        (head, head),
        "{}",
        text(&buffer)
    );
}

#[test]
fn the_usual_terminal_has_room_for_the_queue() {
    let now = Instant::now();
    let size = (80, 24);
    let screen = drawn(&model(size, "", overview(""), now), size, now);
    let expected = "\
[overview] jobs accounts events  gammaq:{main}
overview  as of 22:13:20Z, every 1s
> inbox            0  not taken in yet
  waiting          2  for a slot of their account's budget
  under way        3  submitted, looked at, or delayed; the oldest step is 1 mi…
  ambiguous        7
  cancelled        7
  completed        7
  failed           7
  timed_out        7
  a minute  completed 2.8 (of the last 5 min)
! carol paused the queue 5 s ago: nothing new is submitted until `gammaq resume
  --all`
! vm-1-abc has halted: its queue lost its data; its log says what to do
! 7 parked: `gammaq list --state ambiguous` shows them, `gammaq show ID` what
  is known of each
! steps are late: `gammaq show oldest-due` tells what it waits for; are there
  enough workers?

  ACCOUNT  NEXT SUBMIT  BUDGET                      WAITING  CREDITS
  default  in 1 min     5 of 5 in 1 h [##########]  2        99

  WORKER    RUNNING   LAST HEARD OF  UP     VERSION  HALTED
? help  Enter open  / find  p pause  u resume  Tab next  q quit
";
    assert_eq!(screen, expected);
}

#[test]
fn forty_columns_and_ten_lines_are_enough_to_act() {
    let now = Instant::now();
    let size = (40, 10);
    let screen = drawn(&model(size, "2", jobs(""), now), size, now);
    let expected = "\
[overview] jobs accounts events  gammaq…
all jobs, page 1  as of 22:13:20Z, ever…
  JOB           STATE       ACCOUNT
> invoice-1     generating  default
  漢字漢字漢字  failed      default
  odd                       default



? help  Enter open  n b pages  f state …
";
    let squeeze = |text: &str| text.replace("[overview] jobs", "overview [jobs]");
    // What is wide fills its second column with nothing.
    assert_eq!(
        screen.replace("漢 字 漢 字 漢 字 ", "漢字漢字漢字"),
        squeeze(expected)
    );
    // The question, what it costs, and the keys.
    let asks = drawn(&model(size, "2 c", jobs(""), now), size, now);
    for text in ["Cancel job invoice-1?", "What Gamma has begun", "y yes, do it"] {
        assert!(asks.contains(text), "{text}: {asks}");
    }
}

#[test]
fn what_is_chosen_stays_in_sight() {
    let now = Instant::now();
    for size in [(80, 24), (40, 10), (20, 5)] {
        for keys in ["4 G", "4 g", "4 gn", "4 Gb", "4 gnjjj"] {
            let screen = drawn(&model(size, keys, events(""), now), size, now);
            assert!(
                screen.lines().any(|line| line.starts_with("> ")),
                "{size:?} {keys}: {screen}"
            );
        }
        for downs in 0..12 {
            let keys = format!(" {}", "j".repeat(downs));
            let screen = drawn(&model(size, &keys, overview(""), now), size, now);
            assert!(
                screen.lines().any(|line| line.starts_with("> ")),
                "{size:?} {downs}: {screen}"
            );
        }
    }
}

#[test]
fn colours_only_add_to_words() {
    let now = Instant::now();
    for size in SIZES {
        for (with, without) in all(size, "", now).iter().zip(&all(size, "", now)) {
            let (with, without) = (buffer(with, size, true, now), buffer(without, size, false, now));
            assert_eq!(text(&with), text(&without));
            for cell in &without.content {
                assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset));
            }
        }
    }
    let jobs = model((80, 24), "2", jobs(""), now);
    let buffer = buffer(&jobs, (80, 24), true, now);
    assert!(buffer.content.iter().any(|cell| cell.fg == Color::Red));
    // The chosen line is told by its mark as well as by its look.
    let cell = buffer.cell((0, 3)).unwrap();
    assert!(cell.modifier.contains(Modifier::REVERSED));
    assert_eq!(cell.symbol(), ">");
}

#[test]
fn trouble_is_seen_with_its_age_and_its_reason() {
    let now = Instant::now();
    let mut model = model((80, 24), "", overview(""), now);
    let want = model.want();
    let found = Err(Error::Unreachable("connection refused".to_owned()));
    model.take(News { want, found }, now);
    let later = now + Duration::from_secs(12);
    let screen = drawn(&model, (80, 24), later);
    let line = screen.lines().nth(1).unwrap();
    assert!(
        line.starts_with("STALE for 12 s, since 22:13:20Z: Redis can't be reached"),
        "{line}"
    );
    // What was seen stays.
    assert!(screen.contains("completed        7"), "{screen}");
}
