//! A queue with very many finished jobs, made quickly: a worker brings two jobs to their ends, and their records and results
//! are copied within Redis under other names and times.

use crate::{KEY, PATIENCE, Stage};

/// Copies in one call of the script.
const STEP: u64 = 1_000;
/// The account's budget, which [`small`] uses up.
pub const LIMIT: &str = "20";
/// One in so many failed.
const FAILED: u64 = 10;

// A record is copied as it is, with its time to live, and then told what is its own.
const COPY: &str = "
local base, model, state, first, count = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local record, ttl = base .. 'job:' .. model, redis.call('PTTL', base .. 'job:' .. model)
local ended = tonumber(redis.call('HGET', record, 'finished_at'))
local head, tail = string.match(redis.call('GET', base .. 'result:' .. model), '^(.-\"id\":\")[^\"]*(.*)$')
for n = first, first + count - 1 do
  local id, time = string.format('%s-%07d', model, n), string.format('%.0f', ended - n)
  redis.call('COPY', record, base .. 'job:' .. id)
  redis.call('HSET', base .. 'job:' .. id, 'id', id, 'finished_at', time)
  redis.call('SET', base .. 'result:' .. id, head .. id .. tail, 'PX', ttl)
  redis.call('ZADD', base .. state, time, id)
end
return redis.call('ZCARD', base .. state)";

/// A stage with something in every place that reading commands look at, no worker running any more: jobs that wait for
/// slots, and two that ended, `good` and `bad`.
pub async fn small() -> Stage {
    let stage = Stage::start(&["--generation-time", "20ms"]).await;
    // Patient, so that a busy machine parks none of them.
    let settings = [
        ("ACCOUNTS__DEFAULT__LIMIT", LIMIT),
        ("GAMMA__CONNECT_TIMEOUT", "10s"),
        ("GAMMA__REQUEST_TIMEOUT", "20s"),
        ("WORKER__LEASE", "60s"),
    ];
    let worker = stage.worker("worker", &settings).await;
    stage.submit("good", "text").await;
    stage.submit("bad", "text [[fake:poll=failed]]").await;
    stage.until("good", "completed").await;
    stage.until("bad", "failed").await;
    for n in 0..200 {
        stage.submit(&format!("more-{n:03}"), "text").await;
    }
    stage.until_count("completed", 19).await;
    worker.signal(gammaq_testkit::Signal::TERM);
    assert!(
        worker.wait(PATIENCE).await.success(),
        "the worker of {KEY} ends well"
    );
    stage
}

/// Adds copies until there are `jobs` of them, from number `from` on.
pub async fn add(stage: &Stage, from: u64, jobs: u64) {
    let base = stage.key("");
    let mut first = from;
    while first < jobs {
        let count = STEP.min(jobs - first);
        let failed = count / FAILED;
        for (model, state, first, count) in [
            ("good", "completed", first, count - failed),
            ("bad", "failed", first, failed),
        ] {
            let (first, count) = (first.to_string(), count.to_string());
            let said = stage
                .redis
                .cli(&["EVAL", COPY, "1", &base, model, state, &first, &count])
                .await;
            assert!(said.parse::<u64>().is_ok(), "{said}");
        }
        first += count;
    }
}

/// The reading commands that are looked at, each with its flags.
pub const COMMANDS: [&[&str]; 12] = [
    &["status"],
    &["list"],
    &["list", "--state", "completed"],
    &["list", "--state", "failed", "--since", "1h"],
    &["list", "--state", "queued", "--account", "default"],
    &["list", "--state", "completed", "--account", "nobody"],
    &["show", "good"],
    &["show", "more-199"],
    &["accounts"],
    &["accounts", "default"],
    &["events"],
    &["events", "--id", "good"],
];

/// How often each command was called since the last `CONFIG RESETSTAT`, without those of this look.
pub async fn calls(stage: &Stage) -> std::collections::BTreeMap<String, u64> {
    let stats = stage.redis.cli(&["INFO", "commandstats"]).await;
    let one = |line: &str| {
        let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        let count = rest.split(',').next()?.parse().ok()?;
        Some((name.to_owned(), count))
    };
    let ours = |(name, _): &(String, u64)| !name.starts_with("config") && name != "info";
    stats.lines().filter_map(one).filter(ours).collect()
}
