//! Intake: entries of the inbox become jobs.

use gammaq_job::{Judged, State};

use crate::script::{ACCEPT_JOBS, MAX_ITEMS};
use crate::{Error, Queue, value};

/// What the script is sent; see its header.
#[cfg(test)]
pub(crate) const ARGV: &str = "events_cap ttl_ms worker queue_id count item...";

/// One judged entry.
#[derive(Debug, Clone)]
pub struct AcceptItem {
    /// The stream's id of the entry.
    pub entry_id: String,
    /// What it became.
    pub judged: Judged,
    /// Whether this worker has a key for its account. Where not, the job waits for a worker that has, or
    /// fails if none ever had.
    pub account_known: bool,
}

/// What the script did with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// A new job waits.
    Queued,
    /// A new job that failed at once.
    Failed,
    /// The job was there already: nothing changed.
    Known,
    /// Another wish under a known id: noted on the job.
    Conflict,
    /// Another worker had taken the entry.
    Gone,
    /// The queue lost its data since it was begun with, see [`Queue::begin_life`]: the entry stays in the inbox.
    Reset,
}

impl Queue {
    /// Takes entries off the inbox and writes their jobs in the same step; safe to run twice.
    ///
    /// # Errors
    /// [`Error::Full`] in a full Redis, [`Error::NewerSchema`] where the layout is newer by now; then, and after any other error, the entries are still in the inbox.
    pub async fn accept_jobs(&self, worker: &str, items: &[AcceptItem]) -> Result<Vec<Accepted>, Error> {
        let mut outcomes = Vec::with_capacity(items.len());
        for chunk in items.chunks(MAX_ITEMS) {
            outcomes.extend(self.accept_chunk(worker, chunk).await?);
        }
        Ok(outcomes)
    }

    async fn accept_chunk(&self, worker: &str, items: &[AcceptItem]) -> Result<Vec<Accepted>, Error> {
        let mut call = self.call(&ACCEPT_JOBS);
        call.arg(worker).arg(self.mark()).arg(items.len());
        for item in items {
            let job = item.judged.job();
            let unknown = || {
                let why = format!("account: no worker has an API key for \"{}\"", job.account);
                gammaq_job::JobError::new(gammaq_job::ErrorKind::UnknownAccount, why).to_json()
            };
            let (verdict, error, keep) = match &item.judged {
                Judged::Accepted(_) if item.account_known => ("accept", String::new(), true),
                Judged::Accepted(_) => ("accept", unknown(), true),
                Judged::Rejected {
                    error, keep_request, ..
                } => ("reject", error.to_json(), *keep_request),
            };
            call.arg(&item.entry_id)
                .arg(job.id.as_str())
                .arg(verdict)
                .arg(u8::from(item.account_known));
            call.arg(error)
                .arg(job.run_at.unwrap_or(0))
                .arg(job.account.as_str())
                .arg(job.priority);
            call.arg(&job.fingerprint).arg(u8::from(keep));
            let fields = fields(job);
            call.arg(fields.len() * 2);
            for (name, value) in fields {
                call.arg(name).arg(value);
            }
        }
        let outcomes = value::texts(self.invoke(&call).await?)?;
        if outcomes.iter().any(|word| word == "newer") {
            return Err(self.newer_schema().await);
        }
        let outcomes: Vec<Accepted> = outcomes
            .iter()
            .map(|word| accepted(word))
            .collect::<Result<_, _>>()?;
        for outcome in &outcomes {
            match outcome {
                Accepted::Queued => self.moves.count(None, State::Queued),
                Accepted::Failed => self.moves.count(None, State::Failed),
                _ => {}
            }
        }
        Ok(outcomes)
    }
}

fn accepted(word: &str) -> Result<Accepted, Error> {
    Ok(match word {
        "queued" => Accepted::Queued,
        "failed" => Accepted::Failed,
        "known" => Accepted::Known,
        "conflict" => Accepted::Conflict,
        "gone" => Accepted::Gone,
        "reset" => Accepted::Reset,
        other => return Err(Error::Refused(format!("accept_jobs answered {other}"))),
    })
}

/// The fields that intake alone knows; empty ones are left out.
fn fields(job: &gammaq_job::NewJob) -> Vec<(&'static str, String)> {
    let exports: Vec<&str> = job.exports.iter().map(|format| format.as_str()).collect();
    let mut fields = vec![("kind", job.kind.as_str().to_owned())];
    let mut add = |name, value: Option<String>| fields.extend(value.map(|value| (name, value)));
    add("exports", (!exports.is_empty()).then(|| exports.join(",")));
    add("run_at", job.run_at.map(|time| time.to_string()));
    add("timeout", job.timeout_s.map(|seconds| seconds.to_string()));
    add("callback", job.callback.clone());
    add("meta", job.meta.clone());
    add("traceparent", job.traceparent.clone());
    add("tracestate", job.tracestate.clone());
    add(
        "warnings",
        (!job.warnings.is_empty()).then(|| serde_json::json!(job.warnings).to_string()),
    );
    fields
}
