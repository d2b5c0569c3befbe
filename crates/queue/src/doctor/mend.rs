//! Mending: one finding at a time, checked again and then written, in one script.

use super::{Ailment, Finding, Report};
use crate::script::MEND_JOB;
use crate::{Error, Queue, value};

/// What the script is sent; see its header.
#[cfg(test)]
pub(crate) const ARGV: &str = "events_cap ttl_ms by id what place";

/// What became of a mend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mended {
    /// Done, and said in `events`.
    Done,
    /// It was no longer so.
    Gone,
    /// Not to be mended by a program.
    Refused,
}

impl Queue {
    /// Mends a finding where it still holds and mending it can neither lead to a second POST nor lose an id. Safe to
    /// run twice: the second time there is nothing to do.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub async fn mend(&self, finding: &Finding, by: &str) -> Result<Mended, Error> {
        if !finding.mendable {
            return Ok(Mended::Refused);
        }
        match finding.what {
            Ailment::SchemaMissing => self.check_schema().await.map(|()| Mended::Done),
            Ailment::GroupMissing => self.create_inbox().await.map(|()| Mended::Done),
            Ailment::AccountUnlisted | Ailment::AccountPutOff => self.list_account(&finding.subject).await,
            what => {
                let mut call = self.call(&MEND_JOB);
                call.arg(by)
                    .arg(&finding.subject)
                    .arg(what.as_str())
                    .arg(&finding.place);
                let word = value::text(&self.invoke(&call).await?);
                Ok(if word == "mended" {
                    Mended::Done
                } else {
                    Mended::Gone
                })
            }
        }
    }

    /// Has an account looked at now: the next claim works out when it really may submit, or takes it off the list.
    async fn list_account(&self, name: &str) -> Result<Mended, Error> {
        let now = self.time().await?;
        let mut command = redis::cmd("ZADD");
        command.arg(self.keys.accounts()).arg("LT").arg(now).arg(name);
        self.link
            .run(async |mut c| command.query_async::<()>(&mut c).await)
            .await?;
        Ok(Mended::Done)
    }
}

impl Report {
    /// What [`Queue::mend`] would mend.
    pub fn mendable(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|it| it.mendable)
    }
}
