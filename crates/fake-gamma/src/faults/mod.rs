//! Faults on demand: what goes wrong ([`Kind`]), at which request ([`Operation`]), and when.
//!
//! | how | form | example |
//! |---|---|---|
//! | by chance, drawn from the seed | `OPERATION:KIND:p=0..1` | `post:lost_after:p=0.05` |
//! | by number, from one, since the rule was set | `OPERATION:KIND:n=A`, `n=A-B`, `n=A-` | `post:500:n=2-5` |
//! | for one API key; conditions may be joined | `OPERATION:KIND:key=NAME` | `poll:429s=7:n=1:key=sk-a` |
//! | by a marker in the request's own text | `[[fake:OPERATION=KIND]]`, `[[fake:OPERATION=KIND*TIMES]]` | `[[fake:poll=500*3]]` |
//!
//! Markers go before rules. A marker for `post` counts the POSTs with an equal body, one for `poll` the polls of the
//! generation, one for `export` the POSTs about its gamma, one for `download` the requests of a link. Beside faults,
//! `[[fake:time=2s]]`, `[[fake:export_time=2s]]` and `[[fake:size=1000000]]` (bytes of a file, at least) can be set.

mod kind;
mod marker;
mod rule;
mod rulebook;

pub use kind::{Kind, RetryAfter};
pub use rule::{Operation, Rule, SpecError};

pub(crate) use marker::Markers;
pub(crate) use rulebook::{Chosen, Rulebook};
