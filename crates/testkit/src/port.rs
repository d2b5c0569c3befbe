//! Ports that no two tests get at the same time.

use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Below every range that systems hand out for outgoing connections, so nobody's connection sits on one; and
/// low enough that the bus of a Redis Cluster node, 10,000 above its port, is out of this range.
const PORTS: Range<u16> = 10_000..20_000;
const ATTEMPTS: u32 = 1_000;

/// The marks of this process. UDP has port numbers of its own, so a UDP socket reserves a number across all
/// test processes without being in the way of whoever listens on it by TCP, and goes when its process goes.
static RESERVED: Mutex<Vec<UdpSocket>> = Mutex::new(Vec::new());

/// A free TCP port of the loopback interface that no other test gets while this process lives.
///
/// # Panics
///
/// When no free port can be found.
#[track_caller]
pub fn free_port() -> u16 {
    for _ in 0..ATTEMPTS {
        let port = PORTS.start + u16::try_from(random() % PORTS.len() as u64).unwrap_or(0);
        let Ok(mark) = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)) else {
            continue;
        };
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            RESERVED.lock().unwrap_or_else(PoisonError::into_inner).push(mark);
            return port;
        }
    }
    panic!("no free port in {PORTS:?} after {ATTEMPTS} attempts");
}

/// The keys of a new `RandomState` are random: enough for ports and seeds, without a dependency.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(0)
}
