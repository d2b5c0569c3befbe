//! What happened to a job, step by step, in lines.

use gammaq_queue::read::story::StoryStep;

use crate::output::{Paint, time};

/// A step in one line, with the time since the one before it.
pub(in crate::commands) fn text(step: &StoryStep, now: u64, paint: Paint) -> String {
    let since = step.after_ms.map(|ms| format!("+{}", time::span(ms)));
    let mut out = format!("{:<13} {}", since.unwrap_or_default(), time::both(now, step.at));
    let event = &step.event;
    match (event.from.as_str(), event.state.as_str()) {
        (_, "") => {}
        ("", to) => out += &format!("  {}", paint(to)),
        (from, to) => out += &format!("  {from} → {}", paint(to)),
    }
    if !event.note.is_empty() {
        out += &format!("  {}", gammaq_job::json::cut(&event.note, 400));
    }
    for (name, value) in [("by", &event.by), ("worker", &event.worker)] {
        if !value.is_empty() {
            out += &format!("  {name} {value}");
        }
    }
    out
}
