//! `gammaq worker`

use anyhow::Context as _;

use crate::context::Context;
use crate::exit::Code;

pub(crate) async fn run(context: &Context) -> anyhow::Result<Code> {
    let settings = context.for_worker()?;
    gammaq_worker::telemetry::init(&settings.log)?;
    let stop = gammaq_worker::signals::stop_on_signals().context("signals")?;
    gammaq_worker::run(&settings, stop).await?;
    Ok(Code::Done)
}
