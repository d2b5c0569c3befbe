//! The paid call.
//!
//! Invariant: for each intent in Redis at most one POST leaves, and every generation that Gamma names reaches Redis
//! or a log. In order: the journal is asked, the intent in Redis, the intent in the journal, the POST, the generation
//! in both. What breaks off before both intents are known to be written sends nothing; what breaks off after that is
//! never taken for unsent without proof.

use std::time::Duration;

use bytes::Bytes;
use gammaq_crash::at;
use gammaq_gamma::{Answer, Submitted, Target};
use gammaq_queue::Error;
use gammaq_queue::submit::{Begun, Generation, Recorded};
use tokio::time::Instant;

use super::engine;
use crate::admin::Exchange;
use crate::app::{App, FULL_FOR, NOT_DURABLE_FOR};
use crate::hold::{Hold, Made};
use crate::outcome::Outcome;
use crate::steps::journaled;
use crate::traces::StepTrace;
use crate::unhurried::keeps_made;

/// Submits one job. Once the intent is written it isn't cancelled, whoever wants to stop.
pub(crate) async fn submit(app: &App, hold: &Hold, target: &Target, trace: &mut StepTrace<'_>) -> Outcome {
    let job = &hold.job;
    if app.stop.is_cancelled() {
        return Outcome::Released;
    }
    let request = hold.take_request();
    if request.is_empty() {
        return Outcome::NoRequest;
    }
    let body = Bytes::from(gammaq_job::request::body(&request, &job.exports));
    drop(request);
    let checked = match at("check", journaled::check(app, hold)).await {
        Ok(checked) => checked,
        Err(outcome) => return outcome,
    };

    // Counted from before the intents, so that the last byte of the POST lies within the lease and the slot.
    let not_after = Instant::now() + app.lease.saturating_sub(app.request_timeout);
    // By then nobody waits for the script's answer any more, so it must not begin anything either.
    let begin_by = app.clock.estimate() + app.patience_ms();
    match at("begin", begin(app, hold, target, begin_by)).await {
        Ok(Begun::Yes) => {}
        Ok(Begun::Reset) => {
            app.halt.halt();
            return Outcome::Released;
        }
        Ok(Begun::Stale | Begun::Late) if hold.lost.is_cancelled() => return Outcome::Settled,
        Ok(Begun::Stale) => {
            tracing::warn!(
                id = job.id,
                fence = job.fence,
                "no longer ours before the submit: nothing was sent"
            );
            return Outcome::Settled;
        }
        Ok(Begun::Late | Begun::Paused) => return Outcome::Released,
        Err(error) => {
            match error {
                Error::Full(_) => app.pause_submits(FULL_FOR),
                Error::NotDurable(_) => app.pause_submits(NOT_DURABLE_FOR),
                _ => {}
            }
            // The intent may be written, but nothing was sent, and giving back is fenced like all else.
            tracing::warn!(id = job.id, %error, "the intent could not be stored: nothing was sent");
            return Outcome::NotBegun {
                reason: "the intent could not be stored in Redis".to_owned(),
            };
        }
    }
    let intended = journaled::intend(app, hold, target, checked, begin_by);
    let post = match at("intend", intended).await {
        Ok(post) => post,
        Err(outcome) => return outcome,
    };
    hold.begin();
    let asked = Instant::now();
    let answer = at(
        "post",
        app.gamma.submit(target, engine(job.kind), body, not_after),
    )
    .await;
    app.measures
        .answered(Exchange::Submit, answer.http_status, asked.elapsed());
    trace.answered((target, engine(job.kind)), answer.http_status, asked.elapsed());
    match &answer.outcome {
        Submitted::Accepted {
            generation_id,
            warnings,
        } => {
            // Before anything else: whatever becomes of Redis or this process now, the id is known.
            tracing::info!(
                id = job.id,
                account = job.account,
                generation_id,
                "accepted by Gamma"
            );
            trace.accepted(generation_id);
            let accepted = Accepted {
                answer: &answer,
                answered: Instant::now(),
                generation_id,
                warnings,
                base_url: journaled::base_url(target),
            };
            // A disk that hangs keeps no look waiting: the line is with the journal's thread by then.
            let made = tokio::time::timeout(app.rules.interval, post.made(generation_id));
            let (made, outcome) = tokio::join!(at("made", made), at("record", record(app, hold, &accepted)));
            if made.is_err() {
                tracing::warn!(
                    id = job.id,
                    generation_id,
                    "the journal's disk hangs: the generation is not known to be on it"
                );
            }
            outcome
        }
        other => {
            post.ended(other);
            Outcome::Submitted(answer)
        }
    }
}

async fn begin(app: &App, hold: &Hold, target: &Target, not_after: u64) -> Result<Begun, Error> {
    let job = &hold.job;
    let url = journaled::base_url(target);
    let begun = app
        .queue
        .begin_submit(&app.worker, &job.id, job.fence, not_after, app.lease, url);
    at("begin_submit", begun).await
}

/// What Gamma made of a submit.
struct Accepted<'a> {
    answer: &'a Answer<Submitted>,
    answered: Instant,
    generation_id: &'a str,
    warnings: &'a [String],
    base_url: &'a str,
}

/// Brings the generation to Redis, however long that takes: it was paid for. Where that goes at once the job stays in this worker's
/// hands, and its first look needs no claim.
async fn record(app: &App, hold: &Hold, accepted: &Accepted<'_>) -> Outcome {
    let (job, generation_id) = (&hold.job, accepted.generation_id);
    let warnings: Vec<String> = job.warnings.iter().chain(accepted.warnings).cloned().collect();
    let mut fields = Vec::new();
    if !accepted.warnings.is_empty() {
        fields.push(("warnings", serde_json::json!(warnings).to_string()));
    }
    if let Some(request_id) = &accepted.answer.request_id {
        fields.push(("submit_request_id", request_id.clone()));
    }
    let keeps = keeps_made(app, hold);
    if keeps {
        hold.records();
    }
    let first_look = accepted.answered + app.rules.interval;
    let mut generation = Generation {
        id: &job.id,
        fence: job.fence,
        generation_id,
        first_look: app.rules.interval,
        timeout: job.timeout.unwrap_or_else(|| app.timeout(job.kind)),
        probe: job.probe,
        account: &job.account,
        slot: &job.slot,
        kept: Some(if keeps {
            app.settle_policy.kept_for
        } else {
            Duration::ZERO
        }),
        fields: &fields,
    };
    let mut failures = 0_u32;
    loop {
        let recorded = app.queue.record_generation(&app.worker, &generation);
        match at("record_generation", recorded).await {
            Ok(recorded) => {
                report(hold, generation_id, recorded, failures);
                if let Recorded::Held { deadline } = recorded {
                    let made = Made {
                        generation_id: generation_id.to_owned(),
                        base_url: accepted.base_url.to_owned(),
                        deadline,
                        warnings,
                    };
                    return Outcome::Made(Box::new(made), first_look);
                }
                app.schedule.at_most(Instant::now() + app.rules.interval);
                return Outcome::Settled;
            }
            Err(error) => {
                // Redis may have carried it out, and gives the hold up then. After an outage nothing is to come at once: the
                // schedule sees to that.
                generation.kept = Some(Duration::ZERO);
                failures = failures.saturating_add(1);
                if failures.is_power_of_two() {
                    tracing::error!(
                        id = job.id, account = job.account, generation_id, %error, failures,
                        "Gamma accepted, but the generation could not be stored yet; kept and tried again"
                    );
                }
                let wait = Duration::from_millis(50) * failures.min(20);
                at("record_wait", tokio::time::sleep(wait)).await;
            }
        }
    }
}

fn report(hold: &Hold, generation_id: &str, recorded: Recorded, failures: u32) {
    let (id, account) = (&hold.job.id, &hold.job.account);
    match recorded {
        Recorded::Generating | Recorded::Held { .. } | Recorded::Known => {
            tracing::debug!(id, account, generation_id, failures, "recorded");
        }
        Recorded::Kept => tracing::warn!(
            id,
            account,
            generation_id,
            "recorded on a job that went another way"
        ),
        Recorded::Extra => tracing::error!(
            id,
            account,
            generation_id,
            "a second generation was made and paid for"
        ),
        Recorded::Missing => {
            tracing::error!(
                id,
                account,
                generation_id,
                "the job's record is gone; the generation stands in events"
            );
        }
    }
}
