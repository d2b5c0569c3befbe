//! The journal's part in a submit. Without a journal nothing here does anything.

use gammaq_crash::at;
use gammaq_gamma::{Submitted, Target};
use gammaq_job::{ErrorKind, JobError};
use gammaq_queue::restore::{Forgotten, Restored, Standing, intent_name};
use gammaq_queue::submit::{Generation, Recorded};

use crate::app::App;
use crate::hold::Hold;
use crate::journal::{About, Ending, Intended, Intent, Journal, Line, Posted};
use crate::outcome::Outcome;

/// A job of which the journal knows nothing that Redis doesn't, as Redis showed it.
#[derive(Debug)]
pub(crate) struct Checked(Option<Standing>);

/// A POST whose intent is written.
#[derive(Debug)]
pub(crate) struct Post<'a> {
    app: &'a App,
    written: Option<(&'a Journal, About)>,
}

/// What the intent says of where the POST goes.
pub(crate) fn base_url(target: &Target) -> &str {
    target.base_url().as_str().trim_end_matches('/')
}

/// Asks the journal before anything is begun. `Err` is the step's outcome: nothing may be sent.
pub(crate) async fn check(app: &App, hold: &Hold) -> Result<Checked, Outcome> {
    let Some(journal) = &app.journal else {
        return Ok(Checked(None));
    };
    let job = &hold.job;
    // Read anew and not taken from the claim: what is compared is what stands on the record.
    let ids = std::slice::from_ref(&job.id);
    let seen = match at("check_standing", app.queue.standings(ids)).await {
        Ok(mut standings) => standings.pop().flatten(),
        Err(error) => {
            tracing::warn!(id = job.id, %error, "the record could not be compared with the journal: nothing was sent");
            return Err(Outcome::Released);
        }
    };
    let Some(seen) = seen else {
        return Err(Outcome::Released);
    };
    let Ok(forbidding) = at("check_journal", journal.forbidding(&seen)).await else {
        return Err(Outcome::Released);
    };
    if forbidding.is_empty() {
        return Ok(Checked(Some(seen)));
    }
    // Where it could not be done, the job comes back and it is tried again.
    let restored = restore(app, journal, &seen, &forbidding, hold.job.probe);
    if at("check_restore", restored).await {
        Err(Outcome::Settled)
    } else {
        Err(Outcome::Released)
    }
}

/// Has the intent on disk. `Err` is the step's outcome: nothing may be sent.
pub(crate) async fn intend<'a>(
    app: &'a App,
    hold: &Hold,
    target: &Target,
    checked: Checked,
    begin_by: u64,
) -> Result<Post<'a>, Outcome> {
    let (Some(journal), Checked(Some(seen))) = (&app.journal, checked) else {
        return Ok(Post { app, written: None });
    };
    let job = &hold.job;
    let about = About {
        id: job.id.clone(),
        worker: app.worker.clone(),
        n: journal.number(),
    };
    let now = app.clock.estimate();
    let lease = u64::try_from(app.lease.as_millis()).unwrap_or(0);
    let intent = Intent {
        about: about.clone(),
        at: now,
        // The estimate is behind Redis's clock, if anything, and no further than an answer takes.
        until: now + lease + app.patience_ms(),
        queue: app.queue.keys().base().to_owned(),
        account: job.account.clone(),
        slot: job.slot.clone(),
        seq: seen.seq,
        created_at: seen.created_at,
        attempt: seen.attempts,
        entry_id: seen.entry_id.clone(),
        fingerprint: seen.fingerprint.clone(),
        fence: job.fence,
        intent: intent_name(&app.worker, job.fence, begin_by),
        base_url: base_url(target).to_owned(),
    };
    let reason = match at("intend_journal", journal.intend(intent, &seen)).await {
        Ok(Intended::Alone) => {
            let written = Some((journal, about));
            return Ok(Post { app, written });
        }
        Ok(Intended::Forbidden(posts)) => {
            let others: Vec<&str> = posts
                .iter()
                .map(|post| post.intent.about.worker.as_str())
                .collect();
            tracing::warn!(
                id = job.id,
                ?others,
                "another worker of this host submits the job, too: nothing was sent"
            );
            "another worker of this host submits the job, too"
        }
        Err(_) => "the intent could not be written to the journal",
    };
    Err(Outcome::NotBegun {
        reason: reason.to_owned(),
    })
}

impl Post<'_> {
    /// Has the generation on disk, if that is possible now.
    pub(crate) async fn made(&self, generation_id: &str) {
        let Some((journal, about)) = &self.written else {
            return;
        };
        let line = Line::Generation {
            about: about.clone(),
            at: self.app.clock.estimate(),
            generation_id: generation_id.to_owned(),
        };
        if at("made_journal", journal.write(line)).await.is_err() {
            tracing::error!(
                id = about.id,
                generation_id,
                "the generation could not be written to the journal yet"
            );
        }
    }

    /// Notes how it ended. Nobody waits for that: unknown, it counts as unclear.
    pub(crate) fn ended(&self, outcome: &Submitted) {
        let Some((journal, about)) = &self.written else {
            return;
        };
        let outcome = match outcome {
            Submitted::NotSent { .. } => Ending::NotSent,
            Submitted::RateLimited(_) | Submitted::AccountTrouble(_) => Ending::NotAccepted,
            Submitted::Refused { .. } => Ending::Refused,
            Submitted::Unclear { .. } => Ending::Unclear,
            // Written by `made`.
            Submitted::Accepted { .. } => return,
        };
        journal.note(Line::Outcome {
            about: about.clone(),
            at: self.app.clock.estimate(),
            outcome,
        });
    }
}

/// Tells Redis of POSTs for a job that it holds as queued, so that the job goes on with what they made, or is parked.
/// Answers whether that was done.
pub(crate) async fn restore(
    app: &App,
    journal: &Journal,
    seen: &Standing,
    posts: &[Posted],
    probe: bool,
) -> bool {
    // Another request under the same id has no use for the generation; an operator sees what happened.
    let usable = |post: &&Posted| post.intent.fingerprint == seen.fingerprint && post.generation_id.is_some();
    let Some(chosen) = posts.iter().rev().find(usable).or(posts.last()) else {
        return false;
    };
    // Redis gets to know all of them: each as the attempt that it was, if that number isn't another's by now.
    let (mut known, mut last) = (seen.attempts, seen.intent.as_str());
    for post in posts {
        let own = Some(post.intent.attempt).filter(|own| post.is_of(seen) && *own >= known);
        if own.is_none() {
            let adopted = Line::Adopted {
                about: post.intent.about.clone(),
                seq: seen.seq,
                created_at: seen.created_at,
                attempt: known,
            };
            // First here: if Redis isn't told after that, its count still lacks the attempt.
            if at("restore_adopt", journal.write(adopted)).await.is_err() {
                return false;
            }
        }
        known = own.unwrap_or(known).saturating_add(1);
        last = &post.intent.intent;
    }
    let generation_id = Some(chosen)
        .filter(usable)
        .and_then(|post| post.generation_id.as_deref());
    let error = JobError::new(ErrorKind::Ambiguous, story(seen, posts)).to_json();
    let forgotten = Forgotten {
        standing: seen,
        known,
        intent: last,
        slot: &chosen.intent.slot,
        sent_at: chosen.intent.at,
        until: chosen.intent.until,
        base_url: &chosen.intent.base_url,
        generation_id,
        first_look: app.rules.interval,
        timeout: seen.timeout.unwrap_or_else(|| app.timeout(seen.kind)),
        error: &error,
        probe,
    };
    let id = &seen.id;
    posts.iter().for_each(|post| let_go(app, post));
    let restored = app.queue.restore_submit(&app.worker, &forgotten);
    match at("restore_submit", restored).await {
        Ok(Restored::Generating) => {
            tracing::warn!(
                id,
                generation_id,
                "Redis forgot its submit: the journal's generation is put back"
            );
            app.schedule
                .at_most(tokio::time::Instant::now() + app.rules.interval);
            // More than one was paid for: the others are kept on the record.
            for post in posts.iter().filter(usable) {
                at("restore_others", put_back(app, seen, post)).await;
            }
            true
        }
        Ok(Restored::Parked) => {
            tracing::error!(id, story = story(seen, posts), "parked: an operator decides");
            true
        }
        Ok(Restored::Changed) => {
            tracing::debug!(id, "changed meanwhile");
            false
        }
        Ok(Restored::Missing) => {
            tracing::error!(id, "the job's record is gone from Redis");
            false
        }
        Err(error) => {
            tracing::warn!(id, %error, "what Redis forgot could not be put back yet");
            false
        }
    }
}

/// Whoever claims the job looks at it next, an interval from now: this worker doesn't, which may keep it since before Redis forgot.
fn let_go(app: &App, post: &Posted) {
    let (about, fence) = (&post.intent.about, post.intent.fence);
    if about.worker == app.worker {
        app.holds.forgotten(&about.id, fence);
    }
}

/// Puts a generation back on the record of a job that isn't queued; on one that is gone it is said in `events`.
pub(crate) async fn put_back(app: &App, seen: &Standing, post: &Posted) -> bool {
    let Some(generation_id) = &post.generation_id else {
        return false;
    };
    let intent = &post.intent;
    let generation = Generation {
        id: &intent.about.id,
        fence: intent.fence,
        generation_id,
        first_look: app.rules.interval,
        timeout: seen.timeout.unwrap_or_else(|| app.timeout(seen.kind)),
        probe: false,
        account: &intent.account,
        slot: &intent.slot,
        kept: None,
        fields: &[],
    };
    let id = &intent.about.id;
    let_go(app, post);
    let recorded = app.queue.record_generation(&app.worker, &generation);
    match at("put_back", recorded).await {
        Ok(Recorded::Known) => true,
        Ok(recorded) => {
            tracing::warn!(
                id,
                generation_id,
                ?recorded,
                "Redis forgot the generation: the journal's is put back"
            );
            true
        }
        Err(error) => {
            tracing::warn!(id, generation_id, %error, "the generation could not be put back yet");
            false
        }
    }
}

/// What the record of a parked job says.
fn story(seen: &Standing, posts: &[Posted]) -> String {
    let mut story = String::from("Redis forgot what the journal of this host knows:");
    for post in posts {
        let what = match (&post.generation_id, post.ending) {
            (Some(generation), _) => format!("it made generation {generation}"),
            (None, Some(Ending::Refused)) => "Gamma refused it".to_owned(),
            (None, _) => "whether Gamma accepted is not known".to_owned(),
        };
        let other = if post.intent.fingerprint == seen.fingerprint {
            ""
        } else {
            ", for another request under this id"
        };
        story += &format!(" a POST at {}{other}: {what};", post.intent.at);
    }
    story.truncate(story.trim_end_matches(';').len());
    story
}
