//! The way in: how fast entries that wait in the inbox become jobs, how fast callers write them, and what one `enqueue` takes
//! beside the bare command that it is.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::lifecycle::within;
use crate::figures::{Case, Rounds};
use crate::resp::encoded;
use crate::rig::{Accounts, Rig, append, job, request};
use crate::usage::Moment;
use crate::{Options, told};

const NAME: &str = "intake";
/// Single jobs and bare commands, in turns of so many.
const TURN: usize = 500;
const TURNS: usize = 10;
/// Bare commands that go together, as many as `enqueue_many` sends.
const TOGETHER: usize = 500;
/// A stream that no worker reads.
const ELSEWHERE: &str = "bench:{main}:inbox";
const STATS: [&str; 3] = ["HGET", "gammaq:{main}:stats", "accepted"];

pub(super) async fn run(options: &Options) -> Result<Vec<Case>, String> {
    let jobs = options.scaled(200_000);
    let mut case = Case::new(NAME, "1 KiB each");
    // One of them may be submitted; the others wait for the budget, and leave the worker to the inbox.
    let accounts = Accounts { count: 1, limit: 1 };
    let mut rig = Rig::start(options.aof.redis()).await?;
    rig.fake.reset(Duration::from_secs(3600), None).await?;

    let (producer, made) = (rig.producer().await?, accounts.jobs(jobs));
    let began = Instant::now();
    append(&producer, made).await?;
    case.add("enqueue_many_second", jobs as f64 / began.elapsed().as_secs_f64());
    case.add("xadds_second", bare(&mut rig, jobs).await?);

    let worker = rig.spawn_worker("worker", &accounts, "")?;
    // From the first jobs on: a start is measured elsewhere.
    rig.until_number(&STATS, 1, within(jobs)).await?;
    let began = Instant::now();
    let first = rig.resp.number(&STATS).await?;
    let before = Moment::look(worker.pid(), &mut rig.resp).await?;
    rig.until_number(&STATS, jobs as u64, within(jobs)).await?;
    let took = began.elapsed().as_secs_f64();
    let after = Moment::look(worker.pid(), &mut rig.resp).await?;
    let taken = (jobs as f64 - first as f64).max(1.0);
    case.add("intake_second", taken / took);
    case.add("worker_entry", after.worker_us(&before) / taken);
    case.add("redis_entry", after.redis_us(&before) / taken);
    let bare = after.server.commands_us_since(&before.server);
    case.add("commands_entry", bare / taken);
    case.add("commands_second", 1e6 * taken / bare.max(0.001));
    drop(worker);
    sleep(Duration::from_millis(100)).await;
    single(&rig, &mut case).await?;
    Ok(vec![told(case)])
}

/// The same entries on a socket, made before they are timed: what the server and the network take of it. Answers how many went in a
/// second; they are gone afterwards.
async fn bare(rig: &mut Rig, jobs: usize) -> Result<f64, String> {
    let mut took = 0.0;
    for first in (0..jobs).step_by(TOGETHER) {
        let count = TOGETHER.min(jobs - first);
        let mut bytes = Vec::new();
        for number in first..first + count {
            let (id, text) = (format!("job-{number:07}"), request(number));
            bytes.extend(encoded(&xadd(ELSEWHERE, &id, &text)));
        }
        let began = Instant::now();
        rig.resp.pipeline(&bytes, count).await?;
        took += began.elapsed().as_secs_f64();
    }
    rig.resp.call(&["DEL", ELSEWHERE]).await?;
    Ok(jobs as f64 / took)
}

fn xadd<'a>(stream: &'a str, id: &'a str, text: &'a str) -> [&'a str; 9] {
    [
        "XADD", stream, "*", "request", text, "id", id, "account", "a00000",
    ]
}

/// The median round trip of one `enqueue` beside that of one bare XADD of the same fields, on a socket and by the client that
/// `enqueue` has, on one connection each.
async fn single(rig: &Rig, case: &mut Case) -> Result<(), String> {
    let producer = rig.producer().await?;
    let mut resp = crate::resp::Resp::connect(rig.redis.port()).await?;
    let client = rig.queue()?;
    let (mut enqueued, mut bare, mut by_client) = (Vec::new(), Vec::new(), Vec::new());
    for turn in 0..TURNS {
        for n in 0..TURN {
            let job = job(1_000_000 + turn * TURN + n, "a00000");
            let began = Instant::now();
            producer.enqueue(job).await.map_err(|error| error.to_string())?;
            enqueued.push(began.elapsed().as_secs_f64() * 1e6);
        }
        for n in 0..TURN {
            let number = 2_000_000 + turn * TURN + n;
            let (id, text) = (format!("job-{number:07}"), request(number));
            let words = xadd("gammaq:{main}:inbox", &id, &text);
            let began = Instant::now();
            resp.call(&words).await?;
            bare.push(began.elapsed().as_secs_f64() * 1e6);
        }
        for n in 0..TURN {
            let number = 3_000_000 + turn * TURN + n;
            let (id, text) = (format!("job-{number:07}"), request(number));
            let fields: [(&str, &[u8]); 3] = [
                ("request", text.as_bytes()),
                ("id", id.as_bytes()),
                ("account", b"a00000"),
            ];
            let began = Instant::now();
            client.append(&fields).await.map_err(|error| error.to_string())?;
            by_client.push(began.elapsed().as_secs_f64() * 1e6);
        }
    }
    let median = |times| Rounds::new(times).median();
    let (enqueue, xadd, client) = (median(enqueued), median(bare), median(by_client));
    case.add("enqueue_us", enqueue);
    case.add("xadd_us", xadd);
    case.add("client_us", client);
    case.add("client_ratio", client / xadd.max(0.001));
    case.add("enqueue_ratio", enqueue / xadd.max(0.001));
    Ok(())
}
