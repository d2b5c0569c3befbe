//! What was spent, day by day and account by account. The scripts add to it; here it is read.
//!
//! A submit counts on the day on which its generation was written down, credits on the day on which the end of the
//! generation was: each generation once, whoever repeats a script. A generation whose job's record is gone by then is
//! not in these sums; `events` and `stats` have it.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use crate::{Error, Queue};

/// How many days are kept: today and those before it.
pub const DAYS_KEPT: u32 = 35;

const DAY_MS: u64 = 86_400_000;

/// What one account spent within some time.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize)]
pub struct Spent {
    /// Generations that Gamma made.
    pub submits: u64,
    /// Credits that Gamma deducted, as its answers said.
    pub credits: f64,
}

/// One day.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct Day {
    /// `yyyy-mm-dd`, UTC by Redis's clock.
    pub date: String,
    /// By account; one that spent nothing may be missing.
    pub accounts: BTreeMap<String, Spent>,
}

/// The sum of an account over `days`.
pub fn sum_of(days: &[Day], account: &str) -> Spent {
    let spent = days.iter().filter_map(|day| day.accounts.get(account));
    spent.fold(Spent::default(), |sum, day| Spent {
        submits: sum.submits + day.submits,
        credits: sum.credits + day.credits,
    })
}

impl Queue {
    /// The last `days` days (1 to [`DAYS_KEPT`]), today first; days without spending among them.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn spending(&self, days: u32) -> Result<Vec<Day>, Error> {
        let today = self.time().await? / DAY_MS;
        let numbers = (0..u64::from(days.clamp(1, DAYS_KEPT))).map(|back| today.saturating_sub(back));
        let dates: Vec<String> = numbers.map(date).collect();
        let mut pipe = redis::pipe();
        for date in &dates {
            pipe.cmd("HGETALL").arg(self.keys.spent(date));
        }
        let sums: Vec<BTreeMap<String, String>> = self
            .link
            .run(async |mut c| pipe.query_async(&mut c).await)
            .await?;
        let days = dates.into_iter().zip(&sums);
        Ok(days
            .map(|(date, sums)| Day {
                date,
                accounts: by_account(sums),
            })
            .collect())
    }
}

/// From `credits:<account>` and `submits:<account>` to accounts; what isn't a sum is left out.
fn by_account(sums: &BTreeMap<String, String>) -> BTreeMap<String, Spent> {
    let mut accounts: BTreeMap<String, Spent> = BTreeMap::new();
    for (name, sum) in sums {
        match name.split_once(':') {
            Some(("credits", account)) => {
                accounts.entry(account.to_owned()).or_default().credits = sum.parse().unwrap_or(0.0);
            }
            Some(("submits", account)) => {
                accounts.entry(account.to_owned()).or_default().submits =
                    sum.parse::<f64>().map_or(0, |sum| sum as u64);
            }
            _ => {}
        }
    }
    accounts
}

/// The date of a day, counted from 1970-01-01.
fn date(days: u64) -> String {
    let begin = SystemTime::UNIX_EPOCH + Duration::from_millis(days.saturating_mul(DAY_MS));
    let mut text = humantime::format_rfc3339_seconds(begin).to_string();
    text.truncate("yyyy-mm-dd".len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_their_dates() {
        for (days, expected) in [
            (0, "1970-01-01"),
            (58, "1970-02-28"),
            (59, "1970-03-01"),
            (364, "1970-12-31"),
            (365, "1971-01-01"),
            (11_016, "2000-02-29"),
            (11_017, "2000-03-01"),
            (19_782, "2024-02-29"),
            (20_454, "2026-01-01"),
            (47_540, "2100-02-28"),
            (47_541, "2100-03-01"),
        ] {
            assert_eq!(date(days), expected, "{days}");
        }
    }

    #[test]
    fn what_is_no_sum_is_left_out() {
        let sums = [
            ("credits:a", "12.5"),
            ("submits:a", "2"),
            ("submits:b", "many"),
            ("mine", "1"),
        ];
        let sums = sums.map(|(name, sum)| (name.to_owned(), sum.to_owned())).into();
        let accounts = by_account(&sums);
        let a = Spent {
            submits: 2,
            credits: 12.5,
        };
        assert_eq!(accounts["a"], a);
        assert_eq!(accounts["b"], Spent::default());
        assert_eq!(accounts.len(), 2);
        let day = Day {
            date: String::new(),
            accounts,
        };
        let sum = sum_of(&[day.clone(), day], "a");
        assert_eq!((sum.submits, sum.credits), (4, 25.0));
    }
}
