//! One reader of `events` for all who wait: they share its connection, however many they are.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gammaq_queue::Queue;
use gammaq_queue::events::Event;
use tokio::sync::broadcast::{Receiver, Sender, WeakSender, channel};

/// How long one read waits for an event, and how long the reader stays when nobody waits any more.
pub(crate) const BLOCK: Duration = Duration::from_secs(2);
/// Between two attempts while Redis is away.
const PAUSE: Duration = Duration::from_millis(200);
const PER_READ: usize = 1_000;
/// Someone who is further behind looks at the job itself.
const BACKLOG: usize = 1_024;

/// What the reader tells.
#[derive(Debug, Clone)]
pub(crate) enum Seen {
    /// Something happened to this job.
    Job(String),
    /// From here on nothing is missed; what happened before may have been.
    From,
}

/// Starts a reader for the first who waits; it ends after the last.
#[derive(Debug)]
pub(crate) struct Follower {
    queue: Queue,
    running: Mutex<Option<WeakSender<Seen>>>,
}

impl Follower {
    /// `queue` has a connection of its own, for reads that block up to [`BLOCK`].
    pub(crate) fn new(queue: Queue) -> Self {
        Self {
            queue,
            running: Mutex::new(None),
        }
    }

    /// Everything from now on; closed when the reader had just ended, and then to be asked for again.
    pub(crate) fn subscribe(&self) -> Receiver<Seen> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = running.as_ref().and_then(WeakSender::upgrade) {
            return sender.subscribe();
        }
        let (sender, receiver) = channel(BACKLOG);
        *running = Some(sender.downgrade());
        tokio::spawn(read(self.queue.clone(), sender));
        receiver
    }
}

async fn read(queue: Queue, sender: Sender<Seen>) {
    let mut position: Option<String> = None;
    while sender.receiver_count() > 0 {
        let read = match &position {
            None => queue.last_event().await.map(|id| {
                position = Some(id);
                vec![Seen::From]
            }),
            Some(after) => queue.events_after(after, PER_READ, BLOCK).await.map(|events| {
                if let Some(last) = events.last() {
                    position = Some(last.entry_id.clone());
                }
                events.into_iter().map(|Event { id, .. }| Seen::Job(id)).collect()
            }),
        };
        match read {
            // Nobody is left to hear it: the loop sees that.
            Ok(seen) => seen.into_iter().for_each(|it| drop(sender.send(it))),
            Err(_) => {
                // Another server may be there next, with another stream.
                position = None;
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
