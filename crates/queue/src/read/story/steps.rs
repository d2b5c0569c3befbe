//! What happened to a job, step by step: its events, and what only its record still tells.

use gammaq_job::State;

use super::Story;
use crate::events::Event;

/// One step.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct StoryStep {
    /// Unix milliseconds.
    pub at: u64,
    /// Since the step before it.
    pub after_ms: Option<u64>,
    /// Whether the record alone tells of it, its event being gone.
    pub from_record: bool,
    /// The event, or what stood there.
    #[serde(flatten)]
    pub event: Event,
}

/// The times of a record, each with the state that it stands for; at the end it is the record's own.
const TIMES: [(&str, Option<State>); 4] = [
    ("created_at", Some(State::Queued)),
    ("intent_at", Some(State::Submitting)),
    ("submitted_at", Some(State::Generating)),
    ("finished_at", None),
];

impl Story {
    /// What happened, oldest first: the events, and what only the record still tells.
    pub fn steps(&self) -> Vec<StoryStep> {
        of(self)
    }
}

fn of(story: &Story) -> Vec<StoryStep> {
    let mut steps: Vec<StoryStep> = story
        .events
        .iter()
        .cloned()
        .map(|event| step(event, false))
        .collect();
    let kept_from = story.events.first().map_or(u64::MAX, |it| it.at);
    for (field, stands_for) in TIMES {
        let Some(at) = story.record.number(field) else {
            continue;
        };
        let to = stands_for.or(story.record.state());
        let word = to.map(State::as_str).unwrap_or_default();
        // A script writes the time and the event in one moment; later than the first event that is kept, none is gone.
        if at >= kept_from || story.events.iter().any(|it| it.at == at && it.state == word) {
            continue;
        }
        let event = Event {
            id: story.record.get("id").unwrap_or_default().to_owned(),
            state: word.to_owned(),
            at,
            ..Event::default()
        };
        steps.push(step(event, true));
    }
    steps.sort_by_key(|step| step.at);
    let mut before = None;
    for step in &mut steps {
        step.after_ms = before.map(|before| step.at.saturating_sub(before));
        before = Some(step.at);
    }
    steps
}

fn step(event: Event, from_record: bool) -> StoryStep {
    StoryStep {
        at: event.at,
        after_ms: None,
        from_record,
        event,
    }
}

#[cfg(test)]
mod tests {
    use gammaq_job::Record;

    use super::*;

    fn event(state: &str, at: u64) -> Event {
        Event {
            state: state.to_owned(),
            at,
            ..Event::default()
        }
    }

    #[test]
    fn what_is_gone_from_the_stream_is_told_by_the_record() {
        let fields = [
            ("state", "completed"),
            ("created_at", "1000"),
            ("intent_at", "3000"),
            ("submitted_at", "3500"),
            ("finished_at", "9000"),
        ];
        let record = Record::new(fields.map(|(name, it)| (name.to_owned(), it.to_owned())));
        let story = |events| Story {
            record: record.clone(),
            events,
            ..Story::default()
        };
        let told = |events| -> Vec<(String, u64, Option<u64>, bool)> {
            of(&story(events))
                .into_iter()
                .map(|it| (it.event.state, it.at, it.after_ms, it.from_record))
                .collect()
        };
        let all = [
            ("queued", 1000),
            ("submitting", 3000),
            ("generating", 3500),
            ("completed", 9000),
        ];
        let after = [None, Some(2000), Some(500), Some(5500)];
        for kept in 0..=4 {
            let events = all[4 - kept..]
                .iter()
                .map(|(state, at)| event(state, *at))
                .collect();
            let expected: Vec<_> = (0..4)
                .map(|n| (all[n].0.to_owned(), all[n].1, after[n], n < 4 - kept))
                .collect();
            assert_eq!(told(events), expected, "{kept} events are kept");
        }
    }
}
