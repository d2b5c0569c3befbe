//! The log: for people on a terminal, JSON elsewhere.
//!
//! No line holds an API key, a prompt or an export link: none of them is ever given to `tracing`.

use std::io::IsTerminal;

use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{FilterExt, filter_fn};
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
    })
    // It has no level of its own; without a word about that it would be asked about every line there is.
    .with_max_level_hint(LevelFilter::TRACE);
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
    // As one filter: of two, one after the other, the outer one would have every span and line below `wanted` made before the inner
    // one drops it, at each step.
    let log = log.with_filter(wanted.and(ours));
    tracing_subscriber::registry()
        .with(log)
        .try_init()
        .map_err(|error| failed(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each step of a job has a span, and libraries have many of their own: most are below what is logged.
    #[test]
    fn what_is_not_wanted_is_not_even_made() {
        let settings = LogSettings {
            format: LogFormat::Json,
            filter: "info".to_owned(),
        };
        init(&settings).unwrap();
        assert_eq!(LevelFilter::current(), LevelFilter::INFO);
    }
}
