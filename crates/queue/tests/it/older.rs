//! A worker of release 0.1.0: the scripts of that release as they were, frozen in `schema1/`, called as it called them.
//!
//! Workers of two versions share a queue while an upgrade goes on. The files are data: they are never changed.

use std::sync::LazyLock;
use std::time::Duration;

use gammaq_job::State;
use gammaq_queue::claim::{Claim, ClaimRequest, Claimed, OnAmbiguous, Step};
use gammaq_queue::settle::{Probe, SettlePolicy, Settled, Settlement, Verb};
use gammaq_queue::submit::{Begun, Generation, Recorded};
use gammaq_queue::{Policy, Queue};
use redis::aio::MultiplexedConnection;
use redis::{Script, ScriptInvocation, Value};

macro_rules! scripts {
    ($($name:ident = $($part:literal)+;)+) => {$(
        static $name: LazyLock<Script> = LazyLock::new(|| {
            Script::new(concat!(
                include_str!("schema1/prelude.lua"), $(include_str!(concat!("schema1/", $part, ".lua"))),+
            ))
        });
    )+};
}

scripts! {
    CLAIM_JOBS = "result" "account" "claim_jobs" "claim_due" "claim_pending";
    BEGIN_SUBMIT = "account" "begin_submit";
    RECORD_GENERATION = "result" "account" "record_generation";
    SETTLE_JOBS = "result" "account" "settle_jobs" "settle_items";
    RENEW_LEASES = "account" "renew_leases";
    SWEEP_JOBS = "sweep_jobs";
}

/// The fields of a claimed job, in the order of that release.
const FIELDS: &str = "state account fence attempts worker priority seq kind exports generation_id base_url polls \
                      poll_failures deadline created_at traceparent late_until resubmits timeout submit_failures \
                      warnings slot";

/// The scripts of 0.1.0 on a queue.
pub(crate) struct Older {
    raw: MultiplexedConnection,
    base: String,
    policy: Policy,
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap()
}

fn texts(value: &Value) -> Vec<String> {
    let Value::Array(items) = value else {
        return vec![text(value)];
    };
    items.iter().map(text).collect()
}

fn text(value: &Value) -> String {
    redis::from_redis_value::<Option<String>>(value.clone())
        .unwrap()
        .unwrap_or_default()
}

impl Older {
    pub(crate) fn new(queue: &Queue, raw: &MultiplexedConnection, policy: Policy) -> Self {
        Self {
            raw: raw.clone(),
            base: queue.keys().base().to_owned(),
            policy,
        }
    }

    fn call<'a>(&self, script: &'a Script) -> ScriptInvocation<'a> {
        let mut call = script.prepare_invoke();
        call.key(&self.base)
            .arg(self.policy.events_cap)
            .arg(ms(self.policy.results_ttl));
        call
    }

    async fn invoke(&self, call: &ScriptInvocation<'_>) -> Value {
        call.invoke_async(&mut self.raw.clone()).await.unwrap()
    }

    pub(crate) async fn claim_jobs(&self, request: &ClaimRequest<'_>) -> Claim {
        let (word, most) = match request.on_ambiguous {
            OnAmbiguous::Park => ("park", 0),
            OnAmbiguous::Resubmit(most) => ("resubmit", most),
        };
        let mut call = self.call(&CLAIM_JOBS);
        call.arg(request.worker)
            .arg(request.want)
            .arg(ms(request.lease))
            .arg(word)
            .arg(most);
        call.arg(ms(request.spread))
            .arg(request.looks)
            .arg(request.submits)
            .arg(request.not_after);
        call.arg("");
        request.foreign.iter().for_each(|account| {
            call.arg(account);
        });
        let Value::Array(parts) = self.invoke(&call).await else {
            panic!("claim_jobs answers with a list")
        };
        let [now, next_at, due_count, late, reset, Value::Array(jobs)] = parts.as_slice() else {
            panic!("six parts, not {parts:?}")
        };
        let now = text(now).parse().unwrap();
        Claim {
            now,
            next_at: text(next_at).parse::<f64>().ok().map(|time| time as u64),
            due_count: text(due_count).parse().unwrap(),
            oldest_late: Duration::from_millis(text(late).parse::<f64>().unwrap() as u64),
            reset: text(reset) == "1",
            newer: 0,
            jobs: jobs.iter().map(|job| claimed(&texts(job), now)).collect(),
        }
    }

    pub(crate) async fn begin_submit(
        &self,
        worker: &str,
        id: &str,
        fence: u64,
        not_after: u64,
        lease: Duration,
        base_url: &str,
    ) -> Begun {
        let mut call = self.call(&BEGIN_SUBMIT);
        call.arg(worker)
            .arg(id)
            .arg(fence)
            .arg(not_after)
            .arg(ms(lease))
            .arg(base_url)
            .arg("");
        match texts(&self.invoke(&call).await)[0].as_str() {
            "ok" => Begun::Yes,
            "stale" => Begun::Stale,
            "late" => Begun::Late,
            "paused" => Begun::Paused,
            other => panic!("begin_submit answered {other}"),
        }
    }

    pub(crate) async fn record_generation(&self, worker: &str, generation: &Generation<'_>) -> Recorded {
        let mut call = self.call(&RECORD_GENERATION);
        call.arg(worker)
            .arg(generation.id)
            .arg(generation.fence)
            .arg(generation.generation_id);
        call.arg(ms(generation.first_look))
            .arg(ms(generation.timeout))
            .arg(u8::from(generation.probe));
        call.arg(generation.account).arg(generation.slot);
        for (name, value) in generation.fields {
            call.arg(*name).arg(value);
        }
        match text(&self.invoke(&call).await).as_str() {
            "ok" => Recorded::Generating,
            "known" => Recorded::Known,
            "recorded" => Recorded::Kept,
            "extra" => Recorded::Extra,
            "missing" => Recorded::Missing,
            other => panic!("record_generation answered {other}"),
        }
    }

    pub(crate) async fn settle(&self, worker: &str, policy: &SettlePolicy, item: &Settlement) -> Settled {
        let mut call = self.call(&SETTLE_JOBS);
        call.arg(worker).arg(u8::from(policy.keep_requests));
        call.arg(ms(policy.pause_first))
            .arg(ms(policy.pause_most))
            .arg(60_000)
            .arg(3_600_000);
        call.arg(ms(policy.spread))
            .arg(ms(policy.late_interval))
            .arg(ms(policy.late_for))
            .arg(1);
        let (verb, delay) = match item.verb {
            Verb::Again(delay) => ("again", delay),
            Verb::Requeue(delay) => ("requeue", delay),
            Verb::Park => ("park", Duration::ZERO),
            Verb::Resubmit(delay) => ("resubmit", delay),
            Verb::Fail => ("fail", Duration::ZERO),
            Verb::Export => panic!("a verb that release 0.1.0 does not know"),
            Verb::Complete => ("complete", Duration::ZERO),
            Verb::TimeOut => ("time_out", Duration::ZERO),
            Verb::Rest => ("rest", Duration::ZERO),
            Verb::Release => ("release", Duration::ZERO),
            Verb::Keep(_) => panic!("release 0.1.0 keeps nothing"),
        };
        let probe = match item.probe {
            Probe::None => "",
            Probe::Good => "good",
            Probe::Open => "open",
        };
        call.arg(&item.id)
            .arg(item.fence)
            .arg(verb)
            .arg(ms(delay))
            .arg(probe);
        let pause = item.pause.as_ref();
        let fixed = pause
            .and_then(|pause| pause.fixed)
            .map(|time| ms(time).to_string());
        call.arg(pause.map_or("", |pause| pause.reason))
            .arg(fixed.unwrap_or_default());
        call.arg(item.jitter).arg(&item.note);
        for fields in [&item.fields, &item.account_fields] {
            call.arg(fields.len() * 2);
            for (name, value) in fields {
                call.arg(*name).arg(value);
            }
        }
        match texts(&self.invoke(&call).await)[0].as_str() {
            "ok" => Settled::Done,
            "stale" => Settled::Stale,
            "missing" => Settled::Missing,
            other => panic!("settle_jobs answered {other}"),
        }
    }

    pub(crate) async fn renew_leases(
        &self,
        worker: &str,
        lease: Duration,
        held: &[(String, u64)],
    ) -> Vec<String> {
        let mut call = self.call(&RENEW_LEASES);
        call.arg(worker).arg(ms(lease));
        held.iter().for_each(|(id, fence)| {
            call.arg(id).arg(*fence);
        });
        texts(&self.invoke(&call).await)
    }

    pub(crate) async fn sweep_jobs(&self) -> u64 {
        let mut call = self.call(&SWEEP_JOBS);
        call.arg(100);
        text(&self.invoke(&call).await).parse().unwrap()
    }
}

fn claimed(parts: &[String], now: u64) -> Claimed {
    let [id, fence, step, probe, request, values @ ..] = parts else {
        panic!("a job without its fields: {parts:?}")
    };
    let field = |name: &str| {
        let at = FIELDS.split(' ').position(|it| it == name).unwrap();
        values[at].as_str()
    };
    let number = |name: &str| field(name).parse::<u64>().unwrap_or(0);
    let small = |name: &str| u32::try_from(number(name)).unwrap();
    Claimed {
        id: id.clone(),
        fence: fence.parse().unwrap(),
        step: if step == "submit" {
            Step::Submit
        } else {
            Step::Look
        },
        probe: probe == "1",
        request: request.clone(),
        claimed_at: now,
        late: Duration::ZERO,
        state: field("state").parse().unwrap_or(State::Queued),
        account: field("account").to_owned(),
        attempts: small("attempts"),
        kind: field("kind").parse().unwrap_or_default(),
        exports: Vec::new(),
        generation_id: field("generation_id").to_owned(),
        base_url: field("base_url").to_owned(),
        polls: number("polls"),
        poll_failures: small("poll_failures"),
        deadline: number("deadline"),
        created_at: number("created_at"),
        traceparent: field("traceparent").to_owned(),
        late_until: number("late_until"),
        resubmits: small("resubmits"),
        timeout: None,
        submit_failures: small("submit_failures"),
        warnings: Vec::new(),
        slot: field("slot").to_owned(),
        gamma_id: String::new(),
        files: gammaq_job::Files::default(),
        links: std::collections::BTreeMap::new(),
    }
}
