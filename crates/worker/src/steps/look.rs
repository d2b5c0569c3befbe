//! One look at a generation.

use gammaq_gamma::Target;
use tokio::time::Instant;

use super::engine;
use crate::admin::Exchange;
use crate::app::App;
use crate::hold::Hold;
use crate::outcome::Outcome;
use crate::traces::StepTrace;

/// Asks Gamma once. Stops early where the answer would be of no use: the worker stops, or another has the job.
pub(crate) async fn look(app: &App, hold: &Hold, target: &Target, trace: &mut StepTrace<'_>) -> Outcome {
    let asked = Instant::now();
    tokio::select! {
        biased;
        () = app.stop.cancelled() => Outcome::Released,
        () = hold.lost.cancelled() => Outcome::Settled,
        () = hold.answer_late() => Outcome::Settled,
        answer = app.gamma.poll(target, engine(hold.job.kind), &hold.job.generation_id) => {
            app.measures.answered(Exchange::Poll, answer.http_status, asked.elapsed());
            trace.answered((target, engine(hold.job.kind)), answer.http_status, asked.elapsed());
            Outcome::Looked(answer)
        }
    }
}
