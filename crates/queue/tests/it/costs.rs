//! What the most frequent calls ask of Redis, to the last command: what costs a machine is the number of looks, so a command
//! more a look is a decision and not an accident. No clock is involved.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use gammaq_queue::Policy;
use gammaq_queue::claim::Claimed;
use gammaq_queue::settle::{SettlePolicy, Settled, Settlement, Verb};
use gammaq_queue::submit::{Generation, Recorded};

use crate::bench::{Bench, LONG, SETTLE, generation, millis, settlement};

const JOBS: u64 = 100;

/// A look that found nothing new, as the worker tells of it.
fn pending(job: &Claimed) -> Settlement {
    Settlement {
        fields: vec![
            ("polls", (job.polls + 1).to_string()),
            ("poll_failures", "0".to_owned()),
            ("last_error", String::new()),
        ],
        ..settlement(job, Verb::Again(millis(5_000)))
    }
}

impl Bench {
    /// Commands since the last call, by name; those of `call` alone.
    async fn commands<T>(&self, call: impl Future<Output = T>) -> (T, BTreeMap<String, u64>) {
        self.cmd::<()>(&["CONFIG", "RESETSTAT"]).await;
        let answer = call.await;
        let mut commands = self.carried_out().await;
        commands.remove("info");
        (answer, commands)
    }

    /// `JOBS` jobs with a look due, on so many accounts.
    async fn generating_on(&self, accounts: u64) {
        let body = format!(
            "local account = 'a' .. i % {accounts}
             job(id, 'state', 'generating', 'generation_id', 'g' .. i)
             redis.call('HSET', base .. 'job:' .. id, 'account', account)
             redis.call('HSET', base .. 'account:' .. account, 'limit', 1000)
             redis.call('ZADD', base .. 'due', i + 1, id)"
        );
        self.seed(JOBS, &body).await;
        // The scripts are known to the server from here on.
        let jobs = self.claim("A", 1).await;
        self.queue
            .settle_jobs("A", &SETTLE, &[settlement(&jobs[0], Verb::Again(millis(0)))])
            .await
            .unwrap();
        self.past(self.score("due", &jobs[0].id).await.unwrap()).await;
    }
}

fn table(rows: &[(&str, u64)]) -> BTreeMap<String, u64> {
    rows.iter()
        .map(|(name, calls)| ((*name).to_owned(), *calls))
        .collect()
}

/// What a settlement of `JOBS` looks takes that found nothing new: one read and one write a job.
fn settled_looks() -> BTreeMap<String, u64> {
    table(&[
        ("evalsha", 1),
        ("time", 1),
        ("persist", 1),
        ("hmget", JOBS),
        ("hset", JOBS),
        ("zadd", 1),
        // The count of polls.
        ("hincrby", 1),
    ])
}

#[tokio::test]
async fn a_claim_of_looks() {
    let bench = Bench::start().await;
    for accounts in [1, 50] {
        bench.generating_on(accounts).await;
        let (claim, commands) = bench.commands(bench.claim_for("A", 1_000, LONG)).await;
        assert_eq!(claim.jobs.len() as u64, JOBS);
        let expected = table(&[
            ("evalsha", 1),
            ("time", 1),
            // The layout, the life of the queue, and whether it is paused.
            ("get", 1),
            ("hget", 1),
            ("exists", 1),
            ("persist", 1),
            // What is due and what is due next; whose turn it is and whose it will be.
            ("zrangebyscore", 4),
            ("zcard", 1),
            // One a job, one an account.
            ("hmget", JOBS + accounts),
            // Fence and worker.
            ("hset", JOBS),
            // All leases at once.
            ("zadd", 1),
        ]);
        assert_eq!(commands, expected, "{accounts} accounts");
    }
}

#[tokio::test]
async fn a_settlement_of_looks_that_found_nothing_new() {
    let bench = Bench::start().await;
    bench.generating_on(50).await;
    let jobs = bench.claim("A", 1_000).await;
    let items: Vec<_> = jobs.iter().map(pending).collect();
    let (settled, commands) = bench
        .commands(bench.queue.settle_jobs("A", &SETTLE, &items))
        .await;
    assert_eq!(settled.unwrap().len() as u64, JOBS);
    assert_eq!(commands, settled_looks());
    assert_eq!(bench.stat("polls").await, JOBS + 1);
}

/// Most looks are of jobs that their worker keeps: no claim, and nothing is written that is there already.
#[tokio::test]
async fn looks_of_jobs_that_are_kept() {
    let bench = Bench::start().await;
    bench.generating_on(50).await;
    let jobs = bench.claim("A", 1_000).await;
    // The first of these changes nothing, and has the script known to the server.
    for looks in 0..=2_u64 {
        let items: Vec<_> = jobs
            .iter()
            .map(|job| {
                let mut item = pending(job);
                item.verb = Verb::Keep(millis(5_000));
                item.fields[0].1 = (job.polls + looks).to_string();
                item.fields.truncate(if looks < 2 { 3 } else { 1 });
                item
            })
            .collect();
        let settle = bench.queue.settle_jobs("A", &SETTLE, &items);
        let (settled, commands) = bench.commands(settle).await;
        assert!(settled.unwrap().iter().all(|it| *it == Settled::Kept));
        if looks == 0 {
            continue;
        }
        assert_eq!(commands, settled_looks());
    }
    // What is asked before they begin.
    let now = bench.queue.time().await.unwrap();
    bench.queue.read_recalls(now).await.unwrap();
    let (_, commands) = bench.commands(bench.queue.read_recalls(now)).await;
    assert_eq!(
        commands,
        table(&[("evalsha", 1), ("time", 1), ("zrangebyscore", 1)])
    );
}

#[tokio::test]
async fn a_claim_with_nothing_to_do() {
    let bench = Bench::start().await;
    bench.claim("A", 1).await;
    let (_, commands) = bench.commands(bench.claim("A", 1_000)).await;
    assert_eq!(commands.values().sum::<u64>(), 11, "{commands:?}");
}

/// From the inbox to the result, with six looks, each call for one job: what a quiet queue pays.
#[tokio::test]
async fn a_generation() {
    let bench = Bench::start().await;
    let mut spent = BTreeMap::new();
    for id in ["first", "second"] {
        bench.add(id).await;
        // Counted for the second one: by then the scripts are known to the server.
        let (_, commands) = bench
            .commands(async {
                bench.generating("A", id).await;
                for _ in 0..5 {
                    let job = bench.claim_one("A").await;
                    bench
                        .settle(
                            "A",
                            Settlement {
                                verb: Verb::Again(millis(0)),
                                ..pending(&job)
                            },
                        )
                        .await;
                }
                let job = bench.claim_one("A").await;
                bench.end("A", &job, Verb::Complete).await;
            })
            .await;
        spent = commands;
    }
    let calls = spent.remove("evalsha");
    assert_eq!(
        calls,
        Some(2 + 7 + 7 - 1),
        "claims, settlements, begin and record"
    );
    let all: u64 = spent.values().sum();
    assert!(all <= 188, "{all}: {spent:?}");
}

/// The same as a worker does it: the job is kept from its submit to its end, so there is one claim.
#[tokio::test]
async fn a_generation_that_is_kept() {
    let bench = Bench::start().await;
    let policy = SettlePolicy {
        kept_for: millis(9_000),
        ..SETTLE
    };
    let mut spent = BTreeMap::new();
    for id in ["first", "second"] {
        bench.add(id).await;
        // Counted for the second one: by then the scripts are known to the server.
        let (_, commands) = bench
            .commands(async {
                let mut job = bench.submitting("A", LONG).await;
                let made = Generation {
                    first_look: millis(5_000),
                    kept: Some(policy.kept_for),
                    ..generation(&job, id)
                };
                let made = bench.queue.record_generation("A", &made).await.unwrap();
                assert!(matches!(made, Recorded::Held { .. }), "{made:?}");
                job.fence += 1;
                for _ in 0..5 {
                    let look = Settlement {
                        verb: Verb::Keep(millis(5_000)),
                        ..pending(&job)
                    };
                    let told = bench.queue.settle_jobs("A", &policy, &[look]).await;
                    assert_eq!(told.unwrap(), [Settled::Kept]);
                    job.polls += 1;
                }
                assert_eq!(bench.end("A", &job, Verb::Complete).await, Settled::Done);
            })
            .await;
        spent = commands;
    }
    let calls = spent.remove("evalsha");
    assert_eq!(calls, Some(2 + 1 + 6), "begin and record, a claim, settlements");
    let all: u64 = spent.values().sum();
    assert!(all <= 95, "{all}: {spent:?}");
}

/// What a job takes of the server's memory beyond what its caller wrote, in flight and when it is over beyond its result too:
/// with the server's own settings, and as deploy/redis/redis.conf has it.
#[tokio::test]
async fn memory() {
    for (largest, in_flight, over) in [("64", 2_600, 2_850), ("4096", 1_120, 1_520)] {
        let (flying, ended) = Bench::with(Policy {
            // The journal of events has a size of its own, whatever it tells of.
            events_cap: 100,
            ..Policy::default()
        })
        .await
        .bytes_of_a_job(largest)
        .await;
        assert!(
            flying <= in_flight,
            "{largest}: {flying} bytes beside its request"
        );
        assert!(ended <= over, "{largest}: {ended} bytes beside its result");
    }
}

impl Bench {
    async fn used_memory(&self) -> u64 {
        let info: String = self.cmd(&["INFO", "memory"]).await;
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix("used_memory:"))
            .unwrap();
        line.parse().unwrap()
    }

    /// Of a job in flight, and of a finished one. `largest` is the longest field of a hash that the server packs.
    async fn bytes_of_a_job(&self, largest: &str) -> (u64, u64) {
        const MANY: u64 = 2_000;
        self.cmd::<()>(&["CONFIG", "SET", "hash-max-ziplist-value", largest])
            .await;
        self.account("default", 1_000_000, LONG).await;
        let request = format!(r#"{{"inputText":"{}","textMode":"generate"}}"#, "x".repeat(1_000));
        let before = self.used_memory().await;
        for i in 0..MANY {
            let id = format!("job-{i:08}");
            let entry = [("request", request.as_bytes()), ("id", id.as_bytes())];
            self.queue.append(&entry).await.unwrap();
            if i % 500 == 499 {
                self.accept_waiting().await;
            }
        }
        for _ in 0..MANY {
            let job = self.claim("A", 1).await.remove(0);
            self.begin("A", &job).await;
            self.record("A", &job, &format!("g-{}", job.id)).await;
            let job = self.claim("A", 1).await.remove(0);
            let again = Settlement {
                verb: Verb::Again(LONG),
                ..pending(&job)
            };
            assert_eq!(self.settle("A", again).await, Settled::Done);
        }
        let flying = (self.used_memory().await - before) / MANY - request.len() as u64;
        let hurry =
            "for i = 0, 1999 do redis.call('ZADD', base .. 'due', 1, string.format('job-%08d', i)) end";
        self.eval::<()>(hurry).await;
        for _ in 0..MANY {
            let job = self.claim("A", 1).await.remove(0);
            let done = Settlement {
                fields: vec![
                    ("polls", "2".to_owned()),
                    ("gamma_id", "0123456789abcdef".to_owned()),
                    ("gamma_url", "https://gamma.app/docs/0123456789abcdef".to_owned()),
                    ("credits_deducted", "40".to_owned()),
                    ("credits_remaining", "100000".to_owned()),
                    ("last_error", String::new()),
                ],
                ..settlement(&job, Verb::Complete)
            };
            assert_eq!(self.settle("A", done).await, Settled::Done);
        }
        let result: u64 = self.cmd(&["STRLEN", "@result:job-00000007"]).await;
        (flying, (self.used_memory().await - before) / MANY - result)
    }
}

/// What each stage of a generation takes where many go together, as in a burst: what jobs and accounts have of their own, and the
/// rest once a call.
#[tokio::test]
async fn generations_together() {
    const ACCOUNTS: u64 = 10;
    let bench = Bench::start().await;
    for n in 0..ACCOUNTS {
        bench.account(&format!("a{n}"), 1_000, LONG).await;
    }
    let mut spent = Vec::new();
    // The first round has the scripts known to the server.
    for round in 0..2 {
        spent.clear();
        for n in 0..JOBS {
            let (id, account) = (format!("{round}-{n}"), format!("a{}", n % ACCOUNTS));
            bench.append_entry(&id, &account).await;
        }
        spent.push(bench.commands(bench.accept_waiting()).await.1);

        let (jobs, claim) = bench.commands(bench.claim("A", 1_000)).await;
        assert_eq!(jobs.len() as u64, JOBS);
        spent.push(claim);

        // The first goes alone, and meanwhile the others get together.
        let begin = join_all(jobs.iter().map(|job| bench.begin("A", job)));
        spent.push(bench.commands(begin).await.1);

        let ids: Vec<String> = jobs.iter().map(|job| format!("g-{}", job.id)).collect();
        let record = join_all(jobs.iter().zip(&ids).map(|(job, id)| bench.record("A", job, id)));
        spent.push(bench.commands(record).await.1);

        for job in &jobs {
            bench.hurry(&job.id).await;
        }
        let items: Vec<_> = bench
            .claim("A", 1_000)
            .await
            .iter()
            .map(|job| Settlement {
                fields: vec![("credits_deducted", "40".to_owned())],
                account_fields: vec![("credits_remaining", "1000".to_owned())],
                ..settlement(job, Verb::Complete)
            })
            .collect();
        let complete = bench.queue.settle_jobs("A", &SETTLE, &items);
        spent.push(bench.commands(complete).await.1);
    }
    let all: Vec<u64> = spent.iter().map(|commands| commands.values().sum()).collect();
    for (stage, most) in [350, 353, 590, 465, 919].into_iter().enumerate() {
        assert!(
            all[stage] <= most,
            "{stage}: {} commands: {:?}",
            all[stage],
            spent[stage]
        );
    }
}

impl Bench {
    async fn append_entry(&self, id: &str, account: &str) {
        let request = br#"{"inputText":"a","textMode":"generate"}"#.as_slice();
        let entry = [
            ("request", request),
            ("id", id.as_bytes()),
            ("account", account.as_bytes()),
        ];
        self.queue.append(&entry).await.unwrap();
    }
}
