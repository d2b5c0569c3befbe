//! Markers in the text of a request: `[[fake:post=lost_after]]`, `[[fake:poll=500*3]]`, `[[fake:time=2s]]`.
//!
//! Several markers for one operation take effect one after the other: `[[fake:poll=500*3]] [[fake:poll=unknown*2]]`
//! is three polls with 500, then two with an unknown word. Without a count a marker never ends. Delays run beside
//! the others, not in turn with them.

use std::time::Duration;

use super::kind::{Kind, duration};
use super::rule::{Operation, SpecError, pair};
use super::rulebook::Chosen;

const OPEN: &str = "[[fake:";
const CLOSE: &str = "]]";
/// What `[[fake:size=…]]` may ask for at the most.
const SIZE_MAX: usize = 1 << 30;

/// All that the markers of one request say.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Markers {
    faults: Vec<Marker>,
    /// How long the generation takes.
    pub(crate) time: Option<Duration>,
    /// How long an export of it takes.
    pub(crate) export_time: Option<Duration>,
    /// How many bytes its exported files have at least.
    pub(crate) size: Option<usize>,
}

#[derive(Clone, Debug, PartialEq)]
struct Marker {
    operation: Operation,
    kind: Kind,
    times: Option<u64>,
}

impl Markers {
    /// Reads every marker in a text.
    pub(crate) fn find(text: &str) -> Result<Self, SpecError> {
        let mut markers = Self::default();
        let mut rest = text;
        while let Some((_, after)) = rest.split_once(OPEN) {
            let Some((inside, after)) = after.split_once(CLOSE) else {
                return Err(SpecError::Form(after.chars().take(40).collect()));
            };
            markers.read(inside)?;
            rest = after;
        }
        Ok(markers)
    }

    fn read(&mut self, inside: &str) -> Result<(), SpecError> {
        let form = || SpecError::Form(inside.to_owned());
        let (what, value) = inside.split_once('=').ok_or_else(form)?;
        match what {
            "time" => self.time = Some(duration(value)?),
            "export_time" => self.export_time = Some(duration(value)?),
            "size" => {
                self.size = Some(
                    value
                        .parse()
                        .ok()
                        .filter(|size| *size <= SIZE_MAX)
                        .ok_or_else(form)?,
                );
            }
            _ => {
                let (kind, times) = match value.split_once('*') {
                    Some((kind, times)) => (kind, Some(times.parse().map_err(|_| form())?)),
                    None => (value, None),
                };
                let (operation, kind) = pair(what, kind)?;
                self.faults.push(Marker {
                    operation,
                    kind,
                    times,
                });
            }
        }
        Ok(())
    }

    /// What the markers say about request number `number` (from one) of an operation.
    pub(crate) fn choose(&self, operation: Operation, number: u64) -> Chosen {
        let mut chosen = Chosen::default();
        let mut before = 0;
        let (mut slow, mut slow_before) = (0, 0);
        for marker in self.faults.iter().filter(|marker| marker.operation == operation) {
            let turn = match marker.kind {
                Kind::Slow(_) => &mut slow,
                Kind::SlowBefore(_) => &mut slow_before,
                _ => &mut before,
            };
            let first = *turn + 1;
            *turn = marker
                .times
                .map_or(u64::MAX - 1, |times| turn.saturating_add(times));
            if (first..=*turn).contains(&number) {
                chosen.add(&marker.kind);
            }
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(markers: &Markers, operation: Operation, upto: u64) -> Vec<String> {
        let said = |n| {
            markers
                .choose(operation, n)
                .kind
                .map_or_else(|| "-".to_owned(), |kind| kind.to_string())
        };
        (1..=upto).map(said).collect()
    }

    #[test]
    fn markers_take_turns() {
        let text =
            "A [[fake:poll=500*2]] talk [[fake:poll=unknown*1]] [[fake:post=lost_after]] [[fake:time=2s]]";
        let markers = Markers::find(text).unwrap();
        assert_eq!(
            kinds(&markers, Operation::Poll, 4),
            ["500", "500", "unknown", "-"]
        );
        assert_eq!(kinds(&markers, Operation::Post, 2), ["lost_after", "lost_after"]);
        assert_eq!(markers.time, Some(Duration::from_secs(2)));
    }

    #[test]
    fn delays_run_beside_the_others() {
        let markers = Markers::find("[[fake:poll=slow=5s*1]][[fake:poll=502*1]]").unwrap();
        let first = markers.choose(Operation::Poll, 1);
        assert_eq!(
            (first.slow, first.kind),
            (Duration::from_secs(5), Some(Kind::Status(502)))
        );
        assert_eq!(markers.choose(Operation::Poll, 2), Chosen::default());
    }

    #[test]
    fn a_marker_that_makes_no_sense_is_an_error() {
        for text in [
            "[[fake:post=lost]]",
            "[[fake:post]]",
            "[[fake:poll=500*x]]",
            "[[fake:time=soon]]",
            "[[fake:x",
        ] {
            assert!(Markers::find(text).is_err(), "{text} was accepted");
        }
    }

    #[test]
    fn text_without_markers_says_nothing() {
        assert_eq!(Markers::find("Renewable [energy]]").unwrap(), Markers::default());
    }
}
