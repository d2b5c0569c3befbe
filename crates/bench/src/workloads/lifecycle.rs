//! Generations from the inbox to their results: `burst` has each of them polled six times, as queues are compared by;
//! `steady` holds them all in flight, and measures polls alone.

use std::time::Duration;

use gammaq_testkit::{Process, RedisBuilder};
use tokio::time::sleep;

use super::grouped;
use crate::fake::Fake;
use crate::figures::Case;
use crate::rig::{Accounts, PAYLOAD, Rig};
use crate::usage::{Moment, memory_of};
use crate::{Options, told};

const NAME: &str = "lifecycle";
/// Polls of a generation in a burst: so many are told `pending`, one more the end.
pub(crate) const PENDING: u32 = 5;
/// After a start, and after the last answer, so that neither is cut by the measurement.
pub(crate) const PAUSE: Duration = Duration::from_millis(500);
/// For submits and ends of so many jobs on a machine where nearly everything is in use.
const A_JOB: Duration = Duration::from_millis(10);
const AT_LEAST: Duration = Duration::from_secs(60);
/// A poll that comes later than this says that the machine can't carry so many.
const CARRIED: f64 = 1_000.0;

pub(crate) fn within(jobs: usize) -> Duration {
    AT_LEAST + A_JOB * u32::try_from(jobs).unwrap_or(u32::MAX)
}

pub(super) async fn run(options: &Options) -> Result<Vec<Case>, String> {
    let jobs = options.scaled(2_000);
    let rig = Rig::start(options.aof.redis()).await?;
    let mut cases = vec![told(burst(options, rig, jobs, NAME, "").await?)];
    cases.extend(in_flight(options, NAME, Gamma::Http).await?);
    Ok(cases)
}

/// What is held in flight: 2,000, 20,000, and as many as there are to be, at the shortest interval at which they are carried.
pub(super) async fn in_flight(
    options: &Options,
    workload: &'static str,
    gamma: Gamma,
) -> Result<Vec<Case>, String> {
    let second = Duration::from_secs(1);
    let held = async |jobs, interval| {
        let redis = options.aof.redis();
        Ok::<_, String>(told(
            steady(options, redis, jobs, interval, workload, gamma).await?,
        ))
    };
    let mut cases = vec![
        held(options.scaled(2_000), second).await?,
        held(options.scaled(20_000), 5 * second).await?,
    ];
    let many = options.scaled(100_000);
    let tried: &[u32] = if many > options.most {
        &[]
    } else {
        &[5, 10, 20, 40]
    };
    for &interval in tried {
        let case = held(many, interval * second).await?;
        let carried = case.get("p99").is_some_and(|late| late <= CARRIED);
        cases.push(case);
        if carried {
            break;
        }
    }
    Ok(cases)
}

/// What the settings say of polling.
fn polling(options: &Options, interval: Duration) -> String {
    let ms = interval.as_millis();
    let slow = ms.max(15_000);
    format!(
        "poll.interval = \"{ms}ms\"\npoll.slow_interval = \"{slow}ms\"\npoll.timeout = \"6h\"\n\
         worker.concurrency = {}\n",
        options.concurrency
    )
}

/// `jobs` at once, each polled six times a second apart: the lifecycle that other queues run, too.
pub(crate) async fn burst(
    options: &Options,
    mut rig: Rig,
    jobs: usize,
    workload: &'static str,
    more: &str,
) -> Result<Case, String> {
    let interval = Duration::from_secs(1);
    let name = format!("{} at 1 s, six polls each", grouped(jobs));
    let accounts = Accounts::for_jobs(jobs);
    rig.fake.reset(interval, Some(PENDING)).await?;
    let settings = polling(options, interval) + more;
    let worker = rig.worker("worker", &accounts, &settings).await?;
    sleep(PAUSE).await;
    let before = Moment::look(worker.pid(), &mut rig.resp).await?;
    rig.enqueue(jobs, &accounts).await?;
    let case = follow(&mut rig, &worker, Case::new(workload, name), jobs, &before).await?;
    let completed = ["ZCARD", "gammaq:{main}:completed"];
    rig.until_number(&completed, jobs as u64, AT_LEAST).await?;
    Ok(case)
}

/// Measures from `before` on, when `jobs` were enqueued, until the last of them is at its end.
pub(crate) async fn follow(
    rig: &mut Rig,
    worker: &Process,
    mut case: Case,
    jobs: usize,
    before: &Moment,
) -> Result<Case, String> {
    let all = jobs as f64;
    let fake = &rig.fake;
    fake.until(within(jobs), "all are submitted", |seen| seen.posts >= all)
        .await?;
    let submitted = Moment::look(worker.pid(), &mut rig.resp).await?;
    let polled = fake.seen().await?.gets;
    fake.until(within(jobs), "all are at their end", |seen| seen.completed >= all)
        .await?;
    sleep(PAUSE).await;
    let after = Moment::look(worker.pid(), &mut rig.resp).await?;
    let seen = fake.seen().await?;
    let steps = seen.posts + seen.gets;
    case.add("worker_step", after.worker_us(before) / steps);
    case.add("redis_step", after.redis_us(before) / steps);
    let polls = (seen.gets - polled).max(1.0);
    case.add("worker_poll", after.worker_us(&submitted) / polls);
    case.add("redis_poll", after.redis_us(&submitted) / polls);
    let bare = after.server.commands_us_since(&before.server);
    case.add("commands_step", bare / steps);
    case.add("calls_step", after.server.calls_since(&before.server) / steps);
    case.add(
        "scripts_generation",
        after.server.scripts_since(&before.server) / all,
    );
    lateness(&mut case, &seen);
    case.add(
        "bytes_generation",
        (submitted.server.memory - before.server.memory) / all,
    );
    case.add("worker_peak", memory_of(worker.pid(), "VmHWM"));
    case.add("doubles", seen.doubles);
    if seen.strange > 0.0 {
        return Err(format!("the fake did not understand {} requests", seen.strange));
    }
    Ok(case)
}

pub(super) fn lateness(case: &mut Case, seen: &crate::fake::Seen) {
    case.add("p50", seen.p50);
    case.add("p99", seen.p99);
    case.add("late_most", seen.most);
    case.add("least", seen.least);
    case.add("early", seen.early);
}

/// For how long polls are watched.
pub(super) fn window(options: &Options, interval: Duration) -> Duration {
    options.window.max(2 * interval)
}

/// Where the Gamma is that a worker asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gamma {
    /// In a process of its own, over HTTP/1.1.
    Http,
    /// The same with TLS, where polls share a connection of HTTP/2.
    Tls,
    /// In the worker's process.
    Within,
}

/// `jobs` in flight at once, all of them pending: a window of polls alone.
pub(crate) async fn steady(
    options: &Options,
    redis: RedisBuilder,
    jobs: usize,
    interval: Duration,
    workload: &'static str,
    gamma: Gamma,
) -> Result<Case, String> {
    let mut rig = match gamma {
        Gamma::Tls => Rig::with(Fake::start_with_tls().await?, redis).await?,
        Gamma::Http | Gamma::Within => Rig::start(redis).await?,
    };
    let seconds = interval.as_secs();
    let name = format!("{} in flight at {seconds} s", grouped(jobs));
    let accounts = Accounts::for_jobs(jobs);
    let settings = polling(options, interval);
    let worker = match gamma {
        Gamma::Http | Gamma::Tls => rig.worker("worker", &accounts, &settings).await?,
        Gamma::Within => rig.worker_with_gamma(&accounts, &settings).await?,
    };
    rig.fake.reset(interval, None).await?;
    sleep(PAUSE).await;
    let empty = Moment::look(worker.pid(), &mut rig.resp).await?;
    let events = events(&mut rig).await?;
    rig.enqueue(jobs, &accounts).await?;
    let all = jobs as f64;
    rig.fake
        .until(within(jobs), "all are submitted", |seen| seen.posts >= all)
        .await?;
    // What the burst of submits left behind is over after a turn of polls.
    sleep(interval + Duration::from_secs(1)).await;
    rig.fake.mark().await?;
    let (before, seen_before) = (
        Moment::look(worker.pid(), &mut rig.resp).await?,
        rig.fake.seen().await?,
    );
    let window = window(options, interval);
    sleep(window).await;
    let after = Moment::look(worker.pid(), &mut rig.resp).await?;
    let seen = rig.fake.seen().await?;
    let polls = (seen.gets - seen_before.gets).max(1.0);
    let mut case = Case::new(workload, name)
        .with("worker_poll", after.worker_us(&before) / polls)
        .with("redis_poll", after.redis_us(&before) / polls)
        .with(
            "commands_poll",
            after.server.commands_us_since(&before.server) / polls,
        )
        .with("calls_poll", after.server.calls_since(&before.server) / polls)
        .with(
            "scripts_second",
            after.server.scripts_since(&before.server) / window.as_secs_f64(),
        )
        .with("polls_second", polls / window.as_secs_f64());
    lateness(&mut case, &seen);
    let flying = after.server.memory - empty.server.memory - (self::events(&mut rig).await? - events);
    case.add("bytes_flying", flying / all - PAYLOAD as f64);
    case.add("worker_now", memory_of(worker.pid(), "VmRSS"));
    case.add("worker_peak", memory_of(worker.pid(), "VmHWM"));
    case.add("doubles", seen.doubles);
    rig.fake.finish().await?;
    let completed = ["ZCARD", "gammaq:{main}:completed"];
    rig.until_number(&completed, jobs as u64, within(jobs) + 2 * interval)
        .await?;
    sleep(PAUSE).await;
    let ended = Moment::look(worker.pid(), &mut rig.resp).await?;
    let kept = ended.server.memory - empty.server.memory - (self::events(&mut rig).await? - events);
    let result = rig
        .resp
        .number(&["STRLEN", "gammaq:{main}:result:job-0000000"])
        .await?;
    case.add("bytes_finished", kept / all - result as f64);
    let usage = ["MEMORY", "USAGE", "gammaq:{main}:job:job-0000000", "SAMPLES", "0"];
    case.add("record_finished", rig.resp.number(&usage).await? as f64);
    Ok(case)
}

/// What the stream of events takes: it has an end, whatever the number of jobs.
async fn events(rig: &mut Rig) -> Result<f64, String> {
    let usage = ["MEMORY", "USAGE", "gammaq:{main}:events", "SAMPLES", "0"];
    Ok(rig.resp.number(&usage).await? as f64)
}
