//! The buttons of a job, by its state.

use gammaq_job::State;
use maud::{Markup, html};

use super::command;
use crate::admin::dashboard::access::Visitor;
use crate::admin::dashboard::actions::KNOWS;

/// What can be done with a job in this state; nothing where nothing makes sense, or this visitor may not.
pub(super) fn buttons(visitor: &Visitor, id: &str, state: Option<State>, back: &str) -> Option<Markup> {
    if !visitor.may_act() {
        return None;
    }
    let simple = |op: &str, name: &str, about: &str| {
        let button = html! { button type="submit" { (name) } span.hint { (about) } };
        command(visitor, back, &[("op", op), ("id", id)], &button)
    };
    Some(match state? {
        State::Queued => simple("cancel", "Cancel it", "Nothing was spent on it."),
        State::Submitting => simple(
            "cancel",
            "Cancel it",
            "It is being sent: it is cancelled when Gamma has answered, and what Gamma began is still paid for.",
        ),
        State::Generating | State::Exporting => simple(
            "cancel",
            "Cancel it",
            "Gamma has begun with it: it is still paid for.",
        ),
        State::Failed | State::Cancelled => simple(
            "retry",
            "Retry it",
            "It is submitted once more: a new generation, which is paid for again.",
        ),
        State::TimedOut => simple(
            "repoll",
            "Look again",
            "Its generation is looked at with a new deadline. Nothing is paid for again.",
        ),
        State::Ambiguous => ways_out(visitor, id, back),
        State::Completed => return None,
    })
}

/// The three ways out of not knowing.
fn ways_out(visitor: &Visitor, id: &str, back: &str) -> Markup {
    let resolve = |way: &str, inner: &Markup| {
        let fields = [("op", "resolve"), ("id", id), ("as", way)];
        command(visitor, back, &fields, inner)
    };
    let (field, box_) = (format!("generation-{id}"), format!("twice-{id}"));
    let attach = html! {
        label for=(field) { "Gamma made it: its generationId" }
        input id=(field) type="text" name="generation_id" required maxlength="200" autocomplete="off" spellcheck="false";
        button type="submit" { "Attach it" }
        span.hint { "It is looked at from now on. Nothing is paid for again." }
    };
    let resubmit = html! {
        span.check {
            input id=(box_) type="checkbox" name=(KNOWS.0) value=(KNOWS.1) required;
            label for=(box_) { "I looked in Gamma. If it is there all the same, it is paid for a second time." }
        }
        button.danger type="submit" { "Submit it once more" }
    };
    let fail = html! {
        button type="submit" { "Give it up" }
        span.hint { "It fails. What Gamma may have made is paid for and belongs to nobody." }
    };
    html! {
        div.ways {
            (resolve("generation", &attach))
            (resolve("resubmit", &resubmit))
            (resolve("fail", &fail))
        }
    }
}
