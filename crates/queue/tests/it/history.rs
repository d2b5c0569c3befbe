//! What holds over a whole run of random operations.

use gammaq_job::state::is_legal;

use crate::budget::most_in_a_window;
use crate::run::{ACCOUNTS, Checked, LIMITS, Run, WINDOW};

impl Run<'_> {
    /// What can be said only of the whole.
    pub(crate) async fn check_history(&self) -> Checked {
        for (name, limit) in ACCOUNTS.iter().zip(LIMITS) {
            let own = self.arrivals.iter().filter(|((account, _), _)| account == name);
            let times: Vec<u64> = own.map(|(_, time)| *time).collect();
            if most_in_a_window(&times, WINDOW) > limit as usize {
                return Err(format!("{name}: more than {limit} in {WINDOW} ms: {times:?}"));
            }
        }
        for event in self.queue.newest_events(10_000).await.unwrap() {
            let (from, to) = (event.from.parse().ok(), event.state.parse());
            match to {
                Ok(to) if event.from != event.state && !is_legal(from, to) => {
                    return Err(format!("{event:?}"));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
