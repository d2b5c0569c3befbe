//! A record in the words of people: what it is, where it stands, what happens next.

use gammaq_job::json::cut;
use gammaq_queue::read::story::Story;

use crate::output::{bar, time};

/// What became of telling the caller.
fn called_back(story: &Story, status: &str) -> String {
    let record = &story.record;
    let state = record.get("callback_state").unwrap_or("?");
    let attempts = match record.number("callback_attempts").unwrap_or(0) {
        0 => "not tried yet".to_owned(),
        1 => "one attempt".to_owned(),
        n => format!("{n} attempts"),
    };
    let at = record.number("callback_at").map(|at| time::both(story.now, at));
    let at = at.map(|at| format!(" {at}")).unwrap_or_default();
    let why = record
        .get("callback_error")
        .map(|why| format!(": {}", cut(why, 400)));
    let why = why.unwrap_or_default();
    match status {
        "due" if at.is_empty() => format!("that it is {state}: as soon as a worker calls; {attempts}"),
        "due" => format!("that it is {state}: tried again{at}; {attempts}{why}"),
        "delivered" => format!("that it is {state}: delivered{at}; {attempts}"),
        "failed" => format!("that it is {state}: given up{at}; {attempts}{why}"),
        other => format!("that it was {state}: {other}"),
    }
}

pub(in crate::commands) fn about(story: &Story) -> Vec<String> {
    let record = &story.record;
    let text = |name: &str| record.get(name).unwrap_or("?");
    let mut out = Vec::new();
    let mut line = |name: &str, value: String| out.push(format!("  {name:<13} {value}"));
    if !record.is_empty() {
        let mut about = format!(
            "{} for account {}, priority {}",
            text("kind"),
            text("account"),
            text("priority")
        );
        if let Some(formats) = record.get("exports") {
            about += &format!(", files: {formats}");
        }
        line("job", about);
    }
    if let Some(next) = &story.next {
        line("next", next.words(story));
    }
    if let Some(account) = &story.account {
        let used = format!(
            "{} of {} in {}",
            account.used,
            account.limit,
            time::span(account.window_ms)
        );
        line(
            "budget",
            format!("{} {used}", bar::bar(account.used, account.limit)),
        );
    }
    if story.request_bytes > 0 {
        let bytes = story.request_bytes;
        line("request", format!("{bytes} bytes; --request shows it"));
    }
    let unfinished = record.number("finished_at").is_none();
    for (field, name) in [("run_at", "not before"), ("deadline", "deadline")] {
        // What is over has no deadline that anybody needs to know.
        if let Some(at) = record.number(field).filter(|_| unfinished) {
            line(name, time::both(story.now, at));
        }
    }
    let fields = [
        ("generation_id", "generation"),
        ("gamma_id", "gamma"),
        ("extra_generation_id", "paid twice"),
        ("attempts", "submits"),
        ("resubmits", "resubmits"),
        ("progress", "progress"),
        ("polls", "looks"),
        ("poll_failures", "failed looks"),
        ("worker", "held by"),
        ("conflicts", "conflicts"),
        ("last_error", "last trouble"),
        ("unclear_answer", "heard"),
        ("traceparent", "trace"),
        ("callback", "callback"),
    ];
    for (field, name) in fields {
        if let Some(value) = record.get(field).filter(|it| *it != "0") {
            line(name, cut(value, 400));
        }
    }
    if let Some(status) = record.get("callback_status") {
        line("called back", called_back(story, status));
    }
    out
}
