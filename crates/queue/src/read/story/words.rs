//! What happens next, in the words of people.

use gammaq_job::json::cut;
use gammaq_job::moment;

use super::{Next, Story};

impl Next {
    /// One line without a full stop, with times as seen from `story.now`.
    pub fn words(&self, story: &Story) -> String {
        words(self, story)
    }
}

fn words(next: &Next, story: &Story) -> String {
    let when = |at: u64| moment::relative(story.now, at.max(story.now));
    match next {
        Next::Submit { not_before } => {
            let place = story
                .place
                .map(|it| format!("{} of {} in line; ", it.place, it.of));
            let pause = story.account.as_ref().and_then(|it| it.pause.as_ref());
            let why = pause.map(|it| format!(", while the account is paused: {}", cut(&it.reason, 40)));
            format!(
                "{}its account may submit again {}{}",
                place.unwrap_or_default(),
                when(*not_before),
                why.unwrap_or_default()
            )
        }
        Next::Line { at } => format!("comes into its account's line {}", when(*at)),
        Next::Held { worker, until } => format!(
            "{worker} works on it; if that is not heard of, others go on {}",
            when(*until)
        ),
        Next::Answer { worker, until } => {
            format!(
                "{worker} waits for Gamma's answer; without one it is parked {}",
                when(*until)
            )
        }
        Next::Look { at, deadline } => {
            let deadline = deadline.map(|at| format!("; times out {} at the earliest", when(at)));
            format!("is looked at {}{}", when(*at), deadline.unwrap_or_default())
        }
        Next::LateLook { at, until } => {
            let until = until.map(|at| format!(", for the last time {}", when(at)));
            format!(
                "timed out, but was paid for: is looked at {}{}",
                when(*at),
                until.unwrap_or_default()
            )
        }
        Next::Decision => "nothing until you decide: look in Gamma whether the deck is there".to_owned(),
        Next::Forgotten { at: Some(at) } => format!("nothing; record and result are forgotten {}", when(*at)),
        Next::Forgotten { at: None } => "nothing; it is over".to_owned(),
        Next::Lost => {
            "nothing, since it stands in no index: `gammaq doctor` tells what can be done".to_owned()
        }
    }
}
