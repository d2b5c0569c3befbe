//! What is counted and measured: handles that the worker's parts hold, and the text that Prometheus reads.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gammaq_files::Fetched;
use gammaq_job::state::MOVES;
use gammaq_queue::gauges::{Gauges, NAMED, OTHER};
use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusRecorder};

use super::names::{self, ALL, Type};
use crate::Error;
use crate::app::App;
use crate::outcome::{DOWNLOADED, downloaded};

/// From 1 ms to a minute: about twice as long each time.
const BUCKETS: [f64; 15] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];
/// Where the numbers come from, for the recorder; nobody filters by it.
const METADATA: Metadata<'static> = Metadata::new("gammaq", Level::INFO, None);

/// What a request to Gamma was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exchange {
    /// The paid POST.
    Submit,
    /// A look at a generation.
    Poll,
    /// A request for a file.
    Export,
    /// A look at a file that is being made.
    ExportPoll,
}

impl Exchange {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::Poll => "poll",
            Self::Export => "export",
            Self::ExportPoll => "export_poll",
        }
    }
}

/// Every number of this worker. Where nobody can ask for them, the handles do nothing.
#[derive(Debug)]
pub(crate) struct Measures {
    /// Jobs made.
    pub(crate) accepted: Counter,
    /// Those of them that failed at once.
    pub(crate) rejected: Counter,
    /// In seconds.
    pub(crate) poll_lateness: Histogram,
    /// In seconds.
    pub(crate) claim: Histogram,
    /// In seconds.
    pub(crate) settle: Histogram,
    /// Looks at the queue that came to nothing.
    pub(crate) read_failures: Counter,
    /// Callers that were told of an end.
    pub(crate) told: Counter,
    /// Callbacks that were given up.
    pub(crate) given_up: Counter,
    /// Times that a callback found no room at its receiver.
    pub(crate) put_off: Counter,
    submit: Histogram,
    poll: Histogram,
    export: Histogram,
    export_poll: Histogram,
    downloads: [(&'static str, Counter); 6],
    callback: Histogram,
    running: Gauge,
    halted: Gauge,
    reconnects: Counter,
    answers: Mutex<BTreeMap<(Exchange, Option<u16>), Counter>>,
    credits: Mutex<BTreeMap<String, Counter>>,
    called: Mutex<BTreeMap<Option<u16>, Counter>>,
    recorder: Option<PrometheusRecorder>,
}

impl Measures {
    /// Handles that count, or with `on` false ones that do nothing.
    ///
    /// # Errors
    /// Where a histogram can't be set up.
    pub(crate) fn new(on: bool, capacity: usize) -> Result<Self, Error> {
        let recorder = if on { Some(recorder()?) } else { None };
        let counter = |name| count(recorder.as_ref(), Key::from_static_name(name));
        let gauge = |name| match &recorder {
            Some(recorder) => recorder.register_gauge(&Key::from_static_name(name), &METADATA),
            None => Gauge::noop(),
        };
        let histogram = |key: Key| match &recorder {
            Some(recorder) => recorder.register_histogram(&key, &METADATA),
            None => Histogram::noop(),
        };
        let told = |outcome| {
            let labels = vec![Label::from_static_parts("outcome", outcome)];
            count(recorder.as_ref(), Key::from_parts(names::CALLBACKS_TOLD, labels))
        };
        let exchange = |kind: Exchange| {
            let labels = vec![Label::from_static_parts("kind", kind.as_str())];
            histogram(Key::from_parts(names::HTTP_SECONDS, labels))
        };
        // There from the start: nobody may have been called yet, and the first time is a change, too.
        let unanswered = vec![Label::from_static_parts("status", "none")];
        let _ = count(
            recorder.as_ref(),
            Key::from_parts(names::CALLBACK_REQUESTS, unanswered),
        );
        gauge(names::CAPACITY).set(capacity as f64);
        if let Some(recorder) = &recorder {
            let labels = vec![Label::from_static_parts("version", env!("CARGO_PKG_VERSION"))];
            let build = Key::from_parts(names::BUILD, labels);
            recorder.register_gauge(&build, &METADATA).set(1.0);
        }
        Ok(Self {
            accepted: counter(names::ACCEPTED),
            rejected: counter(names::REJECTED),
            poll_lateness: histogram(Key::from_static_name(names::POLL_LATENESS)),
            claim: histogram(Key::from_static_name(names::CLAIM_SECONDS)),
            settle: histogram(Key::from_static_name(names::SETTLE_SECONDS)),
            read_failures: counter(names::READ_FAILURES),
            told: told("delivered"),
            given_up: told("failed"),
            put_off: counter(names::CALLBACKS_PUT_OFF),
            callback: histogram(Key::from_static_name(names::CALLBACK_SECONDS)),
            submit: exchange(Exchange::Submit),
            poll: exchange(Exchange::Poll),
            export: exchange(Exchange::Export),
            export_poll: exchange(Exchange::ExportPoll),
            // Each from the beginning on, so that what never happened is a 0.
            downloads: DOWNLOADED.map(|word| {
                let labels = vec![Label::from_static_parts("outcome", word)];
                (
                    word,
                    count(recorder.as_ref(), Key::from_parts(names::DOWNLOADS, labels)),
                )
            }),
            running: gauge(names::RUNNING),
            halted: gauge(names::HALTED),
            reconnects: counter(names::REDIS_RECONNECTS),
            answers: Mutex::default(),
            credits: Mutex::default(),
            called: Mutex::default(),
            recorder,
        })
    }

    /// A request to Gamma is over; `status` is what was answered, if anything was.
    pub(crate) fn answered(&self, kind: Exchange, status: Option<u16>, time: Duration) {
        match kind {
            Exchange::Submit => self.submit.record(time),
            Exchange::Poll => self.poll.record(time),
            Exchange::Export => self.export.record(time),
            Exchange::ExportPoll => self.export_poll.record(time),
        }
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers
            .entry((kind, status))
            .or_insert_with(|| {
                let status = status.map_or_else(|| "none".to_owned(), |status| status.to_string());
                let labels = vec![
                    Label::from_static_parts("kind", kind.as_str()),
                    Label::new("status", status),
                ];
                count(
                    self.recorder.as_ref(),
                    Key::from_parts(names::HTTP_REQUESTS, labels),
                )
            })
            .increment(1);
    }

    /// A download ended.
    pub(crate) fn downloaded(&self, fetched: &Fetched) {
        let word = downloaded(fetched);
        for (_, counter) in self.downloads.iter().filter(|(known, _)| *known == word) {
            counter.increment(1);
        }
    }

    /// An attempt to call a caller back is over; `status` is what was answered, if anything was.
    pub(crate) fn called(&self, status: Option<u16>, time: Duration) {
        self.callback.record(time);
        let mut called = self.called.lock().unwrap_or_else(PoisonError::into_inner);
        called
            .entry(status)
            .or_insert_with(|| {
                let status = status.map_or_else(|| "none".to_owned(), |status| status.to_string());
                let labels = vec![Label::new("status", status)];
                count(
                    self.recorder.as_ref(),
                    Key::from_parts(names::CALLBACK_REQUESTS, labels),
                )
            })
            .increment(1);
    }

    /// Gamma took credits for a job of this account that ended.
    pub(crate) fn deducted(&self, account: &str, credits: u64) {
        let mut known = self.credits.lock().unwrap_or_else(PoisonError::into_inner);
        let account = if known.contains_key(account) || known.len() < NAMED {
            account
        } else {
            OTHER
        };
        known
            .entry(account.to_owned())
            .or_insert_with(|| {
                let labels = vec![Label::new("account", account.to_owned())];
                count(self.recorder.as_ref(), Key::from_parts(names::CREDITS, labels))
            })
            .increment(credits);
    }

    /// Puts away what histograms gathered; to be called every few seconds, asked for or not.
    pub(super) fn upkeep(&self) {
        if let Some(recorder) = &self.recorder {
            recorder.handle().run_upkeep();
        }
    }

    /// All of it as Prometheus reads it; `gauges` is the queue, where it could be read.
    pub(super) fn render(&self, app: &App, gauges: Option<&Gauges>) -> String {
        let Some(recorder) = &self.recorder else {
            return String::new();
        };
        self.running.set(app.holds.count() as f64);
        self.halted.set(f64::from(u8::from(app.halt.is_halted())));
        self.reconnects.absolute(app.queue.link().reconnects());
        for (from, to, number) in app.queue.moves().counted() {
            let from = from.map_or("none", |from| from.as_str());
            moves(recorder, from, to.as_str()).absolute(number);
        }
        let mut text = recorder.handle().render();
        if let Some(gauges) = gauges {
            render_gauges(&mut text, gauges);
        }
        text
    }
}

fn count(recorder: Option<&PrometheusRecorder>, key: Key) -> Counter {
    match recorder {
        Some(recorder) => recorder.register_counter(&key, &METADATA),
        None => Counter::noop(),
    }
}

fn moves(recorder: &PrometheusRecorder, from: &'static str, to: &'static str) -> Counter {
    let labels = vec![
        Label::from_static_parts("from", from),
        Label::from_static_parts("to", to),
    ];
    recorder.register_counter(&Key::from_parts(names::TRANSITIONS, labels), &METADATA)
}

fn recorder() -> Result<PrometheusRecorder, Error> {
    let mut builder = PrometheusBuilder::new();
    for metric in ALL.iter().filter(|metric| metric.kind == Type::Histogram) {
        builder = builder
            .set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), &BUCKETS)
            .map_err(|error| Error::Ended(format!("{}: {error}", metric.name)))?;
    }
    let recorder = builder.build_recorder();
    for metric in ALL {
        match metric.kind {
            Type::Counter => recorder.describe_counter(metric.name.into(), None, metric.help.into()),
            Type::Gauge => recorder.describe_gauge(metric.name.into(), None, metric.help.into()),
            Type::Histogram => recorder.describe_histogram(metric.name.into(), None, metric.help.into()),
        }
    }
    // Every move that there is has a number from the start: the first of a kind is a change, too.
    for move_ in MOVES {
        let from = move_.from.map_or("none", |from| from.as_str());
        moves(&recorder, from, move_.to.as_str()).absolute(0);
    }
    Ok(recorder)
}

/// The queue's gauges are written anew each time: an account that is gone has no number, instead of its last.
fn render_gauges(text: &mut String, gauges: &Gauges) {
    let one = |value: Option<u64>| value.map(|value| (String::new(), value.to_string()));
    write_metric(text, names::INBOX, one(gauges.inbox));
    write_metric(text, names::DUE, one(gauges.due));
    let late = gauges.oldest_late.as_secs_f64().to_string();
    write_metric(text, names::OLDEST_LATE, [(String::new(), late)]);
    write_metric(text, names::CALLBACKS_DUE, one(gauges.callbacks));
    let late = gauges.oldest_callback_late.as_secs_f64().to_string();
    write_metric(text, names::CALLBACK_LATE, [(String::new(), late)]);
    write_metric(text, names::CALLBACKS_FAILED, one(gauges.callback_failed));
    let ended = gauges.ended.iter();
    let ended =
        ended.filter_map(|(state, jobs)| Some((label("state", state.as_str()), (*jobs)?.to_string())));
    write_metric(text, names::JOBS, ended);
    write_metric(text, names::WORKERS, one(gauges.workers));
    let accounts = || {
        let accounts = gauges.accounts.iter();
        accounts.map(|(name, account)| (label("account", name), account))
    };
    write_metric(
        text,
        names::PENDING,
        accounts().map(|(label, it)| (label, it.pending.to_string())),
    );
    write_metric(
        text,
        names::USED,
        accounts().map(|(label, it)| (label, it.used.to_string())),
    );
    write_metric(
        text,
        names::LIMIT,
        accounts().map(|(label, it)| (label, it.limit.to_string())),
    );
    write_metric(
        text,
        names::PAUSED,
        accounts().map(|(label, it)| (label, it.paused.to_string())),
    );
    let credits = accounts().filter_map(|(label, it)| Some((label, it.credits_remaining?.to_string())));
    write_metric(text, names::CREDITS_LEFT, credits);
}

fn label(name: &str, value: &str) -> String {
    let value = value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    format!("{{{name}=\"{value}\"}}")
}

fn write_metric(text: &mut String, name: &str, samples: impl IntoIterator<Item = (String, String)>) {
    let Some(metric) = ALL.iter().find(|metric| metric.name == name) else {
        return;
    };
    let mut samples = samples.into_iter().peekable();
    if samples.peek().is_none() {
        return;
    }
    // Writing to a String can't fail.
    let _ = writeln!(
        text,
        "# HELP {name} {}\n# TYPE {name} {}",
        metric.help,
        metric.kind.as_str()
    );
    for (labels, value) in samples {
        let _ = writeln!(text, "{name}{labels} {value}");
    }
    text.push('\n');
}

#[cfg(test)]
#[path = "measures_tests.rs"]
mod tests;
