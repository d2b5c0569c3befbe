//! The queue as a backend for apalis: a channel that the claimer fills.
//!
//! It can't fail: an error of a backend ends apalis's worker and drops running handlers, which would cut a paid
//! POST in half. Everything that can go wrong is the claimer's.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use apalis_core::backend::finalize::Ephemeral;
use apalis_core::backend::{Backend, BackendConfig};
use apalis_core::task::Task;
use apalis_core::task::builder::TaskBuilder;
use apalis_core::task::task_id::TaskId;
use apalis_core::worker::context::WorkerContext;
use tokio::sync::mpsc;

use crate::hold::Hold;
use crate::settler::SettleLayer;

/// Claimed jobs, one by one.
#[derive(Debug)]
pub(crate) struct QueueBackend {
    claimed: mpsc::Receiver<Arc<Hold>>,
    settle: SettleLayer,
}

impl QueueBackend {
    /// A backend that hands on what comes through `claimed` and settles through `settle`.
    pub(crate) fn new(claimed: mpsc::Receiver<Arc<Hold>>, settle: SettleLayer) -> Self {
        Self { claimed, settle }
    }
}

impl Backend for QueueBackend {
    type Task = Task<Arc<Hold>>;
    type Error = Infallible;

    fn poll_ready(&mut self, _: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Option<Result<Self::Task, Infallible>>> {
        self.claimed.poll_recv(cx).map(|hold| {
            hold.map(|hold| {
                // The same job may come again while an old step of it still ends: by then under another fence. Looks of a kept
                // job come under one, one after the other.
                let id = TaskId::from_string(format!("{}#{}", hold.job.id, hold.job.fence));
                Ok(TaskBuilder::new(hold).task_id(id).build())
            })
        })
    }

    /// Called when the last handler has ended: hands back what was claimed and never started.
    fn poll_close(&mut self, cx: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Infallible>> {
        self.claimed.close();
        while let Poll::Ready(Some(hold)) = self.claimed.poll_recv(cx) {
            self.settle.hand_back(hold);
        }
        Poll::Ready(Ok(()))
    }
}

impl BackendConfig for QueueBackend {
    type Args = Arc<Hold>;
    type Id = String;
    type Kind = Ephemeral;
    type Config = ();
    type Layer = SettleLayer;

    fn config(&self) -> &() {
        &()
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> SettleLayer {
        self.settle.clone()
    }
}
