//! The steps of a job, one file each. A step does one exchange with Gamma, or with the host of a file, and ends in an outcome; nothing in it
//! repeats, and only the recording of a generation waits.

mod export;
pub(crate) mod journaled;
mod look;
mod submit;

use std::sync::Arc;

use apalis_core::error::BoxDynError;
use apalis_core::task::data::Data;
use gammaq_crash::at;
use gammaq_gamma::Engine;
use gammaq_job::Kind;
use gammaq_queue::claim::Step;

use crate::app::App;
use crate::hold::Hold;
use crate::outcome::Outcome;
use crate::traces::StepTrace;

/// The handler that apalis calls for each claimed job.
pub(crate) async fn run(hold: Arc<Hold>, app: Data<Arc<App>>) -> Result<Outcome, BoxDynError> {
    let Some(target) = app.keyring.target(&hold.job) else {
        return Ok(Outcome::Released);
    };
    let mut trace = StepTrace::begin(&app, &hold.job);
    // A look is by far the most frequent: what the others need more room for is not part of what is allocated for each.
    let outcome = match hold.job.step {
        Step::Submit => {
            let submit = Box::pin(submit::submit(&app, &hold, &target, &mut trace));
            at("step_submit", submit).await
        }
        Step::Export => {
            let export = Box::pin(export::export(&app, &hold, &target, &mut trace));
            at("step_export", export).await
        }
        Step::Look => at("step_look", look::look(&app, &hold, &target, &mut trace)).await,
    };
    trace.end(&hold.job, &outcome);
    Ok(outcome)
}

/// Which of Gamma's endpoints a kind of job uses.
fn engine(kind: Kind) -> Engine {
    match kind {
        Kind::Generation => Engine::Classic,
        Kind::Template => Engine::Template,
        Kind::Agent => Engine::Agent,
    }
}
