//! Accounts: their lines, their numbers, their budgets.

use std::collections::{BTreeMap, BTreeSet};

use redis::Value;

use super::walk::Found;
use super::{Ailment, Expected, Finding, Report};
use crate::script::LOOK_ACCOUNT;
use crate::{Error, Queue, value};

/// What the script is sent; see its header.
#[cfg(test)]
pub(crate) const ARGV: &str = "events_cap ttl_ms account within_ms";

/// The window of an account that names none, in milliseconds.
const WINDOW: u64 = 3_600_000;

/// The longest lease that can be set, and a minute: no slot is charged for later.
const LONGEST_CHARGE: u64 = 3_660_000;
/// So much later than its budget and pauses ask for (ms) is no rounding.
const PUT_OFF: u64 = 60_000;
const NUMBERS: [&str; 5] = ["limit", "window_ms", "paused_until", "probe_until", "pause_level"];

/// An account at one moment.
#[derive(Debug)]
struct Standing {
    now: u64,
    fields: BTreeMap<String, String>,
    known: bool,
    pending: u64,
    listed: Option<f64>,
    charged: u64,
    latest: u64,
}

impl Standing {
    fn number(&self, name: &str) -> Option<u64> {
        self.fields.get(name)?.parse().ok()
    }
}

impl Queue {
    pub(super) async fn examine_accounts(
        &self,
        found: &Found,
        expected: &Expected,
        report: &mut Report,
    ) -> Result<(), Error> {
        let names: BTreeSet<&String> = found
            .accounts
            .iter()
            .chain(&found.lines)
            .chain(&found.budgets)
            .collect();
        for name in names {
            let keys = [
                self.keys.account(name),
                self.keys.pending(name),
                self.keys.budget(name),
            ];
            if keys
                .iter()
                .chain([&self.keys.accounts()])
                .any(|key| found.is_broken(key))
            {
                continue;
            }
            let standing = match self.standing(name).await {
                // It became another type since; the next examination says so.
                Err(Error::Refused(_)) => continue,
                // That scripts are denied is said where jobs are looked at.
                Err(Error::Denied(_)) => break,
                other => other?,
            };
            for finding in self.judge_account(name, &standing) {
                report.add(finding);
            }
            let unknown = expected.keys.as_ref().is_some_and(|keys| !keys.contains(name));
            if standing.pending > 0 && unknown {
                let detail = format!("{} jobs of {name} wait", standing.pending);
                report.add(Finding::new(
                    Ailment::AccountWithoutKey,
                    self.keys.pending(name),
                    detail,
                ));
            }
        }
        if expected.keys.is_none() {
            report.unchecked("accounts without a key: these settings have no usable accounts");
        }
        Ok(())
    }

    /// Read in one moment, so that a claim in between can't be seen half.
    async fn standing(&self, name: &str) -> Result<Standing, Error> {
        let mut call = self.call(&LOOK_ACCOUNT);
        call.arg(name).arg(WINDOW);
        let answer = value::list(self.invoke(&call).await?)?;
        let [now, pending, listed, charged, latest, fields, known] = <[Value; 7]>::try_from(answer)
            .map_err(|_| Error::Refused("look_account answered too little".to_owned()))?;
        let listed = value::text(&listed);
        Ok(Standing {
            now: value::number(&now),
            fields: value::pairs(fields)?.into_iter().collect(),
            known: value::number(&known) == 1,
            pending: value::number(&pending),
            listed: listed.parse().ok(),
            charged: value::number(&charged),
            latest: value::number(&latest),
        })
    }

    fn judge_account(&self, name: &str, it: &Standing) -> Vec<Finding> {
        let mut out = Vec::new();
        let key = self.keys.account(name);
        let bad: Vec<&str> = NUMBERS
            .into_iter()
            .filter(|field| {
                it.fields
                    .get(*field)
                    .is_some_and(|text| text.parse::<u64>().is_err())
            })
            .collect();
        if !bad.is_empty() {
            out.push(Finding::new(Ailment::AccountNumbers, &key, bad.join(", ")));
        }
        if it.pending > 0 && !it.known {
            let detail = format!("{} jobs of {name} wait", it.pending);
            out.push(Finding::new(Ailment::AccountUnregistered, &key, detail));
        }
        let limit = it.number("limit").unwrap_or(50);
        let window = it.number("window_ms").unwrap_or(WINDOW);
        let budget = self.keys.budget(name);
        let (charged, latest) = (it.charged, it.latest);
        if charged > limit {
            let detail = format!("{charged} within {window} ms, {limit} allowed");
            out.push(Finding::new(Ailment::BudgetOver, &budget, detail));
        }
        if latest > it.now + LONGEST_CHARGE {
            let detail = format!("a slot is charged for {} s from now", (latest - it.now) / 1000);
            out.push(Finding::new(Ailment::BudgetFuture, &budget, detail));
        }
        let mend = |what, detail: String| Finding::new(what, self.keys.accounts(), detail).of(name);
        match it.listed {
            None if it.pending > 0 => {
                out.push(mend(
                    Ailment::AccountUnlisted,
                    format!("{} jobs of {name} wait", it.pending),
                ));
            }
            Some(score) if it.pending > 0 => {
                // Whoever asks for it last: the pause, or the last slot to come back.
                let pause = it
                    .number("paused_until")
                    .max(it.number("probe_until"))
                    .unwrap_or(0);
                let slot = if latest == 0 { 0 } else { latest + window };
                let latest = it.now.max(pause).max(slot) + PUT_OFF;
                if score as u64 > latest {
                    let detail = format!("{name} not before {} s from now", (score as u64 - it.now) / 1000);
                    out.push(mend(Ailment::AccountPutOff, detail));
                }
            }
            _ => {}
        }
        out
    }
}
