//! Traces of jobs for OpenTelemetry, with the feature `otel`; without it everything here is empty.
//!
//! What holds: a span is a few figures and names that are put together here, one by one, when a step has ended. Nothing
//! of a log line, a request or an answer comes into it by itself, so no prompt, key or link can. A span that nobody
//! takes is dropped, and no step waits for one. Nothing of a trace goes to Gamma.

#[cfg(feature = "otel")]
mod exporter;
#[cfg(feature = "otel")]
mod spans;
#[cfg(feature = "otel")]
pub use exporter::Exporting;
#[cfg(feature = "otel")]
pub(crate) use spans::{Accepting, StepTrace, settled};

#[cfg(not(feature = "otel"))]
mod off;
#[cfg(not(feature = "otel"))]
pub use off::Exporting;
#[cfg(not(feature = "otel"))]
pub(crate) use off::{Accepting, StepTrace, settled};

/// The variables of OpenTelemetry that ask for an export.
const ASK: [&str; 3] = [
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_TRACES_EXPORTER",
];

/// Whether the environment asks for an export of traces. Nothing is sent anywhere unasked.
fn is_asked_for(variable: impl Fn(&str) -> Option<String>) -> bool {
    let is = |name: &str, word: &str| variable(name).is_some_and(|it| it.trim().eq_ignore_ascii_case(word));
    let asked = ASK
        .iter()
        .any(|name| variable(name).is_some_and(|it| !it.trim().is_empty()));
    asked && !is("OTEL_SDK_DISABLED", "true") && !is("OTEL_TRACES_EXPORTER", "none")
}

#[cfg(test)]
mod tests {
    use super::is_asked_for;

    #[test]
    fn traces_are_exported_where_the_environment_asks_for_it() {
        let asks = |set: &[(&str, &str)]| {
            is_asked_for(|name| {
                let found = set.iter().find(|(it, _)| *it == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
        assert!(!asks(&[]));
        assert!(!asks(&[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")]));
        assert!(asks(&[endpoint]));
        assert!(asks(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://h/x")]));
        assert!(asks(&[("OTEL_TRACES_EXPORTER", "otlp")]));
        assert!(!asks(&[endpoint, ("OTEL_TRACES_EXPORTER", "none")]));
        assert!(!asks(&[endpoint, ("OTEL_SDK_DISABLED", "TRUE")]));
        assert!(asks(&[endpoint, ("OTEL_SDK_DISABLED", "no")]));
    }
}
