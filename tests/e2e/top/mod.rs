//! `gammaq top` through a real terminal: what stands on the screen, and what keys do.

mod acting;
mod ending;
mod hostile;
mod outages;
mod watching;

use gammaq_testkit::{Terminal, gammaq_bin};
use gammaq_tests::{PATIENCE, Stage};

const DOWN: &str = "\x1b[B";
const ENTER: &str = "\r";
const ESCAPE: &str = "\x1b";
/// The size that terminals have had for ever.
const USUAL: (u16, u16) = (80, 24);

/// Somebody on call who watches the queue.
fn top(stage: &Stage, size: (u16, u16)) -> Terminal {
    top_at(&stage.redis.url(), size, &[])
}

fn top_at(url: &str, size: (u16, u16), env: &[(&str, &str)]) -> Terminal {
    let mut all = vec![("REDIS_URL", url), ("USER", "oncall")];
    all.extend(env);
    Terminal::start(size, gammaq_bin(), ["top", "--interval", "200ms"], &all)
}

/// Waits for all of these texts on one screen, wherever lines are folded.
async fn sees(terminal: &Terminal, texts: &[&str]) -> String {
    let what = texts.join("\" and \"");
    terminal
        .wait(PATIENCE, &format!("\"{what}\""), |screen| {
            let flat = flat(screen);
            texts.iter().all(|text| flat.contains(text))
        })
        .await
}

/// Waits until a text is on the screen no more.
async fn gone(terminal: &Terminal, text: &str) -> String {
    terminal
        .wait(PATIENCE, &format!("without \"{text}\""), |screen| {
            !flat(screen).contains(text)
        })
        .await
}

/// Without frames and the ends of lines.
fn flat(screen: &str) -> String {
    screen
        .replace('│', " ")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

/// Waits for a line that begins with `name`, whose number is `count`.
async fn counts(terminal: &Terminal, name: &str, count: u64) -> String {
    let is = |line: &str| {
        let line = line.trim_start_matches(['>', ' ']);
        let number = line
            .strip_prefix(name)
            .and_then(|it| it.split_whitespace().next());
        number == Some(&count.to_string())
    };
    terminal
        .wait(PATIENCE, &format!("{name} {count}"), |screen| {
            screen.lines().any(is)
        })
        .await
}

/// Waits until the line that is chosen has this text.
async fn chosen(terminal: &Terminal, text: &str) -> String {
    let is = |line: &str| line.starts_with("> ") && line.contains(text);
    terminal
        .wait(PATIENCE, &format!("{text} is chosen"), |screen| {
            screen.lines().any(is)
        })
        .await
}
