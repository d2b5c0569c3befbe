//! One look at a generation.

use gammaq_gamma::Target;

use crate::app::{App, engine};
use crate::hold::Hold;
use crate::outcome::Outcome;

/// Asks Gamma once. Stops early where the answer would be of no use: the worker stops, or another has the job.
pub(crate) async fn look(app: &App, hold: &Hold, target: &Target) -> Outcome {
    tokio::select! {
        biased;
        () = app.stop.cancelled() => Outcome::Released,
        () = hold.lost.cancelled() => Outcome::Settled,
        answer = app.gamma.poll(target, engine(hold.job.kind), &hold.job.generation_id) => Outcome::Looked(answer),
    }
}
