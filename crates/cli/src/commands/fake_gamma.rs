//! `gammaq fake-gamma`

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};

use crate::exit::Code;

pub(crate) async fn run(options: gammaq_fake::Options) -> anyhow::Result<Code> {
    let mut terminate = signal(SignalKind::terminate()).context("signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("signals")?;
    let asked_to_stop = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    gammaq_fake::run(options, asked_to_stop).await?;
    Ok(Code::Done)
}
