//! The points of a test build.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use rustix::process::{Signal, getpid, kill_process};

/// Names where to die.
const VARIABLE: &str = "GAMMAQ_CRASH_AT";
/// The longest time from the beginning of an await to a death within it, in microseconds.
const WITHIN: u32 = 20_000;

#[derive(Debug, PartialEq, Eq)]
enum Moment {
    Before,
    Within,
    After,
}

#[derive(Debug)]
struct Plan {
    name: String,
    moment: Moment,
    arrival: u64,
    arrivals: AtomicU64,
}

impl Plan {
    /// `None` where the text names nothing.
    fn of(text: &str) -> Option<Self> {
        let (name, arrival) = match text.split_once(':') {
            Some((name, arrival)) => (name, arrival.parse().ok()?),
            None => (text, 1),
        };
        let (name, moment) = match (name.strip_suffix('~'), name.strip_suffix('+')) {
            (Some(name), _) => (name, Moment::Within),
            (None, Some(name)) => (name, Moment::After),
            (None, None) => (name, Moment::Before),
        };
        Some(Self {
            name: name.to_owned(),
            moment,
            arrival,
            arrivals: AtomicU64::new(0),
        })
    }

    /// Whether this time is the one to die at.
    fn is_now(&self) -> bool {
        self.arrivals.fetch_add(1, Ordering::Relaxed) + 1 == self.arrival
    }
}

fn plan() -> Option<&'static Plan> {
    static PLAN: OnceLock<Option<Plan>> = OnceLock::new();
    PLAN.get_or_init(|| Plan::of(&std::env::var(VARIABLE).ok()?))
        .as_ref()
}

/// Waits for `future`. The process dies before, within or after that, if it was told to.
pub async fn at<F: Future>(name: &'static str, future: F) -> F::Output {
    let Some(plan) = plan().filter(|plan| plan.name == name) else {
        return future.await;
    };
    match plan.moment {
        Moment::Before if plan.is_now() => die(name),
        Moment::Within if plan.is_now() => {
            let wait = SystemTime::UNIX_EPOCH
                .elapsed()
                .map_or(0, |time| time.subsec_nanos() % WITHIN);
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_micros(wait.into()));
                die(name)
            });
            future.await
        }
        Moment::Before | Moment::Within => future.await,
        // Not every await that begins is waited out.
        Moment::After => {
            let output = future.await;
            if plan.is_now() { die(name) } else { output }
        }
    }
}

/// Says where, and ends this process as the kernel would: nothing is cleaned up, nothing is flushed.
#[expect(clippy::print_stderr, reason = "a test waits for the line")]
fn die(name: &str) -> ! {
    eprintln!("crash point {name}");
    let _ = kill_process(getpid(), Signal::KILL);
    // The signal may arrive at another thread a moment later; nothing more happens on this one.
    loop {
        std::thread::park();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_named_with_its_moment_and_its_arrival() {
        for (text, name, moment, arrival) in [
            ("post", "post", Moment::Before, 1),
            ("post:3", "post", Moment::Before, 3),
            ("post~", "post", Moment::Within, 1),
            ("post+:2", "post", Moment::After, 2),
        ] {
            let plan = Plan::of(text).unwrap();
            assert_eq!(
                (plan.name.as_str(), &plan.moment, plan.arrival),
                (name, &moment, arrival)
            );
        }
        assert!(Plan::of("post:often").is_none());
        let plan = Plan::of("post:2").unwrap();
        assert_eq!(
            [plan.is_now(), plan.is_now(), plan.is_now()],
            [false, true, false]
        );
    }
}
