//! What the HTTP of a poll costs by itself: the requests of `lifecycle` at the same pace, with nothing around them.

use std::time::Duration;

use gammaq_testkit::Process;
use tokio::time::sleep;

use super::lifecycle::{PAUSE, lateness, within};
use super::{grouped, lifecycle};
use crate::fake::Fake;
use crate::figures::Case;
use crate::usage::{Cpu, memory_of};
use crate::{Options, told};

const NAME: &str = "http";

pub(super) async fn run(options: &Options) -> Result<Vec<Case>, String> {
    let second = Duration::from_secs(1);
    let mut cases = Vec::new();
    for tls in [false, true] {
        for (jobs, interval) in [(2_000, second), (20_000, 5 * second)] {
            let jobs = options.scaled(jobs);
            cases.push(told(steady(options, jobs, interval, tls).await?));
        }
    }
    Ok(cases)
}

async fn steady(options: &Options, jobs: usize, interval: Duration, tls: bool) -> Result<Case, String> {
    let (fake, how) = if tls {
        (Fake::start_with_tls().await?, ", TLS and HTTP/2")
    } else {
        (Fake::start().await?, "")
    };
    fake.reset(interval, None).await?;
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let (count, ms) = (jobs.to_string(), interval.as_millis().to_string());
    let bare = Process::builder(program)
        .name("bare")
        .args(["bare", &fake.url(), &count, &ms]);
    let bare = fake.trusted_by(bare).spawn();
    fake.until(within(jobs), "all are submitted", |seen| {
        seen.posts >= jobs as f64
    })
    .await?;
    sleep(interval + PAUSE).await;
    fake.mark().await?;
    let (before, seen_before) = (Cpu::of(bare.pid())?, fake.seen().await?);
    sleep(lifecycle::window(options, interval)).await;
    let (after, seen) = (Cpu::of(bare.pid())?, fake.seen().await?);
    let polls = (seen.gets - seen_before.gets).max(1.0);
    let name = format!("{} in flight at {} s{how}", grouped(jobs), interval.as_secs());
    let mut case = Case::new(NAME, name).with("bare_get", after.since(&before) / polls);
    lateness(&mut case, &seen);
    case.add("bare_now", memory_of(bare.pid(), "VmRSS"));
    Ok(case)
}
