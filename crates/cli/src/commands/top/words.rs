//! What stands on the screens, in words: the same as the commands print, without their colours.

use gammaq_job::Command;
use gammaq_job::{Resolution, Scope};
use gammaq_producer::JobResult;
use gammaq_queue::events::Event;
use gammaq_queue::read::accounts::AccountView;
use gammaq_queue::read::story::Story;
use gammaq_queue::read::workers::WorkerView;

use super::layout::shown;
use crate::commands::accounts;
use crate::commands::show::{timeline, words};
use crate::output::{bar, result, time};

/// All that is known of a job, line by line.
pub(super) fn job(id: &str, story: &Story) -> Vec<String> {
    let plain = str::to_owned;
    let state = story.record.get("state").unwrap_or("without a readable record");
    let mut out = vec![format!("{id}  {state}")];
    // The hint of the command line to its own flag would lead nowhere here.
    let about = words::about(story).into_iter();
    out.extend(about.map(|line| line.replace("; --request shows it", "")));
    out.extend([String::new(), "steps".to_owned()]);
    for step in &story.steps() {
        out.push(format!("  {}", timeline::text(step, story.now, plain)));
    }
    if story.events_gone {
        out.push("  events of its beginning are gone; these times are the record's".to_owned());
    }
    if story.events_until.is_some() {
        out.push(format!(
            "  there may be more: `gammaq events --id {id}` shows them"
        ));
    }
    if let Some(text) = &story.result {
        out.extend([String::new(), "result".to_owned()]);
        match serde_json::from_str::<JobResult>(text) {
            Ok(result) => out.extend(
                result::text(&result, plain)
                    .lines()
                    .map(|line| format!("  {line}")),
            ),
            Err(error) => out.push(format!("  it can't be read: {error}")),
        }
    }
    for key in &story.broken {
        out.push(format!(
            "{key} is of another type than it should be: `gammaq doctor` says more"
        ));
    }
    all_shown(out)
}

/// One worker, as its last heartbeat tells.
pub(super) fn worker(worker: &WorkerView, now: u64) -> Vec<String> {
    let mut out = vec![worker.id.clone()];
    for (name, value) in &worker.fields {
        let at = worker.fields.get(name).and_then(|it| it.parse::<u64>().ok());
        let value = match at.filter(|_| name.ends_with("_at")) {
            Some(at) => time::both(now, at),
            None => value.clone(),
        };
        out.push(format!("  {name:<15} {value}"));
    }
    all_shown(out)
}

/// All that is known of an account, line by line.
pub(super) fn account(view: &AccountView, now: u64, days: &[gammaq_queue::spending::Day]) -> Vec<String> {
    all_shown(accounts::story(view, now, days))
}

fn all_shown(lines: Vec<String>) -> Vec<String> {
    lines.iter().map(|line| shown(line)).collect()
}

/// `5 of 50 in 1 h [#---------]`: what is cut off first is what can be done without.
pub(super) fn budget(view: &AccountView) -> String {
    let bar = bar::bar_of(view.used, view.limit, 10);
    format!("{} {bar}", accounts::used(view))
}

/// When an account goes on, or what holds it back.
pub(super) fn next(view: &AccountView, now: u64) -> String {
    view.held_words(now)
        .map_or_else(|| view.next_words(now), |why| format!("paused: {why}"))
}

/// `queued → submitting`.
pub(super) fn moved(event: &Event) -> String {
    match (event.from.as_str(), event.state.as_str()) {
        (_, "") => String::new(),
        ("", to) => to.to_owned(),
        (from, to) => format!("{from} → {to}"),
    }
}

/// What an event says, and who asked.
pub(super) fn note(event: &Event) -> String {
    match (event.note.as_str(), event.by.as_str()) {
        (note, "") => note.to_owned(),
        ("", by) => format!("by {by}"),
        (note, by) => format!("{note}  by {by}"),
    }
}

/// The time of day in UTC.
pub(super) fn clock(at: u64) -> String {
    let text = time::absolute(at);
    text.split_once(' ')
        .map_or(text.clone(), |(_, clock)| clock.to_owned())
}

/// A command as a question.
pub(super) fn question(command: &Command) -> String {
    match command {
        Command::Cancel(id) => format!("Cancel job {id}?"),
        Command::Retry(id) => format!("Submit job {id} once more?"),
        Command::Resolve(id, Resolution::Generation(generation)) => {
            format!("Attach generation {generation} to job {id}?")
        }
        Command::Resolve(id, Resolution::Resubmit) => format!("Submit the parked job {id} again?"),
        Command::Resolve(id, Resolution::Fail) => format!("Give up the parked job {id}?"),
        Command::Repoll(id) => format!("Look at the timed-out job {id} again?"),
        Command::Pause(Scope::Account(name)) => format!("Pause account {name}?"),
        Command::Resume(Scope::Account(name)) => format!("Resume account {name}?"),
        Command::Pause(Scope::Queue) => "Pause the whole queue?".to_owned(),
        Command::Resume(Scope::Queue) => "Resume the whole queue?".to_owned(),
    }
}

/// What a command does, and what it costs.
pub(super) const fn consequence(command: &Command) -> &'static str {
    match command {
        Command::Cancel(_) => {
            "It ends, wanted no more. While it waits it has cost nothing; one that is being submitted ends as soon as the \
             answer is there. What Gamma has begun is paid for all the same."
        }
        Command::Retry(_) => "A new submit, with a slot of its own: a new generation, and paid for again.",
        Command::Resolve(_, Resolution::Generation(_)) => {
            "It is looked at from now on, with a new deadline. Nothing is submitted, and nothing more is paid."
        }
        Command::Resolve(_, Resolution::Resubmit) => {
            "A new submit, with a slot of its own. Where Gamma had accepted it before, it is paid for twice."
        }
        Command::Resolve(_, Resolution::Fail) => {
            "It ends as failed. Nothing is submitted; what Gamma may have made stays in its workspace, paid for."
        }
        Command::Repoll(_) => "Its generation is looked at, with a new deadline. That costs nothing.",
        Command::Pause(Scope::Account(_)) => {
            "Nothing is sent with its key until it is resumed, submits and looks alike. Its jobs keep their places."
        }
        Command::Resume(Scope::Account(_)) => "Its pause ends, whoever made it; one job goes first.",
        Command::Pause(Scope::Queue) => {
            "Nothing new is submitted until it is resumed; what is paid for is looked at."
        }
        Command::Resume(Scope::Queue) => "Jobs are submitted again, as their accounts' budgets allow.",
    }
}

/// A command in short: `cancel invoice-42`.
pub(super) fn name(command: &Command) -> String {
    let on = match command {
        Command::Pause(Scope::Account(name)) | Command::Resume(Scope::Account(name)) => name.to_string(),
        Command::Pause(Scope::Queue) | Command::Resume(Scope::Queue) => "the queue".to_owned(),
        other => other.id().map(ToString::to_string).unwrap_or_default(),
    };
    format!("{} {on}", command.op())
}
