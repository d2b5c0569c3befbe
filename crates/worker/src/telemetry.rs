//! The log: for people on a terminal, JSON elsewhere.
//!
//! No line holds an API key, a prompt or an export link: none of them is ever given to `tracing`.

use std::io::IsTerminal;

use tracing::Level;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::Error;
use crate::settings::{LogFormat, LogSettings};

const LIBRARIES: [&str; 7] = ["hyper", "hyper_util", "h2", "reqwest", "rustls", "redis", "tower"];

/// Starts the log on standard error; standard output is for results.
///
/// # Errors
/// Where the filter can't be read, or a log was started before.
pub fn init(settings: &LogSettings) -> Result<(), Error> {
    let failed = |error: &dyn std::fmt::Display| Error::Log(error.to_string());
    let wanted = EnvFilter::try_new(&settings.filter).map_err(|error| failed(&error))?;
    // Below `warn`, the HTTP and Redis libraries may write out the bytes they send, keys and prompts among them:
    // no filter lets those lines through.
    let ours = filter_fn(|line| {
        *line.level() <= Level::WARN || !LIBRARIES.iter().any(|library| line.target().starts_with(library))
    });
    let terminal = std::io::stderr().is_terminal();
    let pretty = match settings.format {
        LogFormat::Auto => terminal,
        LogFormat::Pretty => true,
        LogFormat::Json => false,
    };
    let log = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let log = if pretty {
        log.with_ansi(terminal).with_target(false).boxed()
    } else {
        log.json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .boxed()
    };
    let log = log.with_filter(wanted).with_filter(ours);
    tracing_subscriber::registry()
        .with(log)
        .try_init()
        .map_err(|error| failed(&error))
}
