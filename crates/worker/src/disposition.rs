//! From what a step came to, to what the queue does next. All of it is decided here, and nowhere else.

use std::time::Duration;

use gammaq_gamma::{AccountProblem, AccountTrouble, Answer, Polled, RateLimited, Submitted};
use gammaq_job::{Backoff, ErrorKind, JobError, Kind, State};
use gammaq_queue::claim::{Claimed, OnAmbiguous, Step};
use gammaq_queue::settle::{Pause, Probe, Settlement, Verb};

use crate::exporting::{self, ExportRules};
use crate::findings::{self, completed, credits, limits};
use crate::outcome::Outcome;

/// Below this burst remainder Gamma asks for slower polls (`x-ratelimit-remaining-burst`).
const SLOW_BELOW: u64 = 100;
/// What a POST to Gamma 5 is answered with where the key has no access to it.
const NOT_FOUND: u16 = 404;
/// The part of an interval over which looks are spread.
const APART: f64 = 0.002;
/// Until a submit is tried again whose intent could not be written.
const NOT_BEGUN: Duration = Duration::from_millis(200);
/// What `Retry-After` is held between.
const RETRY_AFTER: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(24 * 3600));

/// The times and policies that decide.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// Between the answer to a look and the next look.
    pub(crate) interval: Duration,
    /// The same while the burst remainder is low.
    pub(crate) slow_interval: Duration,
    /// The longest backoff.
    pub(crate) backoff_max: Duration,
    /// Between looks at a timed-out job.
    pub(crate) late_interval: Duration,
    /// What becomes of a submit whose outcome isn't known.
    pub(crate) on_ambiguous: OnAmbiguous,
    /// What decides about files.
    pub(crate) exports: ExportRules,
}

impl Rules {
    fn backoff(&self, failures: u32, jitter: f64) -> Duration {
        Backoff {
            base: self.interval,
            max: self.backoff_max.max(self.interval),
        }
        .after(failures, jitter)
    }
}

/// What the queue does with `job` after `outcome`; `None` where the step did it already. `jitter` in `0.0..1.0`.
pub(crate) fn dispose(job: &Claimed, outcome: &Outcome, rules: &Rules, jitter: f64) -> Option<Settlement> {
    let mut s = Settlement {
        id: job.id.clone(),
        fence: job.fence,
        verb: Verb::Release,
        probe: Probe::None,
        pause: None,
        jitter,
        note: String::new(),
        fields: Vec::new(),
        account_fields: Vec::new(),
    };
    let mut probe = Probe::Open;
    match outcome {
        Outcome::Settled | Outcome::Made(..) => return None,
        Outcome::Released => {}
        Outcome::NotBegun { reason } => {
            // Redis's trouble and not the job's: the next claim can only succeed when it is over.
            s.verb = Verb::Requeue(NOT_BEGUN);
            s.note = format!("not sent: {reason}");
        }
        Outcome::NoRequest => {
            fail(
                &mut s,
                JobError::new(
                    ErrorKind::InvalidRequest,
                    "request: the record holds none; nothing was sent",
                ),
            );
        }
        Outcome::Panicked { begun: true } => unclear(
            &mut s,
            job,
            rules,
            "the worker panicked while it submitted",
            None,
            None,
        ),
        Outcome::Panicked { begun: false } if job.step == Step::Submit => {
            not_sent(
                &mut s,
                job,
                rules,
                jitter,
                "the worker panicked before it submitted",
            );
        }
        Outcome::Panicked { begun: false } => {
            look_failed(&mut s, job, rules, jitter, "the worker panicked", None)
        }
        Outcome::Submitted(answer) => probe = submitted(&mut s, job, answer, rules, jitter),
        Outcome::Looked(answer) => probe = looked(&mut s, job, answer, rules, jitter),
        Outcome::NothingToExport => exporting::end(&mut s),
        Outcome::Exported(format, answer) => {
            probe = exporting::asked(&mut s, job, (*format, answer), rules, jitter);
        }
        // It says nothing of the account.
        Outcome::Downloaded(format, fetched) => {
            exporting::downloaded(&mut s, job, (*format, fetched), rules, jitter);
        }
        Outcome::NoRoom(format, wait) => {
            exporting::waits(&mut s, job, *format, wait.mul_f64(1.0 + jitter), rules);
        }
    }
    if job.probe {
        s.probe = probe;
    }
    Some(s)
}

fn submitted(
    s: &mut Settlement,
    job: &Claimed,
    answer: &Answer<Submitted>,
    rules: &Rules,
    jitter: f64,
) -> Probe {
    limits(s, &answer.limits);
    match &answer.outcome {
        // Recorded by the step; here only if the process could not, and then the lease says the rest.
        Submitted::Accepted { .. } => unclear(
            s,
            job,
            rules,
            "accepted, but not recorded",
            None,
            answer.request_id.as_deref(),
        ),
        Submitted::NotSent { reason } => not_sent(s, job, rules, jitter, reason),
        Submitted::RateLimited(limited) => {
            s.verb = Verb::Requeue(Duration::ZERO);
            rate_limited(s, limited);
        }
        Submitted::AccountTrouble(trouble) => {
            s.verb = Verb::Requeue(Duration::ZERO);
            account_trouble(s, trouble);
        }
        Submitted::Refused {
            status,
            message,
            redirect,
        } => {
            let message = if *redirect {
                format!(
                    "Gamma answered with a redirect, which is never followed; check gamma.base_url ({message})"
                )
            } else if job.kind == Kind::Agent && *status == NOT_FOUND {
                // The paths are fixed, so it is not the request that can't be found.
                format!(
                    "the API key of account {} has no access to Gamma 5 (kind agent): {message}",
                    job.account
                )
            } else {
                message.clone()
            };
            let error = JobError {
                status: Some(*status),
                request_id: answer.request_id.clone(),
                ..JobError::new(ErrorKind::Refused, message)
            };
            fail(s, error);
            return Probe::Good;
        }
        Submitted::Unclear {
            status,
            reason,
            body_start,
        } => {
            if !body_start.is_empty() {
                s.fields.push(("unclear_answer", body_start.clone()));
            }
            unclear(s, job, rules, reason, *status, answer.request_id.as_deref());
        }
    }
    Probe::Open
}

fn looked(s: &mut Settlement, job: &Claimed, answer: &Answer<Polled>, rules: &Rules, jitter: f64) -> Probe {
    limits(s, &answer.limits);
    s.fields.push(("polls", (job.polls + 1).to_string()));
    match &answer.outcome {
        Polled::Pending { progress } => {
            if let Some(progress) = progress {
                findings::progress(s, progress);
            }
            still_pending(s, job, answer, rules, jitter, "");
        }
        Polled::UnknownStatus { word } => {
            still_pending(
                s,
                job,
                answer,
                rules,
                jitter,
                &format!("Gamma answered the unknown status \"{word}\""),
            );
        }
        Polled::NotFound { message } => {
            still_pending(s, job, answer, rules, jitter, &format!("404: {message}"));
        }
        Polled::Completed(done) => {
            s.verb = Verb::Complete;
            completed(s, job, done);
            exporting::begin(s, job, done.gamma_id.as_deref(), rules);
        }
        Polled::Failed(failed) => {
            credits(s, &failed.credits);
            if job.state == State::TimedOut {
                s.verb = Verb::Rest;
                s.fields
                    .push(("last_error", format!("a late look: {}", failed.message)));
            } else {
                let kind = ErrorKind::GenerationFailed;
                let error = JobError {
                    status: failed.status,
                    request_id: answer.request_id.clone(),
                    ..JobError::new(kind, failed.message.clone())
                };
                fail(s, error);
            }
        }
        Polled::RateLimited(limited) => {
            s.verb = Verb::Again(rules.interval);
            rate_limited(s, limited);
            return Probe::Open;
        }
        Polled::AccountTrouble(trouble) => {
            s.verb = Verb::Again(rules.interval);
            account_trouble(s, trouble);
            return Probe::Open;
        }
        Polled::Unavailable {
            status,
            reason,
            retry_after,
        } => {
            let reason = status.map_or_else(|| reason.clone(), |status| format!("{status}: {reason}"));
            look_failed(s, job, rules, jitter, &reason, *retry_after);
            return Probe::Open;
        }
    }
    Probe::Good
}

/// A look was made, and the generation isn't finished. Only such a look, made after the deadline, ends a job.
fn still_pending(
    s: &mut Settlement,
    job: &Claimed,
    answer: &Answer<Polled>,
    rules: &Rules,
    jitter: f64,
    remark: &str,
) {
    s.fields.push(("poll_failures", "0".to_owned()));
    s.fields.push(("last_error", remark.to_owned()));
    if job.state == State::TimedOut {
        s.verb = if job.claimed_at >= job.late_until {
            Verb::Rest
        } else {
            Verb::Again(rules.late_interval)
        };
    } else if job.deadline > 0 && job.claimed_at >= job.deadline {
        s.verb = Verb::TimeOut;
        let message = "Gamma still said pending after the deadline; it is looked at for a while longer";
        let error = JobError {
            request_id: answer.request_id.clone(),
            ..JobError::new(ErrorKind::TimedOut, message)
        };
        s.fields.push(("error", error.to_json()));
        s.note = message.to_owned();
    } else {
        let slow = answer
            .limits
            .burst
            .remaining
            .is_some_and(|left| left < SLOW_BELOW);
        let interval = if slow { rules.slow_interval } else { rules.interval };
        // Never shorter, and a little apart, so that what started together doesn't stay together.
        s.verb = Verb::Again(interval + interval.mul_f64(APART * jitter));
    }
}

fn look_failed(
    s: &mut Settlement,
    job: &Claimed,
    rules: &Rules,
    jitter: f64,
    reason: &str,
    retry_after: Option<Duration>,
) {
    let failures = job.poll_failures.saturating_add(1);
    let mut wait = rules.backoff(failures, jitter);
    if let Some(asked) = retry_after {
        wait = wait.max(asked.clamp(RETRY_AFTER.0, RETRY_AFTER.1));
    }
    if job.state == State::TimedOut {
        wait = wait.max(rules.late_interval);
    }
    s.verb = Verb::Again(wait);
    s.fields.push(("poll_failures", failures.to_string()));
    s.fields.push(("last_error", reason.to_owned()));
}

fn not_sent(s: &mut Settlement, job: &Claimed, rules: &Rules, jitter: f64, reason: &str) {
    let failures = job.submit_failures.saturating_add(1);
    s.verb = Verb::Requeue(rules.backoff(failures, jitter));
    s.note = format!("not sent: {reason}");
    s.fields.push(("submit_failures", failures.to_string()));
    s.fields.push(("last_error", s.note.clone()));
}

fn unclear(
    s: &mut Settlement,
    job: &Claimed,
    rules: &Rules,
    reason: &str,
    status: Option<u16>,
    request_id: Option<&str>,
) {
    let story = format!("whether Gamma accepted is not known: {reason}");
    s.fields.push(("last_error", story.clone()));
    // Gamma's words may repeat the request, so beyond the record its status alone is told.
    s.note = match status {
        Some(status) => format!("whether Gamma accepted is not known: HTTP {status}"),
        None => story.clone(),
    };
    match rules.on_ambiguous {
        OnAmbiguous::Resubmit(most) if job.resubmits < most => {
            s.fields.push(("resubmits", (job.resubmits + 1).to_string()));
            s.verb = Verb::Resubmit(rules.interval);
        }
        _ => {
            s.verb = Verb::Park;
            let kind = ErrorKind::Ambiguous;
            let request_id = request_id.map(str::to_owned);
            let error = JobError {
                status,
                request_id,
                ..JobError::new(kind, story)
            };
            s.fields.push(("error", error.to_json()));
        }
    }
}

fn fail(s: &mut Settlement, error: JobError) {
    s.verb = Verb::Fail;
    s.note = match error.status {
        Some(status) => format!("{}: HTTP {status}", error.kind),
        None => error.kind.to_string(),
    };
    s.fields.push(("last_error", error.message.clone()));
    s.fields.push(("error", error.to_json()));
}

pub(crate) fn rate_limited(s: &mut Settlement, limited: &RateLimited) {
    let fixed = limited
        .retry_after
        .map(|time| time.clamp(RETRY_AFTER.0, RETRY_AFTER.1));
    s.pause = Some(Pause {
        reason: "rate_limited",
        fixed,
    });
    s.note = "429: the account waits".to_owned();
    s.fields.push(("last_error", format!("429: {}", limited.message)));
}

pub(crate) fn account_trouble(s: &mut Settlement, trouble: &AccountTrouble) {
    let reason = match trouble.problem {
        AccountProblem::Unauthorized => "unauthorized",
        AccountProblem::OutOfCredits => "out_of_credits",
    };
    s.pause = Some(Pause { reason, fixed: None });
    s.note = format!("{}: the account is paused ({reason})", trouble.status);
    s.fields
        .push(("last_error", format!("{}: {}", trouble.status, trouble.message)));
}

#[cfg(test)]
#[path = "disposition_tests.rs"]
mod tests;
