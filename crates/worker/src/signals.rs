//! Signals: the first asks the worker to stop, the second leaves at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Cancels the token at the first SIGTERM or SIGINT; at the second the process exits with 128 + the signal.
///
/// # Errors
/// Where the handlers can't be installed.
pub fn stop_on_signals() -> std::io::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let mut term = signal(SignalKind::terminate())?;
    let mut int = signal(SignalKind::interrupt())?;
    let token = stop.clone();
    tokio::spawn(async move {
        loop {
            let number = tokio::select! {
                _ = term.recv() => 15,
                _ = int.recv() => 2,
            };
            if token.is_cancelled() {
                tracing::warn!("a second signal: leaving at once; leases end by themselves");
                std::process::exit(128 + number);
            }
            tracing::info!(
                signal = number,
                "stopping: no new jobs, those under way end or are handed back"
            );
            token.cancel();
        }
    });
    Ok(stop)
}
