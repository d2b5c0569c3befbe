//! What processes used, as the operating system and Redis count it.

use std::collections::BTreeMap;
use std::fs;

use crate::resp::Resp;

/// Processor time of a process up to now.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cpu {
    /// Each thread's, in nanoseconds; threads that have ended are in `ticks_us` alone.
    threads: BTreeMap<u32, u64>,
    /// All of it, to the hundredth of a second.
    ticks_us: f64,
}

/// The kernel shows processor time in hundredths of a second, whatever its own clock is.
const TICK_US: f64 = 10_000.0;

impl Cpu {
    pub(crate) fn of(pid: u32) -> Result<Self, String> {
        let read = |path: String| fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"));
        let stat = read(format!("/proc/{pid}/stat"))?;
        // The name, in brackets, may hold anything.
        let fields: Vec<&str> = stat
            .rsplit_once(") ")
            .map_or("", |(_, rest)| rest)
            .split(' ')
            .collect();
        let ticks = |n: usize| fields.get(n).and_then(|it| it.parse::<f64>().ok()).unwrap_or(0.0);
        let mut threads = BTreeMap::new();
        let tasks = format!("/proc/{pid}/task");
        for task in fs::read_dir(&tasks).map_err(|error| format!("{tasks}: {error}"))? {
            let Some(tid) = task
                .ok()
                .and_then(|it| it.file_name().to_str()?.parse::<u32>().ok())
            else {
                continue;
            };
            // A thread may end between the two looks.
            let Ok(line) = fs::read_to_string(format!("{tasks}/{tid}/schedstat")) else {
                continue;
            };
            let ran = line.split(' ').next().and_then(|it| it.trim().parse().ok());
            threads.insert(tid, ran.unwrap_or(0));
        }
        Ok(Self {
            threads,
            ticks_us: (ticks(11) + ticks(12)) * TICK_US,
        })
    }

    /// Microseconds between `before` and this. To the nanosecond where every thread of then is still there.
    pub(crate) fn since(&self, before: &Self) -> f64 {
        let exact = before.threads.keys().all(|tid| self.threads.contains_key(tid))
            && self.threads.values().any(|ran| *ran > 0);
        if !exact {
            return self.ticks_us - before.ticks_us;
        }
        let sum = |it: &Self| it.threads.values().map(|ran| *ran as f64).sum::<f64>();
        (sum(self) - sum(before)) / 1000.0
    }
}

/// A line of `/proc/<pid>/status` that is in kB, as bytes: `VmRSS`, `VmHWM`.
pub(crate) fn memory_of(pid: u32, name: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let number = line.and_then(|rest| rest.trim().split(' ').next()?.parse::<f64>().ok());
    number.unwrap_or(0.0) * 1024.0
}

/// What Redis says of itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Server {
    pub(crate) cpu_us: f64,
    /// Memory in use, without what clients' buffers take.
    pub(crate) memory: f64,
    /// How often each command was run, those within scripts included.
    pub(crate) commands: BTreeMap<String, u64>,
    /// How long commands ran, without what scripts do between them, in microseconds.
    pub(crate) commands_us: f64,
}

/// The commands that run other commands.
const SCRIPTS: [&str; 5] = ["evalsha", "eval", "fcall", "evalsha_ro", "eval_ro"];

impl Server {
    pub(crate) async fn look(resp: &mut Resp) -> Result<Self, String> {
        let text = resp.call(&["INFO", "everything"]).await?;
        let field = |name: &str| {
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.unwrap_or_default().trim().to_owned()
        };
        let number = |name: &str| field(name).parse::<f64>().unwrap_or(0.0);
        let command = |line: &str| {
            let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
            // What is asked for the sake of measuring.
            let own = name == "info" || name.starts_with("config") || name.starts_with("memory");
            let calls = rest.split(',').next()?.parse().ok()?;
            let (_, usec) = rest.split_once("usec=")?;
            let usec: f64 = usec.split(',').next()?.parse().ok()?;
            (!own).then(|| (name.to_owned(), calls, usec))
        };
        let known: Vec<(String, u64, f64)> = text.lines().filter_map(command).collect();
        let bare = known
            .iter()
            .filter(|(name, ..)| !SCRIPTS.contains(&name.as_str()));
        Ok(Self {
            commands_us: bare.map(|(.., usec)| usec).sum(),
            cpu_us: (number("used_cpu_sys") + number("used_cpu_user")) * 1e6,
            memory: number("used_memory") - number("mem_clients_normal"),
            commands: known.into_iter().map(|(name, calls, _)| (name, calls)).collect(),
        })
    }

    /// Commands run since `before`, those within scripts included.
    pub(crate) fn calls_since(&self, before: &Self) -> f64 {
        let sum = |it: &Self| it.commands.values().sum::<u64>() as f64;
        sum(self) - sum(before)
    }

    /// For how long commands ran since `before`, those within scripts included, in microseconds.
    pub(crate) fn commands_us_since(&self, before: &Self) -> f64 {
        self.commands_us - before.commands_us
    }

    /// Scripts run since `before`.
    pub(crate) fn scripts_since(&self, before: &Self) -> f64 {
        let of = |it: &Self| {
            SCRIPTS
                .iter()
                .filter_map(|name| it.commands.get(*name))
                .sum::<u64>() as f64
        };
        of(self) - of(before)
    }
}

/// A worker and its Redis at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Moment {
    pub(crate) worker: Cpu,
    pub(crate) server: Server,
}

impl Moment {
    pub(crate) async fn look(pid: u32, resp: &mut Resp) -> Result<Self, String> {
        Ok(Self {
            worker: Cpu::of(pid)?,
            server: Server::look(resp).await?,
        })
    }

    pub(crate) fn worker_us(&self, before: &Self) -> f64 {
        self.worker.since(&before.worker)
    }

    pub(crate) fn redis_us(&self, before: &Self) -> f64 {
        self.server.cpu_us - before.server.cpu_us
    }
}
