//! A build without traces.

use std::marker::PhantomData;
use std::time::Duration;

use gammaq_gamma::{Engine, Target};
use gammaq_job::{Judged, NewJob};
use gammaq_queue::accept::Accepted;
use gammaq_queue::claim::Claimed;
use gammaq_queue::settle::Settlement;
use tokio_util::sync::CancellationToken;

use super::is_asked_for;
use crate::admin::Exchange;
use crate::app::App;
use crate::outcome::Outcome;

/// No export.
#[derive(Debug, Clone, Copy)]
pub struct Exporting;

impl Exporting {
    /// Says so where an export is asked for.
    pub fn start() -> Self {
        if is_asked_for(|name| std::env::var(name).ok()) {
            tracing::info!("no traces are exported: this gammaq was built without the feature otel");
        }
        Self
    }

    /// Nothing.
    #[expect(
        clippy::unused_async,
        reason = "as the same of a build with traces, which waits for its collector"
    )]
    pub async fn end(self, _: Duration) {}

    /// Just does the work.
    pub(crate) async fn during<T>(
        self,
        _: &CancellationToken,
        _: Duration,
        work: impl Future<Output = T>,
    ) -> T {
        work.await
    }
}

#[derive(Debug)]
pub(crate) struct Accepting;

impl Accepting {
    pub(crate) fn begin(_: &App, _: &mut Judged) -> Self {
        Self
    }

    pub(crate) fn end(self, _: &NewJob, _: Accepted) {}
}

#[derive(Debug)]
pub(crate) struct StepTrace<'a>(PhantomData<&'a App>);

impl<'a> StepTrace<'a> {
    pub(crate) fn begin(_: &'a App, _: &Claimed) -> Self {
        Self(PhantomData)
    }

    pub(crate) fn answered(&mut self, _: (&Target, Engine), _: Option<u16>, _: Duration) {}

    pub(crate) fn asked(&mut self, _: Exchange, _: &Target, _: Option<u16>) {}

    pub(crate) fn accepted(&mut self, _: &str) {}

    pub(crate) fn end(self, _: &Claimed, _: &Outcome) {}
}

pub(crate) fn settled(_: &App, _: &Claimed, _: &Settlement, _: Duration) {}
