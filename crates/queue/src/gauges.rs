//! The queue in numbers, for whoever watches it: read in one moment, in bounded time.

use std::collections::BTreeMap;
use std::time::Duration;

use gammaq_job::State;
use redis::Value;

use crate::script::LOOK_QUEUE;
use crate::{Error, Queue, value};

/// What the script is sent; see its header.
#[cfg(test)]
pub(crate) const ARGV: &str = "events_cap ttl_ms named most account...";

/// Accounts that are counted one by one; the others are summed.
pub const NAMED: usize = 200;
/// Accounts that are looked at.
const MOST: usize = 1_000;
/// What the sum of the others is called.
pub const OTHER: &str = "other";

/// The queue at one moment. A number is `None` where its key is of another type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Entries that no worker has taken in yet.
    pub inbox: Option<u64>,
    /// Jobs in the schedule: delayed, looked at, or held.
    pub due: Option<u64>,
    /// How late the oldest step in the schedule is; zero where none is.
    pub oldest_late: Duration,
    /// Workers that were heard of lately.
    pub workers: Option<u64>,
    /// Jobs in each state that has an index.
    pub ended: Vec<(State, Option<u64>)>,
    /// [`NAMED`] accounts at the most, and [`OTHER`] where there are more.
    pub accounts: BTreeMap<String, AccountGauges>,
    /// Callbacks that are to be made.
    pub callbacks: Option<u64>,
    /// How late the oldest of them is.
    pub oldest_callback_late: Duration,
    /// Callbacks that were given up.
    pub callback_failed: Option<u64>,
}

/// An account at that moment, or several summed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountGauges {
    /// Jobs that wait for a slot.
    pub pending: u64,
    /// Slots charged within the window.
    pub used: u64,
    /// Slots that there are.
    pub limit: u64,
    /// Accounts that are paused, tried out after a pause, or below their `credits_floor`: 0 or 1 for one account.
    pub paused: u64,
    /// The credits that Gamma named last.
    pub credits_remaining: Option<i64>,
}

impl Queue {
    /// The queue at one moment. `accounts` are looked at first, then those with jobs in line, then any other: 1,000 at the
    /// most.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn gauges(&self, accounts: &[impl AsRef<str>]) -> Result<Gauges, Error> {
        let mut call = self.call(&LOOK_QUEUE);
        call.arg(NAMED).arg(MOST);
        for account in accounts.iter().take(MOST) {
            call.arg(account.as_ref());
        }
        let parts = value::list(self.invoke(&call).await?)?;
        let Ok(
            [
                now,
                inbox,
                due,
                oldest,
                workers,
                ended,
                named,
                others,
                callbacks,
                oldest_callback,
                callback_failed,
            ],
        ) = <[Value; 11]>::try_from(parts)
        else {
            return Err(Error::Refused("look_queue answered too little".to_owned()));
        };
        let late = |oldest: &Value| match value::text(oldest).as_str() {
            "" => Duration::ZERO,
            _ => Duration::from_millis(value::number(&now).saturating_sub(value::number(oldest))),
        };
        let mut gauges = Gauges {
            inbox: counted(&inbox),
            due: counted(&due),
            oldest_late: late(&oldest),
            workers: counted(&workers),
            ended: State::INDEXED
                .into_iter()
                .zip(value::list(ended)?.iter().map(counted))
                .collect(),
            accounts: BTreeMap::new(),
            callbacks: counted(&callbacks),
            oldest_callback_late: late(&oldest_callback),
            callback_failed: counted(&callback_failed),
        };
        for account in value::list(named)? {
            let account = value::list(account)?;
            let [name, numbers @ .., credits] = account.as_slice() else {
                return Err(Error::Refused(
                    "look_queue answered an account without its numbers".to_owned(),
                ));
            };
            let mut seen = account_gauges(numbers);
            seen.credits_remaining = value::text(credits).parse().ok();
            gauges.accounts.insert(value::text(name), seen);
        }
        let others = value::list(others)?;
        if let Some((count, numbers)) = others.split_first()
            && value::number(count) > 0
        {
            let sum = account_gauges(numbers);
            // An account may have that name.
            let other = gauges.accounts.entry(OTHER.to_owned()).or_default();
            other.pending += sum.pending;
            other.used += sum.used;
            other.limit += sum.limit;
            other.paused += sum.paused;
        }
        Ok(gauges)
    }
}

fn account_gauges(numbers: &[Value]) -> AccountGauges {
    let number = |at: usize| numbers.get(at).and_then(counted).unwrap_or(0);
    AccountGauges {
        pending: number(0),
        used: number(1),
        limit: number(2),
        paused: number(3),
        credits_remaining: None,
    }
}

fn counted(number: &Value) -> Option<u64> {
    match number {
        Value::Int(number) => u64::try_from(*number).ok(),
        _ => None,
    }
}
