//! The slots of an account's window: when each of them comes back.

use super::accounts::AccountView;
use super::batch::Batch;
use crate::{Error, Queue, value};

/// The slots of one account.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Slots {
    /// When each comes back, soonest first, Unix milliseconds.
    pub back_at: Vec<u64>,
    /// Whether there are more than were read.
    pub more: bool,
}

impl Queue {
    /// The slots that are charged in the windows of these accounts at `now` (Redis's time, Unix milliseconds), at most
    /// `most` of each, in one round trip. A budget that is broken by hand has none.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn slots(&self, accounts: &[AccountView], now: u64, most: usize) -> Result<Vec<Slots>, Error> {
        let end = (most + 1).to_string();
        let mut batch = Batch::new();
        for account in accounts {
            let first = now.saturating_sub(account.window_ms).to_string();
            let args = [&first, "+inf", "WITHSCORES", "LIMIT", "0", &end];
            batch.ask("ZRANGEBYSCORE", self.keys.budget(&account.name), &args);
        }
        // The accounts' own reading names what is broken.
        let answers = batch.send(self, &mut std::collections::BTreeSet::new()).await?;
        let slots = answers.into_iter().zip(accounts).map(|(answer, account)| {
            let charged = value::scored(answer)?;
            // A slot is free a millisecond after it left the window, since both ends count.
            let back =
                |(_, at): &(String, f64)| (*at as u64).saturating_add(account.window_ms).saturating_add(1);
            Ok(Slots {
                back_at: charged.iter().take(most).map(back).collect(),
                more: charged.len() > most,
            })
        });
        slots.collect()
    }
}
