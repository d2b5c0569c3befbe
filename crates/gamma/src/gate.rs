//! The proof that a POST was not sent.
//!
//! The body of a POST goes out through a [`GatedBody`], which writes down in its [`Gate`] how much of it the
//! HTTP stack has taken, and yields nothing once it is too late. Closing the gate makes the answer final:
//! bytes that have not left by then never will, not even from a connection that finishes connecting in the
//! background.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::SystemTime;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

/// The body leaves in pieces of this size, each of which asks for the time again.
const PIECE: usize = 64 * 1024;

/// Watches one body on its way out.
#[derive(Debug)]
pub(crate) struct Gate {
    not_after: Instant,
    /// The same instant on the wall clock: the monotonic one stands still while the machine is suspended.
    not_after_wall: Option<SystemTime>,
    length: usize,
    passed: Mutex<Passed>,
}

#[derive(Debug, Default)]
struct Passed {
    bytes: usize,
    closed: bool,
    /// Closed because of the time, with the end of the body still here.
    late: bool,
}

/// Why a body stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GateClosed {
    #[error("too late to send the request")]
    Late,
    #[error("the request was given up")]
    GivenUp,
}

impl Gate {
    fn new(length: usize, not_after: Instant) -> Self {
        let left = not_after.saturating_duration_since(Instant::now());
        let not_after_wall = SystemTime::now().checked_add(left);
        Self {
            not_after,
            not_after_wall,
            length,
            passed: Mutex::default(),
        }
    }

    /// Closes the gate for good. True if that proves that Gamma can't have the request: not a byte of the
    /// body has left, or the time ran out before the last one had.
    ///
    /// An empty body is never asked for, so it proves nothing.
    pub(crate) fn close(&self) -> bool {
        let mut passed = self.lock();
        passed.closed = true;
        passed.late || (passed.bytes == 0 && self.length > 0)
    }

    /// The same for the moment at which the time is over: a body that is not out by now never gets out.
    pub(crate) fn expire(&self) -> bool {
        let mut passed = self.lock();
        if passed.bytes < self.length {
            passed.closed = true;
            passed.late = true;
        }
        passed.late
    }

    /// Lets `bytes` more out, or not. One lock covers the look at the clock and the note, so whoever closes
    /// the gate sees every byte that passed.
    fn pass(&self, bytes: usize) -> Result<(), GateClosed> {
        let mut passed = self.lock();
        if !passed.closed && self.is_late() {
            passed.closed = true;
            passed.late = true;
        }
        match (passed.late, passed.closed) {
            (true, _) => Err(GateClosed::Late),
            (false, true) => Err(GateClosed::GivenUp),
            (false, false) => {
                passed.bytes += bytes;
                Ok(())
            }
        }
    }

    fn is_late(&self) -> bool {
        Instant::now() >= self.not_after || self.not_after_wall.is_some_and(|wall| SystemTime::now() >= wall)
    }

    fn lock(&self) -> MutexGuard<'_, Passed> {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request's body, watched by a [`Gate`].
#[derive(Debug)]
pub(crate) struct GatedBody {
    rest: Bytes,
    gate: Arc<Gate>,
}

impl GatedBody {
    pub(crate) fn new(body: Bytes, not_after: Instant) -> (Self, Arc<Gate>) {
        let gate = Arc::new(Gate::new(body.len(), not_after));
        (
            Self {
                rest: body,
                gate: gate.clone(),
            },
            gate,
        )
    }
}

impl Body for GatedBody {
    type Data = Bytes;
    type Error = GateClosed;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, GateClosed>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let size = self.rest.len().min(PIECE);
        Poll::Ready(Some(match self.gate.pass(size) {
            Ok(()) => Ok(Frame::data(self.rest.split_to(size))),
            Err(closed) => {
                self.rest.clear();
                Err(closed)
            }
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    /// Exact, so that the request has a `Content-Length`.
    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn next(body: &mut GatedBody) -> Option<Result<usize, GateClosed>> {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        match Pin::new(body).poll_frame(&mut cx) {
            Poll::Ready(frame) => {
                frame.map(|frame| frame.map(|frame| frame.data_ref().map_or(0, Bytes::len)))
            }
            Poll::Pending => panic!("the body never waits"),
        }
    }

    fn in_a_minute() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[test]
    fn everything_leaves_in_time_piece_by_piece() {
        let (mut body, gate) = GatedBody::new(vec![b'x'; PIECE + 1].into(), in_a_minute());
        assert_eq!(body.size_hint().exact(), Some(PIECE as u64 + 1));
        assert_eq!(next(&mut body), Some(Ok(PIECE)));
        assert_eq!(next(&mut body), Some(Ok(1)));
        assert!(body.is_end_stream());
        assert_eq!(next(&mut body), None);
        assert!(!gate.expire() && !gate.close());
    }

    #[test]
    fn nothing_leaves_when_it_is_late() {
        let (mut body, gate) = GatedBody::new("late".into(), Instant::now());
        assert_eq!(next(&mut body), Some(Err(GateClosed::Late)));
        assert!(gate.close());
    }

    #[test]
    fn nothing_leaves_through_a_closed_gate() {
        let (mut body, gate) = GatedBody::new("never".into(), in_a_minute());
        assert!(gate.close());
        assert_eq!(next(&mut body), Some(Err(GateClosed::GivenUp)));
        assert!(gate.close());
    }

    #[test]
    fn a_part_that_left_proves_nothing_unless_the_time_kept_the_rest() {
        let (mut body, gate) = GatedBody::new(vec![b'x'; 2 * PIECE].into(), in_a_minute());
        assert_eq!(next(&mut body), Some(Ok(PIECE)));
        assert!(!gate.close());

        let (mut body, gate) = GatedBody::new(vec![b'x'; 2 * PIECE].into(), in_a_minute());
        assert_eq!(next(&mut body), Some(Ok(PIECE)));
        assert!(gate.expire());
        assert_eq!(next(&mut body), Some(Err(GateClosed::Late)));
        assert!(gate.close());
    }

    #[test]
    fn a_machine_that_slept_is_late_by_the_wall_clock() {
        let (mut body, gate) = GatedBody::new("late".into(), in_a_minute());
        let mut slept = Gate::new(4, in_a_minute());
        slept.not_after_wall = Some(SystemTime::now() - Duration::from_secs(1));
        body.gate = Arc::new(slept);
        assert_eq!(next(&mut body), Some(Err(GateClosed::Late)));
        assert!(body.gate.close() && gate.close());
    }

    #[test]
    fn an_empty_body_proves_nothing() {
        let (mut body, gate) = GatedBody::new(Bytes::new(), in_a_minute());
        assert!(body.is_end_stream());
        assert_eq!(next(&mut body), None);
        assert!(!gate.expire() && !gate.close());
    }
}
