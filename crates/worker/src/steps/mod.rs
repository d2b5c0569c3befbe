//! The steps of a job, one file each. A step does one exchange with Gamma and ends in an outcome; nothing in it
//! repeats, and only the recording of a generation waits.

mod look;
mod submit;

use std::sync::Arc;

use apalis_core::error::BoxDynError;
use apalis_core::task::data::Data;
use gammaq_queue::claim::Step;

use crate::app::App;
use crate::hold::Hold;
use crate::outcome::Outcome;

/// The handler that apalis calls for each claimed job.
pub(crate) async fn run(hold: Arc<Hold>, app: Data<Arc<App>>) -> Result<Outcome, BoxDynError> {
    let Some(target) = app.target(&hold.job) else {
        return Ok(Outcome::Released);
    };
    Ok(match hold.job.step {
        Step::Submit => submit::submit(&app, &hold, &target).await,
        Step::Look => look::look(&app, &hold, &target).await,
    })
}
