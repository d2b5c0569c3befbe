//! The doctor: a healthy queue with one thing broken by hand gives exactly that finding.

mod corruptions;
mod repairs;
mod server;

use gammaq_queue::callbacks::Told;
use gammaq_queue::doctor::{Expected, Report};
use gammaq_queue::registry::Heartbeat;
use gammaq_queue::settle::{Settled, Verb};
use gammaq_testkit::Redis;

use crate::bench::{Bench, LONG, REQUEST};

/// A server without a fault.
pub(crate) async fn sound() -> Redis {
    Redis::builder().aof_always().start().await
}

/// One job in each place that a job can be in, callbacks to be made, made and given up, and a worker that lives.
pub(crate) async fn people(bench: &Bench) {
    let beat = Heartbeat {
        worker: "A",
        fields: &[("host", "here".to_owned())],
        alive_for: LONG,
    };
    bench.queue.beat(&beat).await.unwrap();
    for (id, verb) in [("parked", Verb::Park), ("failed", Verb::Fail)] {
        bench.add(id).await;
        let job = bench.submitting("A", LONG).await;
        assert_eq!(bench.end("A", &job, verb).await, Settled::Done);
    }
    for (id, verb) in [
        ("done", Verb::Complete),
        ("rested", Verb::TimeOut),
        ("late", Verb::TimeOut),
    ] {
        bench.add(id).await;
        bench.generating("A", &format!("gen-{id}")).await;
        let look = bench.claim_one("A").await;
        assert_eq!(bench.end("A", &look, verb).await, Settled::Done);
        if id == "rested" {
            bench.hurry(id).await;
            let look = bench.claim_one("A").await;
            assert_eq!(bench.end("A", &look, Verb::Rest).await, Settled::Done);
        }
    }
    bench.completed("given-up").await;
    bench.completed("told").await;
    for (callback, told) in bench
        .callbacks("A")
        .await
        .iter()
        .zip([Told::Failed("answered 410".to_owned()), Told::Delivered])
    {
        bench.tell("A", callback, told).await;
    }
    bench.completed("to-tell").await;
    bench.add("submitting").await;
    bench.submitting("A", LONG).await;
    bench.add("held").await;
    bench.claim_one("A").await;
    bench.add("generating").await;
    bench.generating("A", "gen-generating").await;
    let later = (bench.queue.time().await.unwrap() + 3_600_000).to_string();
    bench
        .add_fields(&[("request", REQUEST), ("id", "delayed"), ("run_at", &later)])
        .await;
    bench.add("waiting").await;
}

pub(crate) async fn examine(bench: &Bench) -> Report {
    let expected = Expected {
        keys: Some(["default".to_owned()].into()),
        ..Expected::default()
    };
    bench.queue.examine(&expected).await.unwrap()
}

pub(crate) fn words(report: &Report) -> Vec<&'static str> {
    report.findings.iter().map(|it| it.what.as_str()).collect()
}

/// Carries out commands that stand one after the other, with semicolons between them.
pub(crate) async fn corrupt(bench: &Bench, commands: &str) {
    for command in commands.split(';') {
        let words: Vec<&str> = command.split_whitespace().collect();
        bench.cmd::<redis::Value>(&words).await;
    }
}

#[tokio::test]
async fn nothing_is_wrong_with_a_healthy_queue() {
    let bench = Bench::on(sound().await, gammaq_queue::Policy::default()).await;
    people(&bench).await;
    let report = examine(&bench).await;
    assert_eq!(words(&report), Vec::<&str>::new(), "{report:#?}");
    assert_eq!((report.records, report.is_ill()), (13, false));
    assert_eq!(report.not_checked, Vec::<String>::new());
    assert!(report.server.contains(' '), "{}", report.server);
}

#[tokio::test]
async fn a_queue_that_nobody_made_is_not_ill() {
    let bench = Bench::on(sound().await, gammaq_queue::Policy::default()).await;
    corrupt(&bench, "FLUSHALL").await;
    assert_eq!(words(&examine(&bench).await), Vec::<&str>::new());
}
