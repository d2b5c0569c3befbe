//! What each figure is called in tables, and how it is written.

/// One figure: its heading, what a value is divided by for it, and digits behind the point.
pub(crate) struct Words {
    pub(crate) heading: &'static str,
    unit: f64,
    digits: usize,
}

const MB: f64 = 1_000_000.0;

pub(crate) fn of(figure: &str) -> Words {
    let (heading, unit, digits) = match figure {
        "worker_step" => ("worker CPU a step, µs", 1.0, 1),
        "redis_step" => ("Redis CPU a step, µs", 1.0, 1),
        "worker_poll" => ("worker CPU a poll, µs", 1.0, 1),
        "redis_poll" => ("Redis CPU a poll, µs", 1.0, 1),
        "bare_get" => ("CPU a bare GET, µs", 1.0, 1),
        "bare_now" => ("memory, MB", MB, 1),
        "commands_poll" => ("of it in commands, µs a poll", 1.0, 1),
        "commands_step" => ("of it in commands, µs a step", 1.0, 1),
        "commands_entry" => ("of it in commands, µs an entry", 1.0, 1),
        "commands_cycle" => ("of it in commands, µs a cycle", 1.0, 1),
        "commands_second" => ("a second, were commands all", 1.0, 0),
        "commands_growth" => ("growth of what commands take", 1.0, 2),
        "calls_step" => ("Redis commands a step", 1.0, 1),
        "calls_poll" => ("Redis commands a poll", 1.0, 1),
        "scripts_generation" => ("scripts a generation", 1.0, 1),
        "scripts_second" => ("scripts a second", 1.0, 1),
        "polls_second" => ("polls a second", 1.0, 0),
        "p50" => ("late p50, ms", 1.0, 1),
        "p99" => ("late p99, ms", 1.0, 1),
        "late_most" => ("latest, ms", 1.0, 0),
        "least" => ("earliest, ms", 1.0, 1),
        "early" => ("too early", 1.0, 0),
        "stuck" => ("runs that stood still and were made again", 1.0, 0),
        "doubles" => ("submitted twice", 1.0, 0),
        "bytes_generation" => ("Redis bytes a generation", 1.0, 0),
        "bytes_flying" => ("Redis bytes in flight, beyond payload", 1.0, 0),
        "bytes_finished" => ("Redis bytes finished, beyond result", 1.0, 0),
        "record_finished" => ("of it the record by itself", 1.0, 0),
        "record_bytes" => ("Redis bytes a record, beyond payload", 1.0, 0),
        "record_look" => ("Redis CPU for what a look reads and writes, µs", 1.0, 1),
        "worker_now" => ("worker memory, MB", MB, 1),
        "worker_peak" => ("worker's peak, MB", MB, 1),
        "intake_second" => ("entries taken in a second", 1.0, 0),
        "worker_entry" => ("worker CPU an entry, µs", 1.0, 1),
        "redis_entry" => ("Redis CPU an entry, µs", 1.0, 1),
        "enqueue_many_second" => ("`enqueue_many` a second", 1.0, 0),
        "xadds_second" => ("bare XADDs a second, 500 together", 1.0, 0),
        "enqueue_us" => ("one `enqueue`, µs", 1.0, 1),
        "xadd_us" => ("one bare XADD, µs", 1.0, 1),
        "client_us" => ("one XADD by the same client, µs", 1.0, 1),
        "client_ratio" => ("XADD by the same client to XADD", 1.0, 2),
        "enqueue_ratio" => ("`enqueue` to XADD", 1.0, 2),
        "cycles_second" => ("cycles a second", 1.0, 0),
        "redis_cycle" => ("Redis CPU a cycle, µs", 1.0, 1),
        "calls_cycle" => ("Redis commands a cycle", 1.0, 1),
        "growth_jobs" => ("growth from 1,000 to 1,000,000 jobs", 1.0, 2),
        "growth_accounts" => ("growth from 1 to 10,000 accounts", 1.0, 2),
        "growth" => ("growth against the first row", 1.0, 2),
        "calls_second" => ("calls a second", 1.0, 1),
        "inner_second" => ("commands within scripts a second", 1.0, 1),
        "worker_ms_second" => ("worker CPU, ms a second", 1.0, 2),
        "redis_ms_second" => ("Redis CPU, ms a second", 1.0, 2),
        "ready_ms" => ("start to ready, ms", 1.0, 0),
        "exit_ms" => ("SIGTERM to exit, ms", 1.0, 0),
        "binary" => ("binary, MB", MB, 1),
        "worker_ratio" => ("gammaq's worker CPU to it", 1.0, 2),
        "redis_ratio" => ("gammaq's Redis CPU to it", 1.0, 2),
        _ => ("?", 1.0, 2),
    };
    Words {
        heading,
        unit,
        digits,
    }
}

impl Words {
    pub(crate) fn write(&self, value: f64) -> String {
        let value = value / self.unit;
        if self.digits == 0 && value >= 0.0 {
            return crate::workloads::grouped(value.round() as usize);
        }
        format!("{value:.*}", self.digits)
    }
}
