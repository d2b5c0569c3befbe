//! The log: for people on a terminal, JSON elsewhere.
//!
//! No line holds an API key, a prompt or an export link: none of them is ever given to `tracing`.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::Error;
use crate::settings::{LogFormat, LogSettings};

/// Starts the log on standard error; standard output is for results.
///
/// # Errors
/// Where the filter can't be read, or a log was started before.
pub fn init(settings: &LogSettings) -> Result<(), Error> {
    let failed = |error: &dyn std::fmt::Display| Error::Log(error.to_string());
    let filter = EnvFilter::try_new(&settings.filter).map_err(|error| failed(&error))?;
    // At `trace`, the HTTP and Redis libraries write out the bytes they send, keys and prompts among them.
    let filter = ["hyper", "hyper_util", "h2", "reqwest", "rustls", "redis"]
        .iter()
        .try_fold(filter, |filter, library| {
            let quiet = format!("{library}=warn")
                .parse()
                .map_err(|error| failed(&error))?;
            Ok::<_, Error>(filter.add_directive(quiet))
        })?;
    let terminal = std::io::stderr().is_terminal();
    let pretty = match settings.format {
        LogFormat::Auto => terminal,
        LogFormat::Pretty => true,
        LogFormat::Json => false,
    };
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_span_events(FmtSpan::NONE);
    let started = if pretty {
        log.with_ansi(terminal).with_target(false).try_init()
    } else {
        log.json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .try_init()
    };
    started.map_err(|error| failed(&error))
}
