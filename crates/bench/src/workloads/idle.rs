//! A worker with nothing to do, and one whose jobs wait for a slot in the budget.

use std::time::Duration;

use gammaq_testkit::Process;
use tokio::time::{Instant, sleep, timeout_at};

use crate::figures::Case;
use crate::resp::Resp;
use crate::rig::{Accounts, Rig};
use crate::usage::Moment;
use crate::{Options, told};

const NAME: &str = "idle";
/// What belongs to the start, or to the last job, is over by then.
const QUIET_AFTER: Duration = Duration::from_secs(3);

pub(super) async fn run(options: &Options) -> Result<Vec<Case>, String> {
    let accounts = Accounts { count: 1, limit: 1 };
    let mut rig = Rig::start(options.aof.redis()).await?;
    rig.fake.reset(Duration::from_millis(100), Some(0)).await?;
    let settings = "poll.interval = \"100ms\"\n";
    let worker = rig.worker("worker", &accounts, settings).await?;
    let mut cases = vec![told(watch(options, &mut rig, &worker, "nothing to do").await?)];
    rig.enqueue(20, &accounts).await?;
    let completed = ["ZCARD", "gammaq:{main}:completed"];
    rig.until_number(&completed, 1, Duration::from_secs(60)).await?;
    cases.push(told(
        watch(options, &mut rig, &worker, "19 jobs wait for a slot").await?,
    ));
    Ok(cases)
}

async fn watch(options: &Options, rig: &mut Rig, worker: &Process, name: &str) -> Result<Case, String> {
    sleep(QUIET_AFTER).await;
    let before = Moment::look(worker.pid(), &mut rig.resp).await?;
    sleep(options.window).await;
    let after = Moment::look(worker.pid(), &mut rig.resp).await?;
    let seconds = options.window.as_secs_f64();
    // What is watched by MONITOR costs more, so that has a time of its own.
    let (calls, within_scripts) = monitor(rig, options.window).await?;
    Ok(Case::new(NAME, name)
        .with("calls_second", calls / seconds)
        .with("inner_second", within_scripts / seconds)
        .with(
            "scripts_second",
            after.server.scripts_since(&before.server) / seconds,
        )
        .with("worker_ms_second", after.worker_us(&before) / 1000.0 / seconds)
        .with("redis_ms_second", after.redis_us(&before) / 1000.0 / seconds))
}

/// Commands that clients sent, and those that scripts ran.
async fn monitor(rig: &Rig, window: Duration) -> Result<(f64, f64), String> {
    let mut resp = Resp::connect(rig.redis.port()).await?;
    resp.send(&["MONITOR"]).await?;
    resp.line().await?;
    let (mut calls, mut within_scripts) = (0.0, 0.0);
    let end = Instant::now() + window;
    while let Ok(line) = timeout_at(end, resp.line()).await {
        // `+1763912345.678901 [0 127.0.0.1:50000] "evalsha" …`, and `lua` in place of an address.
        if line?.contains(" lua] ") {
            within_scripts += 1.0;
        } else {
            calls += 1.0;
        }
    }
    Ok((calls, within_scripts))
}
