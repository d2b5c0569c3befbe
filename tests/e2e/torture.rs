//! The soak for five minutes, and a check that its judge sees what it should.

use std::time::Duration;

use gammaq_testkit::seed;
use gammaq_tests::torture::{self, Plan, Scene};

/// How long things are broken, in minutes; `GAMMAQ_TORTURE_MINUTES` says otherwise.
const MINUTES: f64 = 5.0;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn torture_loses_nothing_and_pays_for_nothing_twice() {
    let minutes = std::env::var("GAMMAQ_TORTURE_MINUTES").map_or(MINUTES, |text| {
        text.parse().expect("GAMMAQ_TORTURE_MINUTES is a number")
    });
    let plan = Plan::new(Duration::from_secs_f64(minutes * 60.0), seed());
    let report = torture::run(plan, |line| println!("{line}")).await;
    println!("{}", torture::document::render(&report));
    let violations = report.violations();
    assert!(
        violations.is_empty(),
        "{violations:#?}\nall that was known: {:?}",
        report.keep_traces()
    );
    // Not so much a measure as a proof that it was one: all of it was broken, and all of it was used.
    let least = minutes * 6.0;
    assert!(report.kills() as f64 >= least, "{} kills", report.kills());
    assert!(
        report.acknowledged as f64 >= minutes * 60.0,
        "{} jobs",
        report.acknowledged
    );
    for family in ["Redis", "link to", "Gamma", "worker stopped"] {
        assert!(
            report.faults.keys().any(|kind| kind.starts_with(family)),
            "nothing of {family} was broken: {:?}",
            report.faults
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn torture_would_see_a_second_charge_a_lost_job_and_a_lost_generation() {
    let mut plan = Plan::new(Duration::from_secs(4), 1);
    plan.faults = false;
    let scene = Scene::set(plan, |line| println!("{line}")).await;
    scene.play().await;
    // What nobody but a broken queue would do: the same request once more, a record gone, and a generation forgotten.
    let stage = &scene.stage;
    let ledger = stage.ledger().await;
    let mut accepted = ledger
        .generations
        .iter()
        .filter(|made| made.outcome == "completed");
    let (twice, gone, forgotten) = (accepted.next(), accepted.next(), accepted.next());
    let (twice, gone, forgotten) = (twice.unwrap(), gone.unwrap(), forgotten.unwrap());
    let title = twice.title.as_deref().unwrap_or_default();
    stage.post_to_fake(&twice.key, title).await;
    let ended = stage
        .redis
        .cli(&["ZRANGE", "gammaq:{main}:completed", "0", "-1"])
        .await;
    let mut found = 0;
    for id in ended.lines() {
        let key = format!("gammaq:{{main}}:job:{id}");
        let generation = stage.field(id, "generation_id").await;
        if generation == gone.generation_id {
            stage.redis.cli(&["DEL", &key]).await;
            found += 1;
        } else if generation == forgotten.generation_id {
            stage.redis.cli(&["HDEL", &key, "generation_id"]).await;
            found += 1;
        }
    }
    assert_eq!(found, 2);
    let verdict = scene.verdict().await.verdict;
    assert_eq!(verdict.second_charges.len(), 1, "{verdict:#?}");
    assert!(verdict.second_charges[0].contains(title), "{verdict:#?}");
    assert_eq!(verdict.lost_jobs.len(), 1, "{verdict:#?}");
    // That of the second charge, that of the record that is gone, and that which was forgotten.
    assert_eq!(verdict.lost_generations.len(), 3, "{verdict:#?}");
}
