//! What gammaq set itself, beside what it reached.

use crate::figures::Summary;
use crate::words;

/// One bound on one figure of one case.
pub(crate) struct Target {
    what: &'static str,
    workload: &'static str,
    /// What the case's name begins with.
    case: &'static str,
    figure: &'static str,
    bound: Bound,
    /// Where the same run tells what is not gammaq's to save: workload, case and figure.
    least: Option<(&'static str, &'static str, &'static str)>,
}

enum Bound {
    AtMost(f64),
    AtLeast(f64),
}
use Bound::{AtLeast, AtMost};

const fn target(
    what: &'static str,
    workload: &'static str,
    case: &'static str,
    figure: &'static str,
    bound: Bound,
) -> Target {
    Target {
        what,
        workload,
        case,
        figure,
        bound,
        least: None,
    }
}

impl Target {
    const fn least(mut self, workload: &'static str, case: &'static str, figure: &'static str) -> Self {
        self.least = Some((workload, case, figure));
        self
    }
}

const MB: f64 = 1_000_000.0;

const TARGETS: [Target; 32] = [
    target(
        "worker CPU a poll, 2,000 at 1 s",
        "lifecycle",
        "2,000 in flight",
        "worker_poll",
        AtMost(50.0),
    )
    .least("http", "2,000 in flight at 1 s", "bare_get"),
    target(
        "worker CPU a poll, 20,000 at 5 s",
        "lifecycle",
        "20,000 in",
        "worker_poll",
        AtMost(50.0),
    )
    .least("http", "20,000 in flight at 5 s", "bare_get"),
    target(
        "Redis CPU a poll, 2,000 at 1 s",
        "lifecycle",
        "2,000 in flight",
        "redis_poll",
        AtMost(15.0),
    )
    .least("lifecycle", "2,000 in flight", "commands_poll"),
    target(
        "Redis CPU a poll, 20,000 at 5 s",
        "lifecycle",
        "20,000 in",
        "redis_poll",
        AtMost(15.0),
    )
    .least("lifecycle", "20,000 in", "commands_poll"),
    target(
        "polls too early, 2,000 at 1 s",
        "lifecycle",
        "2,000 at",
        "early",
        AtMost(0.0),
    ),
    target(
        "polls too early, 20,000 at 5 s",
        "lifecycle",
        "20,000 in",
        "early",
        AtMost(0.0),
    ),
    target(
        "late p99, burst of 2,000 at 1 s",
        "lifecycle",
        "2,000 at",
        "p99",
        AtMost(15.0),
    ),
    target(
        "late p99, 2,000 in flight at 1 s",
        "lifecycle",
        "2,000 in flight",
        "p99",
        AtMost(15.0),
    ),
    target(
        "late p99, 20,000 in flight at 5 s",
        "lifecycle",
        "20,000 in",
        "p99",
        AtMost(25.0),
    ),
    target(
        "late p99, 100,000 in flight at 5 s",
        "lifecycle",
        "100,000 in flight at 5 s",
        "p99",
        AtMost(100.0),
    ),
    target(
        "late p99, 100,000 in flight at 5 s, without HTTP",
        "alone",
        "100,000 in",
        "p99",
        AtMost(100.0),
    ),
    target("submitted twice", "lifecycle", "2,000 at", "doubles", AtMost(0.0)),
    target(
        "entries taken in a second",
        "intake",
        "",
        "intake_second",
        AtLeast(50_000.0),
    )
    .least("intake", "", "commands_second"),
    target(
        "`enqueue_many` a second",
        "intake",
        "",
        "enqueue_many_second",
        AtLeast(150_000.0),
    )
    .least("intake", "", "xadds_second"),
    target(
        "one `enqueue` to a bare XADD",
        "intake",
        "",
        "enqueue_ratio",
        AtMost(1.0),
    )
    .least("intake", "", "client_ratio"),
    target(
        "cycles a second, 1,000 jobs",
        "cycles",
        "1,000 jobs",
        "cycles_second",
        AtLeast(60_000.0),
    )
    .least("cycles", "1,000 jobs", "commands_second"),
    target(
        "cycles a second, kept jobs",
        "cycles",
        "768 jobs, kept",
        "cycles_second",
        AtLeast(60_000.0),
    )
    .least("cycles", "768 jobs, kept", "commands_second"),
    target(
        "growth from 1,000 to 1,000,000 jobs",
        "cycles",
        "1,000,000 jobs, 1 account",
        "growth_jobs",
        AtMost(1.5),
    ),
    target(
        "growth from 1 to 10,000 accounts",
        "cycles",
        "1,000,000 jobs, 10,000",
        "growth_accounts",
        AtMost(1.5),
    ),
    target(
        "growth of both at once",
        "cycles",
        "1,000,000 jobs, 10,000",
        "growth",
        AtMost(1.5),
    )
    .least("cycles", "1,000,000 jobs, 10,000", "commands_growth"),
    target(
        "worker memory, 20,000 in flight",
        "memory",
        "",
        "worker_peak",
        AtMost(60.0 * MB),
    ),
    target(
        "Redis bytes in flight, beyond payload",
        "memory",
        "",
        "bytes_flying",
        AtMost(900.0),
    ),
    target(
        "Redis bytes finished, beyond result",
        "memory",
        "",
        "bytes_finished",
        AtMost(600.0),
    )
    .least("memory", "", "record_finished"),
    target(
        "calls a second, idle",
        "idle",
        "nothing",
        "calls_second",
        AtMost(4.0),
    ),
    target(
        "calls a second, waiting for a slot",
        "idle",
        "19 jobs",
        "calls_second",
        AtMost(4.0),
    ),
    target(
        "worker CPU idle, ms a second",
        "idle",
        "nothing",
        "worker_ms_second",
        AtMost(1.0),
    ),
    target("start to ready", "start", "", "ready_ms", AtMost(200.0)),
    target("SIGTERM to exit", "start", "", "exit_ms", AtMost(1_000.0)),
    target("binary", "start", "", "binary", AtMost(20.0 * MB)),
    target(
        "worker CPU against apalis-redis",
        "peers",
        "apalis-redis",
        "worker_ratio",
        AtMost(0.65),
    ),
    target(
        "Redis CPU against apalis-redis",
        "peers",
        "apalis-redis",
        "redis_ratio",
        AtMost(0.65),
    ),
    target(
        "worker CPU against BullMQ",
        "peers",
        "BullMQ",
        "worker_ratio",
        AtMost(0.2),
    ),
];

/// A table of those that `summaries` say something of; empty where there is none.
pub(crate) fn render(summaries: &[Summary]) -> String {
    let rows: Vec<String> = TARGETS.iter().filter_map(|it| row(it, summaries)).collect();
    if rows.is_empty() {
        return String::new();
    }
    format!(
        "| target | bound | reached | | least |\n|---|---|---|---|---|\n{}\n\n",
        rows.join("\n")
    )
}

fn median(summaries: &[Summary], workload: &str, case: &str, figure: &str) -> Option<f64> {
    let mut cases = summaries.iter();
    let case = cases.find(|it| it.workload == workload && it.name.starts_with(case))?;
    Some(case.get(figure)?.median())
}

fn row(target: &Target, summaries: &[Summary]) -> Option<String> {
    let reached = median(summaries, target.workload, target.case, target.figure)?;
    let words = words::of(target.figure);
    let (bound, met) = match target.bound {
        AtMost(most) => (format!("at most {}", words.write(most)), reached <= most),
        AtLeast(least) => (format!("at least {}", words.write(least)), reached >= least),
    };
    let verdict = if met { "met" } else { "**missed**" };
    let (what, heading) = (target.what, words.heading);
    // What the heading says of the unit, where the target's own words don't.
    let unit = match heading.rsplit_once(", ") {
        Some((_, unit)) if !what.ends_with(unit) && !unit.contains(' ') => format!(" {unit}"),
        _ => String::new(),
    };
    let least = target
        .least
        .and_then(|(workload, case, figure)| median(summaries, workload, case, figure));
    let least = least.map_or_else(String::new, |least| format!(" {}{unit}", words.write(least)));
    Some(format!(
        "| {what} | {bound}{unit} | {}{unit} | {verdict} |{least} |",
        words.write(reached)
    ))
}
