//! Every metric by name. `docs/METRICS.md` says the same at more length; a test holds the two together.

/// What a metric is to Prometheus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Counter,
    Gauge,
    Histogram,
}

impl Type {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One metric.
#[derive(Debug)]
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) kind: Type,
    #[cfg_attr(not(test), expect(dead_code, reason = "what the document is held to"))]
    pub(super) unit: &'static str,
    #[cfg_attr(not(test), expect(dead_code, reason = "the same"))]
    pub(super) labels: &'static [&'static str],
    /// What it tells, with its unit; no full stop.
    pub(super) help: &'static str,
}

macro_rules! metrics {
    ($($name:ident = $text:literal, $kind:ident, $unit:literal, [$($label:literal),*], $help:literal;)*) => {
        $(pub(super) const $name: &str = $text;)*

        /// Every metric, in the order of the document.
        pub(super) static ALL: &[Metric] = &[$(Metric {
            name: $text, kind: Type::$kind, unit: $unit, labels: &[$($label),*], help: $help,
        }),*];
    };
}

metrics! {
    ACCEPTED = "gammaq_jobs_accepted_total", Counter, "jobs", [],
        "Jobs made from entries of the inbox, those that failed at once included";
    REJECTED = "gammaq_jobs_rejected_total", Counter, "jobs", [],
        "Jobs made only to say what was wrong with their entry";
    TRANSITIONS = "gammaq_job_transitions_total", Counter, "moves", ["from", "to"],
        "Moves of jobs from one state to another; from is none for a new job";
    HTTP_REQUESTS = "gammaq_http_requests_total", Counter, "requests", ["kind", "status"],
        "Requests to Gamma by kind (submit, poll, export or export_poll) and status; none where no answer came or nothing was sent";
    REDIS_RECONNECTS = "gammaq_redis_reconnects_total", Counter, "connections", [],
        "Connections to Redis that took the place of an earlier one";
    CREDITS = "gammaq_credits_deducted_total", Counter, "credits", ["account"],
        "Credits that Gamma said it took for jobs that ended";
    DOWNLOADS = "gammaq_downloads_total", Counter, "downloads", ["outcome"],
        "Downloads of files by what they came to: stored, again, expired, wrong_type, refused, or full (the disk)";
    READ_FAILURES = "gammaq_queue_read_failures_total", Counter, "reads", [],
        "Times that the queue could not be read for metrics or readiness within a second";
    CALLBACK_REQUESTS = "gammaq_callback_requests_total", Counter, "requests", ["status"],
        "Attempts to call a caller back by the status that was answered; none where no answer came or nothing was sent";
    CALLBACKS_TOLD = "gammaq_callbacks_total", Counter, "callbacks", ["outcome"],
        "Callbacks that are over: delivered, or failed where they were given up";
    CALLBACKS_PUT_OFF = "gammaq_callbacks_put_off_total", Counter, "times", [],
        "Times that a callback was due and found no room at its receiver, and so was put off";
    CALLBACK_SECONDS = "gammaq_callback_request_duration_seconds", Histogram, "seconds", [],
        "Time of one attempt to call a caller back, in seconds";
    HTTP_SECONDS = "gammaq_http_request_duration_seconds", Histogram, "seconds", ["kind"],
        "Time from the start of a request to Gamma to the end of its answer, in seconds";
    POLL_LATENESS = "gammaq_poll_lateness_seconds", Histogram, "seconds", [],
        "How long after its time a poll was claimed or begun, in seconds";
    CLAIM_SECONDS = "gammaq_claim_duration_seconds", Histogram, "seconds", [],
        "Time of one claim of jobs that Redis answered, in seconds";
    SETTLE_SECONDS = "gammaq_settle_duration_seconds", Histogram, "seconds", [],
        "Time of one batch of settlements that Redis answered, in seconds";
    INBOX = "gammaq_inbox_entries", Gauge, "entries", [],
        "Entries of the inbox that are no jobs yet";
    DUE = "gammaq_due_jobs", Gauge, "jobs", [],
        "Jobs in the schedule: polled, delayed or held by a worker";
    OLDEST_LATE = "gammaq_oldest_due_lateness_seconds", Gauge, "seconds", [],
        "How late the oldest step in the schedule is, in seconds";
    CALLBACKS_DUE = "gammaq_callbacks_due", Gauge, "callbacks", [],
        "Callbacks that are to be made: new, waiting for another attempt, or under way";
    CALLBACK_LATE = "gammaq_oldest_callback_lateness_seconds", Gauge, "seconds", [],
        "How late the oldest callback is, in seconds";
    CALLBACKS_FAILED = "gammaq_callbacks_failed", Gauge, "callbacks", [],
        "Callbacks that were given up, as long as their jobs are kept";
    JOBS = "gammaq_jobs", Gauge, "jobs", ["state"],
        "Jobs that ended or are parked, by state, as long as they are kept";
    PENDING = "gammaq_account_pending_jobs", Gauge, "jobs", ["account"],
        "Jobs that wait for a slot of the account";
    USED = "gammaq_account_budget_used", Gauge, "slots", ["account"],
        "Slots charged to the account within its window";
    LIMIT = "gammaq_account_budget_limit", Gauge, "slots", ["account"],
        "Slots that the account has within its window";
    PAUSED = "gammaq_account_paused", Gauge, "0 or 1", ["account"],
        "Whether the account is paused, or tried out by one job after a pause";
    CREDITS_LEFT = "gammaq_account_credits_remaining", Gauge, "credits", ["account"],
        "Credits that the account had left when Gamma last said so";
    WORKERS = "gammaq_workers", Gauge, "workers", [],
        "Workers of the queue that were heard of within 30 s";
    RUNNING = "gammaq_worker_running_jobs", Gauge, "jobs", [],
        "Jobs in this worker's hands";
    CAPACITY = "gammaq_worker_capacity_jobs", Gauge, "jobs", [],
        "Jobs that this worker holds at once at the most";
    HALTED = "gammaq_worker_halted", Gauge, "0 or 1", [],
        "Whether this worker starts nothing more, since the queue lost its data";
    BUILD = "gammaq_build_info", Gauge, "1", ["version"],
        "1, with the version of this worker";
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of the document's tables: name, type, unit, labels.
    fn documented() -> Vec<[String; 4]> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/METRICS.md");
        let text = std::fs::read_to_string(path).unwrap();
        let rows = text.lines().filter(|line| line.starts_with("| `gammaq_"));
        rows.map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            assert!(cells.len() >= 8, "{row}");
            assert!(
                !cells[5].is_empty() && cells[6].starts_with('`'),
                "says what it tells, and an example: {row}"
            );
            [1, 2, 3, 4].map(|at| cells[at].replace('`', ""))
        })
        .collect()
    }

    #[test]
    fn the_document_and_the_list_are_the_same() {
        let listed: Vec<_> = ALL
            .iter()
            .map(|metric| {
                let labels = match metric.labels {
                    [] => "–".to_owned(),
                    labels => labels.join(", "),
                };
                [
                    metric.name.to_owned(),
                    metric.kind.as_str().to_owned(),
                    metric.unit.to_owned(),
                    labels,
                ]
            })
            .collect();
        assert_eq!(listed, documented());
    }

    #[test]
    fn names_follow_the_conventions() {
        for metric in ALL {
            let name = metric.name;
            assert_eq!(name.ends_with("_total"), metric.kind == Type::Counter, "{name}");
            assert_eq!(metric.unit == "seconds", name.ends_with("_seconds"), "{name}");
            assert!(
                metric.unit != "seconds" || metric.help.contains("seconds"),
                "{name}"
            );
        }
    }
}
