//! Tells the service manager, as systemd's `Type=notify` and `WatchdogSec` expect, how the worker is: ready, alive,
//! stopping, and a line for people. See `sd_notify(3)`.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;

use crate::app::App;
use crate::pulse;

/// Between two looks where no watchdog asks for more.
const EVERY: Duration = Duration::from_secs(5);
/// How long a start that waits for Redis may take until it says again that it waits.
const STARTING: Duration = Duration::from_secs(60);
/// What is allowed for beyond `worker.shutdown_grace`: signing off, and the end of the process.
const AFTER_GRACE: Duration = Duration::from_secs(5);

/// Whoever started the process and wants to hear of it.
#[derive(Debug, Clone, Copy)]
pub struct ServiceManager {
    watchdog: Option<Duration>,
}

impl ServiceManager {
    /// The one that the environment names: `NOTIFY_SOCKET`, `WATCHDOG_USEC`, `WATCHDOG_PID`.
    pub fn of_environment() -> Option<Self> {
        std::env::var_os("NOTIFY_SOCKET")?;
        let watchdog = sd_notify::watchdog_enabled();
        Some(Self { watchdog })
    }

    /// The start takes longer, since Redis is away.
    pub(crate) async fn waits_for_redis(self) {
        tell(format!(
            "{}\nSTATUS=waiting for Redis",
            NotifyState::ExtendTimeoutUsec(micros(STARTING))
        ))
        .await;
    }
}

/// Runs until it is dropped: also while the worker drains. `redis` is the longest that one question of Redis may take,
/// `grace` how long the worker may take to stop.
///
/// The watchdog is told only while every loop of the worker turns ([`crate::pulse`]); what says so here is no timer's
/// word alone.
pub(crate) async fn run(app: Arc<App>, manager: ServiceManager, redis: Duration, grace: Duration) {
    let limit = pulse::limit(manager.watchdog.unwrap_or(EVERY), redis);
    // Three times a period: one message may be late.
    let every = manager.watchdog.map_or(EVERY, |period| (period / 3).min(EVERY));
    let mut said = String::new();
    let mut hung_before = false;
    let mut words = vec![NotifyState::Ready.to_string()];
    let mut stopping = false;
    loop {
        let hung = app.pulses.hung(limit);
        if let Some((part, time)) = hung.filter(|_| !hung_before) {
            tracing::error!(
                part,
                seconds = time.as_secs(),
                "a loop of the worker hangs: the watchdog is not told that all is well"
            );
        }
        hung_before = hung.is_some();
        if hung.is_none() && manager.watchdog.is_some() {
            words.push(NotifyState::Watchdog.to_string());
        }
        let status = status(&app, hung, stopping);
        if status != said {
            words.push(NotifyState::Status(&status).to_string());
            said = status;
        }
        if !words.is_empty() {
            tell(words.join("\n")).await;
        }
        words.clear();
        tokio::select! {
            biased;
            () = app.stop.cancelled(), if !stopping => {
                stopping = true;
                words.push(NotifyState::Stopping.to_string());
                // The worker keeps to its own limit; a shorter one of the unit would cut it off in the middle.
                words.push(NotifyState::ExtendTimeoutUsec(micros(grace + AFTER_GRACE)).to_string());
            }
            () = tokio::time::sleep(every) => {}
        }
    }
}

fn status(app: &App, hung: Option<(&str, Duration)>, stopping: bool) -> String {
    let (count, most) = (app.holds.count(), app.concurrency);
    let under_way = format!("{count} of {most} steps under way");
    match hung {
        Some((part, _)) => format!("its {part} hangs; {under_way}"),
        None if stopping => format!("stopping; {under_way}"),
        None if app.halt.is_halted() => format!("halted, since the queue lost its data; {under_way}"),
        None if app.claims_fail() => format!("waiting for Redis; {under_way}"),
        None => under_way,
    }
}

fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}

/// Sends one message. Sending may block where the manager doesn't read, so it is done where that holds up nothing.
async fn tell(words: String) {
    let sent = tokio::task::spawn_blocking(move || sd_notify::notify(&[NotifyState::Custom(&words)])).await;
    if let Ok(Err(error)) = sent {
        tracing::debug!(%error, "the service manager could not be told");
    }
}
