//! `gammaq worker`

use anyhow::Context as _;

use crate::context::Context;
use crate::exit::Code;

pub(crate) async fn run(context: &Context) -> anyhow::Result<Code> {
    let settings = context.for_worker()?;
    gammaq_worker::telemetry::init(&settings.log)?;
    let stop = gammaq_worker::signals::stop_on_signals().context("signals")?;
    // Not on the thread that waits here: all steps pass through it, and would wake it each.
    let worker = tokio::spawn(async move { gammaq_worker::run(&settings, stop).await });
    match worker.await {
        Ok(done) => done?,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
    Ok(Code::Done)
}
