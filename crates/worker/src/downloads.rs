//! Where copies of files go, as the settings say it, and how many come at a time.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gammaq_files::{FileSettings, Files, Host, Hosts, OpenError};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::settings::{ExportSettings, HostPattern, Settings};

/// Over what time a download's speed is measured.
const WINDOW: Duration = Duration::from_secs(30);

/// Opens the store, where there is one.
pub(crate) fn open(settings: &Settings) -> Result<Option<Files>, OpenError> {
    let exports = &settings.exports;
    let Some(store) = &exports.store else {
        return Ok(None);
    };
    let hosts = exports.allowed_hosts.iter().map(|pattern| match pattern {
        HostPattern::Exact(name) => Host::Exact(name.clone()),
        HostPattern::Below(domain) => Host::Below(domain.clone()),
    });
    Files::open(FileSettings {
        store: store.clone(),
        hosts: Hosts::new(hosts.collect()),
        max_bytes: exports.max_bytes,
        min_speed: exports.min_speed,
        window: WINDOW,
        min_free: exports.min_free,
        connect_timeout: settings.gamma.connect_timeout.max(Duration::from_secs(1)),
    })
    .map(Some)
}

/// Jobs a second that are told to come again; with more of them, they are told to come later.
const TURNED_AWAY: f64 = 50.0;
/// How long a job waits for room before it asks again, at the least and at the most.
const WAIT: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// The store of a worker, and how many downloads go there at once.
///
/// A download has no permit of the worker while it runs, and a job that waits for one goes back to the schedule: however
/// many there are and however slow, they take no room from submits and looks.
#[derive(Debug)]
pub(crate) struct Downloads {
    /// The way there.
    pub(crate) files: Files,
    keeps: bool,
    most: usize,
    room: Semaphore,
    waiting: Mutex<Waiting>,
}

/// Those that were turned away lately.
#[derive(Debug)]
struct Waiting {
    since: Instant,
    count: u32,
    wait: Duration,
}

impl Downloads {
    /// As the settings say it.
    pub(crate) fn new(files: Files, settings: &ExportSettings) -> Self {
        let most = settings.max_downloads.get();
        Self {
            files,
            keeps: settings.keep_files,
            most,
            room: Semaphore::new(most),
            waiting: Mutex::new(Waiting::new()),
        }
    }

    /// The store, if copies go with their jobs.
    pub(crate) fn swept(&self) -> Option<&Files> {
        (!self.keeps).then_some(&self.files)
    }

    /// How many there are at once.
    pub(crate) fn most(&self) -> usize {
        self.most
    }

    /// Room for one download.
    ///
    /// # Errors
    /// How long to wait for it, where there is none.
    pub(crate) fn begin(&self) -> Result<SemaphorePermit<'_>, Duration> {
        self.room.try_acquire().map_err(|_| {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.turn_away(Instant::now())
        })
    }
}

impl Waiting {
    fn new() -> Self {
        Self {
            since: Instant::now(),
            count: 0,
            wait: WAIT.0,
        }
    }

    /// How long this one waits: so long that all of them together keep nobody busy with their asking.
    fn turn_away(&mut self, now: Instant) -> Duration {
        self.count += 1;
        let passed = now.saturating_duration_since(self.since);
        if passed >= WAIT.0 {
            let rate = f64::from(self.count) / passed.as_secs_f64();
            if rate > TURNED_AWAY {
                self.wait = (self.wait * 2).min(WAIT.1);
            } else if rate < TURNED_AWAY / 4.0 {
                self.wait = (self.wait / 2).max(WAIT.0);
            }
            (self.since, self.count) = (now, 0);
        }
        self.wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_wait_for_room_the_longer_each_waits() {
        let (mut waiting, mut now) = (Waiting::new(), Instant::now());
        let mut ask = |jobs: u32, seconds: u32| {
            let mut wait = Duration::ZERO;
            for _ in 0..seconds * jobs {
                now += Duration::from_secs(1) / jobs;
                wait = waiting.turn_away(now);
            }
            wait
        };
        assert_eq!(ask(10, 20), WAIT.0);
        assert_eq!(ask(1_000, 20), WAIT.1);
        assert_eq!(ask(30, 20), WAIT.1, "few enough, since they wait so long");
        assert_eq!(ask(5, 20), WAIT.0);
    }
}
