//! The queue alone: jobs that generate are claimed for a look and settled as still pending, as fast as it goes, and then the same of
//! jobs that are kept, as a worker has them. Every transition is a real one, only nobody asks Gamma in between.

use std::time::Duration;

use gammaq_queue::Queue;
use gammaq_queue::claim::{ClaimRequest, Claimed, OnAmbiguous};
use gammaq_queue::inbox::InboxEntry;
use gammaq_queue::registry::{Budget, Registration};
use gammaq_queue::settle::{Probe, SettlePolicy, Settled, Settlement, Verb};
use gammaq_queue::submit::{Begun, Generation};
use tokio::time::Instant;

use super::grouped;
use crate::figures::Case;
use crate::rig::{Accounts, Rig, request};
use crate::usage::Server;
use crate::{Options, told};

const NAME: &str = "cycles";
/// As much as a worker has in hand by default.
const BATCH: usize = 256;
/// So many take turns, so that Redis never waits for one of them.
const WORKERS: usize = 3;
const HOUR: Duration = Duration::from_secs(3600);
/// Jobs made in one call of the script.
const STEP: usize = 1_000;

const SETTLE: SettlePolicy = SettlePolicy {
    keep_requests: false,
    pause_first: Duration::from_secs(5),
    pause_most: Duration::from_secs(300),
    spread: Duration::ZERO,
    late_interval: HOUR,
    late_for: HOUR,
    kept_for: HOUR,
};

/// Copies of a job that generates, each due a little later than the one before, all of them in the past.
const COPY: &str = "
local base, first, count, accounts = KEYS[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local record, at = redis.call('HGETALL', base .. 'job:' .. ARGV[1]), {}
for i = 1, #record, 2 do at[record[i]] = i + 1 end
local now = redis.call('TIME')
local due = now[1] * 1000 - 3600000
for n = first, first + count - 1 do
  local id = string.format('copy-%07d', n)
  if at.id then record[at.id] = id end
  record[at.account] = string.format('a%05d', n % accounts)
  record[at.generation_id] = 'g' .. n
  redis.call('HSET', base .. 'job:' .. id, unpack(record))
  redis.call('ZADD', base .. 'due', string.format('%.0f', due + n), id)
end
return redis.call('ZCARD', base .. 'due')";

pub(super) async fn run(options: &Options) -> Result<Vec<Case>, String> {
    let mut cases = Vec::new();
    for (jobs, accounts) in [(1_000, 1), (100_000, 1), (1_000_000, 1), (1_000_000, 10_000)] {
        cases.push(told(
            one(options, options.scaled(jobs).max(STEP), accounts).await?,
        ));
    }
    let [one, _, many, accounts] = cases.as_mut_slice() else {
        return Err("no cases".to_owned());
    };
    many.add("growth_jobs", growth("redis_cycle", one, many));
    accounts.add("growth_accounts", growth("redis_cycle", many, accounts));
    accounts.add("growth", growth("redis_cycle", one, accounts));
    accounts.add("commands_growth", growth("commands_cycle", one, accounts));
    cases.push(told(kept(options).await?));
    Ok(cases)
}

/// Of processor time, which neighbours on the machine disturb less than the clock's.
fn growth(figure: &str, small: &Case, large: &Case) -> f64 {
    match (small.get(figure), large.get(figure)) {
        (Some(small), Some(large)) if small > 0.0 => large / small,
        _ => 0.0,
    }
}

async fn one(options: &Options, jobs: usize, accounts: usize) -> Result<Case, String> {
    let mut rig = Rig::start(options.aof.redis()).await?;
    let queue = rig.queue()?;
    let accounts = Accounts {
        count: accounts,
        limit: 50,
    };
    fill(&mut rig, &queue, jobs, &accounts).await?;
    let server = Server::look(&mut rig.resp).await?;
    let began = Instant::now();
    let end = began + options.window;
    let mut workers = Vec::new();
    for n in 0..WORKERS {
        let queue = queue.clone();
        workers.push(tokio::spawn(async move {
            cycle(&queue, &format!("bench-{n}"), end).await
        }));
    }
    let mut cycles = 0_usize;
    for worker in workers {
        cycles += worker.await.map_err(|error| error.to_string())??;
    }
    let took = began.elapsed().as_secs_f64();
    let after = Server::look(&mut rig.resp).await?;
    let due = rig.resp.number(&["ZCARD", "gammaq:{main}:due"]).await?;
    if due < jobs as u64 {
        return Err(format!("{} of {jobs} jobs left the schedule", jobs as u64 - due));
    }
    let cycles = cycles as f64;
    let plural = if accounts.count == 1 { "" } else { "s" };
    let name = format!(
        "{} jobs, {} account{plural}",
        grouped(jobs),
        grouped(accounts.count)
    );
    Ok(measured(name, cycles, took, (&server, &after)))
}

fn measured(name: String, cycles: f64, took: f64, (before, after): (&Server, &Server)) -> Case {
    let commands = after.commands_us_since(before);
    Case::new(NAME, name)
        .with("cycles_second", cycles / took)
        .with("redis_cycle", (after.cpu_us - before.cpu_us) / cycles)
        .with("commands_cycle", commands / cycles)
        .with("commands_second", 1e6 * cycles / commands.max(0.001))
        .with("calls_cycle", after.calls_since(before) / cycles)
}

/// What most cycles are: the looks of jobs that a worker keeps, which it claims once.
async fn kept(options: &Options) -> Result<Case, String> {
    let mut rig = Rig::start(options.aof.redis()).await?;
    let queue = rig.queue()?;
    fill(&mut rig, &queue, STEP, &Accounts { count: 1, limit: 50 }).await?;
    let mut holds = Vec::new();
    for n in 0..WORKERS {
        let worker = format!("bench-{n}");
        let jobs = claim(&queue, &worker, BATCH).await?;
        holds.push((worker, jobs));
    }
    let server = Server::look(&mut rig.resp).await?;
    let began = Instant::now();
    let end = began + options.window;
    let keepers = holds.into_iter().map(|(worker, jobs)| {
        let queue = queue.clone();
        tokio::spawn(async move { keep(&queue, &worker, jobs, end).await })
    });
    let mut cycles = 0_usize;
    for keeper in keepers.collect::<Vec<_>>() {
        cycles += keeper.await.map_err(|error| error.to_string())??;
    }
    let took = began.elapsed().as_secs_f64();
    let after = Server::look(&mut rig.resp).await?;
    Ok(measured(
        format!("{} jobs, kept", grouped(BATCH * WORKERS)),
        cycles as f64,
        took,
        (&server, &after),
    ))
}

/// Tells of look after look until `end`; answers of how many.
async fn keep(queue: &Queue, worker: &str, mut jobs: Vec<Claimed>, end: Instant) -> Result<usize, String> {
    let mut looks = 0;
    while Instant::now() < end {
        let items = jobs.iter_mut().map(|job| {
            job.polls += 1;
            Settlement {
                verb: Verb::Keep(Duration::ZERO),
                fields: vec![("polls", job.polls.to_string())],
                ..pending(job)
            }
        });
        let items: Vec<Settlement> = items.collect();
        let told = queue.settle_jobs(worker, &SETTLE, &items).await;
        let told = told.map_err(|error| error.to_string())?;
        if let Some(other) = told.iter().find(|it| **it != Settled::Kept) {
            return Err(format!("a look was {other:?}"));
        }
        looks += told.len();
    }
    Ok(looks)
}

/// Claims and settles until `end`; answers how many jobs.
async fn cycle(queue: &Queue, worker: &str, end: Instant) -> Result<usize, String> {
    let mut cycles = 0;
    while Instant::now() < end {
        let jobs = claim(queue, worker, BATCH).await?;
        let items: Vec<Settlement> = jobs.iter().map(pending).collect();
        let settled = queue
            .settle_jobs(worker, &SETTLE, &items)
            .await
            .map_err(|error| error.to_string())?;
        if let Some(other) = settled.iter().find(|it| **it != Settled::Done) {
            return Err(format!("a settlement was {other:?}"));
        }
        cycles += settled.len();
    }
    Ok(cycles)
}

async fn claim(queue: &Queue, worker: &str, want: usize) -> Result<Vec<Claimed>, String> {
    let request = ClaimRequest {
        worker,
        want,
        lease: Duration::from_secs(60),
        on_ambiguous: OnAmbiguous::Park,
        spread: Duration::ZERO,
        looks: want,
        submits: want,
        not_after: u64::MAX >> 12,
        foreign: &[],
    };
    let claim = queue.claim_jobs(&request).await;
    claim.map(|claim| claim.jobs).map_err(|error| error.to_string())
}

/// What a worker settles with after a look that said pending.
fn pending(job: &Claimed) -> Settlement {
    Settlement {
        id: job.id.clone(),
        fence: job.fence,
        verb: Verb::Again(Duration::ZERO),
        probe: Probe::None,
        pause: None,
        jitter: 0.0,
        note: String::new(),
        fields: vec![
            ("polls", (job.polls + 1).to_string()),
            ("poll_failures", "0".to_owned()),
        ],
        account_fields: Vec::new(),
    }
}

/// Brings one job to `generating`, the way each of them goes, and the rest by copies of it.
async fn fill(rig: &mut Rig, queue: &Queue, jobs: usize, accounts: &Accounts) -> Result<(), String> {
    let said = |error: gammaq_queue::Error| error.to_string();
    queue.check_schema().await.map_err(said)?;
    queue.create_inbox().await.map_err(said)?;
    queue.begin_life(1).await.map_err(said)?;
    let names: Vec<String> = (0..accounts.count).map(|n| accounts.name(n)).collect();
    let budget = Budget {
        limit: 50,
        window: HOUR,
        credits_floor: None,
    };
    let register: Vec<Registration<'_>> = names
        .iter()
        .map(|name| Registration {
            name,
            budget,
            registered_at: None,
        })
        .collect();
    queue.register_accounts(&register).await.map_err(said)?;
    let model = model(queue).await?;
    for first in (0..jobs).step_by(STEP) {
        let count = STEP.min(jobs - first).to_string();
        let (first, accounts) = (first.to_string(), accounts.count.to_string());
        let base = queue.keys().base();
        let words = ["EVAL", COPY, "1", base, &model, &first, &count, &accounts];
        rig.resp.call(&words).await?;
    }
    Ok(())
}

/// A job that generates, and is not due for an hour.
async fn model(queue: &Queue) -> Result<String, String> {
    let said = |error: gammaq_queue::Error| error.to_string();
    let text = request(0);
    let fields: [(&str, &[u8]); 3] = [
        ("id", b"model"),
        ("account", b"a00000"),
        ("request", text.as_bytes()),
    ];
    queue.append(&fields).await.map_err(said)?;
    let worker = "bench-model";
    let entries = queue
        .read_inbox(worker, 10, Duration::from_millis(1))
        .await
        .map_err(said)?;
    let items: Vec<_> = entries.iter().map(accept).collect();
    queue.accept_jobs(worker, &items).await.map_err(said)?;
    let jobs = claim(queue, worker, 1).await?;
    let job = jobs.first().ok_or("the model was not claimed")?;
    let begun = queue
        .begin_submit(
            worker,
            &job.id,
            job.fence,
            u64::MAX >> 12,
            HOUR,
            "http://127.0.0.1:9",
        )
        .await
        .map_err(said)?;
    if begun != Begun::Yes {
        return Err(format!("the model's submit: {begun:?}"));
    }
    let generation = Generation {
        id: &job.id,
        fence: job.fence,
        generation_id: "g",
        first_look: HOUR,
        timeout: 6 * HOUR,
        probe: false,
        account: &job.account,
        slot: &job.slot,
        kept: Some(Duration::ZERO),
        fields: &[],
    };
    queue.record_generation(worker, &generation).await.map_err(said)?;
    Ok(job.id.clone())
}

fn accept(entry: &InboxEntry) -> gammaq_queue::accept::AcceptItem {
    gammaq_queue::accept::AcceptItem {
        entry_id: entry.id.clone(),
        judged: gammaq_job::entry::judge(&gammaq_job::Entry {
            entry_id: &entry.id,
            fields: &entry.slices(),
        }),
        account_known: true,
    }
}
