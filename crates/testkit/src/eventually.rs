//! Waiting for a condition with a deadline.

use std::fmt::Debug;
use std::panic::Location;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// What a probe of [`eventually`] may answer.
pub trait Condition {
    /// What [`eventually`] gives back once the condition is met.
    type Value;

    /// The value, or what to say about the last look if there is no other.
    ///
    /// # Errors
    ///
    /// The condition is not met yet; the text says what was seen instead.
    fn met(self) -> Result<Self::Value, String>;
}

impl Condition for bool {
    type Value = ();

    fn met(self) -> Result<(), String> {
        if self { Ok(()) } else { Err("false".to_owned()) }
    }
}

impl<T> Condition for Option<T> {
    type Value = T;

    fn met(self) -> Result<T, String> {
        self.ok_or_else(|| "none".to_owned())
    }
}

impl<T, E: Debug> Condition for Result<T, E> {
    type Value = T;

    fn met(self) -> Result<T, String> {
        self.map_err(|error| format!("{error:?}"))
    }
}

/// Runs `probe` again and again until its answer is `true`, `Some` or `Ok`, and gives back what was in it.
///
/// An `Err` is where a probe says what it saw: the last one is in the panic's message.
///
/// # Panics
///
/// When the condition is not met by the `deadline`, also where a single look takes longer than that.
#[track_caller]
pub fn eventually<P, F>(
    deadline: Duration,
    what: &str,
    mut probe: P,
) -> impl Future<Output = <F::Output as Condition>::Value>
where
    P: FnMut() -> F,
    F: Future,
    F::Output: Condition,
{
    let asked_at = Location::caller();
    async move {
        let end = Instant::now() + deadline;
        let mut pause = FIRST_PAUSE;
        let mut last = "nothing: the first look did not end".to_owned();
        loop {
            match timeout_at(end, probe()).await.map(Condition::met) {
                Ok(Ok(value)) => return value,
                Ok(Err(seen)) => last = seen,
                Err(_) => panic!("not within {deadline:?}: {what} (last look: {last}; asked at {asked_at})"),
            }
            // The last look is at the deadline itself, so that a pause never decides.
            sleep(pause.min(end.saturating_duration_since(Instant::now()))).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            if Instant::now() >= end {
                match timeout_at(end + LONGEST_PAUSE, probe()).await.map(Condition::met) {
                    Ok(Ok(value)) => return value,
                    Ok(Err(seen)) => last = seen,
                    Err(_) => {}
                }
                panic!("not within {deadline:?}: {what} (last look: {last}; asked at {asked_at})");
            }
        }
    }
}
