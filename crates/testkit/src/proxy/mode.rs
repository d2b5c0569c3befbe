//! What the proxy does to its connections at the moment, and what it has counted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;

/// The faults in force.
#[derive(Debug, Default)]
pub(super) struct Mode {
    pub(super) hold: bool,
    pub(super) delay: Duration,
    pub(super) drop_replies: bool,
    /// Once so many bytes have been passed on to the server, a hold sets in.
    pub(super) hold_at: Option<u64>,
    /// Connections numbered up to this one are frozen.
    frozen: u64,
}

impl Mode {
    pub(super) fn passes(&self, connection: u64) -> bool {
        !self.hold && connection > self.frozen
    }
}

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Requests,
    Replies,
}

/// What has gone through a [`crate::Proxy`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Connections accepted.
    pub accepted: u64,
    /// Those of them that are open.
    pub open: u64,
    /// Bytes read from clients.
    pub requests_read: u64,
    /// Bytes passed on to the server.
    pub requests_passed: u64,
    /// Bytes read from the server.
    pub replies_read: u64,
    /// Bytes passed on to clients.
    pub replies_passed: u64,
}

#[derive(Debug, Default)]
struct Traffic {
    read: AtomicU64,
    passed: AtomicU64,
}

/// The state that every connection looks at.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) mode: watch::Sender<Mode>,
    accepted: AtomicU64,
    closed: AtomicU64,
    requests: Traffic,
    replies: Traffic,
}

impl Shared {
    /// The number of a new connection, from 1.
    pub(super) fn admit(&self) -> u64 {
        self.accepted.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(super) fn closed(&self) {
        self.closed.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn read(&self, way: Way, bytes: usize) {
        self.traffic(way).read.fetch_add(bytes as u64, Ordering::SeqCst);
    }

    /// Answers how many there were so far.
    pub(super) fn passed(&self, way: Way, bytes: usize) -> u64 {
        let bytes = bytes as u64;
        bytes + self.traffic(way).passed.fetch_add(bytes, Ordering::SeqCst)
    }

    pub(super) fn freeze_existing(&self) {
        self.mode
            .send_modify(|mode| mode.frozen = self.accepted.load(Ordering::SeqCst));
    }

    pub(super) fn counts(&self) -> Counts {
        // Closed before accepted: the other way round, more could be closed than were accepted.
        let closed = self.closed.load(Ordering::SeqCst);
        let accepted = self.accepted.load(Ordering::SeqCst);
        Counts {
            accepted,
            open: accepted - closed,
            requests_read: self.requests.read.load(Ordering::SeqCst),
            requests_passed: self.requests.passed.load(Ordering::SeqCst),
            replies_read: self.replies.read.load(Ordering::SeqCst),
            replies_passed: self.replies.passed.load(Ordering::SeqCst),
        }
    }

    fn traffic(&self, way: Way) -> &Traffic {
        match way {
            Way::Requests => &self.requests,
            Way::Replies => &self.replies,
        }
    }
}
