//! The slots of a window as a picture: what is taken, at the time at which it comes back.

use gammaq_job::moment;
use gammaq_queue::read::accounts::AccountView;
use gammaq_queue::read::slots::Slots;
use maud::{Markup, html};

/// Parts of the window; slots that come back within one stand on top of each other.
const PARTS: u64 = 120;
const WIDTH: u64 = 1_200;
const HEIGHT: u64 = 48;

/// From now, at the left, to the end of the window.
pub(super) fn strip(account: &AccountView, slots: &Slots, now: u64) -> Markup {
    let parts = parts(slots, now, account.window_ms);
    let most = parts.iter().map(|(_, count)| *count).max().unwrap_or(1).max(3);
    let step = WIDTH / PARTS;
    let length = account.window_ms.max(1);
    let from = |part: u64| part * length / PARTS;
    let end = moment::span(length);
    html! {
        figure.strip {
            svg role="img" viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" aria-label=(said(account, slots, now)) {
                rect.ground width=(WIDTH) height=(HEIGHT) {}
                @for (part, count) in &parts {
                    @let tall = (HEIGHT * count / most).max(8);
                    rect.slot x=(part * step + 1) y=(HEIGHT - tall) width=(step - 2) height=(tall) {
                        title { (count) " in " (moment::span(from(*part))) " to " (moment::span(from(part + 1))) }
                    }
                }
            }
            figcaption { span { "now" } span { "slots come back" } span { "in " (end) } }
        }
    }
}

/// The parts in which slots come back, and how many.
fn parts(slots: &Slots, now: u64, window_ms: u64) -> Vec<(u64, u64)> {
    let mut parts: Vec<(u64, u64)> = Vec::new();
    for back in &slots.back_at {
        let ahead = back.saturating_sub(now);
        let part = (ahead.saturating_mul(PARTS) / window_ms.max(1)).min(PARTS - 1);
        match parts.last_mut() {
            Some((last, count)) if *last == part => *count += 1,
            _ => parts.push((part, 1)),
        }
    }
    parts
}

fn said(account: &AccountView, slots: &Slots, now: u64) -> String {
    let mut text = format!("{} of {} slots are taken", account.used, account.limit);
    if let (Some(first), Some(last)) = (slots.back_at.first(), slots.back_at.last()) {
        let when = |at: u64| moment::relative(now, at.max(now));
        let last_of = if slots.more {
            "the last one shown"
        } else {
            "the last"
        };
        text += &format!(
            "; the next comes back {}, {last_of} {}",
            when(*first),
            when(*last)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_stand_where_they_come_back() {
        let hour = 3_600_000;
        let slots = Slots {
            back_at: vec![1_000, 31_000, 31_001, 90_000, hour + 1, hour + 999],
            more: false,
        };
        assert_eq!(parts(&slots, 1_000, hour), [(0, 1), (1, 2), (2, 1), (119, 2)]);
        assert_eq!(parts(&slots, hour * 2, hour), [(0, 6)], "late ones are due now");
        let account = AccountView {
            limit: 50,
            used: 6,
            window_ms: hour,
            ..AccountView::default()
        };
        let text = strip(&account, &slots, 1_000).into_string();
        assert!(
            text.contains("6 of 50 slots are taken; the next comes back now, the last in 59 min 59 s"),
            "{text}"
        );
        assert_eq!(text.matches("class=\"slot\"").count(), 4);
    }
}
