//! The life of one worker process: every task of it, which stand still or end all at once.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use gammaq_worker::surroundings::{Spawner, Work};
use tokio::task::{AbortHandle, JoinHandle};

/// One process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Life(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    frozen: bool,
    /// How often it was frozen so far.
    freezes: u64,
    dead: bool,
    waiting: Vec<Waker>,
    tasks: Vec<AbortHandle>,
}

impl Life {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends every task: none of them is polled again.
    pub(crate) fn end(&self) {
        let tasks = {
            let mut state = self.lock();
            state.dead = true;
            std::mem::take(&mut state.tasks)
        };
        tasks.iter().for_each(AbortHandle::abort);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.lock().dead
    }

    /// No task is polled until [`Life::thaw`].
    pub(crate) fn freeze(&self) {
        let mut state = self.lock();
        state.frozen = true;
        state.freezes += 1;
    }

    pub(crate) fn thaw(&self) {
        let waiting = {
            let mut state = self.lock();
            state.frozen = false;
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    /// How often it was frozen so far.
    pub(crate) fn freezes(&self) -> u64 {
        self.lock().freezes
    }
}

struct Living {
    life: Life,
    work: Work,
}

impl Future for Living {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        {
            let mut state = self.life.lock();
            if state.dead {
                return Poll::Pending;
            }
            if state.frozen {
                state.waiting.push(cx.waker().clone());
                return Poll::Pending;
            }
        }
        self.work.as_mut().poll(cx)
    }
}

impl Spawner for Life {
    fn spawn(&self, work: Work) -> JoinHandle<()> {
        let task = tokio::spawn(Living {
            life: self.clone(),
            work,
        });
        let mut state = self.lock();
        state.tasks.push(task.abort_handle());
        if state.tasks.len().is_multiple_of(256) {
            state.tasks.retain(|task| !task.is_finished());
        }
        task
    }
}
