//! Every script in front of much that waits: it works, takes its time, and hands out no more than was asked for.

use std::time::Duration;

use gammaq_queue::claim::{ClaimRequest, OnAmbiguous};
use gammaq_queue::settle::{Settled, Verb};

use crate::bench::{Bench, LONG, REQUEST, SETTLE, asking, item, millis, settlement};
use crate::pause::QUICK;

pub(crate) const SIZES: [u64; 6] = [0, 1, 999, 1_000, 8_000, 100_000];
/// While a script runs nobody else gets an answer. Generous: it takes a fraction of that.
const BOUND: Duration = Duration::from_millis(250);

impl Bench {
    /// What the server's one thread has worked so far: unlike the time on the clock, it doesn't grow because
    /// the machine does something else.
    async fn worked(&self) -> Duration {
        let info: String = self.cmd(&["INFO", "cpu"]).await;
        let of = |name: &str| {
            let line = info.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            Duration::from_secs_f64(line.parse().unwrap())
        };
        of("used_cpu_user_main_thread:") + of("used_cpu_sys_main_thread:")
    }

    /// What `call` answers, which must not have taken the server long.
    pub(crate) async fn timed<T>(&self, what: &str, size: u64, call: impl Future<Output = T>) -> T {
        let before = self.worked().await;
        let answer = call.await;
        let took = self.worked().await.saturating_sub(before);
        assert!(took < BOUND, "{what} with {size}: {took:?}");
        answer
    }
}

impl Bench {
    /// Empties the queue and fills it with `size` jobs by a script: `id` and `i` are at hand in `body`.
    pub(crate) async fn seed(&self, size: u64, body: &str) {
        // The same queue all the same: in another life of it nothing would start.
        let mark: String = self.cmd(&["HGET", "@stats", "queue_id"]).await;
        self.cmd::<()>(&["FLUSHALL"]).await;
        self.cmd::<u64>(&["HSET", "@stats", "queue_id", &mark]).await;
        self.account("default", 1_000_000, LONG).await;
        // In parts, so that no part stops the server for long.
        for from in (0..size).step_by(10_000) {
            let to = (from + 10_000).min(size);
            let script = format!(
                "local function job(id, ...)
                   redis.call('HSET', base .. 'job:' .. id, 'id', id, 'account', 'default', 'fence', 0, 'seq', 1,
                     'priority', 5, 'attempts', 0, 'request', '{{}}', ...)
                 end
                 for i = {from}, {to} - 1 do local id = 'j' .. i {body} end"
            );
            self.eval::<()>(&script).await;
        }
    }

    pub(crate) async fn pending(&self, size: u64) {
        let body = "job(id, 'state', 'queued') redis.call('ZADD', base .. 'pending:default', i, id)
                    redis.call('ZADD', base .. 'accounts', 1, 'default')";
        self.seed(size, body).await;
    }

    async fn due(&self, size: u64, state: &str) {
        let body = format!("job(id, 'state', '{state}') redis.call('ZADD', base .. 'due', i + 1, id)");
        self.seed(size, &body).await;
    }
}

fn asked(size: u64) -> usize {
    usize::try_from(size.min(1_000)).unwrap()
}

#[tokio::test]
async fn submits_from_one_account() {
    let bench = Bench::start().await;
    for size in SIZES {
        bench.pending(size).await;
        for want in [7, 1_000] {
            bench.pending(size).await;
            let claim = bench.timed("claim", size, bench.claim_for("A", want, LONG)).await;
            assert_eq!(claim.jobs.len(), asked(size).min(want), "{size}");
        }
    }
}

#[tokio::test]
async fn an_account_without_slots() {
    let bench = Bench::start().await;
    for size in SIZES {
        bench.pending(size).await;
        bench.account("default", 5, LONG).await;
        let claim = bench
            .timed("claim", size, bench.claim_for("A", 1_000, LONG))
            .await;
        assert_eq!(claim.jobs.len(), asked(size).min(5));
        let claim = bench
            .timed("claim", size, bench.claim_for("A", 1_000, LONG))
            .await;
        assert!(
            claim.jobs.is_empty() && claim.next_at.is_none_or(|time| time > claim.now),
            "{size} {claim:?}"
        );
    }
}

#[tokio::test]
async fn looks() {
    let bench = Bench::start().await;
    for size in SIZES {
        for want in [7, 1_000] {
            bench.due(size, "generating").await;
            let claim = bench.timed("claim", size, bench.claim_for("A", want, LONG)).await;
            assert_eq!((claim.jobs.len(), claim.due_count), (asked(size).min(want), size));
        }
        let request = ClaimRequest {
            want: 1_000,
            looks: 3,
            ..asking("A")
        };
        let claim = bench
            .timed("claim", size, bench.queue.claim_jobs(&request))
            .await
            .unwrap();
        let left = usize::try_from(size).unwrap().saturating_sub(1_000);
        assert_eq!(claim.jobs.len(), left.min(3));
    }
}

#[tokio::test]
async fn leases_that_ended() {
    let bench = Bench::start().await;
    for size in SIZES {
        for (state, to) in [("queued", "pending:default"), ("submitting", "ambiguous")] {
            bench.due(size, state).await;
            let request = ClaimRequest {
                want: 1_000,
                submits: 0,
                not_after: u64::MAX,
                ..asking("A")
            };
            let claim = bench
                .timed(state, size, bench.queue.claim_jobs(&request))
                .await
                .unwrap();
            assert!(claim.jobs.is_empty());
            let moved = bench.count(to).await;
            assert_eq!(
                (moved, bench.count("due").await),
                (size.min(1_000), size - moved),
                "{state}"
            );
            assert_eq!(
                claim.next_at.is_some_and(|time| time <= claim.now),
                size >= 1_000,
                "{state} {size}"
            );
        }
        bench.due(size, "submitting").await;
        let on_ambiguous = OnAmbiguous::Resubmit(1);
        let request = ClaimRequest {
            want: 1_000,
            on_ambiguous,
            ..asking("A")
        };
        let claim = bench
            .timed("resubmit", size, bench.queue.claim_jobs(&request))
            .await
            .unwrap();
        assert_eq!(claim.jobs.len(), asked(size));
    }
}

#[tokio::test]
async fn looks_of_a_paused_account() {
    let bench = Bench::start().await;
    for size in SIZES {
        bench.due(size, "generating").await;
        bench
            .cmd::<u64>(&[
                "HSET",
                "@account:default",
                "paused_until",
                "9999999999999",
                "pause_reason",
                "x",
            ])
            .await;
        let mut calls = 0;
        loop {
            let claim = bench
                .timed("claim", size, bench.claim_for("A", 1_000, LONG))
                .await;
            assert!(claim.jobs.is_empty());
            calls += 1;
            if claim.next_at.is_none_or(|time| time > claim.now) {
                break;
            }
        }
        assert_eq!(calls, 1 + size / 1_000, "{size}");
    }
}

#[tokio::test]
async fn steps_in_front_of_many_others() {
    let bench = Bench::start().await;
    for size in SIZES {
        bench.pending(size).await;
        bench
            .eval::<()>(&format!(
                "for i = 1, {} do redis.call('ZADD', base .. 'due', 8000000000000 + i, 'd' .. i) end",
                size.min(100_000)
            ))
            .await;
        let jobs = bench.claim("A", 1_000).await;
        let held: Vec<_> = jobs.iter().map(|job| (job.id.clone(), job.fence)).collect();
        let lost = bench
            .timed("renew", size, bench.queue.renew_leases("A", LONG, &held))
            .await
            .unwrap();
        assert!(lost.is_empty());
        if let Some(job) = jobs.first() {
            bench.timed("begin", size, bench.begin("A", job)).await;
            bench.timed("record", size, bench.record("A", job, "g")).await;
        }
        for verb in [Verb::Release, Verb::Fail] {
            let jobs = if verb == Verb::Fail {
                bench.claim("A", 1_000).await
            } else {
                jobs.clone()
            };
            for job in jobs.iter().filter(|_| verb == Verb::Fail) {
                let state: [&str; 4] = ["HSET", &format!("@job:{}", job.id), "state", "submitting"];
                bench.cmd::<u64>(&state).await;
            }
            let items: Vec<_> = jobs.iter().map(|job| settlement(job, verb)).collect();
            let settled = bench
                .timed("settle", size, bench.queue.settle_jobs("A", &SETTLE, &items))
                .await
                .unwrap();
            let done = settled
                .iter()
                .filter(|outcome| **outcome == Settled::Done)
                .count();
            assert!(done + 1 >= jobs.len(), "{done} of {}", jobs.len());
        }
    }
}

#[tokio::test]
async fn a_thousand_answers_that_pause_at_once() {
    let bench = Bench::start().await;
    bench.due(1_000, "generating").await;
    let jobs = bench.claim("A", 1_000).await;
    let told = |job| crate::bench::limited(job, Verb::Again(millis(0)), None);
    let items: Vec<_> = jobs.iter().map(told).collect();
    bench
        .timed("settle", 1_000, bench.queue.settle_jobs("A", &QUICK, &items))
        .await
        .unwrap();
    assert_eq!(bench.stat("pauses").await, 1);
}

#[tokio::test]
async fn entries_of_the_inbox() {
    let bench = Bench::start().await;
    for size in SIZES {
        bench.pending(size).await;
        bench.queue.create_inbox().await.unwrap();
        let add = "redis.call('XADD', base .. 'inbox', '*', 'request', ARGV[1])";
        let script = format!("local base = KEYS[1] for i = 1, {size} do {add} end");
        bench
            .cmd::<()>(&["EVAL", &script, "1", bench.queue.keys().base(), REQUEST])
            .await;
        let entries = bench
            .timed("read", size, bench.queue.read_inbox("A", 1_000, millis(1)))
            .await
            .unwrap();
        assert_eq!(entries.len(), asked(size));
        let items: Vec<_> = entries.iter().map(|entry| item(entry, true)).collect();
        let outcomes = bench
            .timed("accept", size, bench.queue.accept_jobs("A", &items))
            .await
            .unwrap();
        assert_eq!(outcomes.len(), items.len());
        let again = bench
            .timed("gone", size, bench.queue.accept_jobs("A", &items))
            .await
            .unwrap();
        assert!(
            again
                .iter()
                .all(|outcome| *outcome == gammaq_queue::accept::Accepted::Gone)
        );
        let (next, taken) = bench
            .timed(
                "take over",
                size,
                bench.queue.take_over_entries("B", millis(0), "0-0", 100),
            )
            .await
            .unwrap();
        assert!(taken.is_empty() && next == "0-0");
    }
}

#[tokio::test]
async fn ended_jobs_to_sweep() {
    let bench = Bench::start().await;
    for size in SIZES {
        // Half of the records are gone, half are older than results may be.
        let body = "if i % 2 == 0 then job(id, 'state', 'failed') end redis.call('ZADD', base .. 'failed', i + 1, id)
                    redis.call('ZADD', base .. 'completed', i + 1, 'c' .. i)";
        bench.seed(size, body).await;
        let taken = bench
            .timed("sweep", size, bench.queue.sweep_jobs(1_000))
            .await
            .unwrap();
        assert_eq!(taken, 2 * size.min(1_000));
        assert_eq!(bench.count("failed").await, size - size.min(1_000));
    }
}
